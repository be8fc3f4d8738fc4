// SPDX-License-Identifier: BSD-3-Clause
//! References to artifacts.

use alloc::{
    format,
    string::{String, ToString as _},
};
use core::fmt;

use http::host_and_port;

use crate::{Cause, Digest, Error};

/// The longest reference in characters.
const LONGEST: usize = 1024;
/// The longest host with repository, and the longest tag, in characters.
///
/// Spec: OCI distribution 1.1, "Pulling manifests".
const LONGEST_NAME: usize = 255;
const LONGEST_TAG: usize = 128;

/// A reference to an artifact: `[oci://]host[:port]/repository[:tag][@digest]`.
///
/// The host may be the name of SRV records, `_service._tcp.zone`. Without tag and digest, the tag is `latest`. With
/// both, the digest decides.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// Parses a reference.
    ///
    /// # Errors
    /// The host is missing, a part has invalid characters, or the digest is malformed.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let shown: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
        Self::split(text).map_err(|why| Error::new(shown, Cause::Reference(why)))
    }

    fn split(text: &str) -> Result<Self, &'static str> {
        if text.len() > LONGEST {
            return Err("longer than 1024 characters");
        }
        let rest = text.strip_prefix("oci://").unwrap_or(text);
        let (registry, rest) = rest.split_once('/').ok_or("no repository; expected host/repository")?;
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => {
                (rest, Some(Digest::parse(digest).ok_or("neither a sha256 nor a sha512 digest")?))
            }
            None => (rest, None),
        };
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (rest, None),
        };
        let is_host = registry.contains(['.', ':']) || registry == "localhost";
        if !is_host || host_and_port(registry).is_none() {
            return Err("does not begin with a host, as in host.example/repository");
        }
        if registry.starts_with('_') && !is_service(registry) {
            return Err("SRV records are named _service._tcp.zone");
        }
        if !repository.split('/').all(is_component) {
            return Err("a repository has lower-case letters, digits and single separators");
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(
                "a tag has 1 to 128 letters, digits, '_', '.' or '-', and does not begin with '.' or '-'",
            );
        }
        let registry = registry.to_ascii_lowercase();
        let is_official = registry == DOCKER && !repository.contains('/');
        let repository = if is_official { format!("library/{repository}") } else { repository.into() };
        if repository.len().checked_add(registry.len()).is_none_or(|length| length >= LONGEST_NAME) {
            return Err("host and repository are longer than 255 characters");
        }
        Ok(Self { registry, repository, tag: tag.map(String::from), digest })
    }

    /// The host with its port, or the name of SRV records. Logins belong to it.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The host with its port to connect to; for Docker's registry, it differs from the name.
    pub(crate) fn server(&self) -> &str {
        if self.registry == DOCKER { "registry-1.docker.io" } else { &self.registry }
    }

    /// The repository.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; `None` if there is only a digest.
    pub fn tag(&self) -> Option<&str> {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => Some(tag),
            (None, None) => Some("latest"),
            (None, Some(_)) => None,
        }
    }

    /// The digest, if the reference is pinned.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same repository and tag, pinned to this digest.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// The reference to a tag in the same repository.
    ///
    /// # Errors
    /// It is not a tag.
    pub fn with_tag(&self, tag: &str) -> Result<Self, Error> {
        if !is_tag(tag) {
            return Err(Error::new(self, Cause::Reference("not a tag")));
        }
        Ok(Self { tag: Some(tag.into()), digest: None, ..self.clone() })
    }

    /// Its key among its repository's manifests: the digest if there is one, otherwise the tag.
    pub(crate) fn key(&self) -> String {
        match &self.digest {
            Some(digest) => digest.to_string(),
            None => self.tag().unwrap_or_default().into(),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = self.tag() {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// Docker's registry, by the name that users write.
const DOCKER: &str = "docker.io";

/// Whether it is `_service._tcp.zone`.
pub(crate) fn is_service(registry: &str) -> bool {
    zone(registry).is_some_and(|zone| !zone.is_empty()) && !registry.contains(':')
}

/// The zone of `_service._tcp.zone`.
pub(crate) fn zone(registry: &str) -> Option<&str> {
    let (service, zone) = registry.split_once("._tcp.")?;
    (service.len() > 1 && service.starts_with('_')).then_some(zone)
}

/// Whether it is a component of a repository name: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_component(component: &str) -> bool {
    let mut is_behind_letter = false;
    let mut separator = String::new();
    for c in component.chars() {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            let is_allowed =
                matches!(separator.as_str(), "" | "." | "_" | "__") || separator.chars().all(|c| c == '-');
            if !is_allowed {
                return false;
            }
            separator.clear();
            is_behind_letter = true;
        } else if is_behind_letter && matches!(c, '.' | '_' | '-') {
            separator.push(c);
        } else {
            return false;
        }
    }
    is_behind_letter && separator.is_empty()
}

fn is_tag(tag: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_any = |byte: u8| is_letter(byte) || matches!(byte, b'.' | b'-');
    tag.len() <= LONGEST_TAG && tag.bytes().next().is_some_and(is_letter) && tag.bytes().all(is_any)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn references_have_host_repository_tag_and_digest() {
        let digest = format!("sha256:{HEX}");
        for (text, expected) in [
            ("oci://ghcr.io/me/linux:6.6", "ghcr.io/me/linux:6.6".into()),
            ("localhost/a", "localhost/a:latest".into()),
            ("LocalHost:5000/a/b-c__d.e:T_1.x-y", "localhost:5000/a/b-c__d.e:T_1.x-y".into()),
            (&format!("a.b/c@{digest}"), format!("a.b/c@{digest}")),
            (&format!("a.b/c:d@{digest}"), format!("a.b/c:d@{digest}")),
            ("[::1]:5000/a:b", "[::1]:5000/a:b".into()),
            ("_registry._tcp.example.org/a:b", "_registry._tcp.example.org/a:b".into()),
            ("docker.io/alpine", "docker.io/library/alpine:latest".into()),
            ("docker.io/me/a", "docker.io/me/a:latest".into()),
        ] {
            let reference = Reference::parse(text).unwrap();
            assert_eq!(reference.to_string(), expected, "{text}");
            assert_eq!(Reference::parse(&expected).unwrap(), reference.normal(), "{text}");
        }
    }

    impl Reference {
        /// As it is parsed from its own text.
        fn normal(mut self) -> Self {
            self.tag = self.tag().map(String::from);
            self
        }
    }

    #[test]
    fn parse_refuses_what_is_no_reference() {
        let long = format!("a.b/{}", "c".repeat(260));
        let tag = format!("a.b/c:{}", "d".repeat(129));
        for text in [
            "",
            "alpine",
            "alpine:3",
            "me/alpine",
            "m_e/alpine",
            "http://a.b/c",
            "a.b/",
            "a.b/C",
            "a.b/c//d",
            "a.b/c:",
            "a.b/c:-d",
            "a.b/c:d/e:",
            "a.b/c@sha256:00",
            "a.b/c@md5:00",
            "a.b/-c",
            "a.b/c-",
            "a.b/c..d",
            "a.b/c___d",
            "a.b/c._d",
            "a.b:0/c",
            "a.b:x/c",
            "_registry.example.org/a",
            "__tcp./a",
            "_a._tcp./a",
            "a.b/c d",
            "a.b/c\n",
            &long,
            &tag,
            "a.b/c:d e",
        ] {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
        let error = Reference::parse("alpine:3").unwrap_err();
        assert_eq!(
            error.to_string(),
            "E-NET-OCI-REFERENCE alpine:3: not a reference: no repository; expected host/repository"
        );
    }

    #[test]
    fn dockers_own_registry_has_another_server() {
        let reference = Reference::parse("docker.io/alpine").unwrap();
        assert_eq!((reference.registry(), reference.server()), ("docker.io", "registry-1.docker.io"));
    }

    #[test]
    fn the_digest_decides() {
        let reference = Reference::parse(&format!("a.b/c:d@sha256:{HEX}")).unwrap();
        assert_eq!((reference.key(), reference.tag()), (format!("sha256:{HEX}"), Some("d")));
        assert_eq!(zone("_x._tcp.example.org"), Some("example.org"));
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! The referrers of a manifest: signatures and the like, which name it as their subject.

use alloc::{format, string::String, vec::Vec};

use dial::Dial;
use json::Object;

use crate::{
    Cause, Client, Digest, Error, Reference,
    client::{Ask, Failed},
    document::malformed,
    endpoint::{Endpoint, Scope},
    resolve::ACCEPT,
    spec::{Descriptor, INDEX},
};

/// The most pages of a list that are read.
const MOST_PAGES: usize = 16;
/// The most members of lists that are read. The error text has the same number.
const MOST: usize = 512;

/// The longest algorithm and the longest digits in the tag of a list.
///
/// Spec: OCI distribution 1.1, "Referrers Tag Schema".
const LONGEST_ALGORITHM: usize = 32;
const LONGEST_DIGITS: usize = 64;

/// Manifests that claim to refer to another one.
#[derive(Debug, Default)]
pub struct Referrers {
    /// At most 512, of any type.
    pub manifests: Vec<Descriptor>,
    /// Why a list, or the rest of it, could not be read: malformed, too large, too long.
    pub faults: Vec<Error>,
}

/// Where a list is.
struct ListAddress<'a> {
    /// The path after the repository.
    path: &'a str,
    /// Whether it is the API's, which not all registries have; otherwise it is under the tag.
    is_api: bool,
    /// The most bytes to read.
    limit: usize,
}

/// The first [`MOST`] members of a list.
#[derive(Default)]
struct PageMembers {
    members: Vec<Descriptor>,
    has_more: bool,
}

impl<D: Dial> Client<D> {
    /// The manifests whose subject is this one, as far as the first `limit` bytes of each list name them: from the
    /// registry's API, and from the list under a tag if there is no API, or if it lists nothing or cannot be read.
    /// Empty if there is neither.
    ///
    /// A list is only a hint: nothing proves that it is complete, or that its descriptors are right except for the
    /// digest.
    ///
    /// Spec: OCI distribution 1.1, "Listing Referrers".
    ///
    /// # Errors
    /// The registry cannot be reached.
    pub async fn referrers(
        &self,
        reference: &Reference,
        digest: &Digest,
        scope: Scope,
        limit: usize,
    ) -> Result<Referrers, Error> {
        let path = format!("referrers/{digest}");
        let mut found =
            self.listed(reference, scope, &ListAddress { path: &path, is_api: true, limit }).await?;
        let is_whole = found.faults.is_empty() || found.manifests.len() >= MOST;
        if found.manifests.is_empty() || !is_whole {
            let tagged = reference.with_tag(&tag(digest))?;
            let path = format!("manifests/{}", tagged.key());
            let kept =
                self.listed(&tagged, scope, &ListAddress { path: &path, is_api: false, limit }).await?;
            found.faults.extend(kept.faults);
            found.add(&tagged, PageMembers { members: kept.manifests, has_more: false });
        }
        Ok(found)
    }

    /// Whether mirrors are asked before the registry.
    ///
    /// # Errors
    /// Its endpoints cannot be looked up.
    pub async fn has_mirrors(&self, reference: &Reference) -> Result<bool, Error> {
        Ok(self.endpoints(reference).await?.has_mirrors())
    }

    /// The members of a list; empty if there is no list.
    async fn listed(
        &self,
        reference: &Reference,
        scope: Scope,
        list: &ListAddress<'_>,
    ) -> Result<Referrers, Error> {
        let attempt = async |endpoint: &Endpoint| self.pages(endpoint, reference, list).await;
        let limit = Some(self.options.backoff.at_most);
        match self.at_endpoints(reference, scope, self.http.dial().now(), limit, attempt).await {
            Ok((found, _)) => {
                // A list is only a hint, so it need not be the registry's own bytes.
                self.note(list.path, INDEX, written(&found.manifests).as_bytes());
                Ok(found)
            }
            Err(error) if list.is_missing(&error) => {
                self.note_none(list);
                Ok(Referrers::default())
            }
            Err(error) if error.is_of_content() => {
                self.note_none(list);
                Ok(Referrers { manifests: Vec::new(), faults: Vec::from([error]) })
            }
            Err(error) => Err(error),
        }
    }

    /// Records that a list is empty. A mirror may have had one that the registry lacks: the record answers as the
    /// endpoint that was asked last.
    fn note_none(&self, list: &ListAddress<'_>) {
        self.note(list.path, INDEX, written(&[]).as_bytes());
    }

    /// The pages of a list. One that cannot be read is an error if it is the first, so that the next mirror is asked.
    async fn pages(
        &self,
        endpoint: &Endpoint,
        reference: &Reference,
        list: &ListAddress<'_>,
    ) -> Result<Referrers, Failed> {
        let mut url = endpoint.url(reference.repository(), list.path)?;
        let mut found = Referrers::default();
        let mut left = list.limit;
        for _ in 0..MOST_PAGES {
            let ask = Ask { fields: &[("Accept", ACCEPT)], ..Ask::get(list.path) };
            let response = self.ask_url(endpoint, reference, &url, &ask).await?;
            if list.is_api && !response.head().field("content-type").is_some_and(is_index) {
                // Some registries answer every request with an HTML page.
                return Err(Error::new(reference, Cause::Absent(Default::default())).into());
            }
            let next = response.head().all("link").find_map(next).map(String::from);
            let page = response.bytes(left).await.map_err(Error::from);
            match page.and_then(|bytes| Ok((bytes.len(), members(reference, &bytes)?))) {
                Ok((size, members)) => {
                    // Cannot saturate: at most `left` bytes of a page are read.
                    left = left.saturating_sub(size);
                    found.add(reference, members);
                }
                Err(error) if error.is_of_content() && !found.manifests.is_empty() => {
                    found.faults.push(error)
                }
                Err(error) => return Err(error.into()),
            }
            // The login belongs to this endpoint only.
            let joined = next.filter(|_| found.faults.is_empty()).and_then(|next| url.join(&next).ok());
            match joined.filter(|joined| joined.is_same_origin(&url)) {
                Some(joined) => url = joined,
                None => break,
            }
        }
        Ok(found)
    }
}

impl ListAddress<'_> {
    /// Whether the error means that the registry does not have the list.
    fn is_missing(&self, error: &Error) -> bool {
        match error.cause() {
            Cause::Absent(_) => true,
            Cause::Status { status: 400 | 405 | 406 | 501, .. } => self.is_api,
            _ => false,
        }
    }
}

impl Referrers {
    /// Adds the members of another page, or of another list.
    fn add(&mut self, reference: &Reference, page: PageMembers) {
        // Cannot saturate: no more than `MOST` are kept.
        let room = MOST.saturating_sub(self.manifests.len());
        if page.has_more || page.members.len() > room {
            self.faults.push(Error::new(reference, Cause::Limit("512 referrers")));
        }
        self.manifests.extend(page.members.into_iter().take(room));
    }
}

/// The first members of a page.
fn members(reference: &Reference, bytes: &[u8]) -> Result<PageMembers, Error> {
    let failed = |error| Error::new(reference, malformed("index", error));
    let document = Object::parse(bytes).map_err(failed)?;
    let [manifests, layers] = document.members(["manifests", "layers"]).map_err(failed)?;
    if layers.given().is_some() {
        let why = "a manifest instead of the list of referrers";
        return Err(Error::new(reference, malformed("index", why)));
    }
    let (members, has_more) = manifests.first(MOST).map_err(failed)?;
    let members = members.into_iter().map(Descriptor::read).collect::<Result<_, _>>().map_err(failed)?;
    Ok(PageMembers { members, has_more })
}

/// A list with the fields that a search needs. Written by hand: a boot writes no other JSON, and serde's code would be
/// in the program only for this.
fn written(manifests: &[Descriptor]) -> String {
    let member = |Descriptor { media_type, digest, size, artifact_type, .. }: &Descriptor| {
        // An artifact of unknown type is not useful.
        let artifact_type = plain(artifact_type.as_deref().unwrap_or_default())?;
        let media_type = plain(media_type).unwrap_or_default();
        Some(format!(
            r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size},"artifactType":"{artifact_type}"}}"#
        ))
    };
    let members: Vec<String> = manifests.iter().filter_map(member).collect();
    format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{}]}}"#, members.join(","))
}

/// A type that needs no escapes in JSON, as all known types.
fn plain(media_type: &str) -> Option<&str> {
    let is_plain = |byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    media_type.bytes().all(is_plain).then_some(media_type)
}

fn is_index(media_type: &str) -> bool {
    media_type.split(';').next().unwrap_or("").trim() == INDEX
}

/// The address of the next page in a `Link` field.
///
/// Spec: RFC 8288, section 3.
fn next(field: &str) -> Option<&str> {
    let (address, parameters) = field.trim_start().strip_prefix('<')?.split_once('>')?;
    let is_next = |parameter: &str| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        name.trim() == "rel" && value.trim().trim_matches('"') == "next"
    };
    parameters.split(';').any(is_next).then_some(address)
}

/// The tag of the list of referrers.
pub(crate) fn tag(digest: &Digest) -> String {
    let text = format!("{digest}");
    let (algorithm, digits) = text.split_once(':').unwrap_or((&text, ""));
    let cut = |text: &str, length: usize| text.chars().take(length).collect::<String>();
    format!("{}-{}", cut(algorithm, LONGEST_ALGORITHM), cut(digits, LONGEST_DIGITS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Algorithm, spec::MANIFEST};

    #[test]
    fn a_list_that_was_written_says_the_same() {
        let listed = |media_type: &str, artifact_type: Option<&str>| Descriptor {
            media_type: media_type.into(),
            digest: Digest::of(Algorithm::Sha512, media_type.as_bytes()),
            size: u64::MAX,
            artifact_type: artifact_type.map(String::from),
            platform: None,
            annotations: Default::default(),
        };
        let reference = Reference::parse("host.example/a").unwrap();
        let read = |list: &[Descriptor]| members(&reference, written(list).as_bytes()).unwrap().members;
        let list = [listed(MANIFEST, Some("x/y; version=0.2")), listed("", Some(""))];
        assert_eq!(read(&list), list);
        assert_eq!(read(&[]), []);
        for odd in ["a\"b", "a\\", "a\n", "\u{e9}"] {
            let list = read(&[listed(odd, Some("x/y")), listed("x/y", Some(odd))]);
            let types = list.iter().map(|one| (one.media_type.as_str(), one.artifact_type.as_deref()));
            assert_eq!(types.collect::<Vec<_>>(), [("", Some("x/y"))]);
        }
    }

    #[test]
    fn the_next_page_stands_in_link() {
        for (field, expected) in [
            ("</v2/a/referrers/x?n=2>; rel=\"next\"", Some("/v2/a/referrers/x?n=2")),
            ("<x>;rel=next; title=y", Some("x")),
            ("<x>; rel=\"prev\"", None),
            ("x; rel=next", None),
            ("<x", None),
            ("", None),
        ] {
            assert_eq!(next(field), expected, "{field}");
        }
    }

    #[test]
    fn tags_stand_for_lists() {
        let tag_of = |algorithm| tag(&Digest::of(algorithm, b""));
        assert_eq!(
            tag_of(Algorithm::Sha256),
            "sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(tag_of(Algorithm::Sha512).len(), "sha512-".len() + 64);
    }
}

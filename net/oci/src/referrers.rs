// SPDX-License-Identifier: BSD-3-Clause
//! What a repository has about a manifest: signatures and the like, which name it as their subject.

use alloc::{format, string::String, vec::Vec};

use dial::Dial;
use http::Url;
use json::Object;

use crate::{
    Cause, Client, Digest, Document, Error, Reference,
    client::{Ask, Failed},
    document::malformed,
    endpoint::{Endpoint, Scope},
    spec::{Descriptor, INDEX, Index},
};

/// Most pages of a list that are read.
const MOST_PAGES: usize = 16;

/// The longest algorithm and the longest digits in a tag that stands for the list.
///
/// Spec: OCI distribution 1.1, "Referrers Tag Schema".
const LONGEST_ALGORITHM: usize = 32;
const LONGEST_DIGITS: usize = 64;

impl<D: Dial> Client<D> {
    /// The manifests whose subject is this one, as far as `limit` bytes of lists name them: by the registry's API, and
    /// by the tag that stands for the list where there is no API, or where it lists nothing. Empty where there is
    /// neither.
    ///
    /// It is a hint: nothing vouches for the list, for it being whole, or for what its descriptors say but the digest.
    ///
    /// Spec: OCI distribution 1.1, "Listing Referrers".
    ///
    /// # Errors
    /// The registry cannot be asked, or what it answers is malformed or larger.
    pub async fn referrers(
        &self,
        reference: &Reference,
        digest: &Digest,
        scope: Scope,
        limit: usize,
    ) -> Result<Vec<Descriptor>, Error> {
        let listed = self.listed(reference, digest, scope, limit).await?;
        if !listed.is_empty() {
            return Ok(listed);
        }
        let tagged = reference.with_tag(&tag(digest))?;
        match self.document_at(&tagged, scope, limit).await {
            Ok(fetched) => match fetched.document {
                Document::Index(index) => Ok(index.manifests),
                Document::Manifest(_) => {
                    let why = "a manifest where the list of referrers is expected".into();
                    Err(Error::new(&tagged, Cause::Json { what: "index", why }))
                }
            },
            Err(error) if matches!(error.cause(), Cause::Absent(_)) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Whether copies of the registry are asked before it.
    ///
    /// # Errors
    /// Where it is reached cannot be found out.
    pub async fn has_mirrors(&self, reference: &Reference) -> Result<bool, Error> {
        Ok(self.places(reference).await?.has_mirrors())
    }

    /// What the API lists; nothing where there is no API.
    async fn listed(
        &self,
        reference: &Reference,
        digest: &Digest,
        scope: Scope,
        limit: usize,
    ) -> Result<Vec<Descriptor>, Error> {
        let path = format!("referrers/{digest}");
        let attempt = async |place: &Endpoint| {
            let url = place.url(reference.repository(), &path)?;
            self.pages(place, reference, url, limit).await
        };
        let limit = Some(self.options.backoff.at_most);
        match self.somewhere(reference, scope, self.http.dial().now(), limit, attempt).await {
            Ok((listed, _)) => Ok(listed),
            Err(error) if is_without_api(&error) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    async fn pages(
        &self,
        place: &Endpoint,
        reference: &Reference,
        mut url: Url,
        mut left: usize,
    ) -> Result<Vec<Descriptor>, Failed> {
        let mut found = Vec::new();
        for _ in 0..MOST_PAGES {
            let ask = Ask { fields: &[("Accept", INDEX)], ..Ask::get("referrers") };
            let response = self.ask_url(place, reference, &url, &ask).await?;
            let is_index = response.head().field("content-type").is_some_and(is_index);
            if !is_index {
                // Some answer anything with a page for people.
                return Err(Error::new(reference, Cause::Absent(Default::default())).into());
            }
            let next = response.head().all("link").find_map(next).map(String::from);
            let bytes = response.bytes(left).await?;
            left = left.saturating_sub(bytes.len());
            let index = Object::parse(&bytes).and_then(Index::read);
            let index = index.map_err(|error| Error::new(reference, malformed("index", error)))?;
            found.extend(index.manifests);
            // A login belongs to this place only.
            let joined = next.and_then(|next| url.join(&next).ok());
            match joined.filter(|joined| joined.is_same_origin(&url)) {
                Some(joined) => url = joined,
                None => break,
            }
        }
        Ok(found)
    }
}

/// Whether a registry answers as one without this API does.
fn is_without_api(error: &Error) -> bool {
    matches!(error.cause(), Cause::Absent(_) | Cause::Status { status: 400 | 405 | 406 | 501, .. })
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

/// The tag that stands for the list of referrers.
pub(crate) fn tag(digest: &Digest) -> String {
    let text = format!("{digest}");
    let (algorithm, digits) = text.split_once(':').unwrap_or((&text, ""));
    let cut = |text: &str, length: usize| text.chars().take(length).collect::<String>();
    format!("{}-{}", cut(algorithm, LONGEST_ALGORITHM), cut(digits, LONGEST_DIGITS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Algorithm;

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

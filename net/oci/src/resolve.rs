// SPDX-License-Identifier: BSD-3-Clause
//! From a reference to the manifest for this machine.

use alloc::{format, string::String, vec::Vec};
use core::time::Duration;

use dial::Dial;

use crate::{
    Algorithm, Cause, Client, Digest, Document, Error, Platform, Reference,
    client::Ask,
    document::Kind,
    endpoint::Scope,
    platform,
    spec::{Index, Manifest},
};

/// The largest document in bytes. Registries need not accept larger ones.
///
/// Spec: OCI distribution 1.1, "Pushing Manifests".
pub(crate) const LARGEST: usize = 4 << 20;
/// The deepest nesting of indexes, and the most documents in all.
const DEEPEST: usize = 4;
const MOST_DOCUMENTS: usize = 16;

/// The document types that we read.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
                      application/vnd.docker.distribution.manifest.v2+json, \
                      application/vnd.docker.distribution.manifest.list.v2+json";

/// A document whose digest was verified.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Its digest.
    pub digest: Digest,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The parsed document.
    pub document: Document,
}

/// The manifest for a machine.
#[derive(Clone, Debug)]
pub struct Image {
    /// The digest of what the reference names: an index, or the manifest itself.
    pub digest: Digest,
    /// The manifest's own digest.
    pub manifest_digest: Digest,
    /// The manifest.
    pub manifest: Manifest,
    /// The index, if the reference names one.
    pub index: Option<Index>,
}

impl<D: Dial> Client<D> {
    /// The manifest that a reference names for a platform. If it names a manifest directly, its platform is not
    /// checked.
    ///
    /// # Errors
    /// The registry does not have it, it is malformed, its digest does not match, or nothing in it is for this machine.
    pub async fn resolve(&self, reference: &Reference, wanted: &Platform) -> Result<Image, Error> {
        let first = self.document(reference).await?;
        let digest = first.digest.clone();
        let index = match first.document {
            Document::Manifest(manifest) => {
                let manifest_digest = digest.clone();
                return Ok(Image { manifest_digest, digest, manifest: *manifest, index: None });
            }
            Document::Index(index) => index,
        };
        let available = platform::available(&index);
        let mut left = MOST_DOCUMENTS;
        // Indexes still to be searched, the next one last.
        let mut stack = Vec::from([(0, wanted_of(wanted, &index))]);
        let first = index;
        while let Some((depth, mut candidates)) = stack.pop() {
            let Some((media_type, next)) = candidates.pop() else { continue };
            stack.push((depth, candidates));
            left = left
                .checked_sub(1)
                .ok_or_else(|| Error::new(reference, Cause::Limit("16 nested documents")))?;
            let found = self.said_document(&reference.with_digest(next), Some(&media_type)).await?;
            match found.document {
                Document::Manifest(manifest) => {
                    let (manifest_digest, index) = (found.digest, Some(first));
                    return Ok(Image { digest, manifest_digest, manifest: *manifest, index });
                }
                Document::Index(_) if depth >= DEEPEST => {
                    return Err(Error::new(reference, Cause::Limit("4 levels of indexes")));
                }
                Document::Index(index) => stack.push((depth.wrapping_add(1), wanted_of(wanted, &index))),
            }
        }
        Err(Error::new(reference, Cause::Platform { wanted: format!("{wanted}"), available }))
    }

    /// The document that a reference names, verified against its digest, or against the one that the registry gives.
    ///
    /// # Errors
    /// The registry does not have it, or it is malformed, or has another digest.
    pub async fn document(&self, reference: &Reference) -> Result<Fetched, Error> {
        self.said_document(reference, None).await
    }

    /// The same from these endpoints, of at most `limit` bytes. The meaning of a tag is only a hint then: it may come
    /// from a mirror.
    ///
    /// # Errors
    /// As for [`document`](Self::document), or it is larger.
    pub async fn document_at(
        &self,
        reference: &Reference,
        scope: Scope,
        limit: usize,
    ) -> Result<Fetched, Error> {
        let document = self.document_of(reference, None, scope, limit, self.http.dial().now()).await;
        document.map_err(|(error, _)| error)
    }

    async fn said_document(&self, reference: &Reference, said: Option<&str>) -> Result<Fetched, Error> {
        let scope = if reference.digest().is_some() { Scope::Everywhere } else { Scope::Vouching };
        let since = self.http.dial().now();
        match self.document_of(reference, said, scope, LARGEST, since).await {
            // After a mirror's fault, the registry gets the rest of the time.
            Err((_, true)) if scope == Scope::Everywhere => {
                self.document_of(reference, said, Scope::Original, LARGEST, since).await
            }
            result => result,
        }
        .map_err(|(error, _)| error)
    }

    /// An error comes with whether a mirror has answered and is at fault.
    async fn document_of(
        &self,
        reference: &Reference,
        said: Option<&str>,
        scope: Scope,
        limit: usize,
        since: Duration,
    ) -> Result<Fetched, (Error, bool)> {
        let path = format!("manifests/{}", reference.key());
        let ask = Ask { fields: &[("Accept", ACCEPT)], scope, since: Some(since), ..Ask::get(&path) };
        let mut number = 0;
        let (response_type, response_digest, bytes, is_of_mirror) = loop {
            let asked = self.ask_endpoints(reference, &ask).await;
            // All endpoints were asked.
            let (response, endpoint) = asked.map_err(|error| (error, false))?;
            let field = |name| response.head().field(name).map(String::from);
            let fields = (field("content-type"), field("docker-content-digest"));
            match response.bytes(limit).await {
                Ok(bytes) => break (fields.0, fields.1, bytes, endpoint.is_mirror),
                Err(error) if error.is_transient() && !endpoint.has_had_its_time(number, &error) => {
                    let pause = self.pause(number, since, None, error.into()).await;
                    pause.map_err(|error| (error, false))?;
                }
                Err(error) => return Err((error.into(), endpoint.is_mirror)),
            }
            number = number.wrapping_add(1);
        };
        let given = response_digest.as_deref().and_then(Digest::parse);
        let expected = reference.digest().cloned().or(given);
        let algorithm = expected.as_ref().map_or(Algorithm::Sha256, Digest::algorithm);
        let found = Digest::of(algorithm, &bytes);
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err((Error::new(reference, Cause::Digest { found, expected }), is_of_mirror));
        }
        let said: Vec<&str> = said.into_iter().chain(response_type.as_deref()).collect();
        let document = Document::parse(&bytes, &said);
        let document = document.map_err(|cause| (Error::new(reference, cause), is_of_mirror))?;
        self.note(&path, response_type.as_deref().unwrap_or_default(), &bytes);
        Ok(Fetched { digest: found, bytes, document })
    }
}

/// The candidates of an index, the best one last; without those whose type is not a manifest.
fn wanted_of(wanted: &Platform, index: &Index) -> Vec<(String, Digest)> {
    let candidates = wanted.candidates(index);
    let is_known = |media_type: &str| media_type.is_empty() || Kind::of(media_type).is_some();
    let known = candidates.into_iter().rev().filter(|one| is_known(&one.media_type));
    known.map(|one| (one.media_type.clone(), one.digest.clone())).collect()
}

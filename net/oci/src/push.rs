// SPDX-License-Identifier: BSD-3-Clause
//! Uploads: blobs in one piece, then the manifest that names them.

use alloc::{format, string::String, vec::Vec};

use dial::Dial;
use http::{Content, Method};
use serde::Serialize;

use crate::{
    Algorithm, Cause, Client, Digest, Document, Error, Reference,
    client::{Ask, Failed},
    endpoint::{Endpoint, Scope},
    referrers::tag,
    spec::{Descriptor, INDEX, Index, MANIFEST, Manifest},
};

const ACTION: &str = "pull,push";

impl<D: Dial> Client<D> {
    /// Uploads a blob, unless the repository has it. Returns whether it was sent.
    ///
    /// # Errors
    /// The registry refuses it.
    pub async fn push_blob(
        &self,
        reference: &Reference,
        digest: &Digest,
        content: &dyn Content,
    ) -> Result<bool, Error> {
        let path = format!("blobs/{digest}");
        let ask = Ask { method: Method::Head, action: ACTION, scope: Scope::Original, ..Ask::get(&path) };
        match self.ask(reference, &ask).await {
            Ok(_) => return Ok(false),
            Err(error) if matches!(error.cause(), Cause::Absent(_)) => {}
            Err(error) => return Err(error),
        }
        let attempt = async |endpoint: &Endpoint| self.upload(endpoint, reference, digest, content).await;
        let since = self.http.dial().now();
        self.at_endpoints(reference, Scope::Original, since, None, attempt).await.map(|_| true)
    }

    /// POST for an address, PUT to it.
    ///
    /// Spec: OCI distribution 1.1, "POST then PUT".
    async fn upload(
        &self,
        endpoint: &Endpoint,
        reference: &Reference,
        digest: &Digest,
        content: &dyn Content,
    ) -> Result<(), Failed> {
        let ask = Ask {
            method: Method::Post,
            action: ACTION,
            scope: Scope::Original,
            ..Ask::get("blobs/uploads/")
        };
        let url = endpoint.url(reference.repository(), ask.path)?;
        let started = self.ask_url(endpoint, reference, &url, &ask).await?;
        let location = started.head().field("location").map(String::from).unwrap_or_default();
        started.discard().await;
        let to = url.join(&location).map_err(Failed::from)?;
        if url.is_secure() && !to.is_secure() {
            return Err(http::Error::new(&url, http::Cause::Plain(to.without_query())).into());
        }
        let to = to.with_query("digest", &format!("{digest}"));
        let fields = [("Content-Type", "application/octet-stream")];
        let ask = Ask { method: Method::Put, fields: &fields, body: Some(content), ..ask };
        self.ask_url(endpoint, reference, &to, &ask).await?.discard().await;
        Ok(())
    }

    /// Uploads a manifest or an index under the reference's digest or tag. Returns its digest.
    ///
    /// # Errors
    /// The registry refuses it, for example because it lacks a blob.
    pub async fn push_manifest(
        &self,
        reference: &Reference,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Digest, Error> {
        self.put(reference, media_type, bytes).await.map(|(digest, _)| digest)
    }

    /// Uploads a manifest that has a subject, and makes sure that [`referrers`](Self::referrers) lists it: if the
    /// registry does not, by the list under a tag. (If two clients do that at once, one entry may be lost.)
    ///
    /// Spec: OCI distribution 1.1, "Pushing Manifests with Subject".
    ///
    /// # Errors
    /// The registry refuses it, or the list cannot be changed.
    pub async fn push_referrer(&self, reference: &Reference, manifest: &Manifest) -> Result<Digest, Error> {
        let Some(subject) = &manifest.subject else {
            let why = "no subject".into();
            return Err(Error::new(reference, Cause::Json { what: "manifest", why }));
        };
        let bytes = json(reference, manifest)?;
        let digest = Digest::of(Algorithm::Sha256, &bytes);
        let pinned = reference.with_digest(digest.clone());
        let (_, is_listed) = self.put(&pinned, MANIFEST, &bytes).await?;
        if is_listed {
            return Ok(digest);
        }
        let tagged = reference.with_tag(&tag(&subject.digest))?;
        let mut index = self.list(&tagged).await?;
        if index.manifests.iter().all(|one| one.digest != digest) {
            index.manifests.push(Descriptor {
                media_type: MANIFEST.into(),
                digest: digest.clone(),
                size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
                artifact_type: manifest.artifact_type.clone(),
                platform: None,
                annotations: manifest.annotations.clone(),
            });
            let bytes = json(reference, &index)?;
            self.put(&tagged, INDEX, &bytes).await?;
        }
        Ok(digest)
    }

    /// The list of referrers that clients keep under a tag.
    async fn list(&self, tagged: &Reference) -> Result<Index, Error> {
        match self.document(tagged).await.map(|fetched| fetched.document) {
            Ok(Document::Index(index)) => Ok(index),
            Ok(Document::Manifest(_)) => {
                let why = "a manifest instead of the list of referrers".into();
                Err(Error::new(tagged, Cause::Json { what: "index", why }))
            }
            Err(error) if matches!(error.cause(), Cause::Absent(_)) => Ok(Index {
                schema_version: 2,
                media_type: Some(INDEX.into()),
                artifact_type: None,
                manifests: Vec::new(),
                annotations: Default::default(),
            }),
            Err(error) => Err(error),
        }
    }

    /// Uploads a manifest. Returns its digest, and whether the registry lists it among its subject's referrers.
    async fn put(
        &self,
        reference: &Reference,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<(Digest, bool), Error> {
        let algorithm = reference.digest().map_or(Algorithm::Sha256, Digest::algorithm);
        let found = Digest::of(algorithm, bytes);
        if let Some(expected) = reference.digest().filter(|expected| **expected != found).cloned() {
            return Err(Error::new(reference, Cause::Digest { found, expected }));
        }
        let path = format!("manifests/{}", reference.key());
        let fields = [("Content-Type", media_type)];
        let body: Option<&dyn Content> = Some(&bytes);
        let ask = Ask {
            method: Method::Put,
            fields: &fields,
            body,
            action: ACTION,
            scope: Scope::Original,
            ..Ask::get(&path)
        };
        let response = self.ask(reference, &ask).await?;
        let is_listed = response.head().field("oci-subject").is_some();
        response.discard().await;
        Ok((found, is_listed))
    }
}

fn json(reference: &Reference, document: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(document).map_err(|error| {
        let why = format!("{error}");
        Error::new(reference, Cause::Json { what: "document", why })
    })
}

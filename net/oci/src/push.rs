// SPDX-License-Identifier: BSD-3-Clause
//! Uploads: blobs in one piece, then the manifest that names them.

use alloc::{format, string::String};

use dial::Dial;
use http::{Content, Method};

use crate::{
    Algorithm, Cause, Client, Digest, Error, Reference,
    client::{Ask, Failed},
    endpoint::{Endpoint, Scope},
};

const ACTION: &str = "pull,push";

impl<D: Dial> Client<D> {
    /// Uploads a blob, unless the repository has it: whether it was sent.
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
        let attempt = async |place: &Endpoint| self.upload(place, reference, digest, content).await;
        let since = self.http.dial().now();
        self.somewhere(reference, Scope::Original, since, None, attempt).await.map(|_| true)
    }

    /// POST for an address, PUT to it.
    ///
    /// Spec: OCI distribution 1.1, "POST then PUT".
    async fn upload(
        &self,
        place: &Endpoint,
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
        let url = place.url(reference.repository(), ask.path)?;
        let started = self.ask_url(place, reference, &url, &ask).await?;
        let location = started.head().field("location").map(String::from).unwrap_or_default();
        started.discard().await;
        let to = url.join(&location).map_err(Failed::from)?;
        if url.is_secure() && !to.is_secure() {
            return Err(http::Error::new(&url, http::Cause::Plain(to.without_query())).into());
        }
        let to = to.with_query("digest", &format!("{digest}"));
        let fields = [("Content-Type", "application/octet-stream")];
        let ask = Ask { method: Method::Put, fields: &fields, body: Some(content), ..ask };
        self.ask_url(place, reference, &to, &ask).await?.discard().await;
        Ok(())
    }

    /// Uploads a manifest or an index under the reference's digest or tag: its digest.
    ///
    /// # Errors
    /// The registry refuses it, for example because it lacks a blob.
    pub async fn push_manifest(
        &self,
        reference: &Reference,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Digest, Error> {
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
        self.ask(reference, &ask).await?.discard().await;
        Ok(found)
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Keyless signatures on the artifact, by the signing service of `peers`.

use std::{fs, path::Path};

use anyhow::Result;
use peers::{
    Key, output,
    sigstore::{Form, Service, Signed, Signer},
};
use serde::Deserialize;

use super::artifact::Artifact;

/// The trusted root's file.
pub const ROOT: &str = "trusted_root.json";
/// The signer's name in the service.
const SIGNER: &str = "signer";
/// Rekor v2 and a timestamp.
const KIND: &str = "hashedrekord 0.0.2";
/// The media type of bundles.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// For an expired certificate: seconds between its expiry and the signature.
const OVER: u64 = 3600;

/// The kind of signature, valid or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keyless {
    /// A valid signature.
    Good,
    /// The certificate had expired when it signed.
    Expired,
    /// It signs another artifact.
    OfAnother,
}

impl Keyless {
    /// A new service, whose trusted root is in the folder.
    ///
    /// # Errors
    /// When the file cannot be written.
    ///
    /// # Panics
    /// openssl fails.
    pub fn serve(folder: &Path) -> Result<Service> {
        let service = Service::new(Key::Ed25519, Key::P256);
        fs::write(folder.join(ROOT), service.trusted_root().to_string())?;
        Ok(service)
    }

    /// Signs the artifact, whose manifest this is, and attaches the bundle to it.
    ///
    /// # Errors
    /// When a file cannot be written.
    ///
    /// # Panics
    /// openssl or oras fails.
    pub fn sign(self, mut service: Service, manifest: &[u8], artifact: &Artifact<'_>) -> Result<()> {
        let (folder, ca) = (artifact.folder, format!("--ca-file={}", artifact.ca.display()));
        let image = artifact.digested();
        let mut signer = Signer::default();
        if self == Self::Expired {
            // Sets the clock back, so that the certificate has expired by now.
            service.now = service.now.saturating_sub(OVER.saturating_mul(2));
            signer.validity = (OVER, OVER);
        }
        service.certify(SIGNER, &signer);
        let what = if self == Self::OfAnother { b"another artifact" } else { manifest };
        let signed =
            Signed { artifact: what, signer: SIGNER, hash: "sha256", form: Form::Envelope, kind: KIND };
        fs::write(folder.join("bundle.json"), signed.bundle(&service).to_string())?;
        let (kind, layer) = (format!("--artifact-type={BUNDLE}"), format!("bundle.json:{BUNDLE}"));
        output(folder, "oras", &["attach", &ca, &kind, &image, &layer]);
        Ok(())
    }
}

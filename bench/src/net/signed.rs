// SPDX-License-Identifier: BSD-3-Clause
//! The signature of the artifact, as `cosign sign` of version 2 stores it in a registry (cosign,
//! specs/SIGNATURE_SPEC.md), made by openssl.

use std::{ffi::OsStr, path::PathBuf};

use anyhow::Result;

use super::content::{MANIFEST, descriptor, digest};
use crate::scratch::{self, Scratch, output};

/// The media type of the payload.
const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// A signature by a new key.
pub struct Signature {
    /// The public key, PEM.
    pub key: PathBuf,
    /// The payload, which names the digest.
    pub payload: String,
    /// The manifest that has the signature.
    pub manifest: String,
}

impl Signature {
    /// Signs a digest. `config` is the descriptor of the empty configuration.
    ///
    /// # Errors
    /// openssl fails.
    pub fn new(scratch: &Scratch, signed: &str, config: &str) -> Result<Self> {
        let payload = format!(
            "{{\"critical\":{{\"identity\":{{\"docker-reference\":\"bench\"}},\
             \"image\":{{\"docker-manifest-digest\":\"{signed}\"}},\
             \"type\":\"cosign container image signature\"}},\"optional\":null}}"
        );
        let [private, key, text, signature] =
            ["cosign.key", "cosign.pub", "payload.json", "payload.sig"].map(|name| scratch.path(name));
        scratch::write(&text, payload.as_bytes())?;
        let openssl = |command: &str, files: &[&OsStr]| {
            let words: Vec<&OsStr> = command.split(' ').map(OsStr::new).collect();
            output("openssl", &[&words[..], files].concat())
        };
        openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out", &[private.as_ref()])?;
        openssl("pkey -pubout -in", &[private.as_ref(), "-out".as_ref(), key.as_ref()])?;
        let files: [&OsStr; 4] = [private.as_ref(), "-out".as_ref(), signature.as_ref(), text.as_ref()];
        openssl("dgst -sha256 -sign", &files)?;
        let coded = openssl("base64 -A -in", &[signature.as_ref()])?;
        let annotations =
            format!(",\"annotations\":{{\"dev.cosignproject.cosign/signature\":\"{}\"}}", coded.trim_end());
        let layer = descriptor(PAYLOAD, payload.as_bytes(), &annotations);
        let manifest = format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"{MANIFEST}\",\"config\":{config},\"layers\":[{layer}]}}"
        );
        Ok(Self { key, payload, manifest })
    }

    /// Its tag.
    pub fn tag(signed: &str) -> String {
        format!("{}.sig", signed.replace(':', "-"))
    }

    /// The digest of the payload.
    pub fn blob(&self) -> String {
        digest(self.payload.as_bytes())
    }
}

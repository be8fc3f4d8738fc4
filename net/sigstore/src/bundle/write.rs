// SPDX-License-Identifier: BSD-3-Clause
//! Writes bundles.

use alloc::{format, string::String, vec::Vec};

use base64ct::{Base64, Encoding as _};

use super::Bundle;
use crate::{Dsse, PublicKey, json::hex, statement};

impl Bundle {
    /// The media type of v0.3 bundles, which [`Bundle::of_artifact`] makes.
    pub const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

    /// A bundle in JSON that signs the artifact with this SHA-256 digest by a key, in the same form as `cosign sign` of
    /// cosign 3; `None` if `sign` cannot sign the bytes that it is given.
    ///
    /// Spec: sigstore protobuf-specs, sigstore_bundle.proto; DSSE 1.0; in-toto attestation, spec/v1/statement.md.
    pub fn of_artifact(
        sha256: &[u8; 32],
        key: &PublicKey,
        sign: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
    ) -> Option<String> {
        let payload = statement::of_artifact(&hex(sha256)).into_bytes();
        let envelope = Dsse { payload_type: statement::PAYLOAD_TYPE.into(), payload, signature: Vec::new() };
        let signature = Base64::encode_string(&sign(&envelope.signed())?);
        let (payload, hint) = (Base64::encode_string(&envelope.payload), key.hint());
        let (media_type, payload_type) = (Self::MEDIA_TYPE, envelope.payload_type);
        // Nothing in it needs an escape.
        Some(format!(
            r#"{{"mediaType":"{media_type}","verificationMaterial":{{"publicKey":{{"hint":"{hint}"}}}},"dsseEnvelope":{{"payload":"{payload}","payloadType":"{payload_type}","signatures":[{{"sig":"{signature}"}}]}}}}"#
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Subject,
        testing::{SIGNER, sign, spki},
        verify_with_key,
    };

    #[test]
    fn what_is_written_is_read() {
        let key = PublicKey::from_spki(&spki(SIGNER)).unwrap();
        let bundle = Bundle::of_artifact(&[7; 32], &key, |message| Some(sign(SIGNER, message))).unwrap();
        let bundle = Bundle::parse(bundle.as_bytes()).unwrap();
        assert_eq!(verify_with_key(&bundle, &Subject::Sha256([7; 32]), &key), Ok(()));
        let error = verify_with_key(&bundle, &Subject::Sha256([8; 32]), &key).unwrap_err();
        assert_eq!(error.code(), "E-TRUST-SUBJECT");
        assert_eq!(Bundle::of_artifact(&[7; 32], &key, |_| None), None);
    }
}

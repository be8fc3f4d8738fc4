// SPDX-License-Identifier: BSD-3-Clause
//! Verifies bundles with a key.

use sha2::{Digest as _, Sha256};

use crate::{Bundle, Content, Error, Material, PublicKey, Structure, statement};

/// What must be signed.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// Something with this SHA-256 digest: a manifest, a file.
    Sha256([u8; 32]),
    /// These bytes.
    Message(&'a [u8]),
}

impl Subject<'_> {
    pub(crate) fn sha256(&self) -> [u8; 32] {
        match self {
            Self::Sha256(digest) => *digest,
            Self::Message(message) => Sha256::digest(message).into(),
        }
    }
}

/// Verifies that the holder of the key has signed the subject. The bundle's log entries and timestamps are ignored:
/// the key alone decides.
///
/// # Errors
/// The signature was not made by the key, signs something else, is an attestation, or needs a certificate.
pub fn verify_with_key(bundle: &Bundle, subject: &Subject<'_>, key: &PublicKey) -> Result<(), Error> {
    if !matches!(bundle.material(), Material::Key { .. }) {
        return Err(Error::refused(Structure::Bundle, "signed with a certificate, not with a key"));
    }
    verify_content(bundle.content(), subject, key)
}

/// Verifies that the key has signed the content, and that the content signs the subject.
pub(crate) fn verify_content(content: &Content, subject: &Subject<'_>, key: &PublicKey) -> Result<(), Error> {
    match content {
        Content::Envelope(envelope) => {
            key.verify(&envelope.signed(), &envelope.signature)
                .map_err(|_| key.refuses(Structure::Envelope))?;
            statement::check(&envelope.payload_type, &envelope.payload, &subject.sha256())
        }
        Content::Message(message) => message.verify(subject, key),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        format,
        string::{String, ToString as _},
    };

    use super::*;
    use crate::{
        Error,
        testing::{Case, SIGNER, STRANGER, base64, envelope, sign, spki, statement},
    };

    const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

    fn verify_by(seed: u8, bundle: &str, subject: &Subject<'_>) -> Result<(), Error> {
        let key = PublicKey::from_spki(&spki(seed)).unwrap();
        verify_with_key(&Bundle::parse(bundle.as_bytes())?, subject, &key)
    }

    fn words(bundle: &str) -> String {
        match verify_by(SIGNER, bundle, &Subject::Message(b"artifact")) {
            Ok(()) => String::from("accepted"),
            Err(error) => format!("{} {error}", error.code()),
        }
    }

    fn artifact() -> String {
        statement(&Sha256::digest(b"artifact"))
    }

    fn message(digest: &str) -> String {
        format!(
            r#"{{"mediaType":"application/vnd.dev.sigstore.bundle+json;version=0.3","verificationMaterial":{{"publicKey":{{}}}},"messageSignature":{{{digest}"signature":"{}"}}}}"#,
            base64(&sign(SIGNER, b"artifact"))
        )
    }

    #[test]
    fn envelopes_of_both_versions_of_statements_are_accepted() {
        assert_eq!(words(&envelope(PAYLOAD_TYPE, &artifact())), "accepted");
        assert_eq!(
            words(&envelope(PAYLOAD_TYPE, &artifact().replace("Statement/v1", "Statement/v0.1"))),
            "accepted"
        );
        let several = artifact().replace("[{", r#"[{"digest":{"sha512":"00"}},{"name":"x"},{"#);
        assert_eq!(words(&envelope(PAYLOAD_TYPE, &several)), "accepted");
        let new = artifact().replace(r#""predicate":{}"#, r#""predicate":{"a":[1,{}]},"new":null"#);
        assert_eq!(words(&envelope(PAYLOAD_TYPE, &new)), "accepted");
    }

    #[test]
    fn what_is_not_a_signature_of_the_subject_is_refused() {
        let refused = |payload_type: &str, payload: &str, expected: &str| {
            assert_eq!(words(&envelope(payload_type, payload)), expected);
        };
        refused(
            "text/plain",
            &artifact(),
            "E-TRUST-BUNDLE DSSE envelope: payload type \"text/plain\" is not supported",
        );
        refused(
            PAYLOAD_TYPE,
            &artifact().replace("Statement/v1", "Statement/v2"),
            "E-TRUST-BUNDLE in-toto statement: type \"https://in-toto.io/Statement/v2\" is not supported",
        );
        refused(
            PAYLOAD_TYPE,
            &artifact().replace("https://sigstore.dev/cosign/sign/v1", "https://slsa.dev/provenance/v1"),
            "E-TRUST-BUNDLE in-toto statement: it is an attestation, not a signature: predicate type \
             \"https://slsa.dev/provenance/v1\" is not supported",
        );
        refused(PAYLOAD_TYPE, "[]", "E-TRUST-BUNDLE malformed in-toto statement: not an object");
        let other = statement(&[0xab; 32]);
        let expected = words(&envelope(PAYLOAD_TYPE, &other));
        assert!(expected.starts_with("E-TRUST-SUBJECT it signs sha256:abab"), "{expected}");
        let none = other.replace(r#"[{"digest":{"#, r#"[],"more":[{"digest":{"#);
        assert!(
            words(&envelope(PAYLOAD_TYPE, &none))
                .starts_with("E-TRUST-SUBJECT it signs nothing, not sha256:")
        );
        // Digests are in lower case.
        let upper = artifact().replace(&crate::json::hex(&Sha256::digest(b"artifact")), &"AB".repeat(32));
        assert!(words(&envelope(PAYLOAD_TYPE, &upper)).starts_with("E-TRUST-SUBJECT"));
    }

    #[test]
    fn another_key_is_refused_before_the_statement_is_read() {
        let error =
            verify_by(STRANGER, &envelope("text/plain", "?"), &Subject::Message(b"artifact")).unwrap_err();
        let id = PublicKey::from_spki(&spki(STRANGER)).unwrap().id();
        assert_eq!(
            error.to_string(),
            format!("the signature of the DSSE envelope does not verify with key {id}")
        );
        assert_eq!(error.code(), "E-TRUST-SIGNATURE");
    }

    #[test]
    fn type_and_payload_are_signed_together() {
        let bundle = envelope(PAYLOAD_TYPE, &artifact());
        let moved = bundle.replace(r#""payloadType":"application/"#, r#""payloadType":"Application/"#);
        assert_ne!(moved, bundle);
        assert!(words(&moved).starts_with("E-TRUST-SIGNATURE"));
    }

    #[test]
    fn messages_are_accepted_with_the_file_and_with_its_digest() {
        let digest = Sha256::digest(b"artifact");
        let given = format!(r#""messageDigest":{{"algorithm":"SHA2_256","digest":"{}"}},"#, base64(&digest));
        for digest_given in ["", r#""messageDigest":{},"#, &given] {
            assert_eq!(words(&message(digest_given)), "accepted");
            assert_eq!(verify_by(SIGNER, &message(digest_given), &Subject::Sha256(digest.into())), Ok(()));
        }
        let numbered = given.replace(r#""SHA2_256""#, "1");
        assert_eq!(words(&message(&numbered)), "accepted");
    }

    #[test]
    fn messages_with_another_digest_are_refused() {
        let other =
            format!(r#""messageDigest":{{"algorithm":"SHA2_256","digest":"{}"}},"#, base64(&[0xab; 32]));
        assert!(words(&message(&other)).starts_with("E-TRUST-SUBJECT it signs sha256:abab"));
        let wrong = other.replace("SHA2_256", "SHA2_512");
        assert!(words(&message(&wrong)).ends_with("32 bytes are not a digest of its algorithm"));
        let longer =
            format!(r#""messageDigest":{{"algorithm":"SHA2_512","digest":"{}"}},"#, base64(&[0xab; 64]));
        assert!(words(&message(&longer)).starts_with("E-TRUST-SUBJECT it signs sha512:abab"));
        let error = verify_by(SIGNER, &message(&longer), &Subject::Sha256([0; 32])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "message signature: its digest is not SHA-256: give the file, not its digest"
        );
        let new = other.replace("SHA2_256", "SHA3_256");
        assert_eq!(
            words(&message(&new)),
            "E-TRUST-BUNDLE message signature: digest algorithm \"SHA3_256\" is not supported"
        );
        let error = verify_by(SIGNER, &message(""), &Subject::Message(b"another")).unwrap_err();
        assert_eq!(error.code(), "E-TRUST-SIGNATURE");
        let error = verify_by(SIGNER, &message(""), &Subject::Sha256([0; 32])).unwrap_err();
        assert_eq!(error.code(), "E-TRUST-SIGNATURE");
    }

    #[test]
    fn a_certificate_is_not_a_key() {
        assert_eq!(
            words(&Case::default().bundle()),
            "E-TRUST-BUNDLE bundle: signed with a certificate, not with a key"
        );
    }
}

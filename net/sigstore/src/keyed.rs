// SPDX-License-Identifier: BSD-3-Clause
//! Bundles that are verified with a key.

use sha2::{Digest as _, Sha256};

use crate::{Bundle, Content, Error, Material, PublicKey, Structure, statement};

/// What must be signed.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// What has this SHA-256 digest: a manifest, a file.
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

/// Verifies that the holder of the key has signed the subject. The bundle's log entries and timestamps are not looked
/// at: the key alone decides.
///
/// # Errors
/// The signature was not made by the key, is one of something else, is an attestation, or needs a certificate.
pub fn verify_with_key(bundle: &Bundle, subject: &Subject<'_>, key: &PublicKey) -> Result<(), Error> {
    if !matches!(bundle.material(), Material::Key { .. }) {
        return Err(Error::refused(Structure::Bundle, "signed with a certificate, not with a key"));
    }
    verify_content(bundle.content(), subject, key)
}

/// Whether the key has signed the content, and the content is the subject's signature.
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

// SPDX-License-Identifier: BSD-3-Clause
//! Timestamps: proof that a timestamp authority saw a signature, and when.
//!
//! A response has a token: a message with the authority's signature over attributes. These have the digest of the
//! content, which has the time and the digest of what was timestamped. The authority's certificate chain must have been
//! valid then.
//!
//! Ignored: policy, serial number, accuracy, nonce and extensions of the content. They are for the one who requests a
//! timestamp, not for a verifier.
//!
//! Spec: RFC 3161 with RFC 5816; RFC 5652 (messages).

mod certificate;
mod content;
mod message;

use crate::{Error, Structure, keyless::CertificateAuthority};
use content::Content;
use message::Message;

/// Verifies that a trusted authority timestamped the signature. Returns when, in seconds since 1970.
///
/// `token` is a `TimeStampResp` of RFC 3161 in DER.
///
/// # Errors
/// It is malformed, about something else, of an unsupported kind, or not by one of these authorities at a time when
/// it was trusted.
pub(crate) fn verify(
    token: &[u8],
    signature: &[u8],
    authorities: &[CertificateAuthority],
) -> Result<u64, Error> {
    let message = Message::parse(token)?;
    let content = Content::parse(message.content)?;
    content.verify(signature)?;
    let mut outcome = Err(refused("the trusted root has no timestamp authority"));
    for authority in authorities {
        outcome = verify_with(&message, content.time, authority);
        if outcome.is_ok() {
            break;
        }
    }
    outcome.map(|()| content.time)
}

fn verify_with(message: &Message<'_>, time: u64, authority: &CertificateAuthority) -> Result<(), Error> {
    let signer = certificate::signer(message, authority)?;
    // First the cheapest check if it is another authority's: its names differ.
    certificate::verify(signer, time, authority)?;
    message.verify(signer)
}

/// Any bytes, as a response, and what it is about, by an authority whose certificates are such bytes, too.
pub(crate) fn fuzz(data: &[u8], authority: &CertificateAuthority) {
    assert!(verify(data, data, core::slice::from_ref(authority)).is_err(), "nobody has signed it");
    if let Ok(message) = Message::parse(data) {
        let _ = Content::parse(message.content);
        let _ = verify_with(&message, 0, authority);
    }
    let _ = Content::parse(data);
}

fn refused(why: &'static str) -> Error {
    Error::refused(Structure::Timestamp, why)
}

// SPDX-License-Identifier: BSD-3-Clause
//! Verifies bundles with a certificate: whom it names, who issued it, and when it was used.

mod certificate;
mod identity;
mod root;
mod sct;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

pub use identity::Identity;
pub use root::TrustedRoot;
pub(crate) use root::{CertificateAuthority, TransparencyLog};

use crate::{
    Bundle, Content, Error, Material, PublicKey, Signer, Structure, Subject,
    keyed::verify_content,
    log::{self, Expected, Logged},
    timestamp,
    x509::Certificate,
};
use identity::Named;

/// Verifies that the bundle proves that an allowed identity has signed the subject.
///
/// The certificate's key made the signature; a transparency log has it; a log or a timestamp authority proves when;
/// at each of these times, the certificate was valid and led to an authority; a certificate log has the
/// certificate. No clock is used.
///
/// # Errors
/// A proof is missing, malformed, not by a member of the trusted root, or about something else; or the certificate
/// names another identity.
///
/// Spec: sigstore's architecture-docs, client-spec.md, "Verification".
pub fn verify_keyless(
    bundle: &Bundle,
    subject: &Subject<'_>,
    root: &TrustedRoot,
    identity: &Identity,
) -> Result<Signer, Error> {
    let Material::Certificate(der) = bundle.material() else {
        return Err(Error::refused(Structure::Bundle, "signed with a key, not with a certificate"));
    };
    let certificate = Certificate::parse(Structure::Certificate, der)?;
    let named = Named::of(&certificate)?;
    let key = PublicKey::from_spki(certificate.spki).map_err(of_certificate)?;
    verify_content(bundle.content(), subject, &key).map_err(of_certificate)?;
    let signature = match bundle.content() {
        Content::Message(message) => &message.signature,
        Content::Envelope(envelope) => &envelope.signature,
    };
    let expected = Expected { signature, certificate: der, content: bundle.content(), subject };
    let logged = logged(bundle, &expected, root)?;
    let (first, last) = times(bundle, signature, &logged, root)?;
    // A certificate that is valid at both times is valid between them.
    let mut issuer = certificate::verify(der, &certificate, first, &root.authorities)?;
    if last != first {
        issuer = certificate::verify(der, &certificate, last, &root.authorities)?;
    }
    sct::verify(&certificate, &issuer, &root.certificate_logs)?;
    identity.check(&named)?;
    Ok(Signer::Certificate { identity: named.identity, issuer: named.issuer, signed_at: first })
}

/// Rewords an error: the key is the certificate's, not one that the user gave.
fn of_certificate(error: Error) -> Error {
    match error {
        Error::Signature { structure, .. } => {
            Error::Signature { structure, by: "the certificate's key".into() }
        }
        Error::Malformed { structure: Structure::PublicKey, why } => {
            Error::Malformed { structure: Structure::Certificate, why }
        }
        Error::Unsupported { structure: Structure::PublicKey, what, found } => {
            Error::Unsupported { structure: Structure::Certificate, what, found }
        }
        other => other,
    }
}

/// The entries that a trusted log has, at least one.
fn logged<'a>(
    bundle: &Bundle,
    expected: &Expected<'_>,
    root: &'a TrustedRoot,
) -> Result<Vec<Logged<'a>>, Error> {
    let mut logged = Vec::new();
    let mut fault = Error::refused(Structure::Bundle, "no entry of a transparency log");
    for entry in bundle.entries() {
        bundle.version().check(entry)?;
        match log::verify_entry(entry, &root.logs, expected) {
            Ok(entry) => logged.push(entry),
            // An entry of an unknown log, or a further damaged one, proves nothing.
            Err(error) => fault = error,
        }
    }
    if logged.is_empty() { Err(fault) } else { Ok(logged) }
}

/// When the signature was made: the first and the last time that a trusted log or authority gives.
fn times(
    bundle: &Bundle,
    signature: &[u8],
    logged: &[Logged<'_>],
    root: &TrustedRoot,
) -> Result<(u64, u64), Error> {
    let mut times: Vec<u64> = logged.iter().filter_map(|entry| entry.time).collect();
    let mut fault =
        Error::refused(Structure::Timestamp, "neither a log nor an authority says when it was signed");
    for token in bundle.timestamps() {
        match timestamp::verify(token, signature, &root.timestamp_authorities) {
            Ok(time) => times.push(time),
            Err(error) => fault = error,
        }
    }
    let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else {
        return Err(fault);
    };
    // A log without times must have had its key at the times that others give.
    let of_others = logged.iter().filter(|entry| entry.time.is_none());
    for entry in of_others {
        if ![*first, *last].iter().all(|time| entry.log.validity.contains(*time)) {
            return Err(Error::refused(
                Structure::LogEntry,
                "the time of signing is outside the validity of its log",
            ));
        }
    }
    Ok((*first, *last))
}

/// Entry point for fuzzing: any bytes as a certificate, its names, its list of timestamps, and a pattern.
pub(crate) fn fuzz(data: &[u8]) {
    sct::fuzz(data);
    identity::fuzz(data);
    if let Ok(certificate) = Certificate::parse(Structure::Certificate, data) {
        let _ = (Named::of(&certificate), sct::verify(&certificate, b"", &[]));
        let validity = crate::time::Validity { start: 0, end: None };
        let authority = CertificateAuthority { chain: Vec::from([data.to_vec()]), validity };
        let _ = certificate::verify(data, &certificate, certificate.validity.start, &[authority]);
    }
}

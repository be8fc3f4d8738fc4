// SPDX-License-Identifier: BSD-3-Clause
//! The signer's certificate, and the chain that leads from it to an authority of the trusted root.

use alloc::{format, vec::Vec};
use core::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::der::asn1::ObjectIdentifier;

use super::CertificateAuthority;
use crate::{Error, Structure, x509::Certificate};

/// `extKeyUsage`, and its value for signatures of code (RFC 5280 section 4.2.1.12).
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");

/// Verifies that an authority has issued the certificate for signatures of code, and that all of the chain was valid at
/// this time. Yields the issuer's `SubjectPublicKeyInfo`.
pub(super) fn verify(
    der: &[u8],
    certificate: &Certificate<'_>,
    time: u64,
    authorities: &[CertificateAuthority],
) -> Result<Vec<u8>, Error> {
    if !certificate.validity.contains(time) {
        let validity = certificate.validity;
        let end = validity.end.unwrap_or(u64::MAX);
        return Err(refused(format!(
            "it was valid from {} to {end}, and signed at {time} (seconds since 1970)",
            validity.start
        )));
    }
    // webpki would take one without, which is for everything.
    if certificate.extension(EXTENDED_KEY_USAGE.as_bytes())?.is_none() {
        return Err(refused("it is not for signatures of code (extKeyUsage)"));
    }
    let mut outcome = Err(refused("the trusted root has no authority of the time of signing"));
    for authority in authorities.iter().filter(|authority| authority.validity.contains(time)) {
        outcome = chain(der, time, authority);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Whether a chain leads from the certificate to the authority's last one.
fn chain(der: &[u8], time: u64, authority: &CertificateAuthority) -> Result<Vec<u8>, Error> {
    let Some((root, between)) = authority.chain.split_last() else {
        return Err(refused("the authority has no certificates"));
    };
    // A trust anchor's own validity is nothing to webpki.
    if !Certificate::parse(Structure::TrustedRoot, root)?.validity.contains(time) {
        return Err(refused("its authority's root certificate was not valid when it signed"));
    }
    let root = CertificateDer::from(root.as_slice());
    let anchor = anchor_from_trusted_cert(&root)
        .map_err(|_| Error::malformed(Structure::TrustedRoot, "the root certificate of an authority"))?;
    let between: Vec<_> = between.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let der = CertificateDer::from(der);
    let end = EndEntityCert::try_from(&der).map_err(|error| refused(words(&error)))?;
    let path = end.verify_for_usage(
        crypto::ALGORITHMS.all,
        core::slice::from_ref(&anchor),
        &between,
        UnixTime::since_unix_epoch(Duration::from_secs(time)),
        KeyUsage::required_if_present(CODE_SIGNING.as_bytes()),
        None,
        None,
    );
    path.map(|path| path.issuer_spki().as_ref().into()).map_err(|error| refused(words(&error)))
}

fn refused(why: impl Into<alloc::borrow::Cow<'static, str>>) -> Error {
    Error::refused(Structure::Certificate, why)
}

/// In the words of RFC 5280.
fn words(error: &webpki::Error) -> &'static str {
    use webpki::Error as E;
    match error {
        E::UnknownIssuer => "no authority of the trusted root has issued it",
        E::InvalidSignatureForPublicKey => "its authority's signature does not verify",
        E::CertExpired { .. } | E::CertNotValidYet { .. } => {
            "a certificate of its chain was not valid when it signed"
        }
        E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => {
            "it is not for signatures of code (extKeyUsage)"
        }
        E::CaUsedAsEndEntity => "it is an authority's certificate, not a signer's (basicConstraints)",
        E::EndEntityUsedAsCa => "an issuer in its chain is no authority (basicConstraints)",
        E::PathLenConstraintViolated => "an issuer's pathLenConstraint allows no further authority below it",
        E::NameConstraintViolation => "its name is outside an issuer's name constraints",
        E::UnsupportedCriticalExtension => "a critical extension is not supported",
        E::UnsupportedSignatureAlgorithmContext(_)
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        | E::SignatureAlgorithmMismatch => "a signature algorithm in its chain is not supported",
        _ => "it, or a certificate of its chain, is malformed",
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! The signer's certificate, and the chain that leads from it to an authority of the trusted root.

use alloc::{borrow::Cow, format, vec::Vec};

use x509_cert::der::asn1::ObjectIdentifier;

use super::CertificateAuthority;
use crate::{
    Error, Structure,
    x509::{Certificate, Chain},
};

/// `extKeyUsage`, and its value for code signing (RFC 5280 section 4.2.1.12).
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");

/// Verifies that an authority has issued the certificate for code signing, and that the whole chain was valid at
/// this time. Returns the issuer's `SubjectPublicKeyInfo`.
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
    // webpki would accept a certificate without it, which is for any use.
    if certificate.extension(EXTENDED_KEY_USAGE.as_bytes())?.is_none() {
        return Err(refused("it is not for code signing (extKeyUsage)"));
    }
    let chain = Chain { end: der, time, usage: &CODE_SIGNING };
    let mut outcome = Err(refused("the trusted root has no authority that was valid at the time of signing"));
    for authority in authorities.iter().filter(|authority| authority.validity.contains(time)) {
        outcome = chain.verify(authority, refused);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn refused(why: impl Into<Cow<'static, str>>) -> Error {
    Error::refused(Structure::Certificate, why)
}

// SPDX-License-Identifier: BSD-3-Clause
//! The authority's certificate, and the chain above it.
//!
//! Spec: RFC 3161 section 2.3; RFC 5280 sections 4.1 and 4.2.1; `CertificateAuthority` of sigstore_trustroot.proto.

use alloc::{format, vec::Vec};

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;
use x509_cert::der::asn1::ObjectIdentifier;

use super::{message::Message, refused};
use crate::{
    Error, Structure,
    der::{Reader, tag},
    keyless::CertificateAuthority,
    x509::{Certificate, Chain},
};

const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");

/// The certificate of the token's signer: one in the token, or if it has none, the authority's.
pub(super) fn signer<'a>(
    message: &Message<'a>,
    authority: &'a CertificateAuthority,
) -> Result<&'a [u8], Error> {
    let own = authority.chain.iter().map(Vec::as_slice).filter(|_| message.certificates.is_empty());
    let is_signer = |certificate: &&[u8]| {
        let key = CertificateDer::from(*certificate);
        EndEntityCert::try_from(&key).is_ok_and(|key| (key.issuer(), key.serial()) == message.signer)
    };
    let mut all = message.certificates.iter().copied().chain(own);
    all.find(is_signer).ok_or_else(|| refused("its signer's certificate is missing"))
}

/// Verifies that a certificate is the authority's, valid at this time, and for timestamps only.
pub(super) fn verify(signer: &[u8], time: u64, authority: &CertificateAuthority) -> Result<(), Error> {
    if !authority.validity.contains(time) {
        return Err(refused("genTime is outside the validity of the authority"));
    }
    let read = |der| Certificate::parse(Structure::Timestamp, der);
    if !is_for_timestamps(&read(signer)?)? {
        return Err(refused("the signer's certificate is not for timestamps only"));
    }
    let Some(first) = authority.chain.first() else {
        return Err(refused("the authority has no certificates"));
    };
    if !is_authority(&read(first)?)? {
        if signer != first {
            return Err(refused("the authority signs with another certificate"));
        }
        if authority.chain.len() == 1 {
            return Err(refused("the authority has no certificate that issues others"));
        }
    }
    let chain = Chain { end: signer, time, usage: &TIME_STAMPING };
    let foreign = |why| {
        let why = format!("the signer's certificate is not the authority's: {why}");
        Error::refused(Structure::Timestamp, why)
    };
    chain.verify(authority, foreign).map(|_| ())
}

/// Whether the extension is critical, and has `id-kp-timeStamping` only.
fn is_for_timestamps(certificate: &Certificate<'_>) -> Result<bool, Error> {
    let mut is_critical = false;
    certificate.each(|extension| {
        is_critical |= extension.is_critical && extension.id == EXTENDED_KEY_USAGE.as_bytes();
    })?;
    let Some(value) = certificate.extension(EXTENDED_KEY_USAGE.as_bytes())? else {
        return Ok(false);
    };
    let mut usages = Reader::new(Structure::Timestamp, value).expect(tag::SEQUENCE)?.inside();
    let usage = usages.expect(tag::OBJECT_IDENTIFIER)?.content;
    Ok(is_critical && usage == TIME_STAMPING.as_bytes() && usages.is_done())
}

/// Whether it may issue other certificates.
fn is_authority(certificate: &Certificate<'_>) -> Result<bool, Error> {
    let Some(value) = certificate.extension(BASIC_CONSTRAINTS.as_bytes())? else {
        return Ok(false);
    };
    let mut constraints = Reader::new(Structure::Timestamp, value).expect(tag::SEQUENCE)?.inside();
    Ok(constraints.optional(tag::BOOLEAN)?.is_some_and(|flag| flag.content != [0]))
}

// SPDX-License-Identifier: BSD-3-Clause
//! The chain from a certificate to an authority of the trusted root.

use alloc::vec::Vec;
use core::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::der::asn1::ObjectIdentifier;

use super::Certificate;
use crate::{Error, Structure, keyless::CertificateAuthority};

/// The requirements for a chain: its start, time and usage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain<'a> {
    /// The certificate, DER.
    pub end: &'a [u8],
    /// The time, in seconds since 1970.
    pub time: u64,
    /// The extended key usage that the certificate, and restricted authorities, must allow.
    pub usage: &'static ObjectIdentifier,
}

impl Chain<'_> {
    /// Verifies that a chain leads to the authority's last certificate, through its others only: certificates from a
    /// bundle could make the search long. Returns the issuer's `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// There is no chain that was valid at this time; `refused` makes the error for the reason. The root is malformed.
    pub fn verify(
        &self,
        authority: &CertificateAuthority,
        refused: impl Fn(&'static str) -> Error,
    ) -> Result<Vec<u8>, Error> {
        let Some((root, between)) = authority.chain.split_last() else {
            return Err(refused("the authority has no certificates"));
        };
        // webpki ignores a trust anchor's own validity.
        if !Certificate::parse(Structure::TrustedRoot, root)?.validity.contains(self.time) {
            return Err(refused("its authority's root certificate was not valid at that time"));
        }
        let root = CertificateDer::from(root.as_slice());
        let anchor = anchor_from_trusted_cert(&root)
            .map_err(|_| Error::malformed(Structure::TrustedRoot, "the root certificate of an authority"))?;
        let between: Vec<_> = between.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        let end = CertificateDer::from(self.end);
        let end = EndEntityCert::try_from(&end).map_err(|error| refused(words(&error)))?;
        let path = end.verify_for_usage(
            crypto::ALGORITHMS.all,
            core::slice::from_ref(&anchor),
            &between,
            UnixTime::since_unix_epoch(Duration::from_secs(self.time)),
            KeyUsage::required_if_present(self.usage.as_bytes()),
            None,
            None,
        );
        path.map(|path| path.issuer_spki().as_ref().into()).map_err(|error| refused(words(&error)))
    }
}

/// The reason, in the terms of RFC 5280.
fn words(error: &webpki::Error) -> &'static str {
    use webpki::Error as E;
    match error {
        E::UnknownIssuer => "no authority of the trusted root has issued it",
        E::InvalidSignatureForPublicKey => "its authority's signature does not verify",
        E::CertExpired { .. } | E::CertNotValidYet { .. } => {
            "it or a certificate of its chain was not valid at that time"
        }
        E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => {
            "it or an authority of its chain is not for this use (extKeyUsage)"
        }
        E::CaUsedAsEndEntity => "it is an authority's certificate, not a signer's (basicConstraints)",
        E::EndEntityUsedAsCa => "an issuer in its chain is not an authority (basicConstraints)",
        E::PathLenConstraintViolated => "an issuer's pathLenConstraint allows no further authority below it",
        E::NameConstraintViolation => "its name is outside an issuer's name constraints",
        E::UnsupportedCriticalExtension => "a critical extension is not supported",
        E::UnsupportedSignatureAlgorithmContext(_)
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        | E::SignatureAlgorithmMismatch => "a signature algorithm in its chain is not supported",
        _ => "it, or a certificate in its chain, is malformed",
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Verifies server certificates with webpki, and keeps what is wrong with them as our own error.
use alloc::{boxed::Box, sync::Arc, vec::Vec};

use once_cell::race::OnceBox;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use webpki::{EndEntityCert, KeyUsage};

use crate::{
    Certificate, Checked, Date,
    name::{Chain, list},
};

/// Verifies the certificates of one connection.
#[derive(Debug)]
pub struct Verifier {
    roots: Arc<RootCertStore>,
    checked: Checked,
    /// The fault; rustls's own errors have no room for it.
    fault: OnceBox<Certificate>,
}

impl Verifier {
    pub const fn new(roots: Arc<RootCertStore>, checked: Checked) -> Self {
        Self { roots, checked, fault: OnceBox::new() }
    }

    /// What is wrong with the chain, if it was refused.
    pub fn fault(&self) -> Option<&Certificate> {
        self.fault.get()
    }

    fn words(&self, error: webpki::Error, chain: &Chain<'_>) -> Certificate {
        use webpki::Error as E;
        let checked = self.checked;
        match error {
            E::CertExpired { not_after, .. } => {
                let not_after = Date(not_after.as_secs());
                Certificate::Expired { subject: chain.subject_of_end(not_after), not_after, checked }
            }
            E::CertNotValidYet { not_before, .. } => {
                let not_before = Date(not_before.as_secs());
                Certificate::NotYetValid { subject: chain.subject_of_begin(not_before), not_before, checked }
            }
            E::CertNotValidForName(names) => Certificate::Name { presented: list(&names.presented) },
            E::UnknownIssuer => Certificate::UnknownIssuer { issuer: chain.last_issuer() },
            other => Certificate::Refused(refused(&other)),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match chain_is_good(&self.roots, end_entity, intermediates, server, now) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(error) => {
                let alert = alert(&error);
                let fault = self.words(error, &Chain::new(end_entity, intermediates));
                // rustls verifies once for each connection; a second fault would not be the cause.
                let _ = self.fault.set(Box::new(fault));
                Err(Error::InvalidCertificate(alert))
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &crypto::ALGORITHMS)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &crypto::ALGORITHMS)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        crypto::ALGORITHMS.supported_schemes()
    }
}

/// Verifies a path from the server's certificate to a root, each link signed, valid now and allowed (RFC 5280 section
/// 6), and the server's name in its certificate (RFC 6125). Revocation is not checked: no service can be asked during a
/// boot.
fn chain_is_good(
    roots: &RootCertStore,
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    server: &ServerName<'_>,
    now: UnixTime,
) -> Result<(), webpki::Error> {
    let certificate = EndEntityCert::try_from(end_entity)?;
    certificate.verify_for_usage(
        crypto::ALGORITHMS.all,
        &roots.roots,
        intermediates,
        now,
        KeyUsage::server_auth(),
        None,
        None,
    )?;
    certificate.verify_is_valid_for_subject_name(server)
}

/// The error from which rustls makes the matching alert of RFC 8446 section 6.2.
fn alert(error: &webpki::Error) -> CertificateError {
    use webpki::Error as E;
    match error {
        E::CertExpired { .. } | E::CertNotValidYet { .. } | E::InvalidCertValidity => {
            CertificateError::Expired
        }
        E::CertNotValidForName(_) => CertificateError::NotValidForName,
        E::UnknownIssuer => CertificateError::UnknownIssuer,
        E::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose,
        E::InvalidSignatureForPublicKey
        | E::UnsupportedSignatureAlgorithmContext(_)
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => CertificateError::BadSignature,
        _ => CertificateError::BadEncoding,
    }
}

/// The reason, in the terms of RFC 5280.
fn refused(error: &webpki::Error) -> &'static str {
    use webpki::Error as E;
    match error {
        E::NameConstraintViolation => "its name is outside an issuer's name constraints",
        E::MalformedNameConstraint | E::InvalidNetworkMaskConstraint => {
            "an issuer's name constraints are malformed"
        }
        E::PathLenConstraintViolated => "an issuer's pathLenConstraint allows no further CA below it",
        E::EndEntityUsedAsCa => "an issuer is not a CA (basicConstraints)",
        E::CaUsedAsEndEntity => "it is a CA's certificate, not a server's (basicConstraints)",
        E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => {
            "it is not for servers (extKeyUsage: serverAuth)"
        }
        E::InvalidSignatureForPublicKey => {
            "a signature in the chain does not verify, or a key size is not supported (RSA: 2048 to 8192 bits)"
        }
        E::UnsupportedSignatureAlgorithmContext(_)
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        | E::SignatureAlgorithmMismatch => "a signature algorithm in the chain is not supported",
        E::UnsupportedCriticalExtension => "a critical extension is not supported",
        E::UnsupportedCertVersion => "it is not an X.509 version 3 certificate",
        E::InvalidCertValidity => "its notAfter is before its notBefore",
        E::CertDistrusted | E::CertRevoked => "it is distrusted",
        E::MaximumPathDepthExceeded
        | E::MaximumPathBuildCallsExceeded
        | E::MaximumSignatureChecksExceeded
        | E::MaximumNameConstraintComparisonsExceeded => "the chain takes too long to verify",
        _ => "a certificate of the chain is malformed",
    }
}

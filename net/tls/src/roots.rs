// SPDX-License-Identifier: BSD-3-Clause
//! Trusted root certificates: Mozilla's, and others from PEM files.
use alloc::{string::String, sync::Arc};

use code::Code;
use rustls::{
    RootCertStore,
    pki_types::{
        CertificateDer,
        pem::{self, SectionKind, SliceIter},
    },
};

use crate::codes;

/// The largest PEM file in bytes: Mozilla's whole set takes a quarter of it.
const LARGEST: usize = 1 << 20;
/// The most roots in all. Each connection may search them all.
const MOST: usize = 1000;

/// Root certificates. Only name, key and name constraints of a root are used: it may have expired (RFC 5280 section
/// 6.1).
#[derive(Clone, Debug)]
pub struct Roots(RootCertStore);

impl Roots {
    /// The roots that Mozilla trusts for servers, as of the build.
    pub fn mozilla() -> Self {
        Self(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
    }

    /// No roots.
    pub fn none() -> Self {
        Self(RootCertStore::empty())
    }

    /// Adds every `CERTIFICATE` of a PEM file, all or none; other sections and the text around them are skipped.
    /// `origin` names the file in errors. Returns the number added.
    ///
    /// # Errors
    /// [`BadRoots`] when the file is too large, is not PEM, has no or too many certificates, or one that is not an
    /// X.509 certificate.
    ///
    /// Spec: RFC 7468, section 5 for `CERTIFICATE`.
    pub fn add_pem(&mut self, origin: &str, pem: &[u8]) -> Result<usize, BadRoots> {
        let bad = |fault| BadRoots { origin: crate::name::clean(origin), fault };
        if pem.len() > LARGEST {
            return Err(bad(Fault::Large));
        }
        let had = self.len();
        let added = self.add_sections(pem);
        if added.is_err() {
            self.0.roots.truncate(had);
        }
        added.map_err(bad)
    }

    fn add_sections(&mut self, pem: &[u8]) -> Result<usize, Fault> {
        let mut sections = SliceIter::<(SectionKind, alloc::vec::Vec<u8>)>::new(pem);
        let mut added = 0_usize;
        loop {
            // Cannot saturate: the remainder is an end of the text.
            let after = pem.len().saturating_sub(sections.remainder().len());
            match sections.next() {
                None => break,
                Some(Ok((SectionKind::Certificate, der))) => {
                    if self.len() >= MOST {
                        return Err(Fault::Many);
                    }
                    self.0.add(CertificateDer::from(der)).map_err(|_| Fault::Certificate { after })?;
                    added = added.checked_add(1).ok_or(Fault::Many)?;
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Fault::Pem { after, what: what(&error) }),
            }
        }
        if added == 0 { Err(Fault::None) } else { Ok(added) }
    }

    /// The number of roots.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none, so that no server is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn into_store(self) -> Arc<RootCertStore> {
        Arc::new(self.0)
    }
}

const fn what(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a section without its END line",
        pem::Error::IllegalSectionStart { .. } => "a malformed BEGIN line",
        pem::Error::Base64Decode(_) => "a section that is not base64",
        _ => "not PEM",
    }
}

/// A file of root certificates that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{} {origin}: {fault}; correct the file", codes::ROOTS)]
pub struct BadRoots {
    /// The file.
    pub origin: String,
    /// What is wrong with it.
    pub fault: Fault,
}

impl BadRoots {
    /// The stable error code.
    pub const fn code(&self) -> Code {
        codes::ROOTS
    }
}

/// What is wrong with a file of root certificates.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Too many bytes.
    #[error("larger than {LARGEST} bytes")]
    Large,
    /// Too many certificates, including those added before.
    #[error("more than {MOST} root certificates in all")]
    Many,
    /// No certificate.
    #[error("no CERTIFICATE section")]
    None,
    /// Not PEM.
    #[error("{what}, after byte {after}")]
    Pem {
        /// The number of valid bytes before the error.
        after: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// A section is not a certificate.
    #[error("not an X.509 certificate, in the section after byte {after}")]
    Certificate {
        /// Bytes of the file before the section.
        after: usize,
    },
}

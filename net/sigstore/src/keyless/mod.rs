// SPDX-License-Identifier: BSD-3-Clause
//! Bundles that are verified with a certificate: whom it names, who issued it, and when it was used.

mod root;

use alloc::string::String;

pub use root::TrustedRoot;
pub(crate) use root::{CertificateAuthority, TransparencyLog};

use crate::{Bundle, Error, Signer, Structure, Subject};

/// Who may sign.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// What the certificate's subject alternative name must be: a text in which each `*` stands for any characters.
    pub identity: String,
    /// What the certificate's issuer must be; the same.
    pub issuer: String,
}

/// Verifies that somebody whom the identity allows has signed the subject, by what the bundle proves.
///
/// # Errors
/// A proof is missing, malformed, not by a member of the trusted root, or of something else.
pub fn verify_keyless(
    bundle: &Bundle,
    _subject: &Subject<'_>,
    _root: &TrustedRoot,
    _identity: &Identity,
) -> Result<Signer, Error> {
    let crate::Material::Certificate(_) = bundle.material() else {
        return Err(Error::refused(Structure::Bundle, "signed with a key, not with a certificate"));
    };
    Err(Error::refused(Structure::Certificate, "certificates are not read"))
}

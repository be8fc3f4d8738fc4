// SPDX-License-Identifier: BSD-3-Clause
//! Which authentication an image from the network needs; decided before any of it is fetched.

use alloc::format;

use config::Cosign;
use http::Url;
use oci::Reference;

use crate::{Failure, Phase, Policy, codes, remote::name};

/// The authentication that an artifact needs.
#[derive(Clone, Copy, Debug)]
pub enum Demand<'a> {
    /// A trusted signature.
    Signature {
        /// Who they are.
        signers: &'a cosign::Policy,
        /// Without one the artifact does not start; if false, a missing signature is only a warning.
        is_enforced: bool,
    },
    /// The digest in its reference.
    Digest,
    /// Nothing, by `cloudboot.cosign=off`.
    Nothing,
}

impl<'a> Demand<'a> {
    /// The authentication needed for everything that a reference leads to.
    ///
    /// # Errors
    /// No authentication is possible, and `cloudboot.cosign=off` is not set.
    pub fn of(reference: &Reference, policy: &'a Policy) -> Result<Self, Failure> {
        let failed = |code, cause: &str| Err(Failure::new(Phase::Verify, name(reference), code, &cause));
        match (policy.cosign, &policy.signers) {
            (Some(Cosign::Off), _) => Ok(Self::Nothing),
            (cosign, Some(signers)) => {
                Ok(Self::Signature { signers, is_enforced: cosign != Some(Cosign::Warn) })
            }
            (Some(Cosign::Enforce), None) => failed(
                codes::TRUST_KEY,
                "cloudboot.cosign=enforce, but no signature key is built in; remove it and pin the reference \
                 (@sha256:...)",
            ),
            _ if reference.digest().is_some() => Ok(Self::Digest),
            _ => failed(
                codes::TRUST_PIN,
                "no signature key is built in: pin the reference (@sha256:...), or set cloudboot.cosign=off",
            ),
        }
    }

    /// Whether a fetched artifact with these signatures may start.
    pub fn is_met(&self, signed: Option<&cosign::Signed>) -> bool {
        match self {
            Self::Signature { is_enforced: true, .. } => signed.is_some(),
            Self::Signature { .. } | Self::Digest | Self::Nothing => true,
        }
    }
}

/// Checks that an image fetched by an entry's URL will be authenticated: by Secure Boot, under which the firmware
/// checks its signature. The server's name alone is not enough, and without TLS not even that is certain.
///
/// # Errors
/// Nothing authenticates it, and `cloudboot.cosign=off` is not set.
pub fn expect_judged(url: &Url, policy: &Policy) -> Result<(), Failure> {
    if url.is_secure() && (policy.is_secure_boot || policy.cosign == Some(Cosign::Off)) {
        return Ok(());
    }
    let cause = if url.is_secure() {
        "nothing checks its signature: Secure Boot is off, and signature keys do not cover files of a web server; \
         switch Secure Boot on, or set cloudboot.cosign=off"
    } else {
        "images of web servers are fetched over https only"
    };
    Err(Failure::new(Phase::Verify, format!("{url}"), codes::TRUST_URL, &cause))
}

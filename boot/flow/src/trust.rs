// SPDX-License-Identifier: BSD-3-Clause
//! Who must vouch for what comes from a network, before any of it is fetched.

use alloc::format;

use config::Cosign;
use http::Url;
use oci::Reference;

use crate::{Failure, Phase, Policy, codes, remote::name};

/// What must vouch for an artifact.
#[derive(Clone, Copy, Debug)]
pub enum Demand<'a> {
    /// Signatures of those who may sign.
    Signature {
        /// Who they are.
        signers: &'a cosign::Policy,
        /// It is not started without; else that is only said.
        is_enforced: bool,
    },
    /// The digest in its reference.
    Digest,
    /// Nothing, by `cloudboot.cosign=off`.
    Nothing,
}

impl<'a> Demand<'a> {
    /// What must vouch for all the bytes that a reference leads to.
    ///
    /// # Errors
    /// Nothing can, and `cloudboot.cosign=off` does not say that nothing needs to.
    pub fn of(reference: &Reference, policy: &'a Policy) -> Result<Self, Failure> {
        let failed = |code, cause: &str| Err(Failure::new(Phase::Verify, name(reference), code, &cause));
        match (policy.cosign, &policy.signers) {
            (Some(Cosign::Off), _) => Ok(Self::Nothing),
            (cosign, Some(signers)) => {
                Ok(Self::Signature { signers, is_enforced: cosign != Some(Cosign::Warn) })
            }
            (Some(Cosign::Enforce), None) => failed(
                codes::TRUST_KEY,
                "cloudboot.cosign=enforce, and no signature key is built in; leave it out and pin the reference \
                 (@sha256:...)",
            ),
            _ if reference.digest().is_some() => Ok(Self::Digest),
            _ => failed(
                codes::TRUST_PIN,
                "no signature key is built in: pin the reference (@sha256:...), or set cloudboot.cosign=off",
            ),
        }
    }

    /// Whether what was fetched may be started with these signatures.
    pub fn is_met(&self, signed: Option<&cosign::Signed>) -> bool {
        match self {
            Self::Signature { is_enforced: true, .. } => signed.is_some(),
            Self::Signature { .. } | Self::Digest | Self::Nothing => true,
        }
    }
}

/// Whether something judges what a URL of an entry leads to: Secure Boot, which has the machine check its signature.
/// The name of the server alone is not enough, and without TLS it is not even that.
///
/// # Errors
/// Nothing does, and `cloudboot.cosign=off` does not say that nothing needs to.
pub fn expect_judged(url: &Url, policy: &Policy) -> Result<(), Failure> {
    if url.is_secure() && (policy.is_secure_boot || policy.cosign == Some(Cosign::Off)) {
        return Ok(());
    }
    let cause = if url.is_secure() {
        "nothing checks its signature: Secure Boot is off, and a signature key does not vouch for files; switch it on, \
         or set cloudboot.cosign=off"
    } else {
        "an image is fetched by https only"
    };
    Err(Failure::new(Phase::Verify, format!("{url}"), codes::TRUST_URL, &cause))
}

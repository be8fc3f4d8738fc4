// SPDX-License-Identifier: BSD-3-Clause
//! Whose signatures count, and how many are required.

use alloc::{format, string::String, vec::Vec};

use oci::Digest;
use sigstore::{Identity, PublicKey, Signer, TrustedRoot};

use crate::Cause;

/// Who may sign, and how many must.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Those who sign with a key.
    pub keys: Vec<PublicKey>,
    /// How many of them must have signed the same digest, at least 1. The same key counts once.
    pub threshold: usize,
    /// Those who sign with a certificate. They count as one, however many the identity allows: it is one line of a
    /// policy, like a key.
    pub keyless: Option<Keyless>,
}

/// Who may sign with a certificate.
#[derive(Clone, Debug)]
pub struct Keyless {
    /// The trusted authorities and logs.
    pub root: TrustedRoot,
    /// Whom the certificate must name, and who must have issued its identity.
    pub identity: Identity,
}

/// What is signed, and by whom. Only [`verify`](crate::verify) makes one, so that having one proves it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signed {
    pub(crate) digest: Digest,
    pub(crate) signers: Vec<Signer>,
}

impl Signed {
    /// The digest that all of them have signed: one of those that were asked for.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The signers, as many as the policy requires.
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }
}

impl Policy {
    /// A policy that a signature by any one of these keys satisfies.
    pub fn any_of(keys: Vec<PublicKey>) -> Self {
        Self { keys, threshold: 1, keyless: None }
    }

    /// An identifier of each member, under which state can be kept. Which signatures are found depends on the server;
    /// the members do not. All certificates are one member, whoever they name.
    pub fn members(&self) -> Vec<String> {
        let keys = self.keys.iter().map(|key| format!("key {}", key.id()));
        let keyless = self.keyless.iter().map(|keyless| {
            let Identity { identity, issuer } = &keyless.identity;
            format!("certificate {issuer} {identity}")
        });
        keys.chain(keyless).collect()
    }

    /// Checks that signatures can satisfy the policy.
    ///
    /// # Errors
    /// The threshold is 0 or larger than the number of signers, or there are too many keys.
    pub fn check(&self) -> Result<(), Cause> {
        let distinct = self.keys.iter().enumerate();
        let distinct = distinct.filter(|(index, key)| !self.keys.iter().take(*index).any(|one| one == *key));
        // Cannot saturate: counts of a list in memory.
        let signers = distinct.count().saturating_add(usize::from(self.keyless.is_some()));
        match self.threshold {
            _ if self.keys.len() > PublicKey::MOST => Err(Cause::Policy("it has more than 32 keys")),
            0 => Err(Cause::Policy("a threshold of 0 is satisfied by nobody's signature")),
            threshold if threshold > signers => {
                Err(Cause::Policy("its threshold is larger than the number of its signers"))
            }
            _ => Ok(()),
        }
    }
}

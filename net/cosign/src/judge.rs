// SPDX-License-Identifier: BSD-3-Clause
//! Judges the signatures of one digest, without any registry.

use alloc::{format, string::String, vec::Vec};

use base64ct::{Base64, Encoding as _};
use oci::Digest;
use sigstore::{Bundle, Material, PublicKey, Signer, Subject, verify_keyless, verify_with_key};

use crate::{Cause, Finding, Keyless, Policy, Why, budget::Budget, simple::Simple};

/// The most characters shown of any other hint.
const HINT: usize = 64;

/// Counts the signers of a digest.
pub(crate) struct Judge<'p> {
    policy: &'p Policy,
    digest: Digest,
    sha256: [u8; 32],
    /// The signers: each key once, and all certificates together once.
    pub signers: Vec<Signer>,
    /// Signatures that are not accepted.
    pub findings: Vec<Finding>,
}

impl<'p> Judge<'p> {
    /// A judge that has seen no signature yet.
    ///
    /// # Errors
    /// cosign does not sign digests of this algorithm.
    pub fn new(policy: &'p Policy, digest: &Digest) -> Result<Self, Cause> {
        let sha256 = digest.sha256().ok_or_else(|| Cause::Algorithm(digest.clone()))?;
        let (signers, findings) = (Vec::new(), Vec::new());
        Ok(Self { policy, digest: digest.clone(), sha256, signers, findings })
    }

    /// The digest whose signatures these are.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Whether enough have signed.
    pub fn is_satisfied(&self) -> bool {
        self.signers.len() >= self.policy.threshold
    }

    /// Judges a sigstore bundle that was found at `place`.
    ///
    /// # Errors
    /// The budget is used up.
    pub fn bundle(&mut self, place: String, json: &[u8], budget: &mut Budget) -> Result<(), Cause> {
        let bundle = match Bundle::parse(json) {
            Ok(bundle) => bundle,
            Err(error) => {
                self.note(place, Why::Sigstore(error));
                return Ok(());
            }
        };
        let subject = Subject::Sha256(self.sha256);
        match bundle.material() {
            Material::Key { hint } => {
                let verify = |key: &PublicKey| verify_with_key(&bundle, &subject, key).map_err(Why::Sigstore);
                self.keyed(place, Some(hint), &verify, budget)
            }
            Material::Certificate(_) => {
                let verify = |keyless: &Keyless| {
                    verify_keyless(&bundle, &subject, &keyless.root, &keyless.identity).map_err(Why::Sigstore)
                };
                self.certified(place, &verify, budget)
            }
        }
    }

    /// Judges a signature in cosign's older format.
    ///
    /// # Errors
    /// The budget is used up.
    pub fn simple(&mut self, place: String, simple: &Simple<'_>, budget: &mut Budget) -> Result<(), Cause> {
        let expected = &self.digest.clone();
        match simple.bundle() {
            None => {
                let verify = |key: &PublicKey| {
                    key.verify(simple.payload, &simple.signature).map_err(Why::Sigstore)?;
                    simple.check(expected)
                };
                self.keyed(place, None, &verify, budget)
            }
            Some(Ok(bundle)) => {
                let subject = Subject::Message(simple.payload);
                let verify = |keyless: &Keyless| {
                    let signer = verify_keyless(&bundle, &subject, &keyless.root, &keyless.identity)
                        .map_err(Why::Sigstore)?;
                    simple.check(expected).map(|()| signer)
                };
                self.certified(place, &verify, budget)
            }
            Some(Err(why)) => {
                self.note(place, why);
                Ok(())
            }
        }
    }

    /// Notes a signature that is not accepted.
    pub fn note(&mut self, place: String, why: Why) {
        self.findings.push(Finding { place, why });
    }

    /// Judges a signature made with a key.
    fn keyed(
        &mut self,
        place: String,
        hint: Option<&str>,
        verify: &dyn Fn(&PublicKey) -> Result<(), Why>,
        budget: &mut Budget,
    ) -> Result<(), Cause> {
        let is_named = |key: &PublicKey| hint.is_some_and(|hint| key.hint() == hint);
        let mut keys: Vec<&PublicKey> = self.policy.keys.iter().collect();
        keys.sort_by_key(|key| !is_named(key));
        let shown = hint.filter(|hint| !hint.is_empty()).map(shown);
        let mut refused = Why::Key(shown);
        for key in keys {
            budget.attempt()?;
            match verify(key) {
                Ok(()) => {
                    self.count(Signer::Key { id: key.id() });
                    return Ok(());
                }
                Err(Why::Sigstore(sigstore::Error::Signature { .. })) if !is_named(key) => {}
                // Either the key signed something else, or it did not sign and another key may have.
                Err(why) => refused = why,
            }
        }
        self.note(place, refused);
        Ok(())
    }

    /// Judges a signature made with a certificate.
    fn certified(
        &mut self,
        place: String,
        verify: &dyn Fn(&Keyless) -> Result<Signer, Why>,
        budget: &mut Budget,
    ) -> Result<(), Cause> {
        let Some(keyless) = &self.policy.keyless else {
            self.note(place, Why::Keyless);
            return Ok(());
        };
        budget.attempt()?;
        match verify(keyless) {
            Ok(signer) => self.count(signer),
            Err(why) => self.note(place, why),
        }
        Ok(())
    }

    fn count(&mut self, signer: Signer) {
        let is_same = |known: &Signer| match (known, &signer) {
            (Signer::Certificate { .. }, Signer::Certificate { .. }) => true,
            (known, signer) => known == signer,
        };
        if !self.signers.iter().any(is_same) {
            self.signers.push(signer);
        }
    }
}

/// A hint in the form in which keys are shown, if it is cosign's: the base64 SHA-256 digest of the key.
fn shown(hint: &str) -> String {
    let mut digest = [0; 32];
    if Base64::decode(hint, &mut digest).is_ok_and(|bytes| bytes.len() == 32) {
        let digits = digest.iter().map(|byte| format!("{byte:02x}"));
        return ["sha256:".into()].into_iter().chain(digits).collect();
    }
    hint.chars().take(HINT).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

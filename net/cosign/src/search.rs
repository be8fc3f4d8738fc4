// SPDX-License-Identifier: BSD-3-Clause
//! Looks for signatures where cosign puts them.

use alloc::{boxed::Box, format, vec::Vec};

use dial::Dial;
use oci::{
    Client, Digest, Document, Reference, Scope,
    spec::{Descriptor, EMPTY, Manifest},
};
use sigstore::Bundle;

use crate::{
    Cause, Error, Policy, Signed, Why,
    budget::Budget,
    judge::Judge,
    simple::{self, Simple},
};

/// The media types of bundles begin with this: `application/vnd.dev.sigstore.bundle.v0.3+json`, and for the versions
/// before it `application/vnd.dev.sigstore.bundle+json;version=0.2`.
pub(crate) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
/// The artifact type of notation's signatures.
const NOTATION: &str = "application/vnd.cncf.notary.signature";

/// The largest list of referrers, and the largest manifest of signatures.
const LARGEST_LIST: usize = 1 << 20;
const LARGEST_MANIFEST: usize = 1 << 20;

/// Verifies that enough trusted signers have signed one of the digests.
///
/// The digests are those that lead to what is used: what the reference names (an index), then the manifest for the
/// machine. Signers of two digests are never added up. The signatures are in the reference's repository.
///
/// # Errors
/// The registry cannot be reached, there is no signature, or too few are accepted; the message says what was
/// found.
pub async fn verify<D: Dial>(
    client: &Client<D>,
    reference: &Reference,
    digests: &[&Digest],
    policy: &Policy,
) -> Result<Signed, Error> {
    policy.check().map_err(|cause| Error::new(reference, cause))?;
    if Box::pin(client.has_mirrors(reference)).await? {
        let search = Search { client, reference, policy, scope: Scope::Mirrors, budget: Budget::new() };
        // A mirror may lack signatures or have others; the registry decides.
        if let Ok(signed) = Box::pin(search.run(digests)).await {
            return Ok(signed);
        }
    }
    let search = Search { client, reference, policy, scope: Scope::Original, budget: Budget::new() };
    Box::pin(search.run(digests)).await
}

/// One search in a registry.
struct Search<'a, D: Dial> {
    client: &'a Client<D>,
    reference: &'a Reference,
    policy: &'a Policy,
    scope: Scope,
    budget: Budget,
}

/// What a descriptor in a list claims to point to.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Hint {
    Bundle,
    /// In lists that clients keep under a tag, cosign describes its bundles by the type of their empty configuration.
    Unknown,
    Notation,
    Other,
}

impl<D: Dial> Search<'_, D> {
    async fn run(mut self, digests: &[&Digest]) -> Result<Signed, Error> {
        let mut judges: Vec<Judge<'_>> = Vec::new();
        let mut refused = None;
        for digest in digests {
            if judges.iter().any(|judge| judge.digest() == *digest) {
                continue;
            }
            let mut judge = match Judge::new(self.policy, digest) {
                Ok(judge) => judge,
                Err(cause) => {
                    refused = Some(cause);
                    continue;
                }
            };
            self.judge(&mut judge).await?;
            if judge.is_satisfied() {
                let digest = judge.digest().clone();
                return Ok(Signed { digest, signers: judge.signers });
            }
            judges.push(judge);
        }
        Err(self.failed(verdict(judges, self.policy, refused)))
    }

    /// Looks for signatures of a digest until there are enough.
    async fn judge(&mut self, judge: &mut Judge<'_>) -> Result<(), Error> {
        Box::pin(self.bundles(judge)).await?;
        if !judge.is_satisfied() {
            Box::pin(self.payloads(judge)).await?;
        }
        Ok(())
    }

    /// cosign 3: manifests whose subject is the digest.
    async fn bundles(&mut self, judge: &mut Judge<'_>) -> Result<(), Error> {
        self.charge(Budget::request)?;
        let found = self.client.referrers(self.reference, judge.digest(), self.scope, LARGEST_LIST).await?;
        for fault in found.faults {
            judge.note(fault.object().into(), Why::List(fault));
        }
        let mut listed: Vec<(Hint, Descriptor)> =
            found.manifests.into_iter().map(|one| (hint(&one), one)).collect();
        listed.sort_by_key(|(hint, _)| *hint);
        for (hint, descriptor) in listed {
            match hint {
                Hint::Other => {}
                Hint::Notation => judge.note(descriptor.digest.short(), Why::Notation),
                Hint::Bundle | Hint::Unknown => {
                    self.referrer(judge, &descriptor.digest).await?;
                    if judge.is_satisfied() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// A manifest whose subject should be the digest.
    async fn referrer(&mut self, judge: &mut Judge<'_>, digest: &Digest) -> Result<(), Error> {
        let place = digest.short();
        let reference = self.reference.with_digest(digest.clone());
        let Some(manifest) = self.manifest(judge, &reference, &place).await? else { return Ok(()) };
        if is_notation(&manifest) {
            judge.note(place, Why::Notation);
            return Ok(());
        }
        let layers = || manifest.layers.iter().filter(|layer| layer.media_type.starts_with(BUNDLE));
        if layers().next().is_none() {
            // An attestation in another format, or anything else about the artifact.
            return Ok(());
        }
        let subject = manifest.subject.as_ref().map(|subject| &subject.digest);
        if subject != Some(judge.digest()) {
            let found = subject.map_or_else(|| "nothing".into(), |digest| format!("{digest}"));
            let expected = format!("{}", judge.digest());
            judge.note(place, Why::Sigstore(sigstore::Error::Subject { found, expected }));
            return Ok(());
        }
        for layer in layers() {
            let largest = u64::try_from(Bundle::LARGEST).unwrap_or(u64::MAX);
            let Some(json) = self.blob(judge, layer, largest, &place).await? else { continue };
            let result = judge.bundle(place.clone(), &json, &mut self.budget);
            result.map_err(|cause| self.failed(cause))?;
            if judge.is_satisfied() {
                break;
            }
        }
        Ok(())
    }

    /// cosign 2: one manifest under a tag, a layer for each signature.
    async fn payloads(&mut self, judge: &mut Judge<'_>) -> Result<(), Error> {
        let tag = format!("{}.sig", format!("{}", judge.digest()).replacen(':', "-", 1));
        let reference = self.reference.with_tag(&tag)?;
        let Some(manifest) = self.manifest(judge, &reference, &tag).await? else { return Ok(()) };
        // All layers of an image's signatures are often the same payload.
        let mut payloads: Vec<(&Digest, Vec<u8>)> = Vec::new();
        let layers = manifest.layers.iter().filter(|layer| layer.media_type == simple::MEDIA_TYPE);
        for (number, layer) in layers.enumerate() {
            let place = format!("tag {tag} layer {number}");
            if !payloads.iter().any(|(digest, _)| **digest == layer.digest) {
                let Some(bytes) = self.blob(judge, layer, simple::LARGEST, &place).await? else { continue };
                payloads.push((&layer.digest, bytes));
            }
            let known = payloads.iter().find(|(digest, _)| **digest == layer.digest);
            let Some((_, payload)) = known else { continue };
            let result = match Simple::new(payload, &layer.annotations) {
                Ok(simple) => judge.simple(place, &simple, &mut self.budget),
                Err(why) => {
                    judge.note(place, why);
                    Ok(())
                }
            };
            result.map_err(|cause| self.failed(cause))?;
            if judge.is_satisfied() {
                break;
            }
        }
        Ok(())
    }

    /// A manifest; `None` if it does not exist, or cannot be used, which is noted.
    async fn manifest(
        &mut self,
        judge: &mut Judge<'_>,
        reference: &Reference,
        place: &str,
    ) -> Result<Option<Box<Manifest>>, Error> {
        self.charge(Budget::request)?;
        let fetched = match self.client.document_at(reference, self.scope, LARGEST_MANIFEST).await {
            Ok(fetched) => fetched,
            Err(error) if matches!(error.cause(), oci::Cause::Absent(_)) && reference.digest().is_none() => {
                return Ok(None);
            }
            Err(error) => return self.unusable(judge, place, error).map(|()| None),
        };
        let size = u64::try_from(fetched.bytes.len()).unwrap_or(u64::MAX);
        self.charge(|budget| budget.bytes(size))?;
        match fetched.document {
            Document::Manifest(manifest) => Ok(Some(manifest)),
            Document::Index(_) => {
                judge.note(place.into(), Why::Payload("an index instead of a manifest".into()));
                Ok(None)
            }
        }
    }

    /// A blob; `None` if it cannot be used, which is noted.
    async fn blob(
        &mut self,
        judge: &mut Judge<'_>,
        layer: &Descriptor,
        limit: u64,
        place: &str,
    ) -> Result<Option<Vec<u8>>, Error> {
        self.charge(Budget::request)?;
        self.charge(|budget| budget.bytes(layer.size.min(limit)))?;
        match Box::pin(self.client.blob(self.reference, layer, limit, &|_| ())).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) => self.unusable(judge, place, error).map(|()| None),
        }
    }

    /// A faulty signature is noted and the others are still tried; a registry that does not answer ends the search.
    fn unusable(&self, judge: &mut Judge<'_>, place: &str, error: oci::Error) -> Result<(), Error> {
        if !error.is_of_content() {
            return Err(error.into());
        }
        judge.note(place.into(), Why::Oci(error));
        Ok(())
    }

    fn charge(&mut self, what: impl FnOnce(&mut Budget) -> Result<(), Cause>) -> Result<(), Error> {
        what(&mut self.budget).map_err(|cause| self.failed(cause))
    }

    fn failed(&self, cause: Cause) -> Error {
        Error::new(self.reference, cause)
    }
}

/// Why none of the digests is signed as the policy requires.
fn verdict(judges: Vec<Judge<'_>>, policy: &Policy, refused: Option<Cause>) -> Cause {
    let mut findings = Vec::new();
    let mut best: Option<Judge<'_>> = None;
    let mut first = None;
    for mut judge in judges {
        first.get_or_insert_with(|| judge.digest().clone());
        findings.append(&mut judge.findings);
        if judge.signers.len() > best.as_ref().map_or(0, |best| best.signers.len()) {
            best = Some(judge);
        }
    }
    match (best, first, refused) {
        (Some(best), _, _) => {
            let digest = best.digest().clone();
            Cause::Threshold { digest, signers: best.signers, wanted: policy.threshold, others: findings }
        }
        (None, _, _) if !findings.is_empty() => Cause::Refused(findings),
        (None, Some(digest), _) => Cause::Unsigned(digest),
        (None, None, Some(cause)) => cause,
        (None, None, None) => Cause::Policy("there is no digest to verify"),
    }
}

fn hint(descriptor: &Descriptor) -> Hint {
    match descriptor.artifact_type.as_deref() {
        Some(kind) if kind.starts_with(BUNDLE) => Hint::Bundle,
        None | Some("" | EMPTY) => Hint::Unknown,
        Some(NOTATION) => Hint::Notation,
        Some(_) => Hint::Other,
    }
}

/// Notation marks signatures by the artifact's type, before OCI 1.1 by the configuration's.
fn is_notation(manifest: &Manifest) -> bool {
    manifest.artifact_type.as_deref() == Some(NOTATION) || manifest.config.media_type == NOTATION
}

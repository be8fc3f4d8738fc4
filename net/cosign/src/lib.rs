// SPDX-License-Identifier: BSD-3-Clause
//! Signatures that cosign puts beside artifacts of OCI registries: found, verified, counted.
//!
//! [`verify`] looks for signatures of a digest where cosign puts them: bundles of sigstore in manifests whose subject
//! is the digest (cosign 3), and payloads of "simple signing" under the tag `sha256-HEX.sig` (cosign 2). A [`Policy`]
//! says whose signatures count, and how many are required. [`attach`] puts a bundle there.
//!
//! Signatures prove themselves: only signed bytes are trusted, not what a registry, a mirror, a list or a tag says.
//! A malicious server can hide signatures, and no more.
//!
//! Sources: <https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md> and `BUNDLE_SPEC.md` beside it, OCI
//! distribution specification 1.1 (referrers), containers/image, docs/containers-signature.5.md (the payload).
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod attach;
mod budget;
pub mod codes;
mod error;
pub mod fuzz;
mod judge;
mod policy;
mod search;
mod simple;

pub use attach::attach;
pub use error::{Cause, Error, Finding, Why};
pub use policy::{Keyless, Policy, Signed};
pub use search::verify;
pub use sigstore::Signer;

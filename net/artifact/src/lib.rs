// SPDX-License-Identifier: BSD-3-Clause
//! Boot artifacts: from an OCI reference to the kernel, the initrd and the command line that are booted.
//!
//! [`fetch`] sorts the parts of a manifest by role, compares their sizes with free memory, and fetches each to its
//! final place. Every byte is checked against the digest of its part by `oci`; the parts' digests stand in the
//! manifest, whose own digest is [`Artifact::manifest`].
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod alpine;
pub mod codes;
mod error;
mod fetch;
pub mod fuzz;
mod line;
mod parts;
mod plan;
pub mod types;

pub use error::{Cause, Error};
pub use fetch::{Artifact, Content, Room, Store, Target, Told, fetch};

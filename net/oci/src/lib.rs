// SPDX-License-Identifier: BSD-3-Clause
//! A client for artifacts in OCI registries.
//!
//! [`Client::resolve`] follows a [`Reference`] through indexes to the manifest for a [`Platform`]; [`Client::blob`] and
//! its siblings fetch what a manifest describes, check size and digest, and resume and retry on the way. Bytes with a
//! wrong digest are never returned.
//!
//! Sources: OCI distribution specification 1.1, OCI image specification 1.1, Docker's registry token specification
//! (distribution.github.io/distribution/spec/auth), RFC 2782 (SRV).
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod annotations;
mod auth;
mod blob;
mod client;
pub mod codes;
mod digest;
mod document;
mod endpoint;
mod error;
pub mod fuzz;
mod layer;
mod platform;
mod push;
mod record;
mod reference;
mod referrers;
mod resolve;
pub mod spec;

pub use blob::Sink;
pub use client::{Client, Options};
pub use digest::{Algorithm, Digest, Hasher};
pub use document::Document;
pub use endpoint::{Login, Mirror, Scope};
pub use error::{Cause, Error};
pub use layer::unpacked;
pub use platform::Platform;
pub use record::{Answer, Record};
pub use reference::Reference;
pub use referrers::Referrers;
pub use resolve::{Fetched, Image};

// SPDX-License-Identifier: BSD-3-Clause
//! The metadata document of the cloud that a machine runs in.
//!
//! [`source()`] returns where the document is, if anywhere; [`fetch`] fetches it; [`Document::resolve`] adds its
//! settings to a configuration, as the strongest source and the least trusted. Only the object `cloudboot` of the
//! document is used:
//!
//! ```
//! use config::{Config, Trust};
//! use metadata::Document;
//!
//! let text = br#"{ "uuid": "1", "cloudboot": { "target": "debian", "disk": { "device": "LABEL=root" } } }"#;
//! let config = Document::parse(text)?.resolve(Config::default(), Trust::Locked);
//! assert_eq!((config.target(), config.disk()), (Some("debian"), Some("LABEL=root")));
//! # Ok::<(), metadata::Error>(())
//! ```
//!
//! Sources: OpenStack's "Metadata" (Nova, admin and user guides), AWS's "Use IMDSv2" (EC2 user guide), RFC 8259.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod codes;
mod document;
mod error;
mod fetch;
pub mod fuzz;
mod members;
mod parse;
mod source;

pub use document::{Document, LARGEST};
pub use error::{Cause, Error};
pub use fetch::{LIMIT, fetch};
pub use members::members;
pub use source::{OnVolume, Source, VOLUMES, source};

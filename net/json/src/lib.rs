// SPDX-License-Identifier: BSD-3-Clause
//! Members of JSON documents, read by their names.
//!
//! [`Object::parse`] checks a whole document; [`Object::members`] finds members in one pass; a [`Value`] is converted
//! to the expected type, or yields an [`Error`] with the member's name, line and column.
//!
//! ```
//! let json = br#"{"name": "initrd", "size": 7, "new": [1, 2]}"#;
//! let [name, size, platform] = json::Object::parse(json)?.members(["name", "size", "platform"])?;
//! assert_eq!((&*name.text()?, size.number()?), ("initrd", 7));
//! assert!(platform.given().is_none());
//! # Ok::<(), json::Error>(())
//! ```
//!
//! Source: RFC 8259.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod error;
pub mod fuzz;
mod object;
mod text;
mod value;
mod walk;

pub use error::{Cause, Error};
pub use object::{Entries, Object, Texts};
pub use value::{Kind, Value};

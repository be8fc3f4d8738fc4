// SPDX-License-Identifier: BSD-3-Clause
//! ISO 9660 with Rock Ridge, Joliet and El Torito: read from a device, written as a whole image.
//!
//! [`Iso9660::open`] yields a [`FileSystem`](filesystem::FileSystem); [`write::Builder`] makes an image, the
//! same bytes every time.
//!
//! ```
//! use filesystem::FileSystem;
//!
//! let mut builder = iso9660::write::Builder::new();
//! builder.file("boot/grub.cfg", b"menuentry")?;
//! let image = builder.plan(&iso9660::write::Options::default())?.to_bytes(&[], &[])?;
//!
//! let iso = iso9660::Iso9660::open(image)?;
//! let boot = iso.lookup(&iso.root(), b"boot")?;
//! let file = iso.lookup(&boot, b"grub.cfg")?;
//! assert_eq!(iso.attr(&file)?.size, 9);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! Names are those of Rock Ridge if the image has them, otherwise of Joliet, otherwise of ISO 9660 as Linux shows
//! them: in lower case, without version. Rock Ridge names compare exactly, all others without regard to ASCII case. If
//! a record in a Rock Ridge image has no Rock Ridge name, its ISO 9660 name is used as it is. Numbers stored in both
//! byte orders are read from the little-endian half, as in Linux.
//!
//! Sources: ECMA-119, 4th edition; System Use Sharing Protocol 1.12; Rock Ridge Interchange Protocol 1.12;
//! Joliet Specification 1; "El Torito" Bootable CD-ROM Format Specification 1.0; UEFI 2.11, 13.3.2.1.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod date;
mod descriptor;
mod directory;
mod eltorito;
pub mod fuzz;
mod name;
mod record;
mod rock_ridge;
mod susp;
mod volume;
pub mod write;

use filesystem::{Corrupt, Error, Fault, Format, Origin};

pub use descriptor::probe;
pub use eltorito::BootEntry;
pub use volume::{Iso9660, Node};

/// Offset on the device of byte `at` of a structure.
fn within(structure: u64, at: usize) -> u64 {
    // Cannot saturate: sector numbers have 32 bits.
    structure.saturating_add(u64::try_from(at).unwrap_or(u64::MAX))
}

fn corrupt(fault: Fault, structure: &'static str, offset: u64, found: impl Into<u64>) -> Error {
    Error::Corrupt(Corrupt {
        format: Format::Iso9660,
        fault,
        structure,
        origin: Origin::Start,
        offset,
        found: found.into(),
    })
}

// SPDX-License-Identifier: BSD-3-Clause
//! FAT12, FAT16 and FAT32 with long names: read from a device, changed in place, written as a whole image.
//!
//! [`Fat::open`] yields a [`FileSystem`](filesystem::FileSystem); [`write::Builder`] makes an image, the same
//! bytes every time.
//!
//! ```
//! use filesystem::FileSystem;
//!
//! let mut builder = fat::write::Builder::new();
//! builder.file("EFI/BOOT/BOOTX64.EFI", b"a program")?;
//! let image = builder.build(&fat::write::Options::default())?;
//!
//! let fat = fat::Fat::open(image)?;
//! let efi = fat.lookup(&fat.root(), b"efi")?;
//! let boot = fat.lookup(&efi, b"boot")?;
//! let file = fat.lookup(&boot, b"BootX64.efi")?;
//! let mut bytes = [0; 16];
//! assert_eq!(fat.read_at(&file, 2, &mut bytes)?, 7);
//! assert_eq!(&bytes[..7], b"program");
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! In some points this follows Linux and Windows rather than the specification: the type is FAT32 if `BPB_FATSz16` is
//! zero, whatever the number of clusters; `DIR_NTRes` gives a short name its lower case; names compare without regard
//! to case, and a file with a long name is also found by its short name.
//!
//! Sources: Microsoft, *FAT: General Overview of On-Disk Format* 1.03 (2000) and its 2005 edition, whose field
//! names are used; Linux `fs/fat` where they leave a question open.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod boot;
pub mod codes;
mod date;
mod directory;
pub mod edit;
pub mod fuzz;
mod info;
mod name;
mod slots;
mod table;
mod units;
mod volume;
pub mod write;

use filesystem::{Corrupt, Error, Fault, Format, Origin};

use crate::units::ByteOffset;

pub use boot::{Kind, probe};
pub use volume::{Fat, Node};

fn corrupt(fault: Fault, structure: &'static str, offset: ByteOffset, found: impl Into<u64>) -> Error {
    Error::Corrupt(Corrupt {
        format: Format::Fat,
        fault,
        structure,
        origin: Origin::Start,
        offset: offset.0,
        found: found.into(),
    })
}

// SPDX-License-Identifier: BSD-3-Clause
//! Kernel images: what a file is, whether it is complete and for this machine, and what is compressed in it.
//!
//! [`kernel::kind`] tells kinds of files apart by their first bytes. [`pe::Pe`] checks an EFI application
//! before firmware sees it, [`authenticode`] yields the digest that Secure Boot compares, [`uki`] the parts
//! of a unified kernel image. [`kernel::unpack`] unpacks gzip, zstd, xz, lz4 and EFI zboot. [`initrd`] says
//! where each of several initrds goes in one buffer.
//!
//! All of it works on bytes in memory; a truncated, damaged or hostile file gives an [`Error`].
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod authenticode;
pub mod codes;
mod error;
pub mod fuzz;
pub mod initrd;
pub mod kernel;
pub mod own;
pub mod pe;
#[cfg(test)]
mod testing;
pub mod uki;
mod unpack;
pub mod zboot;

pub use damage::{Corrupt, Fault, Format, Origin, Unsupported};
pub use error::Error;
pub use unpack::{CRC32, Compression};

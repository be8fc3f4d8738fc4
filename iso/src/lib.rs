// SPDX-License-Identifier: BSD-3-Clause
//! One image that boots as a CD and as a disk, of one UEFI program for each architecture.
//!
//! The image is an ISO 9660 volume whose El Torito entry is a FAT volume with `\EFI\BOOT\BOOT*.EFI`; a GPT in
//! its system area has the same FAT volume as EFI system partition. The same programs, label and time give
//! the same bytes.

mod identity;
mod image;
mod program;

pub use crate::{
    image::{CA, Content, Files, LABEL, TIME, make},
    program::{check, of_platform, platform},
};

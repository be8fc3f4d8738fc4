// SPDX-License-Identifier: BSD-3-Clause
//! The loaders in this program, EFI programs of the user, and boot images of either.

use std::{collections::BTreeMap, os::unix::ffi::OsStrExt, path::Path};

use arch::Arch;
use iso::Content;
use loaders::LOADERS;
use tls::Roots;

use crate::{codes, failure::Failure, input};

/// Bytes of the largest EFI program: a unified kernel image has a kernel, an initrd, and little else.
const LARGEST: u64 = 1 << 30;

/// EFI programs by the architecture that they are for.
pub type Programs = BTreeMap<Arch, Vec<u8>>;

/// The loaders in this program.
///
/// # Errors
/// When it contains none.
pub fn embedded() -> Result<Programs, Failure> {
    let programs: Programs =
        LOADERS.iter().filter_map(|(name, bytes)| Some((name.parse().ok()?, bytes.to_vec()))).collect();
    if programs.is_empty() {
        return Err(Failure::new(codes::LOADER, "loader", "this program contains none"));
    }
    Ok(programs)
}

/// The loader for one architecture.
///
/// # Errors
/// When this program contains none.
pub fn embedded_for(arch: Arch) -> Result<Vec<u8>, Failure> {
    let none = || Failure::new(codes::LOADER, "loader", format!("this program contains none for {arch}"));
    embedded()?.remove(&arch).ok_or_else(none)
}

/// The EFI program in a file.
///
/// # Errors
/// When it cannot be read, or is not for this architecture.
pub fn read(arch: Arch, path: &Path) -> Result<Vec<u8>, Failure> {
    let object = path.as_os_str().as_bytes();
    // Its header comes first.
    let check =
        |head: &[u8]| iso::check(arch, head).map_err(|error| Failure::new(codes::PROGRAM, object, error));
    input::read(path, LARGEST, &check)
}

/// A file of root certificates.
pub fn certificates(path: &Path) -> Result<Vec<u8>, Failure> {
    let object = path.as_os_str().as_bytes();
    let bytes = input::read(path, flow::LARGEST_CA as u64, &|_| Ok(()))?;
    let added = Roots::none().add_pem(&path.to_string_lossy(), &bytes);
    added.map_err(|error| Failure::new(codes::FILE, object, error.fault))?;
    Ok(bytes)
}

/// An EFI program for any machine.
///
/// # Errors
/// When it cannot be read.
pub fn read_any(path: &Path) -> Result<Vec<u8>, Failure> {
    input::read(path, LARGEST, &|_| Ok(()))
}

/// Files beside the loaders on a boot image.
#[derive(Debug, Default)]
pub struct Settings {
    /// The words of `\cloudboot\cmdline`.
    pub cmdline: Option<String>,
    /// Root certificates, PEM.
    pub ca: Option<Vec<u8>>,
}

/// The boot image that holds these programs: a CD and a disk. The same programs and settings give the same bytes.
///
/// # Errors
/// When they are too large.
pub fn image(programs: Programs, settings: Settings) -> Result<Vec<u8>, Failure> {
    let Settings { cmdline, ca } = settings;
    let content = Content { programs, cmdline, ca, label: iso::LABEL.into(), time: iso::TIME };
    let made = iso::make(&content);
    made.map(|files| files.image)
        .map_err(|error| Failure::new(codes::PROGRAM, "boot image", format!("{error:#}")))
}

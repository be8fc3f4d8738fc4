// SPDX-License-Identifier: BSD-3-Clause
//! GRUB as one program with no more modules than it needs, as distributions ship it.

use std::{ffi::OsStr, fs, path::PathBuf};

use anyhow::{Context, Result};
use e2e_runner::arch::Arch;

use super::{Files, disk::ROOT};
use crate::scratch::{self, Scratch, run};

/// How it is made.
pub const CONFIGURATION: &str =
    "grub-mkimage with built-in modules and a built-in `search.fs_uuid UUID root; set prefix=($root)/boot/grub`; no \
     graphics, no timeout, no sleep";
/// Modules; those that they need are added by grub-mkimage.
const MODULES: &str = "part_gpt ext2 fat normal configfile linux search search_fs_uuid";

/// A GRUB that is ready to be started.
pub struct Grub {
    /// Its file.
    pub program: PathBuf,
    /// What it is made of.
    pub facts: String,
}

/// Makes it.
///
/// # Errors
/// When grub-mkimage is missing or fails.
pub fn make(scratch: &Scratch, files: &Files) -> Result<Grub> {
    let platform = platform(files.arch);
    let (program, early) = (scratch.path("grub.efi"), scratch.path("early.cfg"));
    scratch::write(&early, format!("search.fs_uuid {ROOT} root\nset prefix=($root)/boot/grub\n").as_bytes())?;
    let options = ["-O", platform, "-p", "/boot/grub", "-d"].map(OsStr::new);
    let paths: [&OsStr; 5] = [files.grub.as_ref(), "-c".as_ref(), early.as_ref(), "-o".as_ref(), program.as_ref()];
    let modules: Vec<&OsStr> = MODULES.split(' ').map(OsStr::new).collect();
    run("grub-mkimage", &[&options[..], &paths, &modules].concat())?;
    let size = fs::metadata(&program).with_context(|| program.display().to_string())?.len();
    Ok(Grub { program, facts: format!("{platform}, {} KiB, modules {MODULES}", size >> 10) })
}

/// GRUB's name of the architecture with EFI.
fn platform(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "x86_64-efi",
        Arch::Aarch64 => "arm64-efi",
        Arch::Riscv64 => "riscv64-efi",
        Arch::Loongarch64 => "loongarch64-efi",
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! GRUB as one program with only the modules that it needs, as distributions ship it.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use arch::Arch;

use super::disk::ROOT;
use crate::scratch::{self, Scratch, run};

/// How it is made.
pub const CONFIGURATION: &str = "one program with its modules and `search.fs_uuid UUID root; \
     set prefix=($root)/boot/grub` built in; no graphics, no timeout, no sleep";
/// Modules; those that they need are added by grub-mkimage.
const MODULES: &str = "part_gpt ext2 fat normal configfile linux search search_fs_uuid";

/// Debian's folder of modules. The toolbox has those of all architectures, in one version.
const FOLDER: &str = "/usr/lib/grub";

/// A GRUB ready to start.
pub struct Grub {
    /// Its file.
    pub program: PathBuf,
    /// Its configuration.
    pub facts: String,
}

/// Makes it.
///
/// # Errors
/// When grub-mkimage or the modules are missing, or it fails.
pub fn make(scratch: &Scratch, arch: Arch) -> Result<Grub> {
    let (platform, _) = names(arch);
    let modules = Path::new(FOLDER).join(platform);
    ensure!(modules.is_dir(), "{} is missing; run it with tools/bazel run", modules.display());
    let (program, early) = (scratch.path("grub.efi"), scratch.path("early.cfg"));
    scratch::write(&early, format!("search.fs_uuid {ROOT} root\nset prefix=($root)/boot/grub\n").as_bytes())?;
    let options = ["-O", platform, "-p", "/boot/grub", "-d"].map(OsStr::new);
    let paths: [&OsStr; 5] =
        [modules.as_ref(), "-c".as_ref(), early.as_ref(), "-o".as_ref(), program.as_ref()];
    let names: Vec<&OsStr> = MODULES.split(' ').map(OsStr::new).collect();
    run("grub-mkimage", &[&options[..], &paths, &names].concat())?;
    let size = fs::metadata(&program).with_context(|| program.display().to_string())?.len();
    Ok(Grub { program, facts: format!("{platform}, {} KiB, modules {MODULES}", size >> 10) })
}

/// The version of an installed package.
pub fn installed(package: &str) -> Result<String> {
    let mut command = Command::new("dpkg-query");
    let output =
        command.args(["-W", "-f=${Version}", package]).output().context("cannot start dpkg-query")?;
    ensure!(output.status.success(), "{package} is not installed: {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Names of an architecture: GRUB's with EFI, and Debian's.
pub fn names(arch: Arch) -> (&'static str, &'static str) {
    match arch {
        Arch::X86_64 => ("x86_64-efi", "amd64"),
        Arch::Aarch64 => ("arm64-efi", "arm64"),
        Arch::Riscv64 => ("riscv64-efi", "riscv64"),
        Arch::Loongarch64 => ("loongarch64-efi", "loong64"),
    }
}

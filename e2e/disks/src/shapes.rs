// SPDX-License-Identifier: BSD-3-Clause
//! Mini disks without GRUB: entries of the Boot Loader Specification, a unified kernel image, extlinux.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use arch::Arch;

use crate::{
    changes::Changes,
    esp,
    installed::{self, Kernel},
    layout::ROOT_UUID,
    root::kernel_prefix,
    scratch::Scratch,
};

/// The EFI shell of Debian's package efi-shell-x64.
const SHELL: &str = "/usr/share/efi-shell-x64/shellx64.efi";

/// What is started.
pub struct Parts<'a> {
    pub kernel: &'a [u8],
    pub version: &'a str,
    pub initrd: &'a [u8],
}

/// Source of the title of a unified kernel image.
const OS_RELEASE: &str = "ID=mini\nPRETTY_NAME=\"Mini, unified\"\nVERSION_ID=7\n";

/// The command line; `word` distinguishes the kinds of disks.
fn options(arch: Arch, word: &str) -> String {
    format!("root=UUID={ROOT_UUID} ro console={},115200 mini={word}", arch.console())
}

/// Entries of type 1 on the ESP, by kernel-install: an older one, whose kernel is gone, and one with boot counting, to
/// which `changes` apply; and copies of it without kernels.
///
/// # Errors
/// When a tool fails, or the text to change is not in the entry.
pub fn bls(arch: Arch, disk: &Path, parts: &Parts<'_>, changes: &Changes) -> Result<()> {
    let (scratch, options) = (Scratch::new("bls")?, options(arch, "bls"));
    let (boot, version) = (scratch.file("boot"), parts.version);
    let kernel = Kernel { image: parts.kernel, version, initrd: parts.initrd, options: &options };
    installed::kernel_install(&Kernel { version: "1.0", ..kernel }, "mini", None, &boot)?;
    fs::remove_dir_all(boot.join("mini/1.0"))?;
    installed::kernel_install(&kernel, "mini", Some(3), &boot)?;
    let entries = boot.join("loader/entries");
    let entry = entries.join(format!("mini-{version}+3.conf"));
    let text = fs::read_to_string(&entry).context("cannot read the entry of kernel-install")?;
    for i in 0..changes.more_entries {
        // Digits first: otherwise mtools would try many short names to find a free one.
        fs::write(entries.join(format!("{i:05}-mini.conf")), text.replace(version, &format!("0.{i}")))?;
    }
    fs::write(&entry, changes.edited(text, arch, version)?)?;
    esp::copy(&boot, disk)
}

/// The EFI shell on the ESP, with a script of these lines that it starts by itself.
///
/// # Errors
/// When its package is missing, or a tool fails.
pub fn shell(disk: &Path, lines: &[String]) -> Result<()> {
    let scratch = Scratch::new("shell")?;
    let (root, tools) = (scratch.file("esp"), scratch.file("esp/EFI/tools"));
    fs::create_dir_all(&tools)?;
    fs::copy(SHELL, tools.join("shellx64.efi"))
        .with_context(|| format!("{SHELL} (package efi-shell-x64)"))?;
    let script = ["@echo -off", "echo e2e: a script beside the shell"].into_iter();
    let script: Vec<&str> = script.chain(lines.iter().map(String::as_str)).chain(["exit", ""]).collect();
    fs::write(tools.join("startup.nsh"), script.join("\r\n"))?;
    esp::copy(&root, disk)
}

/// A unified kernel image, by ukify with systemd's `stub`.
///
/// # Errors
/// When a tool fails.
pub fn uki(arch: Arch, disk: &Path, parts: &Parts<'_>, stub: &Path) -> Result<()> {
    let (scratch, options) = (Scratch::new("uki")?, options(arch, "uki"));
    let boot = scratch.file("boot");
    let kernel =
        Kernel { image: parts.kernel, version: parts.version, initrd: parts.initrd, options: &options };
    installed::ukify(arch, &kernel, stub, OS_RELEASE, &boot.join("EFI/Linux/mini.efi"))?;
    esp::copy(&boot, disk)
}

/// extlinux.conf in the form of u-boot-update.
pub fn extlinux(arch: Arch, version: &str) -> String {
    format!(
        "## /boot/extlinux/extlinux.conf\n\ndefault l0\nmenu title U-Boot menu\nprompt 0\ntimeout 0\n\n\
         label l0\n\tmenu label Mini {version}\n\tlinux /boot/{kernel}-{version}\n\
         \tinitrd /boot/initrd.img-{version}\n\tappend {}\n",
        options(arch, "extlinux"),
        kernel = kernel_prefix(arch),
    )
}

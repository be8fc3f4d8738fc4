// SPDX-License-Identifier: BSD-3-Clause
//! Mini disks that are not GRUB's: entries of the Boot Loader Specification, a unified kernel image, extlinux.

use std::{fs, path::Path};

use anyhow::Result;

use crate::{
    arch::Arch,
    esp,
    installed::{self, Kernel},
    layout::ROOT_UUID,
    scratch::Scratch,
};

/// What is started.
pub struct Parts<'a> {
    pub kernel: &'a [u8],
    pub version: &'a str,
    pub initrd: &'a [u8],
}

/// What the title of a unified kernel image is made of.
const OS_RELEASE: &str = "ID=mini\nPRETTY_NAME=\"Mini, unified\"\nVERSION_ID=7\n";

/// The command line; `word` tells the shapes apart.
fn options(arch: Arch, word: &str) -> String {
    format!("root=UUID={ROOT_UUID} ro console={},115200 mini={word}", arch.console())
}

/// Entries of type 1 on the ESP, by kernel-install: an older one, whose kernel is gone, and one whose tries are
/// counted.
///
/// # Errors
/// When a tool fails.
pub fn bls(arch: Arch, disk: &Path, parts: &Parts<'_>) -> Result<()> {
    let (scratch, options) = (Scratch::new("bls")?, options(arch, "bls"));
    let boot = scratch.file("boot");
    let kernel =
        Kernel { image: parts.kernel, version: parts.version, initrd: parts.initrd, options: &options };
    installed::kernel_install(&Kernel { version: "1.0", ..kernel }, "mini", None, &boot)?;
    fs::remove_dir_all(boot.join("mini/1.0"))?;
    installed::kernel_install(&kernel, "mini", Some(3), &boot)?;
    esp::copy(&boot, disk)
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
        kernel = arch.kernel_prefix(),
    )
}

// SPDX-License-Identifier: BSD-3-Clause
//! Mini disks that are not GRUB's: entries of the Boot Loader Specification, a unified kernel image, extlinux.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::{
    EPOCH,
    arch::Arch,
    layout::{ESP_START, ROOT_UUID},
    scratch::Scratch,
    tool::run,
};

/// What is started.
pub struct Parts<'a> {
    pub kernel: &'a [u8],
    pub version: &'a str,
    pub initrd: &'a [u8],
}

/// The command line; `word` tells the shapes apart.
fn options(arch: Arch, word: &str) -> String {
    format!("root=UUID={ROOT_UUID} ro console={},115200 mini={word}", arch.console())
}

/// Entries of type 1 on the ESP, in the form of kernel-install: an older one, which lacks its kernel, and one whose
/// tries are counted.
///
/// # Errors
/// When a tool fails.
pub fn bls(arch: Arch, disk: &Path, parts: &Parts<'_>) -> Result<()> {
    let Parts { version, .. } = parts;
    let entry = |version: &str| {
        format!(
            "# Boot Loader Specification type#1 entry\ntitle      Mini\nversion    {version}\n\
             machine-id 0123456789abcdef0123456789abcdef\nsort-key   mini\noptions    {}\n\
             linux      /mini/{version}/linux\ninitrd     /mini/{version}/initrd\n",
            options(arch, "bls")
        )
    };
    let files = [
        ("loader/entries.srel", b"type1\n".to_vec()),
        ("loader/entries/mini-1.0.conf", entry("1.0").into_bytes()),
        (&format!("loader/entries/mini-{version}+3.conf"), entry(version).into_bytes()),
        (&format!("mini/{version}/linux"), parts.kernel.to_vec()),
        (&format!("mini/{version}/initrd"), parts.initrd.to_vec()),
    ];
    put(disk, &["loader", "loader/entries", "mini", &format!("mini/{version}")], &files)
}

/// A unified kernel image.
///
/// # Errors
/// When ukify fails or has no stub for the architecture.
pub fn uki(arch: Arch, disk: &Path, parts: &Parts<'_>) -> Result<()> {
    let scratch = Scratch::new("uki")?;
    let path = |name: &str| scratch.file(name);
    fs::write(path("linux"), parts.kernel)?;
    fs::write(path("initrd"), parts.initrd)?;
    fs::write(path("os-release"), "ID=mini\nPRETTY_NAME=\"Mini, unified\"\nVERSION_ID=7\n")?;
    let (name, command_line) = (arch.efi_name(), options(arch, "uki"));
    let mut ukify = Command::new("ukify");
    ukify.args(["build", "--efi-arch", name, "--cmdline", &command_line, "--uname", parts.version]);
    ukify.arg(format!("--stub=/usr/lib/systemd/boot/efi/linux{name}.efi.stub"));
    ukify.arg("--linux").arg(path("linux")).arg("--initrd").arg(path("initrd"));
    ukify.arg(format!("--os-release=@{}", path("os-release").display()));
    ukify.arg("--output").arg(path("mini.efi")).env("SOURCE_DATE_EPOCH", EPOCH.to_string());
    run(&mut ukify)?;
    let image = fs::read(path("mini.efi")).context("what ukify made")?;
    put(disk, &["EFI", "EFI/Linux"], &[("EFI/Linux/mini.efi", image)])
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

/// Folders and files on the ESP.
fn put(disk: &Path, folders: &[&str], files: &[(&str, Vec<u8>)]) -> Result<()> {
    let image = format!("{}@@{ESP_START}M", disk.display());
    let mtools = |program: &str| {
        let mut command = Command::new(program);
        command.args(["-i", &image]).env("SOURCE_DATE_EPOCH", EPOCH.to_string()).env("TZ", "UTC");
        command
    };
    for folder in folders {
        run(mtools("mmd").arg(format!("::{folder}"))).context("a folder on the ESP")?;
    }
    let scratch = Scratch::new("esp")?;
    let file = scratch.file("file");
    for (name, content) in files {
        fs::write(&file, content)?;
        run(mtools("mcopy").arg(&file).arg(format!("::{name}"))).context("a file on the ESP")?;
    }
    Ok(())
}

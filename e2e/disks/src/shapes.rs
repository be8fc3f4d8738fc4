// SPDX-License-Identifier: BSD-3-Clause
//! Mini disks that are not GRUB's: entries of the Boot Loader Specification, a unified kernel image, extlinux.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::{
    EPOCH,
    arch::Arch,
    changes::Changes,
    layout::{ESP_START, ROOT_UUID},
    scratch::Scratch,
    tool::run,
};

/// Of Debian's package efi-shell-x64.
const SHELL: &str = "/usr/share/efi-shell-x64/shellx64.efi";

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

/// Entries of type 1 on the ESP, in the form of kernel-install: older ones, which lack their kernel, and one whose
/// tries are counted.
///
/// # Errors
/// When a tool fails, or the entry has nothing of what is to be changed.
pub fn bls(arch: Arch, disk: &Path, parts: &Parts<'_>, changes: &Changes) -> Result<()> {
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
        (
            &format!("loader/entries/mini-{version}+3.conf"),
            changes.edited(entry(version), arch, version)?.into_bytes(),
        ),
        (&format!("mini/{version}/linux"), parts.kernel.to_vec()),
        (&format!("mini/{version}/initrd"), parts.initrd.to_vec()),
    ];
    put(disk, &["loader", "loader/entries", "mini", &format!("mini/{version}")], &files)?;
    if changes.more_entries > 0 {
        let scratch = Scratch::new("entries")?;
        // The digits in front: mtools would try all short names before it finds a free one.
        let numbers = 0..changes.more_entries;
        let files: Vec<_> = numbers.map(|i| (i, scratch.file(&format!("{i:05}-mini.conf")))).collect();
        for (i, file) in &files {
            fs::write(file, entry(&format!("0.{i}")))?;
        }
        let paths = files.iter().map(|(_, file)| file);
        run(mtools(disk, "mcopy").args(paths).arg("::loader/entries")).context("entries on the ESP")?;
    }
    Ok(())
}

/// The EFI shell on the ESP, and beside it the script that it starts by itself.
///
/// # Errors
/// When its package is missing, or a tool fails.
pub fn shell(disk: &Path) -> Result<()> {
    let program = fs::read(SHELL).with_context(|| format!("{SHELL} (package efi-shell-x64)"))?;
    let script = b"@echo -off\r\necho e2e: a script beside the shell\r\nexit\r\n".to_vec();
    let files = [("EFI/tools/shellx64.efi", program), ("EFI/tools/startup.nsh", script)];
    put(disk, &["EFI", "EFI/tools"], &files)
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

/// One of the mtools on the ESP.
fn mtools(disk: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command.arg("-i").arg(format!("{}@@{ESP_START}M", disk.display()));
    command.env("SOURCE_DATE_EPOCH", EPOCH.to_string()).env("TZ", "UTC");
    command
}

/// Folders and files on the ESP.
fn put(disk: &Path, folders: &[&str], files: &[(&str, Vec<u8>)]) -> Result<()> {
    for folder in folders {
        run(mtools(disk, "mmd").arg(format!("::{folder}"))).context("a folder on the ESP")?;
    }
    let scratch = Scratch::new("esp")?;
    let file = scratch.file("file");
    for (name, content) in files {
        fs::write(&file, content)?;
        run(mtools(disk, "mcopy").arg(&file).arg(format!("::{name}"))).context("a file on the ESP")?;
    }
    Ok(())
}

// SPDX-License-Identifier: BSD-3-Clause
//! A Debian root as mmdebstrap makes it: a tar file, compressed by zstd.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use arch::Arch;
use tar::{Archive, Builder, Entry};

use crate::files;

/// The file that update-grub writes.
pub const GRUB_CFG: &str = "boot/grub/grub.cfg";
/// grub-mkconfig makes it under umask 077.
pub const GRUB_CFG_MODE: u32 = 0o600;
const GRUB_FOLDER: &str = "boot/grub";
/// The unit of tar.
const RECORD: u64 = 512;
/// The unit of the filesystem.
const BLOCK: u64 = 4096;

/// What must be known of a root to make its disk.
#[derive(Debug, Default)]
pub struct Summary {
    /// Bytes that its files occupy, in whole blocks, at least one for each file and folder.
    pub size: u64,
    /// Whether /boot/grub is there.
    pub has_grub_folder: bool,
    /// The kernel in /boot.
    pub kernel: Vec<u8>,
    /// Its version.
    pub version: String,
    /// Its initrd.
    pub initrd: Vec<u8>,
}

/// Reads the whole archive once.
///
/// # Errors
/// When it is damaged, or /boot does not have exactly one kernel and one initrd.
pub fn summarize(arch: Arch, file: &Path) -> Result<Summary> {
    let kernel = format!("boot/{}-", kernel_prefix(arch));
    let mut summary = Summary::default();
    each(file, |path, mut entry| {
        let size = entry.size().max(1).next_multiple_of(BLOCK);
        summary.size = summary.size.checked_add(size).context("size out of range")?;
        let target = match path {
            GRUB_FOLDER => {
                summary.has_grub_folder = true;
                return Ok(());
            }
            path if path.starts_with("boot/initrd.img-") => &mut summary.initrd,
            path => {
                let Some(version) = path.strip_prefix(&kernel) else { return Ok(()) };
                summary.version = version.to_owned();
                &mut summary.kernel
            }
        };
        ensure!(target.is_empty(), "more than one kernel or initrd: {path}");
        entry.read_to_end(target)?;
        Ok(())
    })?;
    ensure!(!summary.kernel.is_empty(), "{}: no /{kernel}*", file.display());
    ensure!(!summary.initrd.is_empty(), "{}: no /boot/initrd.img-*", file.display());
    Ok(summary)
}

/// Calls `visit` with each entry of the archive and its path, without leading `./` and trailing `/`.
///
/// # Errors
/// When it is damaged, or an error of `visit`.
pub fn each(
    file: &Path,
    mut visit: impl FnMut(&str, Entry<'_, &mut ChildStdout>) -> Result<()>,
) -> Result<()> {
    unpacked(file, |stream| {
        for entry in Archive::new(stream).entries()? {
            let entry = entry?;
            let path = entry.path()?.to_string_lossy().into_owned();
            visit(path.trim_start_matches("./").trim_end_matches('/'), entry)?;
        }
        Ok(())
    })
}

/// A file to add to a root.
#[derive(Clone, Copy, Debug)]
pub struct Addition<'a> {
    /// Its path, relative to the root.
    pub path: &'a str,
    /// Its mode.
    pub mode: u32,
    /// Its bytes.
    pub content: &'a [u8],
}

/// Copies the archive to `out` unchanged, then adds files; their folders must exist, except /boot/grub.
///
/// # Errors
/// When it is damaged or `out` fails.
pub fn copy(file: &Path, summary: &Summary, additions: &[Addition<'_>], out: &mut dyn Write) -> Result<()> {
    unpacked(file, |stream| {
        // Raw: long names and extended headers are separate records, which are copied, too.
        for entry in Archive::new(stream).entries()?.raw(true) {
            let mut entry = entry?;
            out.write_all(entry.header().as_bytes())?;
            let size = io::copy(&mut entry, out)?;
            let padding = size.next_multiple_of(RECORD).saturating_sub(size);
            io::copy(&mut io::repeat(0).take(padding), out)?;
        }
        Ok(())
    })?;
    let mut tar = Builder::new(out);
    for Addition { path, mode, content } in additions {
        if *path == GRUB_CFG && !summary.has_grub_folder {
            files::folder(&mut tar, GRUB_FOLDER)?;
        }
        files::file(&mut tar, path, *mode, content)?;
    }
    Ok(tar.finish()?)
}

/// Calls `read` with the decompressed content of `file`.
fn unpacked(file: &Path, read: impl FnOnce(&mut ChildStdout) -> Result<()>) -> Result<()> {
    // As standard input: zstd refuses symbolic links, which the inputs in a sandbox are.
    let archive = File::open(file).with_context(|| file.display().to_string())?;
    let mut child: Child = Command::new("zstd")
        .args(["-q", "-d", "-c"])
        .stdin(archive)
        .stdout(Stdio::piped())
        .spawn()
        .context("starting zstd")?;
    let mut stream = child.stdout.take().context("no pipe to the program")?;
    let result = read(&mut stream).and_then(|()| {
        // Drains what follows the archive's end, so that zstd does not write to a closed pipe.
        io::copy(&mut stream, &mut io::sink())?;
        Ok(())
    });
    drop(stream);
    let status = child.wait().context("waiting for zstd")?;
    result.with_context(|| format!("reading {}", file.display()))?;
    ensure!(status.success(), "{}: zstd: {status}", file.display());
    Ok(())
}
/// Debian's name of the kernel in /boot, before `-VERSION`.
pub const fn kernel_prefix(arch: Arch) -> &'static str {
    match arch {
        Arch::Riscv64 => "vmlinux",
        Arch::X86_64 | Arch::Aarch64 | Arch::Loongarch64 => "vmlinuz",
    }
}

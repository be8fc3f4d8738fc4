// SPDX-License-Identifier: BSD-3-Clause
//! A whole Debian as an artifact: its root is the initrd, in which systemd runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use clap::Args;
use tar::{Entry, EntryType};

use crate::{
    Common,
    artifact::console,
    cpio::{Access, Archive},
    root,
    scratch::Scratch,
    tool::run,
};

/// Left out to save memory: a machine without disks does not need it. (The kernel provides /dev.)
const LEFT_OUT: [&str; 6] = ["boot/", "dev/", "etc/fstab", "usr/lib/grub/", "usr/lib/modules/", "var/cache/"];

/// Path of systemd, relative to the root.
const INIT: &[u8] = b"usr/lib/systemd/systemd";

/// An artifact from a root; `out` is a folder.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    pub common: Common,
    /// The root that `e2e_roots root` made
    #[arg(long)]
    root: PathBuf,
}

/// Makes `vmlinuz`, `initrd.img` and `cmdline.txt` in the folder.
///
/// # Errors
/// When the root is not as expected, or zstd fails.
pub fn make(options: &Options) -> Result<()> {
    let Common { arch, out } = &options.common;
    fs::create_dir_all(out)?;
    fs::write(out.join("vmlinuz"), root::summarize(*arch, &options.root)?.kernel)?;
    let scratch = Scratch::new("initrd")?;
    let plain = scratch.file("initrd");
    fs::write(&plain, archive(&options.root)?)?;
    run(Command::new("zstd").args(["-q", "-T1", "-f", "-o"]).arg(out.join("initrd.img")).arg(&plain))?;
    // By default systemd waits 90 seconds for the serial port, then there is no prompt; a busy machine may need more.
    let line = format!("{} systemd.default_device_timeout_sec=900 e2e=network\n", console(*arch));
    Ok(fs::write(out.join("cmdline.txt"), line)?)
}

/// The root as an initrd.
fn archive(root: &Path) -> Result<Vec<u8>> {
    // In a tar, a hard link comes after its file; here it gets a copy of the content.
    let mut linked = BTreeSet::new();
    root::each(root, |_, entry| {
        if entry.header().entry_type() == EntryType::Link {
            linked.insert(target(&entry)?);
        }
        Ok(())
    })?;
    let mut contents: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut archive = Archive::default();
    root::each(root, |path, mut entry| {
        if path.is_empty() || LEFT_OUT.iter().any(|start| path.starts_with(start)) {
            return Ok(());
        }
        let header = entry.header();
        let owner = (u32::try_from(header.uid()?)?, u32::try_from(header.gid()?)?);
        let access = Access { mode: header.mode()? & 0o7777, owner };
        match header.entry_type() {
            EntryType::Directory => archive.folder_with(path, access),
            EntryType::Symlink => archive.link(path, &target(&entry)?),
            EntryType::Link => {
                let content = contents
                    .get(&target(&entry)?)
                    .with_context(|| format!("{path}: link target not found"))?;
                archive.file(path, access, content)
            }
            EntryType::Regular => {
                let mut content = Vec::new();
                entry.read_to_end(&mut content)?;
                archive.file(path, access, &content)?;
                if linked.contains(path.as_bytes()) {
                    contents.insert(path.into(), content);
                }
                Ok(())
            }
            kind => anyhow::bail!("{path} is a {kind:?}"),
        }
    })?;
    // Linux opens it before anything is mounted.
    archive.device("dev/console", (5, 1))?;
    archive.link("init", INIT)?;
    archive.finish()
}

/// The target of a link; of a hard link without the leading `./`.
fn target(entry: &Entry<'_, impl std::io::Read>) -> Result<Vec<u8>> {
    let target = entry.link_name_bytes().context("a link without a target")?;
    let is_hard = entry.header().entry_type() == EntryType::Link;
    Ok(target.strip_prefix(b"./").filter(|_| is_hard).unwrap_or(&target).to_vec())
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use tar::Builder;

    use super::*;
    use crate::files;

    #[test]
    fn a_root_becomes_an_archive_with_systemd_as_its_first_program() {
        let scratch = Scratch::new("initrd-test").unwrap();
        let (plain, root) = (scratch.file("root.tar"), scratch.file("root.tar.zst"));
        let mut tar = Builder::new(File::create(&plain).unwrap());
        for folder in ["./dev", "./etc", "./boot", "./usr"] {
            files::folder(&mut tar, folder).unwrap();
        }
        files::file(&mut tar, "./etc/fstab", 0o644, b"LABEL=x / ext4\n").unwrap();
        files::file(&mut tar, "./boot/vmlinuz-6", 0o644, b"kernel").unwrap();
        files::file(&mut tar, "./usr/tool", 0o4755, b"content").unwrap();
        files::hard_link(&mut tar, "./usr/other", "./usr/tool").unwrap();
        files::link(&mut tar, "./bin", "usr/bin").unwrap();
        tar.into_inner().unwrap();
        run(Command::new("zstd").arg("-q").arg(&plain).arg("-o").arg(&root)).unwrap();
        let made = archive(&root).unwrap();
        let text = String::from_utf8_lossy(&made);
        for expected in
            ["dev\0", "usr/tool\0", "usr/other\0", "bin\0", "dev/console\0", "init\0", "systemd/systemd"]
        {
            assert!(text.contains(expected), "{expected}");
        }
        for absent in ["fstab", "vmlinuz"] {
            assert!(!text.contains(absent), "{absent}");
        }
        assert_eq!(text.matches("content").count(), 2);
        // c_mode of the tool and of its other name, which has its own in a tar.
        assert!(text.contains("000089ED") || text.contains("000089ed"), "setuid");
    }
}

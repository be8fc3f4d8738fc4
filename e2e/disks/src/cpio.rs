// SPDX-License-Identifier: BSD-3-Clause
//! Writes cpio archives for Linux's initial RAM filesystem.
//!
//! Source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst ("newc").

use crate::EPOCH;
use anyhow::{Context, Result};

/// File types in `c_mode`, as in stat(2).
const DIRECTORY: u32 = 0o040_000;
const CHARACTER_DEVICE: u32 = 0o020_000;
const REGULAR: u32 = 0o100_000;
const SYMBOLIC_LINK: u32 = 0o120_000;
const TRAILER: &str = "TRAILER!!!";

/// An archive with one empty file at this path, and its folder.
///
/// # Errors
/// As [`Archive::program`].
pub fn marker(path: &str) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    if let Some((folder, _)) = path.split_once('/') {
        archive.folder(folder)?;
    }
    archive.program(path, &[])?;
    archive.finish()
}

/// Owner and permissions of a file.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// The permissions, as in `c_mode`.
    pub mode: u32,
    /// User and group.
    pub owner: (u32, u32),
}

impl Access {
    /// Owned by root.
    const fn of_root(mode: u32) -> Self {
        Self { mode, owner: (0, 0) }
    }
}

/// An archive being written: all entries have the same time, in the order of the calls.
#[derive(Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// Adds a folder owned by root; its parents must be added first.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn folder(&mut self, name: &str) -> Result<()> {
        self.folder_with(name, Access::of_root(0o755))
    }

    /// A folder.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn folder_with(&mut self, name: &str, access: Access) -> Result<()> {
        self.entry(name, DIRECTORY, access, (0, 0), &[])
    }

    /// Adds a character device owned by root.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn device(&mut self, name: &str, number: (u32, u32)) -> Result<()> {
        self.entry(name, CHARACTER_DEVICE, Access::of_root(0o600), number, &[])
    }

    /// Adds a program owned by root.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn program(&mut self, name: &str, content: &[u8]) -> Result<()> {
        self.file(name, Access::of_root(0o755), content)
    }

    /// A file.
    ///
    /// # Errors
    /// When its length does not fit into the format's 32 bits.
    pub fn file(&mut self, name: &str, access: Access, content: &[u8]) -> Result<()> {
        self.entry(name, REGULAR, access, (0, 0), content)
    }

    /// A symbolic link.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn link(&mut self, name: &str, target: &[u8]) -> Result<()> {
        self.entry(name, SYMBOLIC_LINK, Access::of_root(0o777), (0, 0), target)
    }

    /// The whole archive.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn finish(mut self) -> Result<Vec<u8>> {
        self.entry(TRAILER, 0, Access::of_root(0), (0, 0), &[])?;
        Ok(self.bytes)
    }

    fn entry(
        &mut self,
        name: &str,
        kind: u32,
        Access { mode, owner: (uid, gid) }: Access,
        (major, minor): (u32, u32),
        content: &[u8],
    ) -> Result<()> {
        self.entries = self.entries.checked_add(1).context("too many files")?;
        let size = u32::try_from(content.len()).context("file larger than 4 GiB")?;
        let name_size = u32::try_from(name.len())?.saturating_add(1);
        let time = u32::try_from(EPOCH)?;
        // c_ino, c_mode, c_uid, c_gid, c_nlink, c_mtime, c_filesize, c_maj, c_min, c_rmaj, c_rmin, c_namesize,
        // c_chksum: eight hexadecimal digits each.
        let fields = [self.entries, kind | mode, uid, gid, 1, time, size, 0, 0, major, minor, name_size, 0];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08x}").bytes());
        }
        self.bytes.extend(name.bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
        Ok(())
    }

    /// Pads to a multiple of four bytes, after the header with the name and after the content.
    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_laid_out_as_the_format_says() {
        let mut archive = Archive::default();
        archive.program("init", b"hello").unwrap();
        let bytes = archive.finish().unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let header = "070701\
            00000001000081ed000000000000000000000001\
            68e77800000000050000000000000000000000000000000000000005\
            00000000";
        assert_eq!(&text[..110], header);
        // 110 + "init" + 0 = 115, padded to 116; the content's five bytes padded to eight.
        assert_eq!(&text[110..124], "init\0\0hello\0\0\0");
        assert!(text[124..].starts_with("07070100000002") && text.ends_with("TRAILER!!!\0\0\0\0"));
        assert_eq!(text.len() % 4, 0);
    }
}

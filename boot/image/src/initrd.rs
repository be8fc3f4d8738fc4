// SPDX-License-Identifier: BSD-3-Clause
//! Several initrds in one buffer.
//!
//! Linux accepts concatenated cpio archives, each compressed or not, and skips zeros between them; an archive must
//! start at a multiple of four bytes.
//! Spec: Linux, `Documentation/driver-api/early-userspace/buffer-format.rst`.

use alloc::{format, vec::Vec};

use crate::{Error, Format};

const ALIGNMENT: u64 = 4;
/// Modes of the files and folders that GRUB puts into an archive: accessible to all.
const FILE: u32 = 0o100_777;
const FOLDER: u32 = 0o040_777;
/// The name that ends an archive.
const END: &str = "TRAILER!!!";

/// Where the files go in a buffer whose gaps are zero.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Layout {
    /// Offset in bytes of each file, a multiple of four, in their order.
    pub offsets: Vec<u64>,
    /// Length of the buffer in bytes, a multiple of four.
    pub total: u64,
}

impl Layout {
    /// For files of these lengths in bytes, of at most `limit` bytes together.
    ///
    /// # Errors
    /// [`Error::Limit`] when they are longer.
    pub fn new(lengths: &[u64], limit: u64) -> Result<Self, Error> {
        let mut offsets = Vec::with_capacity(lengths.len());
        let mut total = 0u64;
        for length in lengths {
            offsets.push(total);
            let end = total.checked_add(*length).and_then(|end| end.checked_next_multiple_of(ALIGNMENT));
            total = end.unwrap_or(u64::MAX);
            if total > limit {
                return Err(Error::Limit { format: Format::Initrd, size: total, limit });
            }
        }
        Ok(Self { offsets, total })
    }
}

/// The bytes around a file that becomes the only one of an archive; empty if the file is an archive itself.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Wrapper {
    /// Its folders and its own header.
    pub before: Vec<u8>,
    /// Zeros up to a multiple of four, and the archive's end.
    pub behind: Vec<u8>,
}

impl Wrapper {
    /// For a file of `size` bytes that the kernel is to find under `path`, without a slash in front. It needs
    /// [`length`](Self::length) bytes less `size`.
    ///
    /// Source: GRUB, `grub-core/loader/linux.c` (`grub_initrd_load`).
    ///
    /// # Errors
    /// [`Error::Limit`] where the archive cannot say such a size.
    pub fn new(path: &str, size: u64) -> Result<Self, Error> {
        let small = size_of(size)?;
        let mut before = Vec::new();
        for folder in folders(path) {
            before.extend(header(folder, FOLDER, 0));
        }
        before.extend(header(path, FILE, small));
        let mut behind = Vec::new();
        let padding = size.wrapping_neg() % ALIGNMENT;
        behind.extend((0..padding).map(|_| 0));
        behind.extend(header(END, 0, 0));
        Ok(Self { before, behind })
    }

    /// Bytes of the whole archive: a path with many folders makes it much longer than the file.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn length(path: &str, size: u64) -> Result<u64, Error> {
        size_of(size)?;
        // A saturated value is larger than any memory.
        let sum = |sum: u64, name: &str| sum.saturating_add(header_length(name));
        let headers = folders(path).chain([path, END]).fold(0, sum);
        Ok(size.saturating_add(size.wrapping_neg() % ALIGNMENT).saturating_add(headers))
    }
}

fn size_of(size: u64) -> Result<u32, Error> {
    let limit = u64::from(u32::MAX);
    u32::try_from(size).map_err(|_| Error::Limit { format: Format::Initrd, size, limit })
}

/// The folders of a path, outermost first.
fn folders(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').filter_map(|(at, _)| path.get(..at))
}

/// Bytes of [`header`], without making it: six of magic number, thirteen numbers of eight digits, a zero behind the name.
fn header_length(name: &str) -> u64 {
    let name = u64::try_from(name.len()).unwrap_or(u64::MAX);
    // A saturated value is larger than any memory.
    name.saturating_add(111).checked_next_multiple_of(ALIGNMENT).unwrap_or(u64::MAX)
}

/// Header and name of a file in an archive, in bytes that are a multiple of four. One whose mode is 0 ends the archive.
#[must_use]
pub fn header(name: &str, mode: u32, size: u32) -> Vec<u8> {
    let ino = u32::from(mode != 0);
    // Cannot saturate: a text in memory.
    let length = name.len().saturating_add(1);
    let mut bytes = format!(
        "070701{ino:08X}{mode:08X}{:08X}{:08X}{:08X}{:08X}{size:08X}{:08X}{:08X}{:08X}{:08X}{length:08X}{:08X}{name}\0",
        0, 0, 1, 0, 0, 0, 0, 0, 0
    )
    .into_bytes();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_an_archive_has_its_folders_before_it() {
        let wrapper = Wrapper::new("etc/x/y", 5).unwrap();
        let names = ["etc", "etc/x", "etc/x/y"].map(|name| {
            let mode = if name.ends_with('y') { FILE } else { FOLDER };
            header(name, mode, if mode == FILE { 5 } else { 0 })
        });
        assert_eq!(wrapper.before, names.concat());
        assert_eq!(wrapper.before.len() % 4, 0);
        assert_eq!(wrapper.behind, [&[0; 3][..], &header(END, 0, 0)].concat());
        assert_eq!(Wrapper::new("a", 8).unwrap().behind, header(END, 0, 0));
        for (path, size) in [("etc/x/y", 5), ("a", 8), ("", 0), ("//ab//", 7)] {
            let Wrapper { before, behind } = Wrapper::new(path, size).unwrap();
            assert_eq!(
                Wrapper::length(path, size),
                Ok(before.len() as u64 + size + behind.len() as u64),
                "{path}"
            );
        }
        assert!(Wrapper::length(&"a/".repeat(1 << 19), 1).unwrap() > 1 << 37, "nothing of it is made");
        let size = 1 << 32;
        assert_eq!(
            Wrapper::new("a", size),
            Err(Error::Limit { format: Format::Initrd, size, limit: u64::from(u32::MAX) })
        );
    }

    #[test]
    fn every_file_starts_at_a_multiple_of_four_in_order() {
        let layout = Layout::new(&[5, 0, 8, 1], 100).unwrap();
        assert_eq!(layout, Layout { offsets: [0, 8, 8, 16].to_vec(), total: 20 });
        assert_eq!(Layout::new(&[], 0), Ok(Layout { offsets: [].to_vec(), total: 0 }));
    }

    #[test]
    fn new_rejects_what_exceeds_the_limit() {
        assert!(Layout::new(&[4, 4], 8).is_ok());
        for (lengths, size) in [(&[4, 5][..], 12), (&[u64::MAX], u64::MAX), (&[4, u64::MAX - 5], u64::MAX)] {
            assert_eq!(Layout::new(lengths, 8), Err(Error::Limit { format: Format::Initrd, size, limit: 8 }));
        }
    }
}

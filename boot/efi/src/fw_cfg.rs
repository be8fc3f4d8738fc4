// SPDX-License-Identifier: BSD-3-Clause
//! QEMU's fw_cfg device: its directory of files.
//!
//! Spec: QEMU, docs/specs/fw_cfg.rst.

/// Selects the signature, [`MAGIC`].
pub const SIGNATURE: u16 = 0;
/// Selects the directory.
pub const DIRECTORY: u16 = 0x19;
/// What the device answers for [`SIGNATURE`].
pub const MAGIC: [u8; 4] = *b"QEMU";

/// Bytes of an entry of the directory: size, selector, two reserved bytes, name.
pub const ENTRY: usize = 64;
/// Most entries of a directory that are read.
pub const MOST: u32 = 1024;

/// A file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct File {
    /// Selects it.
    pub selector: u16,
    /// Its length in bytes.
    pub size: u32,
}

/// The file of this name in a directory, which is passed without the leading count. All numbers are big-endian.
pub fn find(directory: &[u8], name: &str) -> Option<File> {
    directory.as_chunks::<ENTRY>().0.iter().find_map(|entry| {
        let (size, rest) = entry.split_first_chunk::<4>()?;
        let (selector, rest) = rest.split_first_chunk::<2>()?;
        let field = rest.get(2..)?;
        let found = field.split(|byte| *byte == 0).next()?;
        let file = File { selector: u16::from_be_bytes(*selector), size: u32::from_be_bytes(*size) };
        (found == name.as_bytes()).then_some(file)
    })
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn entry(size: u32, selector: u16, name: &str) -> Vec<u8> {
        let mut entry = [&size.to_be_bytes()[..], &selector.to_be_bytes(), &[0, 0], name.as_bytes()].concat();
        entry.resize(ENTRY, 0);
        entry
    }

    #[test]
    fn a_file_is_found_by_its_whole_name() {
        let directory = [entry(7, 0x20, "opt/a/b"), entry(9, 0x21, "opt/a")].concat();
        assert_eq!(find(&directory, "opt/a"), Some(File { selector: 0x21, size: 9 }));
        assert_eq!(find(&directory, "opt"), None);
        assert_eq!(find(&directory[..ENTRY + 3], "opt/a"), None, "half an entry");
    }
}

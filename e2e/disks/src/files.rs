// SPDX-License-Identifier: BSD-3-Clause
//! Entries of the tar stream for a root: all owned by root, all with the same time.

use std::io::Write;

use crate::EPOCH;
use anyhow::Result;
use tar::{Builder, EntryType, Header};

/// Appends a folder.
///
/// # Errors
/// When the stream fails.
pub fn folder(tar: &mut Builder<impl Write>, name: &str) -> Result<()> {
    Ok(tar.append_data(&mut header(EntryType::Directory, 0o755, 0), format!("{name}/"), &[][..])?)
}

/// Appends a file with `mode`.
///
/// # Errors
/// When the stream fails.
pub fn file(tar: &mut Builder<impl Write>, name: &str, mode: u32, content: &[u8]) -> Result<()> {
    let size = u64::try_from(content.len())?;
    Ok(tar.append_data(&mut header(EntryType::Regular, mode, size), name, content)?)
}

/// Appends a symbolic link.
///
/// # Errors
/// When the stream fails.
pub fn link(tar: &mut Builder<impl Write>, name: &str, target: &str) -> Result<()> {
    Ok(tar.append_link(&mut header(EntryType::Symlink, 0o777, 0), name, target)?)
}

/// Appends a hard link to a file that was appended before.
///
/// # Errors
/// When the stream fails.
pub fn hard_link(tar: &mut Builder<impl Write>, name: &str, target: &str) -> Result<()> {
    Ok(tar.append_link(&mut header(EntryType::Link, 0o644, 0), name, target)?)
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(EPOCH);
    header.set_size(size);
    header
}

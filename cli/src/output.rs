// SPDX-License-Identifier: BSD-3-Clause
//! Writes whole files.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use sha2::{Digest, Sha256};

use crate::{codes, failure::Failure, images};

/// Writes a file, or a block device that is not in use; overwrites only if `is_forced`.
pub fn write(out: &Path, is_forced: bool, bytes: &[u8]) -> Result<(), Failure> {
    let failed =
        |error: &dyn ToString| Failure::new(codes::TARGET, out.as_os_str().as_bytes(), error.to_string());
    let mut file = open(out, is_forced).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Failure { advice: "choose another name, or use --force".into(), ..failed(&"it already exists") }
        }
        ErrorKind::ResourceBusy => Failure { advice: images::UNUSED.into(), ..failed(&error) },
        _ => failed(&error),
    })?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| {
        if is_file(out) {
            // A partial file is useless. Best effort: if it cannot be removed, it stays.
            let _ = fs::remove_file(out);
        }
        failed(&error)
    })
}

/// Its SHA-256, in hexadecimal digits.
pub fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Opens the file to be written.
fn open(out: &Path, is_forced: bool) -> io::Result<File> {
    if !is_forced {
        // create_new: without --force, the file must not appear between check and open.
        return File::create_new(out);
    }
    match images::is_block_device(out) {
        // Never write to a device with a mounted filesystem.
        Ok(true) => images::open_unused(out),
        _ => File::create(out),
    }
}

fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file())
}

// SPDX-License-Identifier: BSD-3-Clause
//! The user's disk image.

use std::{env, path::Path};

use anyhow::{Context, Result};
use qemu::{disk::Format, machine::Disk};

/// The disk in an image, found by its content; `file` is relative to the folder where the user called Bazel.
///
/// # Errors
/// When it cannot be read or is not a disk image.
pub fn find(file: &Path) -> Result<Disk> {
    let folder = env::var_os("BUILD_WORKING_DIRECTORY").map_or_else(env::current_dir, |f| Ok(f.into()))?;
    open(&folder.join(file))
}

fn open(path: &Path) -> Result<Disk> {
    let format = Format::of_file(path).with_context(|| {
        format!("{} (only your home, /tmp and this checkout are visible)", path.display())
    })?;
    Ok(Disk { format, ..Disk::raw(path) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_image_is_named_with_what_can_be_seen() {
        let why = format!("{:#}", open(Path::new("/nowhere/a.raw")).unwrap_err());
        assert!(why.starts_with("/nowhere/a.raw (only your home"), "{why}");
        assert!(why.contains("No such file"), "{why}");
    }
}

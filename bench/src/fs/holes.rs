// SPDX-License-Identifier: BSD-3-Clause
//! Small files, of which half are removed: the next file lies in the holes.

use std::path::Path;

use anyhow::Result;

use crate::scratch;

/// Files that are removed, and as many that stay between them; their bytes.
const FILES: usize = 4500;
const REMOVED: usize = 64 << 10;
const KEPT: usize = 4 << 10;

/// Fills a folder: by name, one that is kept stands behind one that is not.
///
/// # Errors
/// When a file cannot be written.
pub fn litter(tree: &Path) -> Result<()> {
    let bytes = scratch::noise(REMOVED, 3);
    for name in removed() {
        scratch::write(&tree.join(&name), &bytes)?;
        scratch::write(&tree.join(format!("{name}-kept")), &bytes[..KEPT])?;
    }
    Ok(())
}

/// Names of those that are to be removed.
pub fn removed() -> impl Iterator<Item = String> {
    (0..FILES).map(|number| format!("{:02}/{number:04}", number / 100))
}

/// In words.
pub fn describe() -> String {
    format!("{FILES} files of {} KiB and as many of {} KiB", KEPT >> 10, REMOVED >> 10)
}

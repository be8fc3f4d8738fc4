// SPDX-License-Identifier: BSD-3-Clause
//! Small files, half of which are removed, so that the next file is placed in the holes.

use std::path::Path;

use anyhow::Result;

use crate::scratch;

/// Pairs of files: one of each is removed.
#[derive(Clone, Copy, Debug)]
pub struct SmallFiles {
    /// How many pairs.
    pairs: usize,
    /// Bytes of a file that is removed.
    removed: usize,
}

/// Bytes of a file that stays.
const KEPT: usize = 4 << 10;

impl SmallFiles {
    /// For about 4000 pieces of a large file.
    pub const FINE: Self = Self { pairs: 4500, removed: 64 << 10 };
    /// For about 1400 pieces.
    pub const COARSE: Self = Self { pairs: 1500, removed: 192 << 10 };

    /// Fills a folder: in the order of names and of time, removed and kept files alternate.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(self, tree: &Path) -> Result<()> {
        let bytes = scratch::noise(self.removed, 3);
        for name in self.removed() {
            scratch::write(&tree.join(&name), &bytes)?;
            scratch::write(&tree.join(format!("{name}-kept")), &bytes[..KEPT])?;
        }
        Ok(())
    }

    /// Names of the files to remove.
    pub fn removed(self) -> impl Iterator<Item = String> {
        (0..self.pairs).map(|number| format!("{:02}/{number:04}", number / 100))
    }

    /// A description for the report.
    pub fn describe(self) -> String {
        format!("{} files of {} KiB and as many of {} KiB", self.pairs, KEPT >> 10, self.removed >> 10)
    }
}

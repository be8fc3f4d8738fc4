// SPDX-License-Identifier: BSD-3-Clause
//! Small files, of which half are removed: the next file lies in the holes.

use std::path::Path;

use anyhow::Result;

use crate::scratch;

/// Files in pairs: one of each is removed.
#[derive(Clone, Copy, Debug)]
pub struct Litter {
    /// How many pairs.
    pairs: usize,
    /// Bytes of a file that is removed.
    removed: usize,
}

/// Bytes of a file that stays.
const KEPT: usize = 4 << 10;

impl Litter {
    /// For some 4000 pieces of a large file.
    pub const FINE: Self = Self { pairs: 4500, removed: 64 << 10 };
    /// For some 1400.
    pub const COARSE: Self = Self { pairs: 1500, removed: 192 << 10 };

    /// Fills a folder: by name and in time, one that stays comes after one that does not.
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

    /// Names of those that are to be removed.
    pub fn removed(self) -> impl Iterator<Item = String> {
        (0..self.pairs).map(|number| format!("{:02}/{number:04}", number / 100))
    }

    /// In words.
    pub fn describe(self) -> String {
        format!("{} files of {} KiB and as many of {} KiB", self.pairs, KEPT >> 10, self.removed >> 10)
    }
}

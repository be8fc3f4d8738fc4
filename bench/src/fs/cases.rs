// SPDX-License-Identifier: BSD-3-Clause
//! All images, and what is measured on them.

use anyhow::Result;

use super::{Run, btrfs, ext4, image::Image, large, many, xfs};
use crate::{report::Row, scratch::Scratch};

/// An image and what is measured on it.
pub struct Case {
    /// Filesystem and shape: `ext4 in one piece`.
    pub name: &'static str,
    /// Makes the image.
    pub make: fn(&Scratch) -> Result<Image>,
    /// Measures; the name is used in the rows.
    pub measure: fn(&Run, &str, &Image) -> Result<Vec<Row>>,
}

/// All cases, in the order of the table.
pub const CASES: [Case; 11] = [
    Case { name: "ext4 in one piece", make: ext4::whole, measure: large::unverified },
    Case { name: "ext4 in many pieces", make: ext4::pieces, measure: large::unverified },
    Case { name: "XFS in one piece", make: xfs::whole, measure: large::unverified },
    Case { name: "XFS in many pieces", make: xfs::pieces, measure: large::unverified },
    Case { name: "btrfs in one piece", make: btrfs::whole, measure: large::verified },
    Case { name: "btrfs in many pieces", make: btrfs::pieces, measure: large::verified },
    Case { name: "btrfs by zstd", make: btrfs::compressed, measure: large::compressed },
    Case {
        name: "btrfs raid0 over four disks",
        make: |scratch| btrfs::spread(scratch, "raid0", 4),
        measure: large::verified,
    },
    Case {
        name: "btrfs raid10 over four disks",
        make: |scratch| btrfs::spread(scratch, "raid10", 4),
        measure: large::verified,
    },
    Case {
        name: "btrfs raid6 over five disks",
        make: |scratch| btrfs::spread(scratch, "raid6", 5),
        measure: large::rebuilt,
    },
    Case { name: "btrfs of 100 000 files", make: btrfs::crowd, measure: many::one_path },
];

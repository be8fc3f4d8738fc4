// SPDX-License-Identifier: BSD-3-Clause
//! Linux's filesystem drivers and their differences.

/// A driver of Linux that ages images.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Driver {
    Btrfs,
    Ext4,
    Fat,
    Xfs,
}

impl Driver {
    const ALL: [Self; 4] = [Self::Btrfs, Self::Ext4, Self::Fat, Self::Xfs];

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|driver| driver.name() == name)
    }

    /// Its name for mount(2).
    pub fn name(self) -> &'static str {
        match self {
            Self::Btrfs => "btrfs",
            Self::Ext4 => "ext4",
            Self::Fat => "vfat",
            Self::Xfs => "xfs",
        }
    }

    /// Its mkfs program, and the option that makes it print its version first.
    pub fn mkfs(self) -> (&'static str, &'static str) {
        match self {
            Self::Btrfs => ("mkfs.btrfs", "--version"),
            Self::Ext4 => ("mke2fs", "-V"),
            Self::Fat => ("mkfs.fat", "--help"),
            Self::Xfs => ("mkfs.xfs", "-V"),
        }
    }

    /// Whether it has links, owners, modes, attributes and holes.
    pub fn is_unix(self) -> bool {
        self != Self::Fat
    }

    /// Whether files can share blocks.
    pub fn is_modern(self) -> bool {
        matches!(self, Self::Btrfs | Self::Xfs)
    }

    /// Kernel modules that it needs, in load order. XFS and btrfs are built in, with everything that they need.
    pub fn modules(self) -> &'static [&'static str] {
        match self {
            Self::Fat => &[
                "nls/nls_cp437",
                "nls/nls_iso8859-1",
                "nls/nls_ascii",
                "nls/nls_utf8",
                "fat/fat",
                "fat/vfat",
            ],
            // ext4 is built in, its quotas are not.
            Self::Ext4 => &["quota/quota_tree", "quota/quota_v2"],
            Self::Btrfs | Self::Xfs => &[],
        }
    }

    /// Options of a read-only mount of the aged image, without those that only writing needs.
    pub fn reading(self) -> &'static str {
        match self {
            Self::Fat => "utf8=1,tz=UTC",
            _ => "",
        }
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Profiles: how many copies a chunk has, and how it is spread over devices.

/// `BTRFS_BLOCK_GROUP_DATA`
pub const DATA: u64 = 1 << 0;
/// `BTRFS_BLOCK_GROUP_SYSTEM`
pub const SYSTEM: u64 = 1 << 1;
/// `BTRFS_BLOCK_GROUP_METADATA`
pub const METADATA: u64 = 1 << 2;
/// The types of content that a chunk may store.
const USES: u64 = DATA | SYSTEM | METADATA;

/// The profile of a chunk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Profile {
    /// One copy on one device.
    Single,
    /// Two copies on one device.
    Dup,
    /// One copy, striped over devices.
    Raid0,
    /// Copies on two devices.
    Raid1,
    /// Copies on three devices.
    Raid1c3,
    /// Copies on four devices.
    Raid1c4,
    /// Pairs of copies, striped.
    Raid10,
    /// Striped with one parity.
    Raid5,
    /// Striped with two parities.
    Raid6,
}

/// The most devices of raid6: with more columns than the 255 powers of two in the Galois field, Q is ambiguous.
const MOST_RAID6: usize = 257;

impl Profile {
    /// All profiles.
    pub const ALL: [Self; 9] = [
        Self::Single,
        Self::Dup,
        Self::Raid0,
        Self::Raid1,
        Self::Raid1c3,
        Self::Raid1c4,
        Self::Raid10,
        Self::Raid5,
        Self::Raid6,
    ];

    /// The profile in `btrfs_chunk.type`; `None` if there are several, or an unknown one.
    pub fn of(kind: u64) -> Option<Self> {
        let profile = kind & !USES;
        (kind & USES != 0).then_some(())?;
        Some(match profile {
            0 => Self::Single,
            0x8 => Self::Raid0,
            0x10 => Self::Raid1,
            0x20 => Self::Dup,
            0x40 => Self::Raid10,
            0x80 => Self::Raid5,
            0x100 => Self::Raid6,
            0x200 => Self::Raid1c3,
            0x400 => Self::Raid1c4,
            _ => return None,
        })
    }

    /// Its name in mkfs.btrfs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Dup => "dup",
            Self::Raid0 => "raid0",
            Self::Raid1 => "raid1",
            Self::Raid1c3 => "raid1c3",
            Self::Raid1c4 => "raid1c4",
            Self::Raid10 => "raid10",
            Self::Raid5 => "raid5",
            Self::Raid6 => "raid6",
        }
    }

    /// Copies of each byte, not counting parity.
    pub fn copies(self) -> usize {
        match self {
            Self::Single | Self::Raid0 | Self::Raid5 | Self::Raid6 => 1,
            Self::Dup | Self::Raid1 | Self::Raid10 => 2,
            Self::Raid1c3 => 3,
            Self::Raid1c4 => 4,
        }
    }

    /// Parities per row.
    pub fn parities(self) -> usize {
        match self {
            Self::Raid5 => 1,
            Self::Raid6 => 2,
            _ => 0,
        }
    }

    /// Whether strips of 64 KiB alternate between devices.
    pub fn is_striped(self) -> bool {
        matches!(self, Self::Raid0 | Self::Raid10 | Self::Raid5 | Self::Raid6)
    }

    /// Whether a chunk may have this many stripes: `btrfs_check_chunk_valid`.
    pub fn allows(self, stripes: usize) -> bool {
        match self {
            Self::Raid0 => stripes >= 1,
            Self::Raid10 => stripes >= 2 && stripes.is_multiple_of(2),
            Self::Raid5 => stripes >= 2,
            Self::Raid6 => (3..=MOST_RAID6).contains(&stripes),
            _ => stripes == self.copies(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_says_one_profile() {
        assert_eq!(Profile::of(DATA | METADATA), Some(Profile::Single), "mixed block groups");
        assert_eq!(Profile::of(DATA | 0x100), Some(Profile::Raid6));
        for wrong in [0, 0x10, DATA | 0x18, DATA | 0x800, SYSTEM | 1 << 48] {
            assert_eq!(Profile::of(wrong), None, "{wrong:#x}");
        }
    }

    #[test]
    fn stripes_fit_the_profile() {
        for (profile, right, wrong) in [
            (Profile::Single, 1, 2),
            (Profile::Dup, 2, 1),
            (Profile::Raid1c3, 3, 2),
            (Profile::Raid0, 1, 0),
            (Profile::Raid10, 4, 3),
            (Profile::Raid5, 2, 1),
            (Profile::Raid6, 3, 2),
        ] {
            assert!(profile.allows(right) && !profile.allows(wrong), "{profile:?}");
        }
        assert!(Profile::Raid6.allows(257) && !Profile::Raid6.allows(258));
    }
}

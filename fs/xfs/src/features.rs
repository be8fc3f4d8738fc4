// SPDX-License-Identifier: BSD-3-Clause
//! Feature bits, with the names that xfs_info uses.

use alloc::{borrow::Cow, format, string::String, vec::Vec};

/// `sb_versionnum`: the low four bits are the version.
pub const VERSION: u16 = 0xf;
/// `sb_versionnum`: links are counted in 32 bits.
const NLINK: u16 = 0x20;
/// `sb_versionnum`: no known meaning; Linux refuses it.
const SHARED: u16 = 0x200;
/// `sb_versionnum`: extents have a flag that says whether they were written.
const EXTFLG: u16 = 0x1000;
/// `sb_versionnum`: directories of version 2.
const DIRV2: u16 = 0x2000;
/// `sb_versionnum`: names are compared without regard to case.
pub const ASCII_CI: u16 = 0x4000;
/// `sb_versionnum`: `sb_features2` is valid.
pub const MORE_BITS: u16 = 0x8000;
/// These are not optional in version 5.
const ALWAYS_IN_V5: u16 = NLINK | EXTFLG | DIRV2 | MORE_BITS;

/// `sb_features2`: directory entries have a file type.
pub const FEATURES2_FTYPE: u32 = 0x200;
/// `sb_features2`: lazy-count, attr2, projid32bit and ftype; in version 5 also the bit for checksums.
const FEATURES2_READ: u32 = 0x2 | 0x8 | 0x80 | FEATURES2_FTYPE;
const FEATURES2_CRC: u32 = 0x100;

/// `sb_features_incompat`: directory entries have a file type.
pub const INCOMPAT_FTYPE: u32 = 0x1;
/// `sb_features_incompat`: metadata carries `sb_meta_uuid`.
pub const INCOMPAT_META_UUID: u32 = 0x4;
/// `sb_features_incompat`: times of 64 bits.
pub const INCOMPAT_BIGTIME: u32 = 0x8;
/// `sb_features_incompat`: xfs_repair has to finish a repair first.
pub const INCOMPAT_NEEDSREPAIR: u32 = 0x10;
/// `sb_features_incompat`: inodes may have 64-bit extent counts.
pub const INCOMPAT_NREXT64: u32 = 0x20;

/// `sb_features_incompat` by the names of xfs_info, lowest bit first. All of them are supported: the last five only
/// change what is not read for files (extended attributes, the log, quotas, the realtime device).
const INCOMPAT: &[&str] = &[
    "ftype",
    "sparse",
    "meta_uuid",
    "bigtime",
    "needsrepair",
    "nrext64",
    "exchange",
    "parent",
    "metadir",
    "zoned",
    "zone_gaps",
];
/// `sb_features_ro_compat`
const RO_COMPAT: &[&str] = &["finobt", "rmapbt", "reflink", "inobtcount"];

/// The feature words as stored; those that only version 5 has are zero in version 4.
#[derive(Clone, Copy, Debug)]
pub struct Features {
    pub version: u16,
    pub features2: u32,
    pub ro_compat: u32,
    pub incompat: u32,
    pub log_incompat: u32,
}

impl Features {
    /// Whether it is version 5, in which all metadata has checksums and names its owner.
    pub fn is_v5(&self) -> bool {
        self.version & VERSION == 5
    }

    pub fn has_version(&self, bit: u16) -> bool {
        self.version & bit != 0
    }

    pub fn has_incompat(&self, bit: u32) -> bool {
        self.incompat & bit != 0
    }

    /// Whether directory entries have a file type.
    pub fn has_ftype(&self) -> bool {
        self.features2 & FEATURES2_FTYPE != 0 || self.has_incompat(INCOMPAT_FTYPE)
    }

    /// The first unsupported feature.
    pub fn unreadable(&self) -> Option<Cow<'static, str>> {
        let version = self.version & VERSION;
        if !matches!(version, 4 | 5) {
            return Some(format!("version {version}").into());
        }
        if self.has_version(SHARED) {
            return Some("sb_versionnum bit 9".into());
        }
        if !self.has_version(DIRV2) {
            return Some("directories of version 1".into());
        }
        if !self.has_version(EXTFLG) {
            return Some("extents without an unwritten flag".into());
        }
        let is_v5 = version == 5;
        if is_v5 && self.version & ALWAYS_IN_V5 != ALWAYS_IN_V5 {
            return Some(format!("version 5 with sb_versionnum {:#x}", self.version).into());
        }
        let read = FEATURES2_READ | if is_v5 { FEATURES2_CRC } else { 0 };
        let known = u32::try_from(INCOMPAT.len()).ok().and_then(|bits| 1u32.checked_shl(bits));
        let known = known.unwrap_or(0).wrapping_sub(1);
        let words = [("sb_features2", self.features2, read), ("sb_features_incompat", self.incompat, known)];
        let unknown = words.into_iter().map(|(word, bits, read)| (word, bits & !read));
        let (word, bits) = unknown.into_iter().find(|(_, bits)| *bits != 0)?;
        Some(format!("{word} bit {}", bits.trailing_zeros()).into())
    }

    /// Names of the features in use, as xfs_info prints them.
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        names.extend(self.is_v5().then(|| "crc".into()));
        names.extend(self.has_version(ASCII_CI).then(|| "ascii-ci".into()));
        // Version 4 has its own bit for it.
        names.extend((self.has_ftype() && !self.is_v5()).then(|| "ftype".into()));
        for (word, table, bits) in
            [("incompat", INCOMPAT, self.incompat), ("ro_compat", RO_COMPAT, self.ro_compat)]
        {
            let set = (0..u32::BITS).filter(|bit| bits.checked_shr(*bit).unwrap_or(0) & 1 != 0);
            names.extend(set.map(|bit| match usize::try_from(bit).ok().and_then(|bit| table.get(bit)) {
                Some(name) => String::from(*name),
                None => format!("{word} bit {bit}"),
            }));
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As mkfs.xfs makes them today.
    const V5: Features =
        Features { version: 0xb4a5, features2: 0x18a, ro_compat: 0xf, incompat: 0xeb, log_incompat: 0 };
    const V4: Features =
        Features { version: 0xb4a4, features2: 0x8a, ro_compat: 0, incompat: 0, log_incompat: 0 };

    #[test]
    fn what_cannot_be_read_has_its_name() {
        assert_eq!(V5.unreadable(), None);
        assert_eq!(V4.unreadable(), None);
        for (features, name) in [
            (Features { version: 0x3003, ..V4 }, "version 3"),
            (Features { version: 0xb6a5, ..V5 }, "sb_versionnum bit 9"),
            (Features { version: 0x94a4, ..V4 }, "directories of version 1"),
            (Features { version: 0xa4a4, ..V4 }, "extents without an unwritten flag"),
            (Features { version: 0x34a5, ..V5 }, "version 5 with sb_versionnum 0x34a5"),
            (Features { features2: 0x18a, ..V4 }, "sb_features2 bit 8"),
            (Features { features2: 0x10, ..V5 }, "sb_features2 bit 4"),
            (Features { incompat: 0x8eb, ..V5 }, "sb_features_incompat bit 11"),
            (Features { incompat: 1 << 31, ..V5 }, "sb_features_incompat bit 31"),
        ] {
            assert_eq!(features.unreadable().as_deref(), Some(name));
        }
    }

    #[test]
    fn names_are_those_of_xfs_info() {
        let names = ["crc", "ftype", "sparse", "bigtime", "nrext64", "exchange", "parent"];
        assert_eq!(V5.names()[..7], names);
        assert_eq!(V5.names()[7..], ["finobt", "rmapbt", "reflink", "inobtcount"]);
        let v4 = Features { version: 0xf4a4, features2: 0x28a, ..V4 };
        assert_eq!(v4.names(), ["ascii-ci", "ftype"]);
        assert_eq!(Features { ro_compat: 0x21, ..V4 }.names(), ["finobt", "ro_compat bit 5"]);
    }
}

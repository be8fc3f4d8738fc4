// SPDX-License-Identifier: BSD-3-Clause
//! FAT32's information sector: hints, which may be wrong.
//!
//! Source: FAT specification 1.03, "FAT32 FSInfo Sector Structure and Backup Boot Sector".

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned, little_endian::U32};

use crate::units::ClusterNumber;

const LEAD_SIG: u32 = 0x4161_5252;
const STRUC_SIG: u32 = 0x6141_7272;
const TRAIL_SIG: u32 = 0xaa55_0000;
/// Means that the number of free clusters is unknown.
pub const UNKNOWN: u32 = u32::MAX;

/// The sector.
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FsInfo {
    fsi_lead_sig: U32,
    fsi_reserved1: [u8; 480],
    fsi_struc_sig: U32,
    pub fsi_free_count: U32,
    pub fsi_nxt_free: U32,
    fsi_reserved2: [u8; 12],
    fsi_trail_sig: U32,
}

impl FsInfo {
    /// A sector with these values.
    pub fn new(free: u32, next_free: ClusterNumber) -> Self {
        let mut info = Self::new_zeroed();
        info.fsi_lead_sig.set(LEAD_SIG);
        info.fsi_struc_sig.set(STRUC_SIG);
        info.fsi_free_count.set(free);
        info.fsi_nxt_free.set(next_free.0);
        info.fsi_trail_sig.set(TRAIL_SIG);
        info
    }

    /// Whether it has its three signatures.
    pub fn is_valid(&self) -> bool {
        self.fsi_lead_sig.get() == LEAD_SIG
            && self.fsi_struc_sig.get() == STRUC_SIG
            && self.fsi_trail_sig.get() == TRAIL_SIG
    }
}

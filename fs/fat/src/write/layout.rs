// SPDX-License-Identifier: BSD-3-Clause
//! Chooses the type, cluster size and number of clusters of a volume.

use super::{Error, Size, tree::Node};
use crate::{Kind, directory::SLOT, units::SectorNumber};

/// Bytes of a sector.
pub const SECTOR: u64 = 512;
/// Copies of the FAT.
pub const FATS: u64 = 2;
/// Minimum number of slots of the root directory on FAT12 and FAT16, as the specification demands for FAT16.
const ROOT_SLOTS: u64 = 512;
/// Minimum number of reserved sectors: the boot sector; on FAT32 also space for its copy, as in every formatter.
const RESERVED: u64 = 1;
const RESERVED_32: u64 = 32;
/// Distance to the cluster counts where the type changes, as the specification demands: some drivers miscount.
const MARGIN: u64 = 16;

/// A type and cluster size, with the range of cluster counts that it is used for.
struct Candidate {
    kind: Kind,
    cluster: u64,
    least: u64,
    most: u64,
}

const FAT12_END: u64 = 4085 - MARGIN;
const FAT16_START: u64 = 4085 + MARGIN;
const FAT16_END: u64 = 65_525 - MARGIN;
const FAT32_START: u64 = 65_525 + MARGIN;

const fn fat12(cluster: u64) -> Candidate {
    Candidate { kind: Kind::Fat12, cluster, least: 1, most: FAT12_END }
}

const fn fat16(cluster: u64) -> Candidate {
    Candidate { kind: Kind::Fat16, cluster, least: FAT16_START, most: FAT16_END }
}

const fn fat32(cluster: u64, most: u64) -> Candidate {
    Candidate { kind: Kind::Fat32, cluster, least: FAT32_START, most }
}

/// In order of preference: clusters of 2 KiB and more, which suit CDs and 4 KiB disks; 512 bytes for a FAT32 below
/// 256 MiB, which must have that many clusters.
const CANDIDATES: [Candidate; 11] = [
    fat12(2048),
    fat12(4096),
    fat12(8192),
    fat16(2048),
    fat16(4096),
    fat16(8192),
    fat16(16_384),
    fat16(32_768),
    fat32(512, 512 * 1024),
    fat32(4096, 2 * 1024 * 1024),
    fat32(32_768, 128 * 1024 * 1024),
];

/// The layout of a volume; counts of sectors unless stated otherwise.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Layout {
    pub kind: Kind,
    /// Bytes of a cluster.
    pub cluster: u64,
    pub reserved: u64,
    pub fat: u64,
    /// Slots of the root directory, none on FAT32.
    pub root_slots: u64,
    /// Number of clusters.
    pub clusters: u64,
    pub total: u64,
}

/// The first candidate that holds the files.
pub fn choose(nodes: &[Node<'_>], kind: Option<Kind>, size: Size) -> Result<Layout, Error> {
    let mut candidates = CANDIDATES.iter().filter(|candidate| kind.is_none_or(|kind| kind == candidate.kind));
    let fitting = candidates.find_map(|candidate| candidate.layout(nodes, size));
    // What saturates does not fit either.
    let needed = nodes.iter().fold(0, |sum: u64, node| sum.saturating_add(node.length()));
    fitting.ok_or(Error::Size { needed })
}

impl Candidate {
    fn layout(&self, nodes: &[Node<'_>], size: Size) -> Option<Layout> {
        let has_fixed_root = self.kind != Kind::Fat32;
        let in_clusters = nodes.iter().skip(usize::from(has_fixed_root));
        // What saturates does not fit.
        let used = in_clusters
            .fold(0u64, |sum, node| sum.saturating_add(clusters_of(node.length(), self.cluster).max(1)));
        let slots = nodes.first()?.length().checked_div(u64::try_from(SLOT).ok()?)?;
        let root_slots = if has_fixed_root { slots.max(ROOT_SLOTS).next_multiple_of(16) } else { 0 };
        u16::try_from(root_slots).ok()?;
        match size {
            Size::Fit { free } => {
                let clusters = used.checked_add(clusters_of(free, self.cluster))?.max(self.least);
                let layout = self.with_clusters(root_slots, clusters)?;
                (clusters <= self.most).then_some(layout)
            }
            Size::Exact(bytes) => {
                let total = bytes / SECTOR;
                // The FAT for this many clusters takes space itself: there are fewer clusters, and the FAT is a little
                // too long.
                let most = total.checked_mul(SECTOR)?.checked_div(self.cluster)?;
                let front = self.with_clusters(root_slots, most)?;
                let data = total.checked_sub(front.first_data_sector().0)?;
                let clusters = data.checked_mul(SECTOR)?.checked_div(self.cluster)?;
                let fits = (self.least..=self.most).contains(&clusters) && used <= clusters;
                u32::try_from(total).ok()?;
                fits.then_some(Layout { clusters, total, ..front })
            }
        }
    }

    fn with_clusters(&self, root_slots: u64, clusters: u64) -> Option<Layout> {
        let bits = clusters.checked_add(2)?.checked_mul(self.kind.entry_bits())?;
        let fat = bits.div_ceil(8).div_ceil(SECTOR);
        let reserved = if self.kind == Kind::Fat32 { RESERVED_32 } else { RESERVED };
        let mut layout =
            Layout { kind: self.kind, cluster: self.cluster, reserved, fat, root_slots, clusters, total: 0 };
        // More reserved sectors, so that clusters are aligned to their size.
        let per_cluster = self.cluster / SECTOR;
        let SectorNumber(first) = layout.first_data_sector();
        let aligned = first.checked_next_multiple_of(per_cluster)?;
        layout.reserved = reserved.checked_add(aligned.checked_sub(first)?)?;
        layout.total = aligned.checked_add(clusters.checked_mul(per_cluster)?)?;
        u32::try_from(layout.total).ok()?;
        Some(layout)
    }
}

impl Layout {
    /// The sector of the first cluster.
    pub fn first_data_sector(&self) -> SectorNumber {
        // What saturates is too long for 32-bit sector numbers: `with_clusters` refuses it.
        let root = self.root_slots.saturating_mul(32).div_ceil(SECTOR);
        SectorNumber(self.reserved.saturating_add(FATS.saturating_mul(self.fat)).saturating_add(root))
    }

    pub fn sectors_per_cluster(&self) -> u64 {
        self.cluster / SECTOR
    }
}

/// Number of clusters for this many bytes.
pub fn clusters_of(bytes: u64, cluster: u64) -> u64 {
    bytes.checked_next_multiple_of(cluster).and_then(|bytes| bytes.checked_div(cluster)).unwrap_or(u64::MAX)
}

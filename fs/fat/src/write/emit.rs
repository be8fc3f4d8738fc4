// SPDX-License-Identifier: BSD-3-Clause
//! Writes the bytes of a volume, from start to end.

use alloc::vec::Vec;
use core::mem::offset_of;

use zerocopy::{FromZeros, IntoBytes};

use super::{
    Error, Options,
    layout::{FATS, Layout, SECTOR, clusters_of},
    tree::{Content, Node, NodeNumber, numbered},
};
use crate::{
    Kind,
    boot::{BootSector, Bpb, Bpb32, FIRST_CLUSTER, Identification, SIGNATURE},
    date::DosTime,
    directory::{ATTR_ARCHIVE, ATTR_DIRECTORY, ATTR_VOLUME_ID},
    info::FsInfo,
    slots::{long_entries, short_entry},
    units::{ClusterNumber, SectorNumber},
};

/// `BPB_Media` of a fixed disk; also the low byte of FAT entry 0.
const MEDIA: u8 = 0xf8;
/// `BS_BootSig`: serial number, label and type are present.
const BOOT_SIG: u8 = 0x29;
/// x86 code in the boot sector: `int 0x18` (firmware continues with its next device), then `jmp $`.
const BOOT_CODE: [u8; 4] = [0xcd, 0x18, 0xeb, 0xfe];
/// Sectors of FAT32's information sector, and of the copies of boot sector and information sector.
const FS_INFO: SectorNumber = SectorNumber(1);
const BACKUP_BOOT: SectorNumber = SectorNumber(6);

/// The bytes of the volume; `nodes` fit into `layout`.
pub fn image(
    nodes: &[Node<'_>],
    layout: &Layout,
    options: &Options,
    label: Option<[u8; 11]>,
) -> Result<Vec<u8>, Error> {
    let allocation = Allocation::new(nodes, layout);
    // Cannot saturate: sectors have 32-bit numbers. So all counts of sectors, clusters or bytes fit.
    let bytes = layout.total.saturating_mul(SECTOR);
    let no_memory = Error::NoMemory { bytes };
    let mut image = Image { bytes: Vec::new() };
    let length = usize::try_from(bytes).map_err(|_| no_memory.clone())?;
    image.bytes.try_reserve_exact(length).map_err(|_| no_memory)?;

    image.reserved(layout, &allocation, options, label);
    for _ in 0..FATS {
        image.fat(layout, &allocation);
    }
    let time = DosTime::from(options.time);
    for (number, node) in numbered(nodes) {
        match node.content {
            Content::File(bytes) => image.bytes.extend_from_slice(bytes),
            Content::Directory { .. } => image.directory(nodes, number, &allocation, time, label),
        }
        if number == NodeNumber::ROOT && layout.kind != Kind::Fat32 {
            image.pad_to(layout.first_data_sector());
        } else {
            image.pad_to_multiple(layout.cluster);
        }
    }
    image.pad_to(SectorNumber(layout.total));
    Ok(image.bytes)
}

/// The clusters of each node: `count` from `first` on.
struct Allocation(Vec<ClusterRange>);

#[derive(Clone, Copy)]
struct ClusterRange {
    first: ClusterNumber,
    count: u32,
}

impl Allocation {
    fn new(nodes: &[Node<'_>], layout: &Layout) -> Self {
        let mut next = FIRST_CLUSTER;
        let allocation = numbered(nodes).map(|(number, node)| {
            let is_fixed_root = number == NodeNumber::ROOT && layout.kind != Kind::Fat32;
            let is_directory = matches!(node.content, Content::Directory { .. });
            let count = clusters_of(node.length(), layout.cluster).max(u64::from(is_directory));
            let count = if is_fixed_root { 0 } else { u32::try_from(count).unwrap_or(0) };
            // An empty file has no cluster.
            let first = if count == 0 { ClusterNumber::NONE } else { next };
            next = next.after(count);
            ClusterRange { first, count }
        });
        Self(allocation.collect())
    }

    fn first(&self, node: NodeNumber) -> ClusterNumber {
        self.0.get(node.0).map_or(ClusterNumber::NONE, |range| range.first)
    }

    /// The first free cluster.
    fn next_free(&self) -> ClusterNumber {
        self.0.iter().fold(FIRST_CLUSTER, |next, range| next.after(range.count))
    }
}

struct Image {
    bytes: Vec<u8>,
}

impl Image {
    fn pad_to(&mut self, sector: SectorNumber) {
        // Cannot saturate: sectors have 32-bit numbers.
        let length = usize::try_from(sector.0.saturating_mul(SECTOR)).unwrap_or(0);
        self.bytes.resize(length.max(self.bytes.len()), 0);
    }

    fn pad_to_multiple(&mut self, multiple: u64) {
        let multiple = usize::try_from(multiple).unwrap_or(1);
        let length = self.bytes.len().checked_next_multiple_of(multiple).unwrap_or(0);
        self.bytes.resize(length.max(self.bytes.len()), 0);
    }

    /// Boot sector and, on FAT32, the information sector and the copies of both.
    fn reserved(
        &mut self,
        layout: &Layout,
        allocation: &Allocation,
        options: &Options,
        label: Option<[u8; 11]>,
    ) {
        let boot = boot_sector(layout, options.volume_id, label);
        self.bytes.extend_from_slice(&boot);
        if layout.kind == Kind::Fat32 {
            let info = fs_info(layout, allocation.next_free());
            self.bytes.extend_from_slice(info.as_bytes());
            self.pad_to(BACKUP_BOOT);
            self.bytes.extend_from_slice(&boot);
            self.bytes.extend_from_slice(info.as_bytes());
        }
        self.pad_to(SectorNumber(layout.reserved));
    }

    fn fat(&mut self, layout: &Layout, allocation: &Allocation) {
        let end = layout.kind.chain_end();
        let start = self.bytes.len();
        // Entry 0 repeats the media byte; entry 1 says that the volume was cleanly unmounted.
        let media = end & !0xff | u32::from(MEDIA);
        let chains = allocation.0.iter().flat_map(|range| {
            let next = range.first.after(1).0..range.first.after(range.count).0;
            next.chain((range.count > 0).then_some(end))
        });
        let mut entries = [media, end].into_iter().chain(chains);
        match layout.kind {
            Kind::Fat12 => {
                while let Some(even) = entries.next() {
                    let pair = even | entries.next().unwrap_or(0) << 12;
                    let [a, b, c, _] = pair.to_le_bytes();
                    self.bytes.extend_from_slice(&[a, b, c]);
                }
            }
            Kind::Fat16 => entries.for_each(|entry| {
                let [a, b, _, _] = entry.to_le_bytes();
                self.bytes.extend_from_slice(&[a, b]);
            }),
            Kind::Fat32 => entries.for_each(|entry| self.bytes.extend_from_slice(&entry.to_le_bytes())),
        }
        // Cannot saturate: the FAT is a part of the image, which is in memory.
        let length = usize::try_from(layout.fat.saturating_mul(SECTOR)).unwrap_or(0);
        self.bytes.resize(start.saturating_add(length), 0);
    }

    /// The slots of directory `number`: the label (root) or `.` and `..`, then the children.
    fn directory(
        &mut self,
        nodes: &[Node<'_>],
        number: NodeNumber,
        allocation: &Allocation,
        time: DosTime,
        label: Option<[u8; 11]>,
    ) {
        let mut put = |name: &[u8; 11], attributes: u8, cluster: ClusterNumber, size: u32| {
            let entry = short_entry(name, attributes, cluster, size, time);
            self.bytes.extend_from_slice(entry.as_bytes());
        };
        if number == NodeNumber::ROOT {
            label.iter().for_each(|label| put(label, ATTR_VOLUME_ID, ClusterNumber::NONE, 0));
        } else {
            put(b".          ", ATTR_DIRECTORY, allocation.first(number), 0);
            // In `..`, the root is cluster 0, also on FAT32.
            let parent = nodes.get(number.0).map_or(NodeNumber::ROOT, |node| node.parent);
            let above =
                if parent == NodeNumber::ROOT { ClusterNumber::NONE } else { allocation.first(parent) };
            put(b"..         ", ATTR_DIRECTORY, above, 0);
        }
        for (child, node) in numbered(nodes).skip(1).filter(|(_, node)| node.parent == number) {
            for part in long_entries(&node.long, &node.short) {
                self.bytes.extend_from_slice(part.as_bytes());
            }
            let (attributes, size) = match node.content {
                Content::Directory { .. } => (ATTR_DIRECTORY, 0),
                Content::File(bytes) => (ATTR_ARCHIVE, u32::try_from(bytes.len()).unwrap_or(u32::MAX)),
            };
            let entry = short_entry(&node.short, attributes, allocation.first(child), size, time);
            self.bytes.extend_from_slice(entry.as_bytes());
        }
    }
}

fn boot_sector(layout: &Layout, volume_id: u32, label: Option<[u8; 11]>) -> Vec<u8> {
    let is_fat32 = layout.kind == Kind::Fat32;
    let half = |value: u64| u16::try_from(value).unwrap_or(0);
    let word = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let mut bpb = Bpb::new_zeroed();
    // `jmp` over the parameters, to BOOT_CODE.
    bpb.bs_jmp_boot = if is_fat32 { [0xeb, 0x58, 0x90] } else { [0xeb, 0x3c, 0x90] };
    bpb.bs_oem_name = *b"CLOUDBT ";
    bpb.bpb_byts_per_sec.set(half(SECTOR));
    bpb.bpb_sec_per_clus = u8::try_from(layout.sectors_per_cluster()).unwrap_or(0);
    bpb.bpb_rsvd_sec_cnt.set(half(layout.reserved));
    bpb.bpb_num_fats = u8::try_from(FATS).unwrap_or(0);
    bpb.bpb_root_ent_cnt.set(half(layout.root_slots));
    bpb.bpb_media = MEDIA;
    // The usual default geometry: 63 sectors, 255 heads.
    bpb.bpb_sec_per_trk.set(63);
    bpb.bpb_num_heads.set(255);
    // The 16-bit field is used for volumes that fit into it, and never on FAT32.
    match u16::try_from(layout.total) {
        Ok(total) if !is_fat32 => bpb.bpb_tot_sec16.set(total),
        _ => bpb.bpb_tot_sec32.set(word(layout.total)),
    }
    let mut sector = Vec::new();
    if is_fat32 {
        let mut bpb32 = Bpb32::new_zeroed();
        bpb32.bpb_fat_sz32.set(word(layout.fat));
        bpb32.bpb_root_clus.set(FIRST_CLUSTER.0);
        bpb32.bpb_fs_info.set(half(FS_INFO.0));
        bpb32.bpb_bk_boot_sec.set(half(BACKUP_BOOT.0));
        sector.extend_from_slice(bpb.as_bytes());
        sector.extend_from_slice(bpb32.as_bytes());
    } else {
        bpb.bpb_fat_sz16.set(half(layout.fat));
        sector.extend_from_slice(bpb.as_bytes());
    }
    sector.extend_from_slice(identification(layout.kind, volume_id, label).as_bytes());
    sector.extend_from_slice(&BOOT_CODE);
    sector.resize(offset_of!(BootSector, signature_word), 0);
    sector.extend_from_slice(&SIGNATURE.to_le_bytes());
    sector
}

fn identification(kind: Kind, volume_id: u32, label: Option<[u8; 11]>) -> Identification {
    let mut id = Identification::new_zeroed();
    id.bs_drv_num = 0x80;
    id.bs_boot_sig = BOOT_SIG;
    id.bs_vol_id.set(volume_id);
    id.bs_vol_lab = label.unwrap_or(*b"NO NAME    ");
    id.bs_fil_sys_type = *match kind {
        Kind::Fat12 => b"FAT12   ",
        Kind::Fat16 => b"FAT16   ",
        Kind::Fat32 => b"FAT32   ",
    };
    id
}

fn fs_info(layout: &Layout, next_free: ClusterNumber) -> FsInfo {
    // Cannot saturate: numbers start at FIRST_CLUSTER, and the files fit.
    let used = u64::from(next_free.0.saturating_sub(FIRST_CLUSTER.0));
    let free = u32::try_from(layout.clusters.saturating_sub(used)).unwrap_or(u32::MAX);
    FsInfo::new(free, next_free)
}

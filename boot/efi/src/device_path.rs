// SPDX-License-Identifier: BSD-3-Clause
//! Device paths: the nodes by which firmware names disks, partitions and files.
//!
//! Spec: UEFI 2.11, section 10.3. Paths are bytes here, with or without the node that ends them.

use alloc::{format, string::String, vec::Vec};
use core::ops::Range;

const HARDWARE: u8 = 1;
const HARDWARE_MEMORY_MAPPED: u8 = 3;
const MESSAGING: u8 = 3;
const MESSAGING_NVME_NAMESPACE: u8 = 0x17;
const MEDIA: u8 = 4;
const MEDIA_HARD_DRIVE: u8 = 1;
const MEDIA_FILE_PATH: u8 = 4;
const END: u8 = 0x7f;
const END_ENTIRE: u8 = 0xff;
/// Bytes in front of a node's data: type, subtype, length.
const HEADER: usize = 4;
/// Bytes of a block where an MBR counts them.
const SECTOR: u32 = 512;

/// A node: type, subtype, data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Node<'a> {
    /// Its type.
    pub kind: u8,
    /// Its subtype.
    pub sub: u8,
    /// The bytes after its header.
    pub data: &'a [u8],
}

/// The nodes of a path, up to its end or the first broken one.
pub fn nodes(path: &[u8]) -> impl Iterator<Item = Node<'_>> {
    let mut rest = path;
    core::iter::from_fn(move || {
        let [kind, sub, low, high] = *rest.first_chunk()?;
        let length = usize::from(u16::from_le_bytes([low, high]));
        let node = Node { kind, sub, data: rest.get(HEADER..length)? };
        rest = rest.get(length..)?;
        (kind != END).then_some(node)
    })
}

/// A path without the node that ends it.
pub fn without_end(path: &[u8]) -> &[u8] {
    path.strip_suffix(&[END, END_ENTIRE, 4, 0]).unwrap_or(path)
}

/// The path of a file on a volume, with its end; none for a name that is longer than a node.
pub fn file(volume: &[u8], name: &str) -> Option<Vec<u8>> {
    let name = crate::text::encode(name);
    let length = u16::try_from(name.len().checked_add(HEADER)?).ok()?.to_le_bytes();
    let [low, high] = length;
    Some(
        [without_end(volume), &[MEDIA, MEDIA_FILE_PATH, low, high], &name, &[END, END_ENTIRE, 4, 0]].concat(),
    )
}

/// The path of something in memory of this type (section 7.2.1), from `start` to before `end`, with its end.
pub fn memory(kind: u32, start: u64, end: u64) -> Vec<u8> {
    let node = [HARDWARE, HARDWARE_MEMORY_MAPPED, 24, 0];
    let (kind, start, end) = (kind.to_le_bytes(), start.to_le_bytes(), end.to_le_bytes());
    [&node[..], &kind, &start, &end, &[END, END_ENTIRE, 4, 0]].concat()
}

/// The file name that the file nodes form together; none if there is another kind of node (section 10.3.5.4).
pub fn file_name(path: &[u8]) -> Option<String> {
    let mut name = String::new();
    for node in nodes(path) {
        if (node.kind, node.sub) != (MEDIA, MEDIA_FILE_PATH) {
            return None;
        }
        if !name.is_empty() && !name.ends_with('\\') {
            name.push('\\');
        }
        name.push_str(&crate::text::decode(node.data));
    }
    Some(name)
}

/// A partition, as a hard drive node names it (section 10.3.5.1). The firmware's number of it is left out: it counts
/// an MBR's slots in its own way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HardDrive {
    /// Its first block.
    pub start: u64,
    /// Its length in blocks.
    pub blocks: u64,
    /// Its GUID, where the table is a GPT.
    pub guid: Option<String>,
}

impl HardDrive {
    /// The partition of a path's last node; none if that is not a partition.
    pub fn of(path: &[u8]) -> Option<Self> {
        Self::parse(nodes(path).last()?)
    }

    fn parse(node: Node<'_>) -> Option<Self> {
        if (node.kind, node.sub) != (MEDIA, MEDIA_HARD_DRIVE) {
            return None;
        }
        // Number, start and size, signature, the table's format, the signature's type.
        let data: &[u8; 38] = node.data.try_into().ok()?;
        let [start, blocks] = [4, 12].map(|at| Some(u64::from_le_bytes(*data.get(at..)?.first_chunk()?)));
        let signature = data.get(20..36)?.first_chunk()?;
        let is_guid = data.last() == Some(&2);
        Some(Self { start: start?, blocks: blocks?, guid: is_guid.then(|| guid(signature)) })
    }

    /// Whether these bytes of the disk are the partition's, given the block size.
    fn covers(&self, bytes: &Range<u64>, block_size: u32) -> bool {
        let byte = |block: u64| block.checked_mul(block_size.into());
        byte(self.start) == Some(bytes.start)
            && self.start.checked_add(self.blocks).and_then(byte) == Some(bytes.end)
    }
}

/// A whole disk, as firmware knows it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Disk {
    /// Its device path.
    pub path: Vec<u8>,
    /// Bytes of its logical blocks.
    pub block_size: u32,
}

impl Disk {
    /// Whether `path` is that of the partition which is these `bytes` of the disk, or without them that of the disk
    /// itself. The node of a logical partition follows that of its extended partition.
    ///
    /// Partitions are known by where they are: firmware does not count the empty slots of an MBR.
    pub fn holds(&self, path: &[u8], bytes: Option<&Range<u64>>) -> bool {
        let Some(rest) = without_end(path).strip_prefix(without_end(&self.path)) else { return false };
        let Some(bytes) = bytes else { return rest.is_empty() };
        // Blocks of 512 bytes count, too, even on media with larger ones: the MBR of a hybrid ISO on a CD uses them.
        nodes(rest).all(|node| HardDrive::parse(node).is_some())
            && HardDrive::of(rest)
                .is_some_and(|drive| [self.block_size, SECTOR].iter().any(|size| drive.covers(bytes, *size)))
    }
}

/// The probable Linux names of whole disks (`vda`, `sdb`, `nvme0n1`): the prefix by the kind of each path's last node,
/// the letter or number by order.
pub fn linux_names<'a>(disks: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let [mut virtio, mut scsi, mut nvme] = [0u32; 3];
    let name = |path: &[u8]| {
        let last = nodes(path).last().map(|node| (node.kind, node.sub));
        let (prefix, count) = match last {
            Some((MESSAGING, MESSAGING_NVME_NAMESPACE)) => {
                let number = nvme;
                // Cannot saturate: disks are handles of the firmware in memory.
                nvme = nvme.saturating_add(1);
                return format!("nvme{number}n1");
            }
            Some((MESSAGING, _)) => ("sd", &mut scsi),
            _ => ("vd", &mut virtio),
        };
        // Cannot saturate, as above.
        *count = count.saturating_add(1);
        format!("{prefix}{}", letters(*count))
    };
    disks.map(name).collect()
}

/// a, b, ..., z, aa, ab: as Linux counts disks, from 1.
fn letters(mut number: u32) -> String {
    let mut reversed = String::new();
    while let Some(before) = number.checked_sub(1) {
        // Cannot saturate: it is one of 26 letters.
        let letter = u8::try_from(before % 26).unwrap_or(0).saturating_add(b'a');
        reversed.push(char::from(letter));
        number = before / 26;
    }
    reversed.chars().rev().collect()
}

/// A GUID as text: its first three numbers are little-endian (appendix A).
pub fn guid(bytes: &[u8; 16]) -> String {
    let [a, b, c, d, e, f, g, h, rest @ ..] = *bytes;
    let first = u32::from_le_bytes([a, b, c, d]);
    let (second, third) = (u16::from_le_bytes([e, f]), u16::from_le_bytes([g, h]));
    let [fourth @ .., i, j, k, l, m, n] = rest;
    let fourth = u16::from_be_bytes(fourth);
    let last = u64::from_be_bytes([0, 0, i, j, k, l, m, n]);
    format!("{first:08x}-{second:04x}-{third:04x}-{fourth:04x}-{last:012x}")
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    /// As EDK II gives it for partition 1 of a virtio disk: PciRoot(0)/Pci(4,0)/HD(1,GPT,...).
    fn partition(number: u8, signature: u8) -> Vec<u8> {
        node(number, signature, 2048, 4096)
    }

    fn node(number: u8, signature: u8, start: u64, blocks: u64) -> Vec<u8> {
        let mut node = vec![4, 1, 42, 0, number, 0, 0, 0];
        node.extend(start.to_le_bytes());
        node.extend(blocks.to_le_bytes());
        node.extend([0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 8, 9, 10, 11, 12, 13, 14, 15]);
        node.extend([2, signature]);
        node
    }

    const DISK: [u8; 18] = [2, 1, 12, 0, 0xd0, 0x41, 3, 0x0a, 0, 0, 0, 0, 1, 1, 6, 0, 0, 4];
    const THE_END: [u8; 4] = [0x7f, 0xff, 4, 0];

    #[test]
    fn a_partition_is_its_last_node() {
        let path = [DISK.as_slice(), &partition(3, 2), &THE_END].concat();
        let guid = "00112233-4455-6677-0809-0a0b0c0d0e0f";
        assert_eq!(
            HardDrive::of(&path),
            Some(HardDrive { start: 2048, blocks: 4096, guid: Some(guid.into()) })
        );
        let by_mbr = [DISK.as_slice(), &partition(3, 1)].concat();
        assert_eq!(HardDrive::of(&by_mbr), Some(HardDrive { start: 2048, blocks: 4096, guid: None }));
        assert_eq!(HardDrive::of(&DISK), None);
        let cut = &path[..path.len() - 6];
        assert_eq!(HardDrive::of(cut), None, "the node reaches beyond the path: {:?}", nodes(cut).last());
    }

    #[test]
    fn a_partition_is_known_by_its_place() {
        let disk = |path: &[u8], block_size| Disk { path: path.to_vec(), block_size };
        let (whole, mebibyte) = (disk(&DISK, 512), 1 << 20);
        let bytes = mebibyte..3 * mebibyte;
        for number in [1, 3] {
            let path = [DISK.as_slice(), &partition(number, 1), &THE_END].concat();
            assert!(whole.holds(&path, Some(&bytes)), "the number does not matter");
            assert!(disk(&DISK, 2048).holds(&path, Some(&bytes)), "an MBR's sectors");
            assert!(!whole.holds(&path, Some(&(mebibyte..2 * mebibyte))), "another length");
            assert!(!whole.holds(&path, Some(&(0..2 * mebibyte))), "another start");
            assert!(!whole.holds(&path, None) && !disk(&DISK[..12], 512).holds(&path, Some(&bytes)));
        }
        let large = [DISK.as_slice(), &node(1, 2, 256, 512)].concat();
        assert!(disk(&DISK, 4096).holds(&large, Some(&bytes)) && !whole.holds(&large, Some(&bytes)));
        let logical = [DISK.as_slice(), &node(2, 1, 1, 9000), &partition(5, 1), &THE_END].concat();
        assert!(whole.holds(&logical, Some(&bytes)));
        assert!(whole.holds(&[DISK.as_slice(), &THE_END].concat(), None));
        let endless = [DISK.as_slice(), &node(1, 1, u64::MAX, 2)].concat();
        assert!(!whole.holds(&endless, Some(&bytes)));
    }

    #[test]
    fn nodes_end_with_the_first_that_is_broken() {
        assert_eq!(nodes(&DISK).count(), 2);
        for length in [0, 1, 3, 7] {
            assert_eq!(nodes(&[1, 1, length, 0, 9, 9]).count(), 0, "length {length}");
        }
        assert_eq!(
            nodes(&[[1, 1, 4, 0], THE_END, [1, 1, 4, 0]].concat()).count(),
            1,
            "what follows is another"
        );
    }

    #[test]
    fn a_file_has_its_name_back() {
        let volume = [DISK.as_slice(), &partition(1, 2)].concat();
        let path = file(&[volume.as_slice(), &THE_END].concat(), "\\EFI\\x.efi").unwrap();
        let file_nodes = path.strip_prefix(volume.as_slice()).unwrap();
        assert_eq!(file_name(file_nodes).as_deref(), Some("\\EFI\\x.efi"));
        assert!(path.ends_with(&THE_END));
    }

    #[test]
    fn file_nodes_are_joined_by_one_backslash() {
        let node = |name: &str| {
            let name = crate::text::encode(name);
            [&[4, 4, u8::try_from(name.len() + 4).unwrap(), 0], name.as_slice()].concat()
        };
        let joined =
            |names: &[&str]| file_name(&names.iter().flat_map(|name| node(name)).collect::<Vec<_>>());
        assert_eq!(joined(&["\\EFI", "BOOT\\", "x"]).as_deref(), Some("\\EFI\\BOOT\\x"));
        assert_eq!(file_name(&DISK), None);
        assert_eq!(file(&DISK, &"x".repeat(40_000)), None, "longer than a node can be");
    }

    #[test]
    fn memory_is_one_node() {
        let path = memory(2, 0x1000, 0x2001);
        let node = nodes(&path).next().unwrap();
        let expected: Vec<u8> =
            [&[2, 0, 0, 0][..], &0x1000u64.to_le_bytes(), &0x2001u64.to_le_bytes()].concat();
        assert_eq!((node.kind, node.sub, node.data), (1, 3, expected.as_slice()));
        assert_eq!((nodes(&path).count(), path.len()), (1, 28));
    }

    #[test]
    fn disks_are_counted_by_their_kind() {
        let (virtio, sata, nvme) = (&DISK[..], &[3, 18, 4, 0][..], &[3, 23, 4, 0][..]);
        let names = linux_names([virtio, sata, nvme, virtio, nvme, &[][..]].into_iter());
        assert_eq!(names, ["vda", "sda", "nvme0n1", "vdb", "nvme1n1", "vdc"]);
        let counted = [1, 26, 27, 702, 703].map(letters);
        assert_eq!(counted, ["a", "z", "aa", "zz", "aaa"]);
    }
}

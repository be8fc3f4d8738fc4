// SPDX-License-Identifier: BSD-3-Clause
//! Nodes of trees: a header, then items or pointers, ordered by key.

use alloc::vec::Vec;
use core::{mem::offset_of, ops::Range};

use filesystem::{Error, Fault};
use zerocopy::FromBytes;

use crate::{
    checksum::{Algorithm, ROOM},
    corrupt,
    memory::{narrow, wide},
    raw,
    units::{Generation, Location, Logical, TreeId, Uuid},
};

/// Bytes of a header; offsets in a leaf count from its end.
pub const HEADER: usize = size_of::<raw::Header>();

/// The key of an item; keys are ordered by their fields, in this order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Key {
    /// The object: an inode, a tree, a device.
    pub objectid: u64,
    /// The type of the item: a constant of [`kind`](crate::kind).
    pub kind: u8,
    /// Distinguishes the items of one type.
    pub offset: u64,
}

/// A node that has been checked.
pub struct Node {
    bytes: Vec<u8>,
    address: Logical,
    level: u8,
    count: usize,
}

/// A pointer to a node one level below.
#[derive(Clone, Copy)]
pub struct Pointer {
    /// The first key of that node.
    pub key: Key,
    pub address: Logical,
    pub generation: Generation,
}

/// What is known of a node before it is read.
#[derive(Clone, Copy)]
pub struct Wanted {
    pub address: Logical,
    pub level: u8,
    pub generation: Generation,
    /// The tree that is searched; subvolumes share nodes.
    pub tree: TreeId,
    /// Its first key, if a pointer names it.
    pub first: Option<Key>,
}

/// The properties that all nodes of a filesystem share.
pub struct Geometry {
    pub checksum: Algorithm,
    pub node_size: usize,
    pub sector_size: u64,
    /// The UUIDs of the filesystem and of the seeds that it grew from.
    pub fsids: Vec<Uuid>,
}

impl Key {
    /// The lowest key.
    pub const FIRST: Self = Self { objectid: 0, kind: 0, offset: 0 };

    /// The next higher key; `None` for the highest.
    pub fn next(self) -> Option<Self> {
        let Self { objectid, kind, offset } = self;
        if let Some(offset) = offset.checked_add(1) {
            return Some(Self { objectid, kind, offset });
        }
        match kind.checked_add(1) {
            Some(kind) => Some(Self { objectid, kind, offset: 0 }),
            None => Some(Self { objectid: objectid.checked_add(1)?, kind: 0, offset: 0 }),
        }
    }

    /// Whether the other key has the same object and type.
    pub fn is_beside(self, other: Self) -> bool {
        (self.objectid, self.kind) == (other.objectid, other.kind)
    }
}

impl From<&raw::DiskKey> for Key {
    fn from(raw: &raw::DiskKey) -> Self {
        Self { objectid: raw.objectid.get(), kind: raw.kind, offset: raw.offset.get() }
    }
}

impl Node {
    /// Parses a node and checks that it is complete, that it is the wanted node instead of an older or a foreign one,
    /// and that everything in it is within its bounds.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn parse(bytes: Vec<u8>, wanted: &Wanted, geometry: &Geometry) -> Result<Self, Error> {
        let address = wanted.address;
        let fail = |fault, at: usize, structure, found: u64| {
            Err(corrupt(fault, structure, Location::in_node(address, wide(at)), found))
        };
        let Ok((header, _)) = raw::Header::ref_from_prefix(&bytes) else {
            return fail(Fault::Truncated, 0, "btrfs_header", wide(bytes.len()));
        };
        let (stored, computed) = (
            geometry.checksum.stored(&header.csum),
            geometry.checksum.sum(bytes.get(ROOM..).unwrap_or_default()),
        );
        if stored != computed {
            let fault = Fault::Checksum { computed: computed.number() };
            return fail(fault, offset_of!(raw::Header, csum), "btrfs_header.csum", stored.number());
        }
        check_identity(header, wanted, geometry)?;
        // Cannot saturate: the header was found in these bytes.
        let room = bytes.len().saturating_sub(HEADER);
        let each = if header.level == 0 { size_of::<raw::ItemHead>() } else { size_of::<raw::KeyPtr>() };
        let count = narrow(header.nritems.get().into());
        // Only the root of an empty tree may be empty.
        let may_be_empty = header.level == 0 && wanted.first.is_none();
        if count > room.checked_div(each).unwrap_or(0) || (count == 0 && !may_be_empty) {
            let at = offset_of!(raw::Header, nritems);
            return fail(Fault::Range, at, "btrfs_header.nritems", wide(count));
        }
        let node = Self { level: header.level, bytes, address, count };
        if node.level == 0 {
            node.check_items()?
        } else {
            node.check_pointers(geometry)?
        };
        node.check_first(wanted)?;
        Ok(node)
    }

    /// Checks that a cached node is the wanted one.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn check_again(&self, wanted: &Wanted, geometry: &Geometry) -> Result<(), Error> {
        if let Ok((header, _)) = raw::Header::ref_from_prefix(&self.bytes) {
            check_identity(header, wanted, geometry)?;
        }
        self.check_first(wanted)
    }

    fn check_first(&self, wanted: &Wanted) -> Result<(), Error> {
        match (wanted.first, self.key(0)) {
            (Some(wanted), Some(found)) if wanted != found => {
                Err(self.corrupt(Fault::Inconsistent, 0, "first btrfs_disk_key", found.objectid))
            }
            _ => Ok(()),
        }
    }

    fn check_items(&self) -> Result<(), Error> {
        let heads: &[raw::ItemHead] = self.entries();
        // Cannot saturate: `parse` has found a header in these bytes. Below, both numbers have 32 bits.
        let (first, mut end) = (wide(size_of_val(heads)), wide(self.bytes.len().saturating_sub(HEADER)));
        let mut previous = None;
        for (slot, head) in heads.iter().enumerate() {
            let (offset, size) = (u64::from(head.offset.get()), u64::from(head.size.get()));
            // Items are contiguous from the end, as Linux requires: overlapping ones would be read many times.
            if offset < first || offset.saturating_add(size) != end {
                return Err(self.corrupt(Fault::Range, self.place(slot), "btrfs_item.offset", offset));
            }
            end = offset;
            previous = self.check_order(previous, Key::from(&head.key), slot)?;
        }
        Ok(())
    }

    fn check_pointers(&self, geometry: &Geometry) -> Result<(), Error> {
        let mut previous = None;
        for (slot, pointer) in self.entries::<raw::KeyPtr>().iter().enumerate() {
            let address = pointer.blockptr.get();
            if address == 0 || address.checked_rem(geometry.sector_size) != Some(0) {
                return Err(self.corrupt(Fault::Range, self.place(slot), "btrfs_key_ptr.blockptr", address));
            }
            previous = self.check_order(previous, Key::from(&pointer.key), slot)?;
        }
        Ok(())
    }

    fn check_order(&self, previous: Option<Key>, key: Key, slot: usize) -> Result<Option<Key>, Error> {
        if previous.is_some_and(|previous| previous >= key) {
            let structure = "order of btrfs_disk_key";
            return Err(self.corrupt(Fault::Inconsistent, self.place(slot), structure, key.objectid));
        }
        Ok(Some(key))
    }

    fn corrupt(&self, fault: Fault, at: usize, structure: &'static str, found: u64) -> Error {
        corrupt(fault, structure, self.location(at), found)
    }

    /// The location of its byte `at`, for errors.
    pub fn location(&self, at: usize) -> Location {
        Location::in_node(self.address, wide(at))
    }

    /// The offset of entry `slot` in the node.
    fn place(&self, slot: usize) -> usize {
        let each = if self.level == 0 { size_of::<raw::ItemHead>() } else { size_of::<raw::KeyPtr>() };
        // Cannot saturate: a slot of a node, or the first one past it.
        HEADER.saturating_add(each.saturating_mul(slot))
    }

    fn entries<T: FromBytes + zerocopy::Immutable + zerocopy::KnownLayout + zerocopy::Unaligned>(
        &self,
    ) -> &[T] {
        let bytes = self.bytes.get(HEADER..).unwrap_or_default();
        <[T]>::ref_from_prefix_with_elems(bytes, self.count).map_or(&[], |(entries, _)| entries)
    }

    pub fn level(&self) -> u8 {
        self.level
    }

    pub fn address(&self) -> Logical {
        self.address
    }

    /// Bytes of the node.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The key of entry `slot`.
    pub fn key(&self, slot: usize) -> Option<Key> {
        match self.level {
            0 => self.entries::<raw::ItemHead>().get(slot).map(|head| Key::from(&head.key)),
            _ => self.entries::<raw::KeyPtr>().get(slot).map(|pointer| Key::from(&pointer.key)),
        }
    }

    /// The key of the last entry.
    pub fn last_key(&self) -> Option<Key> {
        self.key(self.count.checked_sub(1)?)
    }

    /// The number of entries whose keys are at or before this one.
    pub fn up_to(&self, key: Key) -> usize {
        match self.level {
            0 => self.entries::<raw::ItemHead>().partition_point(|head| Key::from(&head.key) <= key),
            _ => self.entries::<raw::KeyPtr>().partition_point(|pointer| Key::from(&pointer.key) <= key),
        }
    }

    /// The key of item `slot`, and the range of its content in the node.
    pub fn item(&self, slot: usize) -> Option<(Key, Range<usize>)> {
        let head = self.entries::<raw::ItemHead>().get(slot).filter(|_| self.level == 0)?;
        // Cannot saturate: within the node, as `check_items` has found.
        let start = HEADER.saturating_add(narrow(head.offset.get().into()));
        Some((Key::from(&head.key), start..start.saturating_add(narrow(head.size.get().into()))))
    }

    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    /// The pointer `slot`.
    pub fn pointer(&self, slot: usize) -> Option<Pointer> {
        let raw = self.entries::<raw::KeyPtr>().get(slot).filter(|_| self.level > 0)?;
        let (address, generation) = (Logical(raw.blockptr.get()), Generation(raw.generation.get()));
        Some(Pointer { key: Key::from(&raw.key), address, generation })
    }
}

/// Checks that a node is the wanted one: a device that missed writes, or that belongs to another filesystem, has nodes
/// that are valid but wrong.
fn check_identity(header: &raw::Header, wanted: &Wanted, geometry: &Geometry) -> Result<(), Error> {
    let fail = |at: usize, structure, found: u64| {
        Err(corrupt(Fault::Inconsistent, structure, Location::in_node(wanted.address, wide(at)), found))
    };
    if header.bytenr.get() != wanted.address.0 {
        return fail(offset_of!(raw::Header, bytenr), "btrfs_header.bytenr", header.bytenr.get());
    }
    if !geometry.fsids.contains(&Uuid(header.fsid)) {
        let found = header.fsid.first_chunk().copied().map_or(0, u64::from_le_bytes);
        return fail(offset_of!(raw::Header, fsid), "btrfs_header.fsid", found);
    }
    if header.generation.get() != wanted.generation.0 {
        return fail(offset_of!(raw::Header, generation), "btrfs_header.generation", header.generation.get());
    }
    if header.level != wanted.level {
        return fail(offset_of!(raw::Header, level), "btrfs_header.level", header.level.into());
    }
    let owner = TreeId(header.owner.get());
    let is_right = if wanted.tree.is_subvolume() { owner.is_subvolume() } else { owner == wanted.tree };
    if !is_right {
        return fail(offset_of!(raw::Header, owner), "btrfs_header.owner", owner.0);
    }
    Ok(())
}

/// Parses any bytes as a node, with a checksum and identity made right, for the fuzz entry point.
pub fn parse_any(bytes: &[u8], wanted: &Wanted, geometry: &Geometry) {
    let mut bytes = bytes.to_vec();
    let mut put = |at: usize, value: &[u8]| {
        let place = bytes.get_mut(at..).and_then(|rest| rest.get_mut(..value.len()));
        place.into_iter().for_each(|place| place.copy_from_slice(value));
    };
    put(offset_of!(raw::Header, fsid), &geometry.fsids.first().copied().unwrap_or_default().0);
    put(offset_of!(raw::Header, bytenr), &wanted.address.0.to_le_bytes());
    put(offset_of!(raw::Header, generation), &wanted.generation.0.to_le_bytes());
    put(offset_of!(raw::Header, owner), &wanted.tree.0.to_le_bytes());
    put(offset_of!(raw::Header, level), &[wanted.level]);
    let sum = geometry.checksum.sum(bytes.get(ROOM..).unwrap_or_default()).number().to_le_bytes();
    bytes.iter_mut().zip(sum).for_each(|(to, from)| *to = from);
    let Ok(node) = Node::parse(bytes, wanted, geometry) else { return };
    for slot in 0..node.count {
        let _ = (node.pointer(slot), node.key(slot).map(|key| node.up_to(key)));
        let _ = node.item(slot).map(|(_, range)| node.bytes(range).len());
    }
}

#[cfg(test)]
pub mod tests {
    use std::vec;

    use super::*;

    pub const SIZE: usize = 4096;
    pub const FSID: Uuid = Uuid([7; 16]);

    pub fn geometry() -> Geometry {
        Geometry { checksum: Algorithm::Crc32c, node_size: SIZE, sector_size: 4096, fsids: vec![FSID] }
    }

    pub fn wanted(level: u8) -> Wanted {
        Wanted {
            address: Logical(0x10_0000),
            level,
            generation: Generation(9),
            tree: TreeId::TOP,
            first: None,
        }
    }

    pub fn key(objectid: u64, offset: u64) -> Key {
        Key { objectid, kind: 1, offset }
    }

    fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
        bytes[at..at + value.len()].copy_from_slice(value);
    }

    fn disk_key(key: Key) -> Vec<u8> {
        [&key.objectid.to_le_bytes()[..], &[key.kind], &key.offset.to_le_bytes()].concat()
    }

    /// Corrects the checksum.
    pub fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
        let sum = Algorithm::Crc32c.sum(&bytes[ROOM..]).number().to_le_bytes();
        bytes[..8].copy_from_slice(&sum);
        bytes
    }

    pub fn header(wanted: &Wanted, count: u32) -> Vec<u8> {
        let mut bytes = vec![0; SIZE];
        put(&mut bytes, 32, &FSID.0);
        put(&mut bytes, 48, &wanted.address.0.to_le_bytes());
        put(&mut bytes, 80, &wanted.generation.0.to_le_bytes());
        put(&mut bytes, 88, &wanted.tree.0.to_le_bytes());
        put(&mut bytes, 96, &count.to_le_bytes());
        bytes[100] = wanted.level;
        bytes
    }

    /// A leaf with these items.
    pub fn leaf(wanted: &Wanted, items: &[(Key, &[u8])]) -> Vec<u8> {
        let mut bytes = header(wanted, items.len() as u32);
        let mut end = SIZE;
        for (slot, (key, content)) in items.iter().enumerate() {
            end -= content.len();
            put(&mut bytes, end, content);
            let (offset, size) = ((end - HEADER) as u32, content.len() as u32);
            let head = [disk_key(*key), offset.to_le_bytes().to_vec(), size.to_le_bytes().to_vec()].concat();
            put(&mut bytes, HEADER + slot * 25, &head);
        }
        seal(bytes)
    }

    /// A node above the leaves with these pointers: key, address.
    pub fn branch(wanted: &Wanted, pointers: &[(Key, u64)]) -> Vec<u8> {
        let mut bytes = header(wanted, pointers.len() as u32);
        for (slot, (key, address)) in pointers.iter().enumerate() {
            let pointer =
                [disk_key(*key), address.to_le_bytes().to_vec(), 9u64.to_le_bytes().to_vec()].concat();
            put(&mut bytes, HEADER + slot * 33, &pointer);
        }
        seal(bytes)
    }

    /// Structure and code of a node's error.
    fn fault(bytes: Vec<u8>, wanted: &Wanted) -> (&'static str, std::string::String) {
        match Node::parse(bytes, wanted, &geometry()) {
            Err(Error::Corrupt(corrupt)) => {
                (corrupt.structure, std::string::ToString::to_string(&corrupt.code()))
            }
            Err(error) => panic!("{error}"),
            Ok(_) => ("none", std::string::String::new()),
        }
    }

    #[test]
    fn a_leaf_yields_its_items() {
        let wanted = wanted(0);
        let bytes = leaf(&wanted, &[(key(1, 0), b"one"), (key(1, 5), b""), (key(2, 0), b"two")]);
        let node = Node::parse(bytes, &wanted, &geometry()).unwrap();
        assert_eq!((node.key(1), node.last_key(), node.key(3)), (Some(key(1, 5)), Some(key(2, 0)), None));
        let items: Vec<_> = (0..4).filter_map(|slot| node.item(slot)).collect();
        let contents: Vec<&[u8]> = items.iter().map(|(_, range)| node.bytes(range.clone())).collect();
        assert_eq!(contents, [&b"one"[..], b"", b"two"]);
        for (key, count) in [(key(0, 9), 0), (key(1, 0), 1), (key(1, 4), 1), (key(1, 5), 2), (key(9, 0), 3)] {
            assert_eq!(node.up_to(key), count, "{key:?}");
        }
    }

    #[test]
    fn a_node_that_is_not_the_one_wanted_is_refused() {
        let right = wanted(0);
        for (wrong, structure) in [
            (Wanted { address: Logical(0x20_0000), ..right }, "btrfs_header.bytenr"),
            (Wanted { generation: Generation(10), ..right }, "btrfs_header.generation"),
            (Wanted { level: 1, ..right }, "btrfs_header.level"),
            (Wanted { tree: TreeId::ROOTS, ..right }, "btrfs_header.owner"),
            (Wanted { first: Some(key(1, 0)), ..right }, "first btrfs_disk_key"),
        ] {
            let bytes = leaf(&right, &[(key(3, 0), b"item")]);
            assert_eq!(fault(bytes.clone(), &wrong), (structure, "E-FS-BTRFS-INCONSISTENT".into()));
            let node = Node::parse(bytes, &right, &geometry()).unwrap();
            assert!(
                node.check_again(&wrong, &geometry()).is_err()
                    && node.check_again(&right, &geometry()).is_ok()
            );
        }
        let mut other = leaf(&right, &[(key(3, 0), b"item")]);
        other[32] ^= 1;
        assert_eq!(fault(seal(other), &right).0, "btrfs_header.fsid");
        // A node of one subvolume may have been written for another.
        let bytes = leaf(&Wanted { tree: TreeId(300), ..right }, &[(key(3, 0), b"item")]);
        assert_eq!(fault(bytes, &right).0, "none");
    }

    #[test]
    fn damage_in_a_leaf_is_named() {
        let wanted = wanted(0);
        let sound = leaf(&wanted, &[(key(1, 0), b"one"), (key(2, 0), b"two")]);
        let change = |at: usize, value: &[u8]| {
            let mut bytes = sound.clone();
            put(&mut bytes, at, value);
            fault(seal(bytes), &wanted)
        };
        let mut bytes = sound.clone();
        bytes[4000] ^= 1;
        assert_eq!(fault(bytes, &wanted), ("btrfs_header.csum", "E-FS-BTRFS-CSUM".into()));
        assert_eq!(change(96, &[0xff; 4]), ("btrfs_header.nritems", "E-FS-BTRFS-RANGE".into()));
        // Content that extends past the end, or begins before the end of the last head.
        assert_eq!(
            change(HEADER + 17, &4000u32.to_le_bytes()),
            ("btrfs_item.offset", "E-FS-BTRFS-RANGE".into())
        );
        assert_eq!(change(HEADER + 17, &49u32.to_le_bytes()).0, "btrfs_item.offset");
        assert_eq!(change(HEADER + 21, &[0xff; 4]).0, "btrfs_item.offset");
        // Two items with the same content, and a gap between items.
        for end in [SIZE, SIZE - 4] {
            let second = u32::try_from(end - HEADER - 3).unwrap().to_le_bytes();
            assert_eq!(change(HEADER + 25 + 17, &second).0, "btrfs_item.offset");
        }
        let order = ("order of btrfs_disk_key", "E-FS-BTRFS-INCONSISTENT".into());
        assert_eq!(change(HEADER + 25, &1u64.to_le_bytes()), order);
        assert_eq!(fault(sound[..50].to_vec(), &wanted).1, "E-FS-BTRFS-TRUNCATED");
    }

    #[test]
    fn damage_above_the_leaves_is_named() {
        let wanted = wanted(1);
        let node =
            Node::parse(branch(&wanted, &[(key(1, 0), 8192), (key(5, 0), 12288)]), &wanted, &geometry());
        let pointer = node.as_ref().ok().unwrap().pointer(1).unwrap();
        assert_eq!(
            (pointer.key, pointer.address, pointer.generation),
            (key(5, 0), Logical(12288), Generation(9))
        );
        assert!(node.ok().unwrap().item(0).is_none());
        for (pointers, structure) in [
            (&[][..], "btrfs_header.nritems"),
            (&[(key(1, 0), 0)], "btrfs_key_ptr.blockptr"),
            (&[(key(1, 0), 8192), (key(2, 0), 12_289)], "btrfs_key_ptr.blockptr"),
            (&[(key(2, 0), 8192), (key(2, 0), 12_288)], "order of btrfs_disk_key"),
        ] {
            assert_eq!(fault(branch(&wanted, pointers), &wanted).0, structure);
        }
    }

    #[test]
    fn only_a_root_may_be_empty() {
        let root = wanted(0);
        assert_eq!(fault(leaf(&root, &[]), &root).0, "none");
        let below = Wanted { first: Some(key(1, 0)), ..root };
        assert_eq!(fault(leaf(&root, &[]), &below).0, "btrfs_header.nritems");
    }

    #[test]
    fn keys_count_on_over_their_fields() {
        let last = u64::MAX;
        assert_eq!(key(1, 5).next(), Some(key(1, 6)));
        assert_eq!(key(1, last).next(), Some(Key { objectid: 1, kind: 2, offset: 0 }));
        let end = Key { objectid: 1, kind: 255, offset: last };
        assert_eq!(end.next(), Some(Key { objectid: 2, kind: 0, offset: 0 }));
        assert_eq!(Key { objectid: last, ..end }.next(), None);
    }
}

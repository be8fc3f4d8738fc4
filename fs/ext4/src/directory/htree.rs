// SPDX-License-Identifier: BSD-3-Clause
//! Looks up names in the index of a directory, a tree over their hashes: fs/ext4/namei.c.

use alloc::vec::Vec;

use block::BlockRead;
use filesystem::{Error, Fault, FileType};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, little_endian::U32};

use super::{Finder, block, blocks, entries, hash};
use crate::{
    corrupt,
    files::Files,
    inode::Inode,
    units::{ByteOffset, FileBlock, InodeNumber},
};

/// Offset of the index in a node: after an unused entry that covers the whole block.
const NODE_ENTRIES: usize = 0x8;
const ROOT_ENTRIES: usize = 0x20;
/// Offset of `struct dx_root_info`: after the entries `.` and `..`.
const INFO: usize = 0x18;
/// Bytes of `struct dx_root_info`, its `info_length`.
const INFO_LENGTH: u8 = 8;
/// The bits of `dx_entry.block` that are a block number.
const BLOCK: u32 = 0x0fff_ffff;

/// `struct dx_root_info`
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Info {
    reserved_zero: U32,
    hash_version: u8,
    info_length: u8,
    indirect_levels: u8,
    unused_flags: u8,
}

/// `struct dx_entry`. The first one has `limit` and `count` in place of its hash, which counts as 0.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Entry {
    hash: U32,
    block: U32,
}

/// What an index says about a name.
pub enum Answer {
    Found(InodeNumber),
    NotFound,
    /// The index is of an unknown kind, or not an index at all.
    Unusable,
}

/// Looks a name up.
///
/// # Errors
/// If a block on the path to the name is damaged.
pub fn find<D: BlockRead>(files: &Files<D>, dir: &Inode, name: &[u8]) -> Result<Answer, Error> {
    let superblock = &files.volume.superblock;
    let blocks = blocks(files, dir)?;
    let (root, _) = block(files, dir, FileBlock(0))?;
    let most_levels = if superblock.has_large_dir { 2 } else { 1 };
    let info = info(&root).filter(|info| info.indirect_levels <= most_levels);
    let hash = info.and_then(|info| hash::of(info.hash_version, superblock, name));
    let (Some(info), Some(hash), Some(root)) = (info, hash, Node::parse(&root, ROOT_ENTRIES, hash)) else {
        return Ok(Answer::Unusable);
    };
    let mut walk = Walk { files, dir, blocks, left: blocks, levels: usize::from(info.indirect_levels) };
    let mut path = Vec::from([root]);
    if !walk.descend(&mut path, Some(hash))? {
        return Ok(Answer::Unusable);
    }
    loop {
        let Some(leaf) = path.last().and_then(Node::block).filter(|leaf| leaf.0 < blocks) else {
            return Ok(Answer::Unusable);
        };
        let mut finder = Finder { name, found: None };
        let (bytes, offset) = walk.read(leaf)?;
        let see = &mut |name: &[u8], number, _: Option<FileType>| finder.see(name, number);
        let _ = entries(&bytes, offset, superblock.has_file_type, see)?;
        if let Some(number) = finder.found {
            return Ok(Answer::Found(number));
        }
        match next(&mut path, hash) {
            false => return Ok(Answer::NotFound),
            true if walk.descend(&mut path, None)? => {}
            true => return Ok(Answer::Unusable),
        }
    }
}

fn info(root: &[u8]) -> Option<&Info> {
    let (info, _) = Info::ref_from_prefix(root.get(INFO..)?).ok()?;
    let is_known =
        info.reserved_zero.get() == 0 && info.info_length == INFO_LENGTH && info.unused_flags & 1 == 0;
    is_known.then_some(info)
}

/// A node on the path, and the entry that the path takes.
struct Node {
    entries: Vec<Entry>,
    at: usize,
}

impl Node {
    /// Parses a node and selects the entry for `hash`, or the first one; `None` if the bytes are not an index.
    fn parse(bytes: &[u8], start: usize, hash: Option<u32>) -> Option<Self> {
        let rest = bytes.get(start..)?;
        let (limit, count) = (super::checksum::half(rest, 0), super::checksum::half(rest, 2));
        let (entries, _) = <[Entry]>::ref_from_prefix_with_elems(rest, usize::from(count)).ok()?;
        let (_, others) = entries.split_first().filter(|_| count <= limit)?;
        let at = hash.map_or(0, |hash| others.partition_point(|entry| entry.hash.get() <= hash));
        Some(Self { entries: entries.to_vec(), at })
    }

    fn block(&self) -> Option<FileBlock> {
        self.entries.get(self.at).map(|entry| FileBlock((entry.block.get() & BLOCK).into()))
    }
}

/// Moves to the entry of the next leaf, if names with the same hash may continue there.
fn next(path: &mut Vec<Node>, hash: u32) -> bool {
    while let Some(node) = path.last_mut() {
        // Cannot saturate: it was the index of an entry.
        node.at = node.at.saturating_add(1);
        if let Some(entry) = node.entries.get(node.at) {
            // The lowest bit says that the previous leaf has names with this hash, too.
            return entry.hash.get() & !1 == hash;
        }
        path.pop();
    }
    false
}

struct Walk<'a, D> {
    files: &'a Files<D>,
    dir: &'a Inode,
    /// Number of the directory's blocks.
    blocks: u64,
    /// Number of leaves that may still be read: a valid index leads to none twice.
    left: u64,
    /// Number of levels of the tree below the root.
    levels: usize,
}

impl<D: BlockRead> Walk<'_, D> {
    /// Extends the path down to the lowest index node; `false` if it is not a tree.
    fn descend(&self, path: &mut Vec<Node>, hash: Option<u32>) -> Result<bool, Error> {
        while path.len() <= self.levels {
            let Some(below) = path.last().and_then(Node::block).filter(|block| block.0 < self.blocks) else {
                return Ok(false);
            };
            let (bytes, _) = block(self.files, self.dir, below)?;
            let Some(node) = Node::parse(&bytes, NODE_ENTRIES, hash) else {
                return Ok(false);
            };
            path.push(node);
        }
        Ok(true)
    }

    fn read(&mut self, leaf: FileBlock) -> Result<(Vec<u8>, ByteOffset), Error> {
        let Some(left) = self.left.checked_sub(1) else {
            return Err(corrupt(Fault::Loop, "dx_entry.block", self.dir.offset, leaf));
        };
        self.left = left;
        block(self.files, self.dir, leaf)
    }
}

#[cfg(test)]
mod tests {
    use core::ops::ControlFlow;

    use filesystem::FileSystem;

    use super::*;
    use crate::{Ext4, corruptions::Image};

    /// A root of two blocks, the second of which four entries of its index name for one hash.
    fn image(hash_version: u32) -> Image {
        const INDEX: usize = 10 * 1024;
        let mut image = Image::sound();
        image.word(1024 + 0x5c, 0x20); // s_feature_compat: dir_index
        image.inode(2, 0x41ed, 2048, 0x1000, &[10, 11]);
        let names = image.0[INDEX..][..1024].to_vec();
        image.0[INDEX + 1024..][..1024].copy_from_slice(&names);
        image.0[INDEX + 24..][..1000].fill(0);
        image.word(INDEX + 12 + 4, 0x02_03f4);
        image.word(INDEX + 0x1c, hash_version | 8 << 8);
        image.word(INDEX + 0x20, 124 | 4 << 16);
        image.word(INDEX + 0x24, 1);
        let superblock = crate::superblock::Superblock::read(&image.0.as_slice()).unwrap();
        let hash = hash::of(0, &superblock, b"absent").unwrap();
        for entry in 1..4 {
            image.word(INDEX + 0x20 + entry * 8, hash | 1);
            image.word(INDEX + 0x24 + entry * 8, 1);
        }
        image
    }

    #[test]
    fn an_index_that_leads_to_a_leaf_again_and_again_is_a_loop() {
        let ext4 = Ext4::open(image(0).0).unwrap();
        match ext4.lookup(&ext4.root(), b"absent") {
            Err(Error::Corrupt(corrupt)) => assert_eq!(corrupt.fault, Fault::Loop),
            other => panic!("{other:?}"),
        }
        assert!(ext4.lookup(&ext4.root(), b"file").is_ok());
    }

    #[test]
    fn without_a_usable_index_all_names_are_looked_at() {
        let broken: [fn(&mut Image); 4] = [
            |image| image.0[10 * 1024 + 0x1c] = 9,    // hash_version
            |image| image.0[10 * 1024 + 0x1d] = 7,    // info_length
            |image| image.0[10 * 1024 + 0x22] = 0,    // count
            |image| image.0[10 * 1024 + 0x24] = 0xff, // block
        ];
        for (number, change) in broken.into_iter().enumerate() {
            let mut image = image(0);
            change(&mut image);
            let ext4 = Ext4::open(image.0).unwrap();
            assert!(ext4.lookup(&ext4.root(), b"map").is_ok(), "{number}");
            assert_eq!(ext4.lookup(&ext4.root(), b"absent"), Err(Error::NotFound), "{number}");
        }
    }

    #[test]
    fn an_index_is_no_name() {
        let ext4 = Ext4::open(image(0).0).unwrap();
        let mut names = std::vec![];
        let each = &mut |name: &[u8], _, _| {
            names.push(name.to_vec());
            ControlFlow::Continue(())
        };
        ext4.read_dir(&ext4.root(), each).unwrap();
        assert_eq!(names, [b"file".as_slice(), b"map"]);
    }
}

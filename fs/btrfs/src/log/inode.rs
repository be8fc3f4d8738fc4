// SPDX-License-Identifier: BSD-3-Clause
//! Inodes as a replay changes them.

use core::mem::offset_of;

use filesystem::{Error, Fault};
use zerocopy::FromBytes;

use crate::{corrupt, memory::wide, raw, tree::Item};

/// An item that holds an inode.
#[derive(Clone)]
pub struct Inode {
    item: Item,
    generation: u64,
    size: u64,
    links: u32,
    mode: u32,
}

impl Inode {
    /// # Errors
    /// [`Error::Corrupt`] for an item that is too short.
    pub fn parse(item: Item) -> Result<Self, Error> {
        let Ok((raw, _)) = raw::InodeItem::ref_from_prefix(item.bytes()) else {
            let found = wide(item.bytes().len());
            return Err(corrupt(Fault::Truncated, "btrfs_inode_item", item.place(0), found));
        };
        let (generation, size) = (raw.generation.get(), raw.size.get());
        let (links, mode) = (raw.nlink.get(), raw.mode.get());
        Ok(Self { item, generation, size, links, mode })
    }

    pub fn number(&self) -> u64 {
        self.item.key.objectid
    }

    /// 0 where it was logged only so that it exists.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn links(&self) -> u32 {
        self.links
    }

    pub fn is_directory(&self) -> bool {
        self.mode & S_IFMT == S_IFDIR
    }

    pub fn is_file(&self) -> bool {
        self.mode & S_IFMT == S_IFREG
    }

    /// What its entries in directories say of its kind: `btrfs_inode_type`.
    pub fn entry_kind(&self) -> u8 {
        match self.mode & S_IFMT {
            S_IFREG => 1,
            S_IFDIR => 2,
            0o020_000 => 3,
            0o060_000 => 4,
            0o010_000 => 5,
            0o140_000 => 6,
            0o120_000 => 7,
            _ => 0,
        }
    }

    pub fn set_size(&mut self, size: u64) {
        self.size = size;
        self.set(offset_of!(raw::InodeItem, size), &size.to_le_bytes());
    }

    pub fn set_links(&mut self, links: u32) {
        self.links = links;
        self.set(offset_of!(raw::InodeItem, nlink), &links.to_le_bytes());
    }

    fn set(&mut self, at: usize, value: &[u8]) {
        self.item = self.item.with(at, value);
    }

    pub fn into_item(self) -> Item {
        self.item
    }
}

const S_IFMT: u32 = 0o170_000;
const S_IFDIR: u32 = 0o040_000;
const S_IFREG: u32 = 0o100_000;

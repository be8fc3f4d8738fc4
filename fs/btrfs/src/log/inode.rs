// SPDX-License-Identifier: BSD-3-Clause
//! Inodes, as a replay changes them.

use core::mem::offset_of;

use filesystem::{Error, Fault, FileType};
use zerocopy::FromBytes;

use crate::{corrupt, file_types, memory::wide, node::Key, raw, tree::Item, units::Logical};

/// An inode item.
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

    /// 0 if it was logged only to make sure that it exists.
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
        file_types::of_mode(self.mode) == Some(FileType::Directory)
    }

    pub fn is_file(&self) -> bool {
        file_types::of_mode(self.mode) == Some(FileType::File)
    }

    /// The type that its directory entries store.
    pub fn entry_kind(&self) -> u8 {
        file_types::entry_of_mode(self.mode)
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

/// An inode with the type, size and link count that `content` begins with, for the fuzz entry point; the rest of
/// `content` follows at its usual place.
pub fn any(key: Key, content: &[u8]) -> Item {
    let mut bytes = [0; size_of::<raw::InodeItem>()];
    bytes.iter_mut().zip(content.get(3..).unwrap_or_default()).for_each(|(to, from)| *to = *from);
    let [kind, size, links] = [0, 1, 2].map(|at| content.get(at).copied().unwrap_or(1));
    let mode = if kind & 1 == 0 { S_IFDIR } else { S_IFREG };
    let mut inode = Item::changed(Key { offset: 0, ..key }, &bytes, Logical(0));
    let fields: [(usize, &[u8]); 3] = [
        (offset_of!(raw::InodeItem, mode), &mode.to_le_bytes()),
        (offset_of!(raw::InodeItem, size), &u64::from(size).to_le_bytes()),
        (offset_of!(raw::InodeItem, nlink), &u32::from(links).to_le_bytes()),
    ];
    for (at, value) in fields {
        inode = inode.with(at, value);
    }
    inode
}

const S_IFDIR: u32 = 0o040_000;
const S_IFREG: u32 = 0o100_000;

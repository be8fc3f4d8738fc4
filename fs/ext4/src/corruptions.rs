// SPDX-License-Identifier: BSD-3-Clause
//! Tests: what each check of a structure refuses, on an image made by hand, without checksums.

use std::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use filesystem::{Corrupt, Error, FileSystem};

use crate::{Ext4, InodeNumber};

const BLOCK: usize = 1024;
const SUPERBLOCK: usize = BLOCK;
const DESCRIPTOR: usize = 2 * BLOCK;
/// 32 inodes of 128 bytes.
const TABLE: usize = 5 * BLOCK;
const DIRECTORY: usize = 10;
const EXTENTS_FL: u32 = 0x8_0000;
const ROOT: u32 = 2;
/// A file of 3 blocks with an extent tree of one level, whose leaf is block 12: blocks 20 and 21, a hole, and
/// again block 22.
const FILE: u32 = 11;
/// A file with a block map: blocks 30, none, 31, and the map's block 13, which names block 32.
const MAPPED: u32 = 12;
const LINK: u32 = 13;
const LEAF: usize = 12;
const MAP: usize = 13;

/// An image to be damaged.
pub struct Image(pub Vec<u8>);

impl Image {
    /// A root directory, two files and a link.
    pub fn sound() -> Self {
        let mut image = Self(vec![0; 64 * BLOCK]);
        for (at, value) in [
            (0x0, 32),      // s_inodes_count
            (0x4, 64),      // s_blocks_count_lo
            (0x14, 1),      // s_first_data_block
            (0x20, 8192),   // s_blocks_per_group
            (0x24, 8192),   // s_clusters_per_group
            (0x28, 32),     // s_inodes_per_group
            (0x38, 0xef53), // s_magic
            (0x4c, 1),      // s_rev_level
            (0x58, 128),    // s_inode_size
            (0x60, 0x42),   // s_feature_incompat: filetype, extents
        ] {
            image.word(SUPERBLOCK + at, value);
        }
        image.word(DESCRIPTOR + 8, 5); // bg_inode_table_lo
        image.inode(ROOT, 0x41ed, BLOCK as u32, 0, &[DIRECTORY as u32]);
        image.inode(FILE, 0x81a4, 4 * BLOCK as u32, EXTENTS_FL, &[]);
        image.node(inode(FILE) + 0x28, 1, &[[0, LEAF as u32, 0]], 4);
        // Blocks 0 and 1 of the file, and 3.
        image.node(LEAF * BLOCK, 0, &[[0, 2, 20], [3, 1, 22]], 84);
        // Blocks 12 and 13 of the file; 13 is a hole.
        let mapped = [30, 0, 31, 0, 0, 0, 0, 0, 0, 0, 0, 0, MAP as u32];
        image.inode(MAPPED, 0x81a4, 14 * BLOCK as u32, 0, &mapped);
        image.word(MAP * BLOCK, 32);
        image.inode(LINK, 0xa1ff, 3, 0, &[u32::from_le_bytes(*b"abc\0")]);
        let names = [(ROOT, 12, "."), (ROOT, 12, ".."), (FILE, 16, "file"), (MAPPED, 984, "map")];
        let mut at = DIRECTORY * BLOCK;
        for (number, length, name) in names {
            image.word(at, number);
            image.word(at + 4, length | (name.len() as u32) << 16);
            image.0[at + 8..][..name.len()].copy_from_slice(name.as_bytes());
            at += length as usize;
        }
        for block in [20, 21, 22, 30, 31, 32] {
            image.0[block * BLOCK..][..BLOCK].fill(block as u8);
        }
        image
    }

    /// Sets a word.
    pub fn word(&mut self, at: usize, value: u32) {
        self.0[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    /// Sets fields of an inode, and the first words of its `i_block`.
    pub fn inode(&mut self, number: u32, mode: u32, size: u32, flags: u32, words: &[u32]) {
        let at = inode(number);
        self.word(at, mode);
        self.word(at + 0x4, size);
        self.word(at + 0x20, flags);
        words.iter().enumerate().for_each(|(i, word)| self.word(at + 0x28 + 4 * i, *word));
    }

    fn node(&mut self, at: usize, depth: u32, entries: &[[u32; 3]], most: u32) {
        self.word(at, 0xf30a | (entries.len() as u32) << 16);
        self.word(at + 4, most | depth << 16);
        for (i, words) in entries.iter().enumerate() {
            words.iter().enumerate().for_each(|(j, word)| self.word(at + 12 + 12 * i + 4 * j, *word));
        }
    }

    /// What reading everything fails with: the structure, or the feature.
    fn error(self) -> String {
        match everything(self.0) {
            Err(error @ Error::Corrupt(Corrupt { structure, .. })) => {
                let code = error.code().to_string();
                format!("{} {structure}", code.rsplit('-').next().unwrap_or_default())
            }
            Err(Error::Unsupported(unsupported)) => format!("UNSUPPORTED {}", unsupported.feature),
            other => format!("{other:?}"),
        }
    }
}

fn inode(number: u32) -> usize {
    TABLE + (number as usize - 1) * 128
}

/// The bytes of both files and the target of the link.
fn everything(bytes: Vec<u8>) -> Result<[Vec<u8>; 3], Error> {
    let ext4 = Ext4::open(bytes)?;
    let read = |name: &[u8]| {
        let node = ext4.lookup(&ext4.root(), name)?;
        let mut bytes = vec![0xff; usize::try_from(ext4.attr(&node)?.size.min(1 << 20)).unwrap()];
        ext4.read_at(&node, 0, &mut bytes)?;
        Ok::<_, Error>(bytes)
    };
    Ok([read(b"file")?, read(b"map")?, ext4.read_link(&InodeNumber(LINK))?])
}

#[test]
fn the_sound_image_reads() {
    let [file, mapped, link] = everything(Image::sound().0).unwrap();
    let blocks = |numbers: &[u8]| numbers.iter().flat_map(|n| [*n; BLOCK]).collect::<Vec<u8>>();
    assert!(file == blocks(&[20, 21, 0, 22]));
    assert!(mapped == blocks(&[30, 0, 31, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0]));
    assert_eq!(link, b"abc");
}

/// Sets the word at an offset, and expects reading to fail so.
fn assert_refused(cases: &[(usize, u32, &str)]) {
    for (at, value, expected) in cases {
        let mut image = Image::sound();
        image.word(*at, *value);
        assert_eq!(image.error(), *expected, "{value:#x} at {at:#x}");
    }
}

#[test]
fn superblocks() {
    let at = |field: usize| SUPERBLOCK + field;
    assert_refused(&[
        (at(0x38), 0, "MAGIC ext4_super_block.s_magic"),
        (at(0x18), 7, "RANGE ext4_super_block.s_log_block_size"),
        (at(0x18), u32::MAX, "RANGE ext4_super_block.s_log_block_size"),
        (at(0x4), 0, "RANGE ext4_super_block.s_first_data_block"),
        (at(0x4), 65, "RANGE ext4_super_block.s_blocks_count_lo"),
        (at(0x14), 2, "RANGE ext4_super_block.s_first_data_block"),
        (at(0x20), 0, "RANGE ext4_super_block.s_blocks_per_group"),
        (at(0x20), 8193, "RANGE ext4_super_block.s_blocks_per_group"),
        (at(0x28), 0, "RANGE ext4_super_block.s_inodes_per_group"),
        (at(0x28), 8193, "RANGE ext4_super_block.s_inodes_per_group"),
        (at(0x58), 64, "RANGE ext4_super_block.s_inode_size"),
        (at(0x58), 192, "RANGE ext4_super_block.s_inode_size"),
        (at(0x58), 2048, "RANGE ext4_super_block.s_inode_size"),
        (at(0x60), 0xc2, "RANGE ext4_super_block.s_desc_size"), // 64bit, and no size
        (at(0x64), 0x400, "RANGE ext4_super_block.s_checksum_type"),
        (at(0x60), 0x43, "UNSUPPORTED compression"),
        (at(0x60), 0x4a, "UNSUPPORTED journal_dev"),
        (at(0x60), 0x62, "UNSUPPORTED FEATURE_I5"),
    ]);
    let mut clusters = Image::sound();
    clusters.word(at(0x64), 0x200); // bigalloc
    clusters.word(at(0x1c), 30);
    assert_eq!(clusters.error(), "RANGE ext4_super_block.s_log_cluster_size");
    let mut short = Image::sound();
    short.0.truncate(1500);
    assert!(matches!(everything(short.0), Err(Error::Io(_))));
}

#[test]
fn group_descriptors_and_inodes() {
    assert_refused(&[
        (DESCRIPTOR + 8, 0, "RANGE ext4_group_desc.bg_inode_table_lo"),
        (DESCRIPTOR + 8, 64, "RANGE ext4_group_desc.bg_inode_table_lo"),
        (SUPERBLOCK, 10, "RANGE inode number"), // s_inodes_count
        (inode(FILE), 0x01a4, "RANGE ext4_inode.i_mode"),
        (inode(LINK) + 4, 0, "RANGE ext4_inode.i_size"),
        (inode(LINK) + 4, 5000, "RANGE ext4_inode.i_size"),
    ]);
    let mut extra = Image::sound();
    extra.word(SUPERBLOCK + 0x58, 256);
    extra.word(TABLE + 256 + 128, 130); // i_extra_isize of the root
    assert_eq!(extra.error(), "RANGE ext4_inode.i_extra_isize");
}

#[test]
fn extent_trees() {
    let (root, leaf) = (inode(FILE) + 0x28, LEAF * BLOCK);
    assert_refused(&[
        (root, 0x1_f30b, "MAGIC ext4_extent_header.eh_magic"),
        (root, 0x5_f30a, "RANGE ext4_extent_header.eh_entries"),
        (root + 4, 0x1_0005, "RANGE ext4_extent_header.eh_entries"),
        (root + 4, 0x6_0004, "LOOP ext4_extent_header.eh_depth"),
        (root + 4, 0x2_0004, "INCONSISTENT ext4_extent_header.eh_depth"),
        (root + 12 + 4, 64, "RANGE ext4_extent_idx.ei_leaf_lo"),
        (root + 12 + 4, 1, "RANGE ext4_extent_idx.ei_leaf_lo"),
        (root + 12 + 8, 1, "RANGE ext4_extent_idx.ei_leaf_lo"),
        (leaf, 0, "MAGIC ext4_extent_header.eh_magic"),
        (leaf + 4, 85, "RANGE ext4_extent_header.eh_entries"),
        (leaf + 4, 0x1_0054, "INCONSISTENT ext4_extent_header.eh_depth"),
        (leaf + 12 + 4, 0, "RANGE ext4_extent.ee_len"),
        (leaf + 12 + 4, 4, "INCONSISTENT ext4_extent.ee_block"),
        (leaf + 12 + 8, 63, "RANGE ext4_extent.ee_start_lo"),
        (leaf + 12 + 8, 1, "RANGE ext4_extent.ee_start_lo"),
        (leaf + 24, 1, "INCONSISTENT ext4_extent.ee_block"),
    ]);
    let mut unsorted = Image::sound();
    unsorted.node(root, 1, &[[0, LEAF as u32, 0], [0, LEAF as u32, 0]], 4);
    assert_eq!(unsorted.error(), "INCONSISTENT ext4_extent_idx.ei_block");
    // A leaf that maps more than the node above it allows.
    let mut wide = Image::sound();
    wide.node(root, 1, &[[0, LEAF as u32, 0], [3, LEAF as u32, 0]], 4);
    assert_eq!(wide.error(), "RANGE ext4_extent.ee_len");
    // A node cannot lead to itself: depths decrease.
    let mut circle = Image::sound();
    circle.node(root, 2, &[[0, LEAF as u32, 0]], 4);
    circle.node(LEAF * BLOCK, 1, &[[0, LEAF as u32, 0]], 84);
    assert_eq!(circle.error(), "INCONSISTENT ext4_extent_header.eh_depth");
}

#[test]
fn block_maps() {
    let i_block = inode(MAPPED) + 0x28;
    assert_refused(&[
        (i_block, 64, "RANGE ext4_inode.i_block"),
        (i_block, 1, "RANGE ext4_inode.i_block"),
        (i_block + 48, 64, "RANGE ext4_inode.i_block"),
        (MAP * BLOCK, 64, "RANGE ext4_inode.i_block"),
    ]);
    // Past the third level with blocks of 1 KiB: 12 + 256 + 256² + 256³ blocks.
    let ext4 = Ext4::open(Image::sound().0).unwrap();
    let mut far = Image::sound();
    far.word(inode(MAPPED) + 0x6c, 0x10); // 64 GiB more
    let node = ext4.lookup(&ext4.root(), b"map").unwrap();
    let error = Ext4::open(far.0).unwrap().read_at(&node, 60 << 30, &mut [0; 8]).unwrap_err();
    assert!(format!("{error}").contains("ext4_inode.i_size"), "{error}");
}

#[test]
fn directories() {
    let start = DIRECTORY * BLOCK;
    assert_refused(&[
        (inode(ROOT), 0x81ed, "Err(WrongType { expected: \"directory\" })"),
        (inode(ROOT) + 4, 0, "RANGE ext4_inode.i_size"),
        (inode(ROOT) + 4, 1000, "RANGE ext4_inode.i_size"),
        (inode(ROOT) + 4, 65 * 1024, "RANGE ext4_inode.i_size"),
        (inode(ROOT) + 0x28, 0, "INCONSISTENT directory block"),
        (start + 4, 0x1_0000, "RANGE ext4_dir_entry_2.rec_len"),
        (start + 4, 0x1_000b, "RANGE ext4_dir_entry_2.rec_len"),
        (start + 4, 0x1_0404, "RANGE ext4_dir_entry_2.rec_len"),
        (start + 4, 0xff_000c, "RANGE ext4_dir_entry_2.rec_len"),
    ]);
    let mut no_types = Image::sound();
    no_types.word(SUPERBLOCK + 0x60, 0x40);
    no_types.word(start + 4, 0x101_000c);
    assert_eq!(no_types.error(), "RANGE ext4_dir_entry.name_len");
}

#[test]
fn directory_names() {
    let start = DIRECTORY * BLOCK;
    assert_refused(&[
        (start + 4, 1020 | 1 << 16, "RANGE ext4_dir_entry_2"), // leaves four bytes
        (start + 8, u32::from(b'/'), "RANGE ext4_dir_entry_2.name"),
        (start + 8, 0, "RANGE ext4_dir_entry_2.name"),
        (start + 4, 12, "RANGE ext4_dir_entry_2.name"), // of no bytes
        (start + 24, 100, "RANGE inode number"),
        (start + 24, 0, "Err(NotFound)"),
    ]);
}

#[test]
fn inline_data() {
    // Inodes of 256 bytes; 11 has its 70 bytes in i_block and in an extended attribute.
    let inode = TABLE + 10 * 256;
    let xattr = inode + 128 + 32;
    let image = || {
        let mut image = Image::sound();
        image.0[TABLE..TABLE + 8 * BLOCK].fill(0);
        image.word(SUPERBLOCK + 0x58, 256);
        image.word(inode, 0x81a4);
        image.word(inode + 0x4, 70);
        image.word(inode + 0x20, 0x1000_0000);
        image.0[inode + 0x28..][..60].fill(b'a');
        image.word(inode + 128, 32);
        image.word(xattr, 0xea02_0000);
        // An attribute of another name comes first: user.no
        image.word(xattr + 4, 0x0102);
        image.0[xattr + 20..][..2].copy_from_slice(b"no");
        // Name of 4 bytes, of system, its value 64 bytes behind the first entry.
        image.word(xattr + 24, 0x40_0704);
        image.word(xattr + 32, 10);
        image.0[xattr + 40..][..4].copy_from_slice(b"data");
        image.0[xattr + 4 + 64..][..10].fill(b'b');
        image
    };
    let read = |image: Image| {
        let mut bytes = vec![0; 100];
        let length = Ext4::open(image.0)?.read_at(&InodeNumber(FILE), 0, &mut bytes)?;
        Ok::<_, Error>(bytes[..length].to_vec())
    };
    let data = [[b'a'; 60].as_slice(), &[b'b'; 10]].concat();
    assert_eq!(read(image()).unwrap(), data);
    // Beyond the stored data the file is a hole; an attribute without a value is one, too.
    let mut longer = image();
    longer.word(inode + 0x4, 90);
    assert_eq!(read(longer).unwrap(), [data.as_slice(), &[0; 20]].concat());
    let mut empty = image();
    empty.word(xattr + 32, 0); // e_value_size
    assert_eq!(read(empty).unwrap(), [&data[..60], &[0; 10]].concat());
    for (at, value, expected) in [
        (xattr, 0xea02_0001, "ext4_xattr_ibody_header.h_magic"),
        (xattr, 0, "inline data"),
        (xattr + 4, 0x01ff, "ext4_xattr_entry.e_name_len"),
        (xattr + 24, 0xff_0704, "ext4_xattr_entry.e_value_offs"),
        (xattr + 28, 1, "ext4_xattr_entry.e_value_offs"), // in another inode
        (xattr + 32, 100, "ext4_xattr_entry.e_value_offs"),
    ] {
        let mut damaged = image();
        damaged.word(at, value);
        let error = format!("{}", read(damaged).unwrap_err());
        assert!(error.contains(expected), "{value:#x} at {at:#x}: {error}");
    }
}

#[test]
fn probing_needs_no_more_than_the_magic_number() {
    assert_eq!(crate::probe(Image::sound().0.as_slice()), Ok(true));
    assert_eq!(crate::probe([0; 4096].as_slice()), Ok(false));
    assert_eq!(crate::probe(&Image::sound().0[..2047]), Ok(false), "no room for a superblock");
}

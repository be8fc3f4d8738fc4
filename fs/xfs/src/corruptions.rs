// SPDX-License-Identifier: BSD-3-Clause
//! Tests: what each check of a structure refuses, on hand-made images; in version 5 with corrected checksums.

use std::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use filesystem::{Corrupt, Error, FileSystem};

use crate::{InodeNumber, Xfs};

const BLOCK: usize = 1024;
const INODE: usize = 512;
const BLOCKS: usize = 128;
const UUID: [u8; 16] = *b"0123456789abcdef";
/// First block of a directory's index.
const INDEX: u64 = (1 << 35) / 1024;

// Inodes: two in each block, from block 4 on.
const ROOT: u64 = 8;
/// Blocks 20 and 21, a hole, block 22, and 23, which was never written.
const FILE: u64 = 9;
/// Mapped by a tree whose leaf is block 24: block 30, a hole, block 31.
const TREE: u64 = 10;
const LINK: u64 = 11;
/// Its target is in block 33; in version 5, the end of it in block 35.
const REMOTE: u64 = 12;
/// Block 36: names and their index.
const ONE_BLOCK: u64 = 13;
/// Names in blocks 38 and 39, index in block 40.
const LEAF: u64 = 14;
/// Names in block 42, index in blocks 44 (node), 45 and 46 (leaves): as if all names had the same hash.
const NODE: u64 = 15;

/// An image to be damaged.
pub struct Image {
    pub bytes: Vec<u8>,
    is_v5: bool,
    /// In version 5: where structures start, their lengths, and where their checksums are.
    sealed: Vec<(usize, usize, usize)>,
}

fn inode(number: u64) -> usize {
    number as usize * INODE
}

/// The hash of a name in a directory.
fn hash(name: &str) -> u32 {
    name.bytes().fold(0u32, |hash, byte| hash.rotate_left(7) ^ u32::from(byte))
}

/// An extent as stored.
fn extent([first, block, length]: [u64; 3], is_unwritten: bool) -> [u8; 16] {
    let high = u64::from(is_unwritten) << 63 | first << 9 | block >> 43;
    let low = block << 21 | length;
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

impl Image {
    /// Directories of every form, and files and links of every kind.
    pub fn sound(is_v5: bool) -> Self {
        let mut image = Self { bytes: vec![0; BLOCKS * BLOCK], is_v5, sealed: Vec::new() };
        image.superblock();
        let names = [
            (FILE, "file"),
            (TREE, "tree"),
            (LINK, "link"),
            (REMOTE, "remote"),
            (ONE_BLOCK, "block"),
            (LEAF, "leaf"),
            (NODE, "node"),
        ];
        let mut short = vec![names.len() as u8, 0, 0, 0, 0, ROOT as u8];
        for (number, name) in names {
            short.extend([name.len() as u8, 0, 0]);
            short.extend(name.bytes());
            short.extend(is_v5.then_some(0)); // file type: unknown
            short.extend((number as u32).to_be_bytes());
        }
        image.inode(ROOT, 0x41ed, 1, short.len(), &short, 0);
        image.extents(FILE, 0x81a4, 5 * BLOCK, &[[0, 20, 2], [3, 22, 1], [4, 23, 1]]);
        image.put(image.fork(FILE) + 32, &extent([4, 23, 1], true));
        image.tree();
        image.inode(LINK, 0xa1ff, 1, 3, b"abc", 0);
        image.remote();
        image.directories();
        for block in [20, 21, 22, 23, 30, 31] {
            image.bytes[block * BLOCK..][..BLOCK].fill(block as u8);
        }
        image.seal();
        image
    }

    fn superblock(&mut self) {
        self.put(0, b"XFSB");
        let is_v5 = self.is_v5;
        for (at, value) in [
            (4, BLOCK as u32),                                    // sb_blocksize
            (12, BLOCKS as u32),                                  // sb_dblocks
            (60, ROOT as u32),                                    // sb_rootino
            (84, 64),                                             // sb_agblocks
            (88, 2),                                              // sb_agcount
            (100, if is_v5 { 0xb4a5_0200 } else { 0xb4a4_0200 }), // sb_versionnum, sb_sectsize
            (104, (INODE as u32) << 16 | 2),                      // sb_inodesize, sb_inopblock
            (120, 0x0a09_0901), // sb_blocklog, sb_sectlog, sb_inodelog, sb_inopblog
            (124, 0x0600_0000), // sb_agblklog
            (200, if is_v5 { 0x18a } else { 0x8a }), // sb_features2
            (216, if is_v5 { 0x29 } else { 0 }), // sb_features_incompat: ftype, bigtime, nrext64
        ] {
            self.word(at, value);
        }
        self.put(32, &UUID);
        self.sealed.push((0, 512, 224));
    }

    /// An inode with these bytes as its data fork.
    fn inode(&mut self, number: u64, mode: u32, format: u8, size: usize, fork: &[u8], extents: u32) {
        let at = inode(number);
        self.word(at, 0x494e_0000 | mode);
        self.put(at + 4, &[if self.is_v5 { 3 } else { 2 }, format]);
        self.long(at + 56, size as u64);
        self.long(at + 64, if extents > 0 { 1 << 24 } else { 0 });
        self.word(at + 76, extents);
        self.put(self.fork(number), fork);
        if self.is_v5 {
            self.long(at + 152, number);
            self.put(at + 160, &UUID);
            self.sealed.push((at, INODE, 100));
        }
    }

    fn extents(&mut self, number: u64, mode: u32, size: usize, extents: &[[u64; 3]]) {
        let fork: Vec<u8> = extents.iter().flat_map(|extent| self::extent(*extent, false)).collect();
        self.inode(number, mode, 2, size, &fork, extents.len() as u32);
    }

    /// Where an inode's data fork is.
    fn fork(&self, number: u64) -> usize {
        inode(number) + if self.is_v5 { 176 } else { 100 }
    }

    /// In version 5, writes the self-describing fields of a block. `at` has the offsets of checksum, location, UUID and
    /// owner.
    fn stamp(&mut self, block: usize, owner: u64, at: [usize; 4]) {
        if self.is_v5 {
            let start = block * BLOCK;
            self.long(start + at[1], (start / 512) as u64);
            self.put(start + at[2], &UUID);
            self.long(start + at[3], owner);
            self.sealed.push((start, BLOCK, at[0]));
        }
    }

    fn tree(&mut self) {
        let room = (INODE - if self.is_v5 { 176 } else { 100 } - 4) / 16;
        self.inode(TREE, 0x81a4, 3, 3 * BLOCK, &[0, 1, 0, 1], 2);
        self.long(self.fork(TREE) + 4 + room * 8, 24);
        self.put(24 * BLOCK, if self.is_v5 { b"BMA3" } else { b"BMAP" });
        self.word(24 * BLOCK + 4, 2);
        let records = self.behind_tree_header();
        self.put(records, &[extent([0, 30, 1], false), extent([2, 31, 1], false)].concat());
        self.stamp(24, TREE, [64, 24, 40, 56]);
    }

    fn behind_tree_header(&self) -> usize {
        24 * BLOCK + if self.is_v5 { 72 } else { 24 }
    }

    fn remote(&mut self) {
        let target = [b'x'; 1000];
        if !self.is_v5 {
            self.extents(REMOTE, 0xa1ff, 1000, &[[0, 33, 1]]);
            return self.put(33 * BLOCK, &target);
        }
        self.extents(REMOTE, 0xa1ff, 1000, &[[0, 33, 1], [1, 35, 1]]);
        for (block, offset, length) in [(33, 0, 968), (35, 968, 32)] {
            let start = block * BLOCK;
            self.put(start, b"XSLM");
            self.word(start + 4, offset);
            self.word(start + 8, length);
            self.put(start + 56, &target[..length as usize]);
            self.stamp(block, REMOTE, [12, 40, 16, 32]);
        }
    }

    fn directories(&mut self) {
        let is_v5 = self.is_v5;
        self.extents(ONE_BLOCK, 0x41ed, BLOCK, &[[0, 36, 1]]);
        let names = [(ONE_BLOCK, "."), (ROOT, ".."), (FILE, "one"), (FILE, "two")];
        let places =
            self.names(36, ONE_BLOCK, if is_v5 { b"XDB3" } else { b"XD2B" }, &names, 2 + names.len());
        let index = 37 * BLOCK - 8 - 8 * names.len();
        self.index(index, names.iter().zip(&places).map(|((_, name), place)| (hash(name), *place)).collect());
        self.word(37 * BLOCK - 8, names.len() as u32);

        let data = if is_v5 { b"XDD3" } else { b"XD2D" };
        self.extents(LEAF, 0x41ed, 2 * BLOCK, &[[0, 38, 2], [INDEX, 40, 1]]);
        let first = self.names(38, LEAF, data, &[(LEAF, "."), (ROOT, ".."), (FILE, "three")], 0);
        let second = self.names(39, LEAF, data, &[(FILE, "four")], 0);
        let names = [".", "..", "three", "four"].map(hash);
        let far = (BLOCK / 8) as u32;
        let places = [first[0], first[1], first[2], second[0] + far];
        self.leaf(40, LEAF, if is_v5 { 0x3df1 } else { 0xd2f1 }, names.into_iter().zip(places).collect());

        self.extents(NODE, 0x41ed, BLOCK, &[[0, 42, 1], [INDEX, 44, 3]]);
        let places =
            self.names(42, NODE, data, &[(NODE, "."), (ROOT, ".."), (FILE, "five"), (FILE, "six")], 0);
        let (five, six) = (hash("five"), hash("six"));
        assert!(six < five, "the first leaf's last hash is that of `six`");
        let below = |n: u64| (INDEX + n) as u32;
        self.leaf(44, NODE, if is_v5 { 0x3ebe } else { 0xfebe }, vec![(six, below(1)), (five, below(2))]);
        self.put(44 * BLOCK + if is_v5 { 58 } else { 14 }, &[0, 1]); // level
        let leaf = if is_v5 { 0x3dff } else { 0xd2ff };
        // A removed name, another one with the same hash, and in the next leaf the name itself.
        self.leaf(45, NODE, leaf, vec![(hash("."), places[0]), (six, 0), (six, places[1])]);
        self.word(45 * BLOCK, below(2));
        self.leaf(46, NODE, leaf, vec![(six, places[3]), (five, places[2])]);
    }

    /// A block of names, with `spare` times eight bytes unused at its end; returns the offsets of the names.
    fn names(
        &mut self,
        block: usize,
        owner: u64,
        magic: &[u8; 4],
        names: &[(u64, &str)],
        spare: usize,
    ) -> Vec<u32> {
        let start = block * BLOCK;
        self.put(start, magic);
        let mut at = if self.is_v5 { 64 } else { 16 };
        let end = BLOCK - if spare > 0 { spare * 8 - 8 } else { 0 };
        let mut places = Vec::new();
        // Unused space between two names.
        for (position, (number, name)) in names.iter().enumerate() {
            let length = (11 + name.len() + usize::from(self.is_v5)).next_multiple_of(8);
            places.push((at / 8) as u32);
            self.long(start + at, *number);
            self.put(start + at + 8, &[name.len() as u8]);
            self.put(start + at + 9, name.as_bytes());
            if self.is_v5 {
                self.put(start + at + 9 + name.len(), &[1]);
            }
            self.half(start + at + length - 2, at as u16);
            at += length;
            let rest = if position + 1 == names.len() { end - at } else { 16 };
            self.put(start + at, &[0xff, 0xff]);
            self.half(start + at + 2, rest as u16);
            self.half(start + at + rest - 2, at as u16);
            at += rest;
        }
        assert_eq!(at, end);
        self.stamp(block, owner, [4, 8, 24, 40]);
        places
    }

    /// Sorted entries of an index.
    fn index(&mut self, at: usize, mut entries: Vec<(u32, u32)>) {
        entries.sort_by_key(|(hash, _)| *hash);
        for (number, (hash, place)) in entries.into_iter().enumerate() {
            self.word(at + number * 8, hash);
            self.word(at + number * 8 + 4, place);
        }
    }

    fn leaf(&mut self, block: usize, owner: u64, magic: u16, entries: Vec<(u32, u32)>) {
        let start = block * BLOCK;
        self.half(start + 8, magic);
        self.half(start + if self.is_v5 { 56 } else { 12 }, entries.len() as u16);
        self.index(start + if self.is_v5 { 64 } else { 16 }, entries);
        self.stamp(block, owner, [12, 16, 32, 48]);
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn half(&mut self, at: usize, value: u16) {
        self.put(at, &value.to_be_bytes());
    }

    /// Sets a 32-bit number.
    pub fn word(&mut self, at: usize, value: u32) {
        self.put(at, &value.to_be_bytes());
    }

    fn long(&mut self, at: usize, value: u64) {
        self.put(at, &value.to_be_bytes());
    }

    /// Corrects all checksums.
    fn seal(&mut self) {
        for (start, length, at) in self.sealed.clone() {
            if self.is_v5 {
                self.put(start + at, &[0; 4]);
                let sum = !crc32c::crc32c(!0, &self.bytes[start..start + length]);
                self.put(start + at, &sum.to_le_bytes());
            }
        }
    }

    /// The error of reading everything: the structure, or the feature.
    fn error(self) -> String {
        match everything(&self.bytes) {
            Err(error @ Error::Corrupt(Corrupt { structure, .. })) => {
                let code = error.code().to_string();
                format!("{} {structure}", code.rsplit('-').next().unwrap_or_default())
            }
            Err(Error::Unsupported(unsupported)) => format!("UNSUPPORTED {}", unsupported.feature),
            Err(other) => format!("Err({other:?})"),
            Ok(_) => "Ok".into(),
        }
    }
}

/// The bytes of both files, the targets of both links; every directory is listed, every name in it looked up.
fn everything(bytes: &[u8]) -> Result<[Vec<u8>; 4], Error> {
    let xfs = Xfs::open(bytes)?;
    let read = |name: &[u8]| {
        let node = xfs.lookup(&xfs.root(), name)?;
        let mut bytes = vec![0xff; usize::try_from(xfs.attr(&node)?.size.min(1 << 20)).unwrap()];
        xfs.read_at(&node, 0, &mut bytes)?;
        Ok::<_, Error>(bytes)
    };
    let link = |name: &[u8]| xfs.read_link(&xfs.lookup(&xfs.root(), name)?);
    xfs.read_dir(&xfs.root(), &mut |_, _, _| core::ops::ControlFlow::Continue(()))?;
    let content = [read(b"file")?, read(b"tree")?, link(b"link")?, link(b"remote")?];
    for name in ["block", "leaf", "node"] {
        let dir = xfs.lookup(&xfs.root(), name.as_bytes())?;
        let mut names = Vec::new();
        xfs.read_dir(&dir, &mut |name, number, _| {
            names.push((name.to_vec(), number));
            core::ops::ControlFlow::Continue(())
        })?;
        for (name, number) in names {
            if xfs.lookup(&dir, &name)? != number {
                return Err(Error::NotFound);
            }
        }
        match xfs.lookup(&dir, b"absent") {
            Err(Error::NotFound) => {}
            other => drop(other?),
        }
    }
    Ok(content)
}

#[test]
fn the_sound_images_read() {
    for is_v5 in [false, true] {
        let [file, tree, link, remote] = everything(&Image::sound(is_v5).bytes).unwrap();
        let blocks = |numbers: &[u8]| numbers.iter().flat_map(|n| [*n; BLOCK]).collect::<Vec<u8>>();
        assert!(file == blocks(&[20, 21, 0, 22, 0]));
        assert!(tree == blocks(&[30, 0, 31]));
        assert_eq!(link, b"abc");
        assert_eq!(remote, [b'x'; 1000]);
        let image = Image::sound(is_v5);
        let xfs = Xfs::open(image.bytes.as_slice()).unwrap();
        let mut names = Vec::new();
        for number in [ROOT, ONE_BLOCK, LEAF, NODE] {
            xfs.read_dir(&InodeNumber(number), &mut |name, _, _| {
                names.push(String::from_utf8(name.to_vec()).unwrap());
                core::ops::ControlFlow::Continue(())
            })
            .unwrap();
        }
        assert_eq!(names.join(" "), "file tree link remote block leaf node one two three four five six");
    }
}

/// Sets a number in the image of this version, corrects its checksums, and expects this error from reading it.
fn assert_refused(is_v5: bool, cases: &[(usize, &[u8], &str)]) {
    for (at, bytes, expected) in cases {
        let mut image = Image::sound(is_v5);
        image.put(*at, bytes);
        image.seal();
        assert_eq!(image.error(), *expected, "{bytes:x?} at {at:#x}, version 5: {is_v5}");
    }
}

#[test]
fn superblocks() {
    let cases: &[(usize, &[u8], &str)] = &[
        (0, b"XFSC", "MAGIC xfs_dsb.sb_magicnum"),
        (4, &[0, 0, 8, 0], "RANGE xfs_dsb.sb_blocksize"),
        (120, &[17], "RANGE xfs_dsb.sb_blocksize"),
        (120, &[255], "RANGE xfs_dsb.sb_blocksize"),
        (104, &[3, 0], "RANGE xfs_dsb.sb_inodesize"),
        (122, &[7], "RANGE xfs_dsb.sb_inodesize"),
        (123, &[2], "RANGE xfs_dsb.sb_inopblog"),
        (192, &[7], "RANGE xfs_dsb.sb_dirblklog"),
        (84, &[0; 4], "RANGE xfs_dsb.sb_agblocks"),
        (84, &[0, 0, 0, 65], "RANGE xfs_dsb.sb_agblklog"),
        (124, &[64], "RANGE xfs_dsb.sb_agblklog"),
        (8, &[0, 0, 0, 0, 0, 0, 0, 129], "RANGE xfs_dsb.sb_dblocks"),
        (8, &[0xff; 8], "RANGE xfs_dsb.sb_dblocks"),
        (8, &[0; 8], "RANGE xfs_dsb.sb_dblocks"),
        (88, &[0, 0, 0, 3], "RANGE xfs_dsb.sb_agcount"),
        (102, &[3, 0], "RANGE xfs_dsb.sb_sectsize"),
        (121, &[16], "RANGE xfs_dsb.sb_sectlog"),
        (126, &[1], "UNSUPPORTED unfinished mkfs.xfs (sb_inprogress)"),
        (48, &[0, 0, 0, 0, 0, 0, 0, 1], "RANGE xfs_dsb.sb_logstart"), // and no length
        (56, &[0xff; 8], "RANGE inode number"),
        (56, &[0; 8], "RANGE inode number"),
    ];
    assert_refused(false, cases);
    assert_refused(true, cases);
    let mut short = Image::sound(false);
    short.bytes.truncate(400);
    assert!(matches!(everything(&short.bytes), Err(Error::Io(_))));
}

#[test]
fn inodes() {
    let file = inode(FILE);
    let cases: &[(usize, &[u8], &str)] = &[
        (file, &[0], "MAGIC xfs_dinode.di_magic"),
        (file + 2, &[0, 0], "RANGE xfs_dinode.di_mode"),
        (file + 2, &[0x31, 0xff], "RANGE xfs_dinode.di_mode"),
        (file + 4, &[4], "RANGE xfs_dinode.di_version"),
        (file + 5, &[1], "RANGE xfs_dinode.di_format"),
        (file + 5, &[0], "RANGE xfs_dinode.di_format"),
        (file + 5, &[5], "RANGE xfs_dinode.di_format"),
        (file + 56, &[0x80], "RANGE xfs_dinode.di_size"),
        (file + 76, &[0, 0, 1, 0], "RANGE xfs_dinode.di_nextents"),
        (file + 82, &[255], "RANGE xfs_dinode.di_forkoff"),
        (inode(LINK) + 56, &[0; 8], "RANGE xfs_dinode.di_size"),
        (inode(LINK) + 62, &[4, 1], "RANGE xfs_dinode.di_size"),
        (inode(LINK) + 62, &[2, 0], "RANGE xfs_dinode.di_size"),
    ];
    assert_refused(false, cases);
    assert_refused(true, cases);
    assert_refused(false, &[(file + 4, &[3], "RANGE xfs_dinode.di_version")]);
    assert_refused(
        true,
        &[
            (file + 4, &[2], "RANGE xfs_dinode.di_version"),
            (file + 152 + 7, &[8], "INCONSISTENT xfs_dinode.di_ino"),
            (file + 160, &[1], "INCONSISTENT xfs_dinode.di_uuid"),
            (file + 127, &[0x20], "INCONSISTENT xfs_dinode.di_flags2"), // metadata
        ],
    );
    // 64-bit counts of extents, in a filesystem without them.
    let mut large = Image::sound(true);
    large.word(216, 0x9);
    large.put(file + 127, &[0x10]);
    large.seal();
    assert_eq!(large.error(), "INCONSISTENT xfs_dinode.di_flags2");
    let mut many = Image::sound(true);
    many.put(file + 127, &[0x10]);
    many.put(file + 24, &[0xff; 8]);
    many.seal();
    assert_eq!(many.error(), "RANGE xfs_dinode.di_nextents");
}

#[test]
fn extents() {
    for is_v5 in [false, true] {
        let image = Image::sound(is_v5);
        let (fork, second) = (image.fork(FILE), image.fork(FILE) + 16);
        let records: [(usize, [u64; 3], &str); 6] = [
            (fork, [0, 20, 0], "RANGE xfs_bmbt_rec.br_blockcount"),
            (second, [1, 22, 1], "INCONSISTENT xfs_bmbt_rec.br_startoff"),
            (second, [3, 1, 1], "RANGE xfs_bmbt_rec.br_startblock"),
            (second, [3, 63, 2], "RANGE xfs_bmbt_rec.br_startblock"), // over two groups
            (second, [3, 128, 1], "RANGE xfs_bmbt_rec.br_startblock"),
            (second, [(1 << 54) - 1, 22, 2], "RANGE xfs_bmbt_rec.br_blockcount"),
        ];
        for (at, record, expected) in records {
            assert_refused(is_v5, &[(at, &extent(record, false), expected)]);
        }
        // As long as a file can be, and longer than extents can map.
        let mut image = Image::sound(is_v5);
        image.long(inode(FILE) + 56, i64::MAX as u64);
        image.seal();
        let xfs = Xfs::open(image.bytes.as_slice()).unwrap();
        let mut buf = [1; 8];
        assert_eq!(xfs.read_at(&InodeNumber(FILE), i64::MAX as u64 - 4, &mut buf), Ok(4));
        assert_eq!(buf, [0, 0, 0, 0, 1, 1, 1, 1]);
    }
}

#[test]
fn trees_of_extents() {
    let block = 24 * BLOCK;
    for is_v5 in [false, true] {
        let image = Image::sound(is_v5);
        let (root, records) = (image.fork(TREE), image.behind_tree_header());
        let room = (INODE - (root - inode(TREE)) - 4) / 16;
        let pointer = root + 4 + room * 8;
        assert_refused(
            is_v5,
            &[
                (root, &[0, 0], "LOOP xfs_bmdr_block.bb_level"),
                (root, &[0, 12], "LOOP xfs_bmdr_block.bb_level"),
                (root, &[0, 2], "INCONSISTENT xfs_btree_block.bb_level"),
                (root + 2, &[0xff, 0xff], "RANGE xfs_bmdr_block.bb_numrecs"),
                (root + 2, &[0, 0], "RANGE xfs_bmdr_block.bb_numrecs"),
                (root + 2, &[0, 2], "INCONSISTENT xfs_bmbt_key.br_startoff"), // two keys of zero
                (pointer, &[0xff; 8], "RANGE xfs_bmbt_ptr"),
                (pointer, &[0; 8], "RANGE xfs_bmbt_ptr"),
                (block, b"BMAX", "MAGIC xfs_btree_block.bb_magic"),
                (block + 4, &[0, 1], "INCONSISTENT xfs_btree_block.bb_level"),
                (block + 6, &[0, 0], "RANGE xfs_btree_block.bb_numrecs"),
                (block + 6, &[0, 64], "RANGE xfs_btree_block.bb_numrecs"),
                (records + 16, &extent([0, 31, 1], false), "INCONSISTENT xfs_bmbt_rec.br_startoff"),
            ],
        );
        // What version 5 has a checksum for: a leaf that has lost an extent, and one that has another's, too.
        if !is_v5 {
            let more = extent([5, 31, 1], false);
            let few = (block + 6, &[0, 1][..], "INCONSISTENT xfs_dinode.di_nextents");
            assert_refused(false, &[few]);
            let mut image = Image::sound(false);
            image.put(block + 6, &[0, 3]);
            image.put(records + 32, &more);
            assert_eq!(image.error(), "INCONSISTENT xfs_dinode.di_nextents");
        }
        // Extents outside of the range that the node above gives.
        let mut image = Image::sound(is_v5);
        image.put(root + 2, &[0, 2]);
        image.long(root + 4 + 8, 2);
        image.long(pointer + 8, 24);
        image.seal();
        assert_eq!(image.error(), "RANGE xfs_bmbt_rec.br_blockcount");
        // No extents for the first blocks.
        let mut image = Image::sound(is_v5);
        image.long(root + 4, 1);
        image.put(records, &extent([1, 30, 1], false));
        image.seal();
        let [_, tree, ..] = everything(&image.bytes).unwrap();
        assert_eq!([tree[0], tree[BLOCK], tree[2 * BLOCK]], [0, 30, 31]);
    }
}

#[test]
fn links() {
    let (first, second) = (33 * BLOCK, 35 * BLOCK);
    assert_refused(
        true,
        &[
            (first, b"XSLX", "MAGIC xfs_dsymlink_hdr.sl_magic"),
            (second + 4, &[0; 4], "INCONSISTENT xfs_dsymlink_hdr.sl_offset"),
            (first + 8, &[0, 0, 3, 0xc9], "RANGE xfs_dsymlink_hdr.sl_bytes"),
            (first + 8, &[0; 4], "RANGE xfs_dsymlink_hdr.sl_bytes"),
            (second + 8, &[0, 0, 0, 33], "RANGE xfs_dsymlink_hdr.sl_bytes"),
            (inode(REMOTE) + 76, &[0, 0, 0, 1], "INCONSISTENT symbolic link"),
        ],
    );
    // An extent that does not begin at the first block, and an unwritten one.
    let (late, unwritten) = (extent([1, 33, 1], false), extent([0, 33, 1], true));
    let fork = Image::sound(false).fork(REMOTE);
    assert_refused(
        false,
        &[
            (fork, &late, "INCONSISTENT symbolic link"),
            (fork, &unwritten, "INCONSISTENT symbolic link"),
            (inode(REMOTE) + 76, &[0; 4], "INCONSISTENT xfs_dinode.di_nblocks"),
            (inode(REMOTE) + 64, &[0; 8], "INCONSISTENT xfs_dinode.di_nblocks"),
        ],
    );
    let cases: &[(usize, &[u8], &str)] = &[(inode(REMOTE) + 62, &[4, 1], "RANGE xfs_dinode.di_size")];
    assert_refused(false, cases);
    assert_refused(true, cases);
}

#[test]
fn directories_in_inodes() {
    for is_v5 in [false, true] {
        let fork = Image::sound(is_v5).fork(ROOT);
        assert_refused(
            is_v5,
            &[
                (inode(ROOT) + 62, &[2, 0], "RANGE xfs_dinode.di_size"),
                (inode(ROOT) + 62, &[0, 1], "RANGE xfs_dinode.di_size"),
                (fork, &[8], "RANGE xfs_dir2_sf_hdr.count"),
                (fork, &[6], "RANGE xfs_dinode.di_size"),
                (fork + 6, &[200], "RANGE xfs_dir2_sf_entry.namelen"),
                (fork + 6 + 3, b"/", "RANGE xfs_dir2_sf_entry.namelen"),
                (fork + 6 + 3, b"F", "Err(NotFound)"),
            ],
        );
        // An invalid inode number, and a missing one.
        let number = fork + 6 + 3 + 4 + usize::from(is_v5);
        assert_refused(
            is_v5,
            &[
                (number, &[0xff; 4], "RANGE inode number"),
                (number, &[0, 0, 0, 18], "MAGIC xfs_dinode.di_magic"),
            ],
        );
    }
}

#[test]
fn blocks_of_names() {
    for is_v5 in [false, true] {
        let start = if is_v5 { 64 } else { 16 };
        let (one, leaf) = (36 * BLOCK, 38 * BLOCK);
        let (name, tail) = (one + start, 37 * BLOCK - 8);
        let free = name + 16;
        let none = if is_v5 { "INCONSISTENT directory block" } else { "INCONSISTENT xfs_dinode.di_nblocks" };
        assert_refused(
            is_v5,
            &[
                (one, b"XXXX", "MAGIC xfs_dir2_data_hdr.magic"),
                (leaf, if is_v5 { b"XDB3" } else { b"XD2B" }, "MAGIC xfs_dir2_data_hdr.magic"),
                (tail, &[0xff; 4], "RANGE xfs_dir2_block_tail.count"),
                (tail, &[0, 0, 0, 127], "RANGE xfs_dir2_block_tail.count"),
                (name + 8, &[0], "RANGE xfs_dir2_data_entry.namelen"),
                (name + 8, &[40], "INCONSISTENT xfs_dir2_data_entry.tag"),
                (name + 14, &[9, 9], "INCONSISTENT xfs_dir2_data_entry.tag"),
                (name + 9, b"/", "RANGE xfs_dir2_data_entry.name"),
                (free + 2, &[0, 0], "RANGE xfs_dir2_data_unused.length"),
                (free + 2, &[0, 15], "RANGE xfs_dir2_data_unused.length"),
                (free + 2, &[4, 0], "RANGE xfs_dir2_data_unused.length"),
                (free + 14, &[9, 9], "INCONSISTENT xfs_dir2_data_unused.tag"),
                (inode(ONE_BLOCK) + 62, &[3, 0], "RANGE xfs_dinode.di_size"),
                (inode(ONE_BLOCK) + 59, &[0x11], "RANGE xfs_dinode.di_size"),
                (inode(ONE_BLOCK) + 56, &[0; 8], "RANGE xfs_dinode.di_size"),
                (inode(ONE_BLOCK) + 76, &[0; 4], none),
            ],
        );
        // Blocks without names may be freed; unwritten blocks contain none.
        let fork = Image::sound(is_v5).fork(LEAF);
        let mut hole = Image::sound(is_v5);
        hole.put(fork, &extent([1, 39, 1], false));
        hole.put(fork + 16, &extent([INDEX, 40, 1], false));
        hole.seal();
        let xfs = Xfs::open(hole.bytes.as_slice()).unwrap();
        assert!(xfs.lookup(&InodeNumber(LEAF), b"four").is_ok());
        assert!(xfs.lookup(&InodeNumber(LEAF), b"three").is_err());
        assert_refused(is_v5, &[(fork, &extent([0, 38, 2], true), "INCONSISTENT directory block")]);
    }
}

#[test]
fn indices_of_names() {
    for is_v5 in [false, true] {
        let (entries, count) = if is_v5 { (64, 56) } else { (16, 12) };
        let (leaf, node, first, second) = (40 * BLOCK, 44 * BLOCK, 45 * BLOCK, 46 * BLOCK);
        let index = 37 * BLOCK - 8 - 8 * 4;
        assert_refused(
            is_v5,
            &[
                (index, &[0xff; 4], "INCONSISTENT xfs_dir2_leaf_entry.hashval"),
                (index + 8 * 2 + 4, &[0, 0, 1, 0], "RANGE xfs_dir2_leaf_entry.address"),
                (index + 8 * 2 + 4, &[0, 0, 0, 127], "RANGE xfs_dir2_data_entry"),
                (index + 8 * 2 + 4, &[0, 0, 0, 1], "RANGE xfs_dir2_data_entry"),
                (leaf + 8, &[0, 0], "MAGIC xfs_da_blkinfo.magic"),
                (leaf + count, &[0, 127], "RANGE xfs_dir2_leaf_hdr.count"),
                (leaf + entries, &[0xff; 4], "INCONSISTENT xfs_dir2_leaf_entry.hashval"),
                (leaf + entries + 8 * 3 + 4, &[0xff; 4], "RANGE xfs_dir2_leaf_entry.address"),
                (node + count + 2, &[0, 0], "LOOP xfs_da3_node_hdr.level"),
                (node + count + 2, &[0, 6], "LOOP xfs_da3_node_hdr.level"),
                (node + count, &[0, 200], "RANGE xfs_dir2_leaf_hdr.count"),
                (node + entries + 4, &[0; 4], "RANGE xfs_da_node_entry.before"),
                // A node that is its own child.
                (node + entries + 4, &((INDEX) as u32).to_be_bytes(), "LOOP xfs_da3_node_hdr.level"),
                (node + count, &[0, 0], "Err(NotFound)"),
                // No further leaf, the same one repeatedly, one at a wrong location.
                (first, &[0; 4], "Err(NotFound)"),
                (first, &((INDEX + 1) as u32).to_be_bytes(), "LOOP xfs_dir2_leaf_entry.hashval"),
                (first, &[0, 0, 0, 1], "RANGE xfs_da_node_entry.before"),
                (second + 8, &[0], "MAGIC xfs_da_blkinfo.magic"),
            ],
        );
        assert_refused(is_v5, &[(inode(LEAF) + 76, &[0, 0, 0, 1], "INCONSISTENT directory block")]);
    }
}

#[test]
fn what_version_5_says_of_each_block() {
    // Offsets of checksum, location, UUID, owner; where bytes begin that nothing else checks.
    let (data, index) = ([4, 8, 24, 40], [12, 16, 32, 48]);
    for (block, at, name) in [
        (
            24,
            [64, 24, 40, 56],
            ["bb_crc", "bb_blkno", "bb_uuid", "bb_owner"].map(|f| format!("xfs_btree_block.{f}")),
        ),
        (
            33,
            [12, 40, 16, 32],
            ["sl_crc", "sl_blkno", "sl_uuid", "sl_owner"].map(|f| format!("xfs_dsymlink_hdr.{f}")),
        ),
        (36, data, ["crc", "blkno", "uuid", "owner"].map(|f| format!("xfs_dir3_blk_hdr.{f}"))),
        (39, data, ["crc", "blkno", "uuid", "owner"].map(|f| format!("xfs_dir3_blk_hdr.{f}"))),
        (40, index, ["crc", "blkno", "uuid", "owner"].map(|f| format!("xfs_da3_blkinfo.{f}"))),
        (44, index, ["crc", "blkno", "uuid", "owner"].map(|f| format!("xfs_da3_blkinfo.{f}"))),
        (46, index, ["crc", "blkno", "uuid", "owner"].map(|f| format!("xfs_da3_blkinfo.{f}"))),
    ] {
        for (number, at) in at.into_iter().enumerate() {
            let mut image = Image::sound(true);
            image.bytes[block * BLOCK + at] ^= 1;
            if number > 0 {
                image.seal();
            }
            let fault = if number == 0 { "CSUM" } else { "INCONSISTENT" };
            assert_eq!(image.error(), format!("{fault} {}", name[number]), "{block}");
        }
        let mut image = Image::sound(true);
        image.bytes[(block + 1) * BLOCK - 5] ^= 1;
        assert_eq!(image.error(), format!("CSUM {}", name[0]), "{block}");
    }
    for (at, name) in
        [(100, "xfs_dsb.sb_crc"), (101, "xfs_dsb.sb_crc"), (inode(FILE) + 300, "xfs_dinode.di_crc")]
    {
        let mut image = Image::sound(true);
        image.bytes[at] ^= 1;
        assert_eq!(image.error(), format!("CSUM {name}"));
    }
    // A metadata UUID that differs from that of the filesystem.
    let mut image = Image::sound(true);
    image.word(216, 0x2d);
    image.put(32, b"another UUID ...");
    image.put(248, &UUID);
    image.seal();
    assert!(everything(&image.bytes).is_ok());
}

#[test]
fn probing_needs_no_more_than_the_magic_number() {
    assert_eq!(crate::probe(Image::sound(true).bytes.as_slice()), Ok(true));
    assert_eq!(crate::probe([0; 4096].as_slice()), Ok(false));
    assert_eq!(crate::probe(&Image::sound(true).bytes[..511]), Ok(false), "no room for a superblock");
}

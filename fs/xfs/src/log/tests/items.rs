// SPDX-License-Identifier: BSD-3-Clause
//! The effects of items: buffers, inodes, intents.

use std::{vec, vec::Vec};

use crc32c::crc32c;

use super::{
    change, corrupt,
    disk::{
        AGF, BTREE, CANCEL, DIR_DATA, Disk, INODES, Regions, SECTOR, SUPERBLOCK, UUID, buffer, cancel,
        directory, inode, transaction,
    },
    fill, unsupported,
};
use crate::log::{Mapped, Report};

/// Where the inodes that tests change are: in the second of the cluster's sectors.
const INODE: (u64, u32) = (64, 512);
const INODE_AT: usize = 65 * SECTOR;

fn be(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// Whether the checksum at `at` is that of all other bytes.
fn is_sealed(bytes: &[u8], at: usize) -> bool {
    let parts = [&bytes[..at], &[0; 4], &bytes[at + 4..]];
    bytes[at..at + 4] == (!parts.into_iter().fold(!0, crc32c)).to_le_bytes()
}

#[test]
fn replayed_buffers_have_number_and_checksum() {
    let header = |magic: &[u8], at: usize, uuid: usize| {
        let mut chunk = vec![3; 128];
        chunk[at..at + magic.len()].copy_from_slice(magic);
        chunk[uuid..uuid + 16].copy_from_slice(&UUID);
        chunk
    };
    // Magic number and its offset; the offsets of UUID, LSN and checksum.
    let cases: [(&[u8], [usize; 4], u16); 5] = [
        (b"BMA3", [0, 40, 32, 64], BTREE),
        (b"XDB3", [0, 24, 16, 4], DIR_DATA),
        (b"XSLM", [0, 16, 48, 12], 9 << 11),
        (b"\x3d\xff", [8, 32, 24, 12], 14 << 11),
        (b"\x3e\xbe", [8, 32, 24, 12], 15 << 11),
    ];
    for (magic, [at, uuid, lsn, crc], kind) in cases {
        let mut disk = Disk::new();
        disk.bytes[8 * SECTOR..16 * SECTOR].fill(0x77);
        let first = disk.lsn();
        disk.commit(&[buffer(8, 8, kind, &[(0, header(magic, at, uuid)), (5, vec![9; 256])])]);
        let second = disk.lsn();
        let bytes = disk.replayed();
        let block = &bytes[8 * SECTOR..16 * SECTOR];
        assert!(is_sealed(block, crc) && be(block, lsn) == first, "{magic:?}");
        assert_eq!(block[640..896], [9; 256]);
        assert_eq!((block[639], block[896], block[128]), (0x77, 0x77, 0x77));
        disk.commit(&[buffer(8, 8, kind, &[(7, vec![1; 128])])]);
        let bytes = disk.replayed();
        let block = &bytes[8 * SECTOR..16 * SECTOR];
        assert!(is_sealed(block, crc) && be(block, lsn) == second && block[896] == 1, "{magic:?}");
        let changed = disk.recover().unwrap().unwrap().overlay;
        assert!(changed.is_replayed(4096, 128) && !changed.is_replayed(4096 + 128, 512));

        // The second part of a directory block is names, whatever they look like.
        let mut disk = Disk::new();
        let mut names = header(magic, at, uuid);
        names[uuid + 15] ^= 1;
        disk.commit(&[buffer(8, 8, kind, &[(0, names.clone())])]);
        assert_eq!(disk.replayed()[8 * SECTOR..][..128], names, "{magic:?}");
    }
    // The superblock is one sector, with its number and checksum in the second chunk.
    let mut disk = Disk::new();
    let mut first = header(b"XFSB", 0, 32);
    first.extend([4; 128]);
    let lsn = disk.lsn();
    disk.commit(&[buffer(0, 1, SUPERBLOCK, &[(0, first)])]);
    let bytes = disk.replayed();
    assert!(is_sealed(&bytes[..512], 224) && be(&bytes, 240) == lsn);
}

#[test]
fn blocks_that_are_newer_on_the_disk_stay() {
    let mut disk = Disk::new();
    disk.commit(&[change(1)]);
    let lsn = disk.lsn();
    disk.commit(&[change(2)]);
    let on_disk = |lsn: u64, owner: u8| {
        let mut disk = disk.clone();
        disk.bytes[8 * SECTOR..][..128].copy_from_slice(&directory(lsn, 0xdd));
        disk.bytes[8 * SECTOR + 24] ^= owner;
        fill(&disk)
    };
    assert_eq!(on_disk(lsn - 1, 0), 2, "older than the second, newer than the first");
    assert_eq!(on_disk(lsn, 0), 0xdd, "written back after the second");
    assert_eq!(on_disk(lsn + 1, 0), 0xdd);
    assert_eq!(on_disk(u64::MAX, 0), 2, "of no transaction");
    assert_eq!(on_disk(0, 0), 2);
    assert_eq!(on_disk(lsn + 1, 1), 2, "of another filesystem");
    // Two transactions in one record have the same number: both count.
    let mut disk = Disk::new();
    disk.record(&[transaction(7, &[change(1)]), transaction(8, &[change(2)])].concat());
    assert_eq!(fill(&disk), 2);
}

#[test]
fn freed_buffers_are_not_replayed_before_they_are_freed() {
    let mut disk = Disk::new();
    disk.bytes[8 * SECTOR..16 * SECTOR].fill(0x66);
    disk.commit(&[change(1)]);
    disk.commit(&[cancel(8, 8)]);
    assert_eq!(fill(&disk), 0x66, "a file's data may be there now");
    disk.commit(&[change(2)]);
    assert_eq!(fill(&disk), 2, "used again");
    disk.commit(&[cancel(8, 8)]);
    assert_eq!(fill(&disk), 0x66, "and freed again");
    // Freed and reused in one transaction: its changes are from after that, and not replayed, as in Linux.
    let mut disk = Disk::new();
    disk.commit(&[cancel(8, 8), change(1), cancel(8, 16)]);
    assert_eq!(fill(&disk), 0);
    // A buffer of another length in the same place is a different buffer.
    let mut disk = Disk::new();
    disk.commit(&[change(1)]);
    disk.commit(&[cancel(8, 16)]);
    assert_eq!(fill(&disk), 1);
    // An uncommitted transaction frees nothing.
    let mut operations = transaction(3, &[cancel(8, 8)]);
    operations.pop();
    disk.record(&operations);
    assert_eq!(fill(&disk), 1);
}

#[test]
fn what_readers_do_not_look_at_is_left_out() {
    for flags in
        [AGF, 6 << 11, 7 << 11, 1 << 11, 12 << 11, 16 << 11, 17 << 11, 19 << 11, 20 << 11, 8 << 11 | INODES]
    {
        let mut disk = Disk::new();
        disk.commit(&[buffer(8, 8, flags, &[(0, directory(0, 1))])]);
        assert_eq!(fill(&disk), 0, "{flags:#x}");
    }
    // Only trees of files count.
    let tree = |magic: &[u8; 4]| {
        let mut chunk = directory(0, 1);
        chunk[..4].copy_from_slice(magic);
        chunk
    };
    for (magic, expected) in [(b"AB3B", 0), (b"IAB3", 0), (b"BMA3", 1)] {
        let mut disk = Disk::new();
        disk.commit(&[buffer(8, 8, BTREE, &[(0, tree(magic))])]);
        assert_eq!(fill(&disk), expected);
        let mut disk = Disk::new();
        disk.bytes[8 * SECTOR..][..4].copy_from_slice(magic);
        disk.commit(&[buffer(8, 8, BTREE, &[(5, vec![1; 128])])]);
        assert_eq!(disk.replayed()[8 * SECTOR + 640], expected);
    }
    let mut disk = Disk::new();
    disk.commit(&[buffer(8, 8, 0, &[(0, vec![1; 128])])]);
    assert_eq!(fill(&disk), 1, "of unknown type");
}

#[test]
fn regions_that_do_not_fit_their_buffer_are_refused() {
    let good = buffer(8, 8, DIR_DATA, &[(0, directory(0, 1)), (2, vec![1; 256])]);
    // A run in two regions, as when Linux's memory was not contiguous.
    let mut parted = good.clone();
    let (head, rest) = good[2].split_at(128);
    parted[0][2] = 4;
    parted.splice(2.., [head.to_vec(), rest.to_vec()]);
    let mut disk = Disk::new();
    disk.commit(&[parted]);
    assert_eq!(disk.replayed()[8 * SECTOR + 256..][..256], [1; 256]);

    let refused = |change: &dyn Fn(&mut Regions)| {
        let mut disk = Disk::new();
        let mut item = good.clone();
        change(&mut item);
        disk.commit(&[item]);
        corrupt(&disk)
    };
    let map = "xfs_buf_log_format.blf_data_map";
    assert_eq!(refused(&|item| item[1].truncate(100)), map);
    assert_eq!(refused(&|item| item[0][20] |= 0x80), map, "a chunk without its region");
    assert_eq!(refused(&|item| item[0][16] = 18), map, "a map of so many words");
    assert_eq!(refused(&|item| item[0].truncate(20)), map, "a map that is not there");
    assert_eq!(refused(&|item| item[0].truncate(16)), "xfs_buf_log_format", "a length that is not there");
    assert_eq!(refused(&|item| item[0][6] = 0), "xfs_buf_log_format.blf_len");
    assert_eq!(refused(&|item| item[0][7] = 1), "xfs_buf_log_format.blf_len");
    assert_eq!(refused(&|item| item[0][9] = 8), "log item's block number", "past the device's end");
    assert_eq!(refused(&|item| item[0][15] = 0xff), "log item's block number");
    let past = |item: &mut Regions| {
        item[0][6] = 1;
        item[0][20] = 0x11;
    };
    assert_eq!(refused(&past), map, "chunks past the buffer's end");
}

/// The core of an inode as logged: `numbers` are offset, width and value.
fn core(numbers: &[(usize, usize, u64)]) -> [u8; 176] {
    let mut core = [0; 176];
    core[..6].copy_from_slice(&[0x4e, 0x49, 0xa4, 0x81, 3, 2]);
    for (at, width, value) in numbers {
        core[*at..at + width].copy_from_slice(&value.to_le_bytes()[..*width]);
    }
    core
}

/// A disk with an inode of this LSN where the tests expect it.
fn with_inode(lsn: u64) -> Disk {
    let mut disk = Disk::new();
    disk.bytes[INODE_AT..][..5].copy_from_slice(b"IN\0\0\x03");
    disk.bytes[INODE_AT + 112..][..8].copy_from_slice(&lsn.to_be_bytes());
    disk.bytes[INODE_AT + 96..][..4].copy_from_slice(&[1, 2, 3, 4]);
    disk
}

fn replayed_inode(disk: &Disk) -> Vec<u8> {
    disk.replayed()[INODE_AT..][..512].to_vec()
}

#[test]
fn inodes_have_the_fields_of_the_log_in_the_disks_order() {
    let numbers = [
        (8, 4, 0x0102_0304),
        (22, 2, 0x0506),
        (24, 8, 0x1112_1314_1516_1718),
        (32, 8, 0x2122_2324_2526_2728),
        (56, 8, 0x3132_3334_3536_3738),
        (76, 4, 0x4142_4344),
        (82, 1, 20),
        (83, 1, 1),
        (90, 2, 0x5152),
        (96, 4, 0xffff_ffff),
        (112, 8, 0x6666),
        (128, 4, 0x7172_7374),
        (144, 8, 0x8182_8384_8586_8788),
        (152, 8, 0x9192_9394_9596_9798),
        (160, 8, 0xa8a7_a6a5_a4a3_a2a1),
    ];
    let mut disk = with_inode(0);
    let lsn = disk.lsn();
    disk.commit(&[inode(513, INODE, 1, core(&numbers), &[])]);
    let inode_bytes = replayed_inode(&disk);
    assert_eq!(inode_bytes[..6], *b"IN\x81\xa4\x03\x02");
    assert_eq!(inode_bytes[8..12], [1, 2, 3, 4]);
    assert_eq!(inode_bytes[22..24], [5, 6]);
    assert_eq!(be(&inode_bytes, 24), 0x1112_1314_1516_1718);
    assert_eq!(be(&inode_bytes, 32), 0x2526_2728_2122_2324, "seconds, then nanoseconds");
    assert_eq!(be(&inode_bytes, 56), 0x3132_3334_3536_3738);
    assert_eq!(inode_bytes[76..84], [0x41, 0x42, 0x43, 0x44, 0, 0, 20, 1]);
    assert_eq!(inode_bytes[90..92], [0x51, 0x52]);
    assert_eq!(inode_bytes[96..100], [1, 2, 3, 4], "the list of unlinked inodes is not in the core");
    assert_eq!(be(&inode_bytes, 112), lsn);
    assert_eq!(inode_bytes[128..132], [0x71, 0x72, 0x73, 0x74]);
    assert_eq!(be(&inode_bytes, 144), 0x8586_8788_8182_8384);
    assert_eq!(be(&inode_bytes, 152), 0x9192_9394_9596_9798);
    assert_eq!(inode_bytes[160..168], [0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8]);
    assert!(is_sealed(&inode_bytes, 100));
    assert_eq!(disk.recover().unwrap().unwrap().report, Report { transactions: 1, buffers: 0, inodes: 1 });
    // Times of 64 bits.
    let mut disk = with_inode(0);
    disk.commit(&[inode(513, INODE, 1, core(&[(120, 8, 8), (32, 8, 0x2122_2324_2526_2728)]), &[])]);
    assert_eq!(be(&replayed_inode(&disk), 32), 0x2122_2324_2526_2728);
    // The format structure as 32-bit Linux writes it.
    let mut item = inode(513, INODE, 1, core(&numbers), &[]);
    item[0].drain(12..16);
    let mut disk = with_inode(0);
    disk.commit(&[item]);
    assert_eq!(replayed_inode(&disk)[8..12], [1, 2, 3, 4]);
}

#[test]
fn inodes_that_are_newer_on_the_disk_stay() {
    let mut disk = Disk::new();
    disk.commit(&[change(1)]);
    let lsn = disk.lsn();
    let uid = |on_disk: u64| {
        let mut disk = with_inode(on_disk);
        disk.commit(&[change(1)]);
        disk.commit(&[inode(513, INODE, 0x201, core(&[(8, 4, 1000)]), &[])]);
        let recovered = disk.recover().unwrap().unwrap();
        assert!(recovered.intents.has_changed_owner(513) && !recovered.intents.has_changed_owner(514));
        replayed_inode(&disk)[11]
    };
    assert_eq!(uid(0), 0xe8);
    assert_eq!([uid(lsn - 1), uid(lsn), uid(lsn + 1), uid(u64::MAX)], [0xe8, 0xe8, 0, 0xe8]);
}

#[test]
fn forks_of_inodes_are_replayed_in_all_forms() {
    const DATA: u32 = 2;
    const EXTENTS: u32 = 4;
    const ROOT: u32 = 8;
    const DEVICE: u32 = 0x10;
    const ATTRIBUTES: u32 = 0x40;
    let replay = |fields: u32, numbers: &[(usize, usize, u64)], forks: &[Vec<u8>]| {
        let mut disk = with_inode(0);
        disk.bytes[INODE_AT + 176..][..336].fill(0xee);
        disk.commit(&[inode(513, INODE, 1 | fields, core(numbers), forks)]);
        disk
    };
    let forks = |disk: &Disk| replayed_inode(disk)[176..].to_vec();
    for kind in [DATA, EXTENTS] {
        let fork = forks(&replay(kind, &[], &[vec![5; 32]]));
        assert_eq!((fork[..32].to_vec(), fork[32]), (vec![5; 32], 0xee));
        let fork = forks(&replay(kind | ATTRIBUTES, &[(82, 1, 20)], &[vec![5; 160], vec![6; 176]]));
        assert_eq!(fork, [[5; 160].as_slice(), &[6; 176]].concat());
        let fork = forks(&replay(ATTRIBUTES, &[(82, 1, 20)], &[vec![6; 8]]));
        assert_eq!((fork[159], fork[160..168].to_vec(), fork[168]), (0xee, vec![6; 8], 0xee));
        for (numbers, lengths) in
            [(vec![], [337, 0]), (vec![(82, 1, 20)], [164, 0]), (vec![(82, 1, 20)], [160, 180])]
        {
            let disk = replay(kind | ATTRIBUTES, &numbers, &lengths.map(|length| vec![1; length + 4]));
            assert_eq!(corrupt(&disk), "xfs_log_dinode", "{lengths:?}");
        }
    }
    let disk = replay(EXTENTS, &[], &[]);
    assert_eq!(corrupt(&disk), "xfs_log_dinode", "a fork that is not there");
    let disk = replay(EXTENTS, &[(82, 1, 43)], &[vec![1; 8]]);
    assert_eq!(corrupt(&disk), "xfs_log_dinode", "a fork outside of the inode");
    assert_eq!(forks(&replay(DEVICE, &[], &[]))[..5], [0, 0, 0x12, 0x34, 0xee]);
    // A root: as logged, a block's header of 72 bytes, three keys, three pointers; in the inode, at fixed offsets.
    let mut root = vec![0; 72];
    root[..8].copy_from_slice(b"BMA3\0\x02\0\x03");
    root.extend([[1; 8], [2; 8], [3; 8], [0xa; 8], [0xb; 8], [0xc; 8]].concat());
    let fork = forks(&replay(ROOT, &[(5, 1, 3)], &[root.clone()]));
    assert_eq!(fork[..28], [b"\0\x02\0\x03".as_slice(), &[1; 8], &[2; 8], &[3; 8]].concat());
    let pointers = 4 + (336 - 4) / 16 * 8;
    assert_eq!(fork[pointers..][..24], [[0xa; 8], [0xb; 8], [0xc; 8]].concat());
    let fork = forks(&replay(0x100, &[(82, 1, 22), (83, 1, 3)], &[root.clone()]));
    assert_eq!((fork[175], fork[176..180].to_vec()), (0xee, b"\0\x02\0\x03".to_vec()));
    assert_eq!(fork[180 + (160 - 4) / 16 * 8..][..8], [0xa; 8]);
    assert!(
        forks(&replay(ROOT, &[(5, 1, 5)], &[root.clone()])).iter().all(|byte| *byte == 0xee),
        "realtime's"
    );
    let disk = replay(ROOT, &[(5, 1, 3), (82, 1, 4)], &[root.clone()]);
    assert_eq!(corrupt(&disk), "xfs_log_dinode", "more records than the fork has room for");
    root[7] = 4;
    assert_eq!(
        corrupt(&replay(ROOT, &[(5, 1, 3)], &[root])),
        "xfs_log_dinode",
        "more records than there are"
    );
}

#[test]
fn inodes_of_freed_or_damaged_buffers_are_not_replayed() {
    let item = inode(513, INODE, 1, core(&[(8, 4, 1000)]), &[]);
    let mut disk = with_inode(0);
    disk.commit(core::slice::from_ref(&item));
    disk.commit(&[cancel(64, 32)]);
    assert_eq!(replayed_inode(&disk)[8..12], [0; 4]);
    disk.bytes[INODE_AT] = 0;
    assert!(disk.recover().is_ok(), "it is no longer there");
    let mut disk = Disk::new();
    disk.commit(core::slice::from_ref(&item));
    assert_eq!(corrupt(&disk), "xfs_dinode.di_magic");
    let refused = |change: &dyn Fn(&mut Regions)| {
        let mut disk = with_inode(0);
        let mut item = item.clone();
        change(&mut item);
        disk.commit(&[item]);
        corrupt(&disk)
    };
    assert_eq!(refused(&|item| item[0].truncate(48)), "xfs_inode_log_format");
    assert_eq!(refused(&|item| item[0][50] = 1), "xfs_inode_log_format", "so long a buffer");
    assert_eq!(refused(&|item| item[1].truncate(172)), "xfs_log_dinode");
    assert_eq!(refused(&|item| item[1][0] = 0), "xfs_log_dinode");
    assert_eq!(refused(&|item| item[0][54] = 0xff), "log item's block number");
    assert_eq!(refused(&|item| item[0][52] = 64), "log item's block number", "no chunk starts there");
}

/// An item that creates inodes: group, block, count, bytes of an inode, blocks, generation.
fn create(words: [u32; 6]) -> Regions {
    vec![[vec![0x3f, 0x12, 1, 0], words.iter().flat_map(|word| word.to_be_bytes()).collect()].concat()]
}

#[test]
fn new_inodes_are_made_before_they_are_changed() {
    let mut disk = Disk::new();
    disk.bytes[..256 * SECTOR].fill(0x33);
    // Blocks 8 to 15, in clusters of 16 KiB.
    let made = create([0, 8, 64, 512, 8, 0x0102_0304]);
    disk.commit(&[inode(64 + 1, (64, 512), 1, core(&[(8, 4, 1000), (152, 8, 65)]), &[]), made.clone()]);
    let bytes = disk.replayed();
    let made = &bytes[65 * SECTOR..][..SECTOR];
    assert!(made.starts_with(b"IN") && made[4] == 3 && is_sealed(made, 100));
    assert_eq!((made[8..12].to_vec(), be(made, 152)), (1000u32.to_be_bytes().to_vec(), 65));
    assert_eq!((&made[96..100], &made[176..]), ([0xff; 4].as_slice(), [0; 336].as_slice()));
    // No name leads to the others.
    assert_eq!((bytes[65 * SECTOR - 1], bytes[66 * SECTOR]), (0x33, 0x33));
    // Once changed, it has the new content.
    let mut again = disk.clone();
    let fork = vec![7; 16];
    again.commit(&[inode(
        65,
        (64, 512),
        3,
        core(&[(8, 4, 1000), (152, 8, 65)]),
        core::slice::from_ref(&fork),
    )]);
    again.commit(&[inode(65, (64, 512), 1, core(&[(8, 4, 2000), (152, 8, 65)]), &[])]);
    let bytes = again.replayed();
    assert_eq!((bytes[65 * SECTOR + 176..][..16].to_vec(), bytes[65 * SECTOR + 11]), (fork, 0xd0));
    // One of its two clusters is freed later.
    let mut freed = disk.clone();
    freed.commit(&[cancel(96, 32), cancel(64, 32)]);
    assert_eq!(freed.replayed()[65 * SECTOR], 0x33);
    // A buffer of another length in the same place is a different buffer.
    let mut other = disk.clone();
    other.commit(&[cancel(96, 8)]);
    assert!(other.replayed()[65 * SECTOR..].starts_with(b"IN"));
    for words in [
        [0, 8, 64, 256, 8, 1],
        [0, 8, 63, 512, 8, 1],
        [0, 8, 128, 512, 16, 1],
        [0, 8, 64, 512, 7, 1],
        [0, 8, u32::MAX, 512, u32::MAX, 1],
        [0, 93, 64, 512, 8, 1], // the last block is the first of the next group
        [0, u32::MAX, 64, 512, 8, 1],
    ] {
        let mut disk = Disk::new();
        disk.commit(&[create(words)]);
        assert_eq!(corrupt(&disk), "xfs_icreate_log", "{words:?}");
    }
    for words in [[5, 8, 64, 512, 8, 1], [u32::MAX, 8, 64, 512, 8, 1]] {
        let mut disk = Disk::new();
        disk.commit(&[create(words)]);
        assert_eq!(corrupt(&disk), "log item's block number", "{words:?}");
    }
}

#[test]
fn what_was_not_finished_is_left_to_the_reader() {
    let number =
        |kind: u8, id: u64| vec![[vec![kind, 0x12, 1, 0, 1, 0, 0, 0], id.to_le_bytes().to_vec()].concat()];
    let mapping = |id: u64, block: u64| {
        let mut item = number(0x44, id);
        item[0].extend([513, block, 3].iter().flat_map(|number: &u64| number.to_le_bytes()));
        item[0].extend([2, 0, 0, 0, 1, 0, 0, 0]);
        item
    };
    let mut disk = Disk::new();
    disk.commit(&[mapping(1, 100), mapping(2, 200)]);
    disk.commit(&[number(0x45, 1), mapping(1, 300)]);
    disk.commit(&[number(0x45, 9)]);
    let at = |disk: &Disk, block| {
        let intents = disk.recover().unwrap().unwrap().intents;
        intents.resolve(513, block, &mut |_, _| Ok((Mapped::Hole, 100))).unwrap()
    };
    let block = |block| Mapped::Block { block, is_unwritten: false };
    assert_eq!(at(&disk, 4), (block(301), 1));
    assert_eq!(at(&disk, 1), (Mapped::Hole, 2));
    disk.commit(&[number(0x45, 1)]);
    assert_eq!(at(&disk, 3), (block(200), 2));
    disk.commit(&[number(0x45, 2)]);
    assert!(disk.recover().unwrap().unwrap().intents.is_empty());
    let mut bad = disk.clone();
    bad.commit(&[vec![mapping(3, 1)[0][..40].to_vec()]]);
    assert_eq!(corrupt(&bad), "xfs_bui_log_format");
    disk.commit(&[number(0x48, 3)]);
    assert_eq!(corrupt(&disk), "xfs_xmi_log_format");
}

#[test]
fn a_file_is_exchanged_once_at_a_time() {
    let exchange = |id: u64, one: u64, other: u64| {
        let mut item = vec![0x48, 0x12, 1, 0, 0, 0, 0, 0];
        item.extend([id, one, other, 0, 0, 0, 8, 4, 0, 0].iter().flat_map(|number| number.to_le_bytes()));
        vec![item]
    };
    let mut disk = Disk::new();
    disk.commit(&[exchange(1, 513, 513), exchange(2, 514, 515)]);
    assert!(disk.recover().is_ok());
    // The first one is done, and another takes its place.
    let done = vec![[vec![0x49, 0x12, 1, 0, 1, 0, 0, 0], 1u64.to_le_bytes().to_vec()].concat()];
    let mut next = disk.clone();
    next.commit(&[exchange(3, 513, 513), done]);
    assert!(next.recover().is_ok());
    // Each would lead to the one before, twice.
    disk.commit(&[exchange(3, 516, 513)]);
    assert_eq!(unsupported(&disk), "more than one unfinished exchange of a file's mappings");
}

#[test]
fn the_item_that_frees_a_buffer_has_no_type() {
    assert_eq!(CANCEL, 2);
    let mut disk = Disk::new();
    disk.commit(&[buffer(8, 8, CANCEL | DIR_DATA, &[])]);
    disk.commit(&[change(1)]);
    assert_eq!(fill(&disk), 1);
}

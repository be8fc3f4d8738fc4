// SPDX-License-Identifier: BSD-3-Clause
//! Logs made by the tests, one for each rule.

mod any;
mod disk;
mod items;

use core::cell::Cell;
use std::{
    string::{String, ToString},
    vec,
    vec::Vec,
};

use block::{BlockRead, ReadError};
use filesystem::Error;

use super::Report;
use disk::{
    BLOCKS, COMMIT, CONTINUE, DIR_DATA, Disk, END, Operation, SECTOR, START, WAS_CONTINUED, buffer,
    directory, transaction,
};

/// A directory block at sector 8, filled with this byte.
fn change(fill: u8) -> disk::Regions {
    buffer(8, 8, DIR_DATA, &[(0, directory(0, fill))])
}

/// The byte that fills the block at sector 8 after the replay.
fn fill(disk: &Disk) -> u8 {
    disk.replayed()[8 * SECTOR + 100]
}

fn corrupt(disk: &Disk) -> &'static str {
    match disk.recover() {
        Err(Error::Corrupt(corrupt)) => corrupt.structure,
        other => panic!("{:?}", other.map(|recovered| recovered.map(|recovered| recovered.report))),
    }
}

fn unsupported(disk: &Disk) -> String {
    match disk.recover() {
        Err(Error::Unsupported(unsupported)) => unsupported.feature.into_owned(),
        other => panic!("{:?}", other.map(|recovered| recovered.map(|recovered| recovered.report))),
    }
}

#[test]
fn a_clean_log_is_not_replayed() {
    let mut disk = Disk::new();
    disk.bytes.fill(0);
    assert!(disk.recover().unwrap().is_none(), "never written");
    for (at, cycle) in [(0, 1), (100, 5), (BLOCKS - 2, 9), (BLOCKS - 1, 9)] {
        let mut disk = Disk::at(at, cycle);
        disk.unmount();
        assert!(disk.recover().unwrap().is_none(), "{at}");
        disk.geometry.is_v5 = false;
        assert!(disk.recover().unwrap().is_none(), "{at}, version 4");
        disk.geometry.is_v5 = true;
        disk.commit(&[change(1)]);
        assert_eq!(fill(&disk), 1, "{at}, mounted again");
        disk.unmount();
        assert!(disk.recover().unwrap().is_none(), "{at}, and unmounted");
    }
}

#[test]
fn committed_transactions_count_in_their_order() {
    for (at, cycle) in [(0, 1), (10, 2), (BLOCKS - 1, 3), (BLOCKS - 2, 4), (BLOCKS - 3, 4)] {
        let mut disk = Disk::at(at, cycle);
        disk.commit(&[change(1)]);
        disk.commit(&[change(2)]);
        // Begun, not committed.
        let mut operations = transaction(8, &[change(3)]);
        operations.pop();
        disk.record(&operations);
        assert_eq!(fill(&disk), 2, "{at}");
        let report = disk.recover().unwrap().unwrap().report;
        assert_eq!(report, Report { transactions: 2, buffers: 2, inodes: 0 });
    }
}

#[test]
fn transactions_go_on_over_records() {
    let whole =
        transaction(7, &[change(1), buffer(16, 8, DIR_DATA, &[(0, directory(0, 9)), (4, vec![5; 512])])]);
    let others = transaction(8, &[change(2)]);
    // Each region in two parts, split wherever Linux could split it.
    for size in (4..600).step_by(4) {
        let mut disk = Disk::new();
        for (number, (id, flags, data)) in whole.iter().enumerate() {
            match data.split_at_checked(size).filter(|(_, rest)| !rest.is_empty()) {
                Some((head, rest)) => {
                    disk.record(&[(*id, flags | CONTINUE, head.to_vec())]);
                    let operations = (*id, flags | WAS_CONTINUED | END, rest.to_vec());
                    // Interleaved with another transaction.
                    let other = others.get(number).cloned().into_iter();
                    disk.record(&other.chain([operations]).collect::<Vec<_>>());
                }
                None => {
                    disk.record(&[(*id, *flags, data.clone())]);
                }
            }
        }
        let bytes = disk.replayed();
        assert_eq!(bytes[8 * SECTOR..][40..128], [1; 88], "{size}");
        assert_eq!(bytes[16 * SECTOR..][40..128], [9; 88], "{size}");
        assert_eq!(bytes[16 * SECTOR..][512..1024], [5; 512], "{size}");
    }
    // Split into as many parts as possible.
    let mut disk = Disk::new();
    for (id, flags, data) in &whole {
        let parts = data.chunks(16).count().max(1);
        for number in 0..parts {
            let part = data.chunks(16).nth(number).unwrap_or_default();
            let go_on = if number + 1 < parts { CONTINUE } else { END };
            let came = if number > 0 { WAS_CONTINUED } else { 0 };
            disk.record(&[(*id, flags | if parts > 1 { go_on | came } else { 0 }, part.to_vec())]);
        }
    }
    let bytes = disk.replayed();
    assert_eq!(bytes[8 * SECTOR..][40..128], [1; 88]);
    assert_eq!(bytes[16 * SECTOR..][512..1024], [5; 512]);
}

#[test]
fn long_records_have_more_headers() {
    for size in [32u32, 64, 256] {
        let mut disk = Disk::at(200, 3);
        disk.size = size << 10;
        let count = if size == 32 { 3 } else { 7 };
        let block =
            |number: usize| buffer(1000 + 128 * number as u64, 128, DIR_DATA, &[(0, big(number as u8))]);
        let (_, blocks) = disk.commit(&(0..count).map(block).collect::<Vec<_>>());
        assert!(blocks >= 50 && (size == 32 || blocks > 110), "{blocks}");
        let bytes = disk.replayed();
        for number in 0..count {
            let start = (1000 + 128 * number) * SECTOR;
            assert_eq!(bytes[start + 40..][..8000], big(number as u8)[40..8040], "{size} {number}");
        }
        disk.unmount();
        assert!(disk.recover().unwrap().is_none());
    }
}

/// Content in which all groups of four bytes differ.
fn big(seed: u8) -> Vec<u8> {
    let mut bytes = directory(0, 0);
    bytes.extend((32..2100u32).flat_map(|word| (word * 0x1001 + u32::from(seed)).to_be_bytes()));
    bytes.truncate(8192);
    bytes
}

#[test]
fn records_that_were_in_flight_end_the_log() {
    for (at, cycle) in [(0, 1), (40, 2), (BLOCKS - 6, 7), (BLOCKS - 3, 7)] {
        let mut before = Disk::at(at, cycle);
        before.commit(&[change(1)]);
        let second = before.at;
        before.commit(&[change(2)]);
        let third = before.at;
        before.commit(&[change(3)]);
        let end = before.at;
        assert_eq!(fill(&before), 3);
        // With the block's former content.
        let old = |disk: &mut Disk, block: u32| {
            let cycle = if block % BLOCKS < at { cycle } else { cycle - 1 };
            disk.block(block).fill(0);
            disk.block(block)[..4].copy_from_slice(&cycle.to_be_bytes());
        };
        let blocks = |from: u32, to: u32| from..if to > from { to } else { to + BLOCKS };
        // A block of the last record, or of the one before it, is missing or wrong.
        for (range, last) in [(blocks(third, end), 2), (blocks(second, third), 1)] {
            for block in range {
                let mut disk = before.clone();
                old(&mut disk, block);
                assert_eq!(fill(&disk), last, "{at}: block {block} is not there");
                let mut disk = before.clone();
                disk.block(block)[50] ^= 1;
                assert_eq!(fill(&disk), last, "{at}: block {block} is wrong");
            }
        }
        // Without the first record, the log is clean.
        let mut disk = Disk::at(at, cycle);
        disk.unmount();
        disk.tail = disk.at;
        let first = disk.at;
        disk.commit(&[change(1)]);
        disk.block(first)[33] ^= 1;
        assert!(disk.recover().unwrap().is_none(), "{at}");
    }
}

#[test]
fn damage_that_no_power_failure_does_is_an_error() {
    let mut disk = Disk::at(20, 4);
    disk.size = 1024;
    let (first, _) = disk.commit(&[change(1)]);
    for number in 0..9 {
        disk.commit(&[change(number)]);
    }
    assert_eq!(fill(&disk), 8);
    disk.block(first + 1)[50] ^= 1;
    assert_eq!(corrupt(&disk), "xlog_rec_header");
    // Not even a log.
    let mut disk = Disk::new();
    disk.unmount();
    disk.block(0)[7] = 2;
    assert_eq!(corrupt(&disk), "xlog_rec_header.h_cycle");
    for block in 0..BLOCKS {
        disk.block(block).fill(0x11);
    }
    assert_eq!(corrupt(&disk), "xlog_rec_header.h_magicno");
    let mut disk = Disk::new();
    disk.tail = BLOCKS;
    disk.commit(&[change(1)]);
    assert_eq!(corrupt(&disk), "xlog_rec_header.h_tail_lsn");
}

#[test]
fn the_tail_moves_where_it_was_overwritten() {
    // The head has caught up with the tail: the last record has overwritten the first ones, and is incomplete.
    let mut disk = Disk::at(0, 3);
    disk.size = 2048;
    while disk.at + 3 < BLOCKS {
        disk.commit(&[change(disk.at as u8)]);
    }
    let last_fill = fill(&disk);
    let (last, blocks) = disk.commit(&[change(1), buffer(24, 8, DIR_DATA, &[(0, vec![4; 2048])])]);
    assert!(last + blocks > BLOCKS + 2);
    for block in last + 1..last + blocks {
        disk.block(block)[50] ^= 1;
        assert_eq!(fill(&disk), last_fill);
        let bytes = disk.replayed();
        assert_eq!(bytes[24 * SECTOR], 0);
        disk.block(block)[50] ^= 1;
    }
    // Farther from the head than what may have been in flight, it is damage.
    disk.block(last + 1)[50] ^= 1;
    assert_eq!(fill(&disk), last_fill);
    disk.block(101)[50] ^= 1;
    assert_eq!(corrupt(&disk), "xlog_rec_header");
}

#[test]
fn logs_that_others_write_are_refused_by_name() {
    let mut disk = Disk::new();
    disk.commit(&[change(1)]);
    let refused = |change: &dyn Fn(&mut Disk)| {
        let mut disk = disk.clone();
        change(&mut disk);
        unsupported(&disk)
    };
    assert_eq!(refused(&|disk| disk.geometry.log_start = None), "a log on another device");
    assert_eq!(refused(&|disk| disk.geometry.is_v5 = false), "a dirty log of a version 4 filesystem");
    assert_eq!(refused(&|disk| disk.geometry.log_features = 0x13), "unknown log features 0x12");
    let mut other = Disk { format: 2, ..Disk::new() };
    other.commit(&[change(1)]);
    assert_eq!(unsupported(&other), "a log in another byte order");
    let mut known = disk.clone();
    known.geometry.log_features = 1;
    assert_eq!(fill(&known), 1);
    known.geometry.uuid = [7; 16];
    assert_eq!(corrupt(&known), "xlog_rec_header.h_fs_uuid");
    known.geometry.log_bytes = 3 << 30;
    assert_eq!(corrupt(&known), "xfs_dsb.sb_logblocks");
    let Err(Error::Corrupt(error)) = known.recover() else { panic!("it is too long") };
    let blocks = known.geometry.log_bytes / u64::from(known.geometry.block_size);
    assert_eq!((error.offset, error.found), (96, blocks), "as the field has it");
    known.geometry.log_bytes = 512;
    assert_eq!(corrupt(&known), "xfs_dsb.sb_logblocks");
    known.geometry.log_start = Some(u64::MAX);
    assert_eq!(corrupt(&known), "xfs_dsb.sb_logblocks");
    let mut disk = Disk::new();
    disk.commit(&[vec![vec![0x38, 0x12, 1, 0, 9, 9, 9, 9]]]);
    assert_eq!(unsupported(&disk), "unknown log item type 0x1238");
    for kind in [0x36u8, 0x37, 0x3d, 0x3e, 0x40, 0x41, 0x42, 0x43, 0x46, 0x47, 0x4a, 0x4f] {
        let mut disk = Disk::new();
        disk.commit(&[vec![vec![kind, 0x12, 2, 0, 9, 9, 9, 9], vec![1; 64]], change(5)]);
        assert_eq!(fill(&disk), 5, "{kind:#x}");
    }
}

#[test]
fn a_log_that_is_older_than_the_filesystem_is_refused() {
    for (at, cycle) in [(0, 1), (BLOCKS - 2, 3), (BLOCKS - 3, 3)] {
        let mut disk = Disk::at(at, cycle);
        disk.commit(&[change(1)]);
        // The head.
        let lsn = disk.lsn();
        disk.geometry.superblock_lsn = Some(lsn);
        assert_eq!(fill(&disk), 1, "{at}");
        disk.geometry.superblock_lsn = Some(lsn + 1);
        assert_eq!(corrupt(&disk), "xfs_dsb.sb_lsn", "{at}");
        // A clean log is not replayed, so that nothing is compared.
        disk.unmount();
        assert!(disk.recover().unwrap().is_none(), "{at}");
    }
}

#[test]
fn operations_that_do_not_follow_each_other_are_damage() {
    let start = |id| (id, START, vec![]);
    let header = transaction(7, &[])[1].clone();
    let region = |bytes: &[u8]| (7, 0, bytes.to_vec());
    let buffer = region(&[0x3c, 0x12, 2, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let commit = (7, COMMIT, vec![]);
    let cases: [(&str, Vec<Operation>); 9] = [
        ("xlog_op_header.oh_flags", vec![start(7), start(7)]),
        ("xlog_op_header.oh_flags", vec![start(7), region(b"none")]),
        ("xlog_op_header.oh_flags", vec![start(7), region(&[header.2.clone(), vec![0; 4]].concat())]),
        ("xlog_op_header.oh_flags", vec![start(7), header.clone(), (7, WAS_CONTINUED, vec![0; 4])]),
        ("xlog_op_header.oh_flags", vec![start(7), header.clone(), region(&[0x3c, 0x12, 0, 0])]),
        ("xlog_op_header.oh_flags", vec![start(7), header.clone(), region(&[0x3c, 0x12, 2, 1])]),
        ("xlog_op_header.oh_flags", vec![start(7), header.clone(), (7, 0x40, vec![])]),
        ("xfs_trans_header", vec![start(7), header.clone(), buffer, commit]),
        ("xlog_op_header.oh_tid", (0..65).map(start).collect()),
    ];
    for (structure, operations) in cases {
        let mut disk = Disk::new();
        disk.record(&operations);
        assert_eq!(corrupt(&disk), structure, "{operations:?}");
    }
    // The rest of transactions that began before the tail is ignored.
    let mut disk = Disk::new();
    let mut operations = transaction(7, &[change(1)]);
    operations.remove(0);
    disk.record(&operations);
    disk.commit(&[change(2)]);
    assert_eq!(fill(&disk), 2);
    let report = disk.recover().unwrap().unwrap().report;
    assert_eq!(report.transactions, 1);
}

#[test]
fn what_a_replay_needs_is_limited() {
    let needs = |disk: &Disk| {
        let recovers = |most: &usize| disk.recover_within(*most).is_ok();
        let needed = (0..2000).map(|kibs| kibs << 10).find(recovers).expect("it is no more than 2 MiB");
        assert!(matches!(disk.recover_within(needed - 1024), Err(Error::NoMemory(_))));
        needed
    };
    let mut disk = Disk::new();
    disk.size = 256 << 10;
    disk.commit(&[change(1)]);
    let little = needs(&disk);
    assert!(little < 200 << 10, "{little}: pages of two maps, and a group of chunks");
    // Open transactions count, and committed changes: both at once.
    let all = |fill: u8| buffer(1024, 128, DIR_DATA, &[(0, vec![fill; 65_536])]);
    disk.commit(&[all(1)]);
    let one = needs(&disk);
    assert!((little + 65_536..little + 4 * 65_536).contains(&one), "{one} and {little}");
    // New inodes that nothing changes need almost no memory.
    let mut inodes = Disk::new();
    inodes.size = 256 << 10;
    let words = [0u32, 8, 64, 512, 8, 1].iter().flat_map(|word| word.to_be_bytes()).collect();
    inodes.commit(&[vec![[vec![0x3f, 0x12, 1, 0], words].concat()]]);
    assert!(needs(&inodes) < 32 << 10);
}

#[test]
fn more_blocks_than_a_replay_has_memory_for_are_not_sealed() {
    let mut disk = Disk::new();
    disk.size = 256 << 10;
    let blocks = |count: u64| (0..count).map(|at| buffer(at, 128, DIR_DATA, &[(0, directory(0, 1))]));
    disk.commit(&blocks(100).collect::<Vec<_>>());
    assert!(disk.recover_within(400 << 10).is_ok(), "of 64 KiB each");
    disk.commit(&blocks(250).collect::<Vec<_>>());
    let failure = disk.recover_within(400 << 10).map(|_| ()).unwrap_err();
    assert_eq!(failure.to_string(), "XFS: unsupported: a log that changes too many large blocks");
}

#[test]
fn an_item_larger_than_any_is_refused() {
    let mut disk = Disk::new();
    disk.size = 256 << 10;
    let mut operations = transaction(7, &[buffer(1024, 128, DIR_DATA, &[(0, vec![1; 65_536])])]);
    disk.record(&operations);
    assert!(disk.recover().is_ok());
    operations.insert(4, (7, WAS_CONTINUED | END, vec![1; 9000]));
    let mut disk = Disk::new();
    disk.size = 256 << 10;
    disk.record(&operations);
    assert_eq!(corrupt(&disk), "xlog_op_header.oh_len");
}

/// A device with a read limit of this many bytes.
struct Limited<'a>(&'a [u8], Cell<u64>, u64);

impl BlockRead for Limited<'_> {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let left = self.1.get().checked_sub(buf.len() as u64);
        self.1.set(left.ok_or(ReadError::Limit { offset, limit: self.2 })?);
        self.0.read_at(offset, buf)
    }
}

#[test]
fn a_log_that_is_too_much_to_read_is_named() {
    let mut disk = Disk::new();
    for number in 0..60 {
        disk.commit(&[change(number)]);
    }
    let recover = |left: u64, limit: u64| {
        let device = Limited(&disk.bytes, Cell::new(left), limit);
        super::recover(&device, &disk.geometry, super::MOST_MEMORY).map(|_| ()).map_err(Error::from)
    };
    // Enough to find head and tail, not enough to reach the last change.
    let enough = (0..).map(|kib| kib << 10).find(|left| recover(*left, *left).is_ok()).unwrap();
    let left = enough - 1024;
    let said = recover(left, 100 << 10).unwrap_err().to_string();
    assert_eq!(said, "XFS: unsupported: a log with 0 MiB to replay, more than the read limit allows");
    // Others have used up the limit before.
    assert!(matches!(recover(left, 256 << 20), Err(Error::Io(ReadError::Limit { .. }))));
}

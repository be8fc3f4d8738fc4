// SPDX-License-Identifier: BSD-3-Clause
//! Any items in a log, however they are split, give a replay or an error.

use std::{vec, vec::Vec};

use proptest::prelude::*;

use super::{
    change,
    disk::{
        BTREE, COMMIT, CONTINUE, Disk, END, Operation, START, WAS_CONTINUED, buffer, cancel, directory, inode,
    },
    disk::{Regions, transaction},
};

/// An item of each kind.
fn items() -> Vec<Regions> {
    let mut core = [0; 176];
    core[..6].copy_from_slice(&[0x4e, 0x49, 0xa4, 0x81, 3, 3]);
    core[82] = 20;
    core[83] = 3;
    let mut root = vec![0; 104];
    root[..8].copy_from_slice(b"BMA3\0\x01\0\x02");
    let mut mapping = vec![0x44, 0x12, 1, 0, 1, 0, 0, 0];
    mapping.extend([3u64, 513, 7, 1, 0x1_0000_0001].iter().flat_map(|number| number.to_le_bytes()));
    let mut exchange = vec![0x48, 0x12, 1, 0, 0, 0, 0, 0];
    exchange.extend([4u64, 513, 514, 0, 1, 2, 3, 6, 7, 8].iter().flat_map(|number| number.to_le_bytes()));
    let words = [0u32, 8, 64, 512, 8, 1].iter().flat_map(|word| word.to_be_bytes()).collect();
    vec![
        vec![[vec![0x3f, 0x12, 1, 0], words].concat()],
        change(1),
        buffer(16, 8, BTREE, &[(1, directory(0, 2)), (5, vec![3; 512])]),
        cancel(24, 8),
        inode(64, (64, 0), 0x31f, core, &[root.clone(), root]),
        vec![mapping],
        vec![[vec![0x45, 0x12, 1, 0], vec![9; 12]].concat()],
        vec![exchange],
    ]
}

/// Writes operations to records, some of them to each.
fn write(disk: &mut Disk, operations: &[Operation], each: usize) {
    operations.chunks(each.max(1)).for_each(|operations| {
        if disk.at + 40 < super::BLOCKS {
            disk.record(operations);
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn in_a_log_with_right_checksums(
        changes in prop::collection::vec((0..8usize, 0..4usize, 0..200usize, any::<u8>()), 0..6),
        flags in prop::collection::vec((0..40usize, any::<u8>()), 0..2),
        each in 1..40usize,
    ) {
        let mut items = items();
        for (item, region, at, value) in changes {
            if let Some(byte) = items[item].get_mut(region).and_then(|region| region.get_mut(at)) {
                *byte = value;
            }
        }
        let mut operations = transaction(7, &items);
        for (at, value) in flags {
            if let Some(operation) = operations.get_mut(at) {
                operation.1 = value;
            }
        }
        let mut disk = Disk::new();
        disk.commit(&[change(5)]);
        write(&mut disk, &operations, each);
        disk.commit(&[change(6)]);
        let _ = disk.recover();
    }

    #[test]
    fn in_a_damaged_log(
        changes in prop::collection::vec((0..256u32, 0..512usize, any::<u8>()), 1..20),
        start in 0..256u32,
    ) {
        let mut disk = Disk::at(start, 3);
        for _ in 0..3 {
            disk.commit(&items());
        }
        for (block, at, value) in changes {
            disk.block(block)[at] = value;
        }
        let _ = disk.recover();
    }

    #[test]
    fn however_a_transaction_is_parted(cuts in prop::collection::vec(1..30usize, 1..60), each in 1..9usize) {
        let mut whole = Disk::new();
        whole.commit(&items());
        let mut cuts = cuts.into_iter().cycle();
        let mut parted = Vec::new();
        for (id, flags, data) in transaction(7, &items()) {
            if flags & (START | COMMIT) != 0 {
                parted.push((id, flags, data));
                continue;
            }
            let (mut rest, mut came) = (data.as_slice(), 0);
            loop {
                let length = 4 * cuts.next().unwrap();
                match rest.split_at_checked(length).filter(|(_, rest)| !rest.is_empty()) {
                    Some((part, after)) => {
                        parted.push((id, CONTINUE | came, part.to_vec()));
                        (rest, came) = (after, WAS_CONTINUED);
                    }
                    None => {
                        parted.push((id, if came == 0 { 0 } else { WAS_CONTINUED | END }, rest.to_vec()));
                        break;
                    }
                }
            }
        }
        let mut disk = Disk::new();
        for operations in parted.chunks(each.max(parted.len().div_ceil(60))) {
            disk.record(operations);
        }
        // Except for the log itself.
        let log = 512 * 512..(512 + 256) * 512;
        let [mut whole, mut disk] = [whole, disk].map(|disk| disk.replayed());
        whole[log.clone()].fill(0);
        disk[log].fill(0);
        prop_assert!(whole == disk);
    }
}

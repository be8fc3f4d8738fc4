// SPDX-License-Identifier: BSD-3-Clause
//! Any bytes are a table, none, or an error.

use part::{fuzz::fuzz, gpt};
use proptest::prelude::*;

const BLOCKS: usize = 256;

/// A disk with a GPT of one partition.
fn sound() -> Vec<u8> {
    let partition = gpt::NewPartition {
        type_guid: [1; 16],
        guid: [2; 16],
        first_lba: 40,
        last_lba: 60,
        name: "name".into(),
        attributes: 0,
    };
    let layout = gpt::Layout {
        disk_guid: [3; 16],
        block_size: 512,
        disk_blocks: BLOCKS as u64,
        entries: 128,
        partitions: vec![partition],
    };
    let (mut disk, primary, backup) = (vec![0; BLOCKS * 512], layout.primary(), layout.backup());
    let (primary, backup) = (primary.unwrap(), backup.unwrap());
    disk[..primary.len()].copy_from_slice(&primary);
    let end = disk.len();
    disk[end - backup.len()..].copy_from_slice(&backup);
    disk
}

/// A disk with an MBR: one partition, and a chain of two logical ones.
fn mbr() -> Vec<u8> {
    let mut disk = vec![0; BLOCKS * 512];
    let mut sector = |lba: usize, records: [(u8, u32, u32); 2]| {
        for (index, (kind, start, size)) in records.into_iter().enumerate() {
            let at = lba * 512 + 446 + index * 16;
            disk[at + 4] = kind;
            disk[at + 8..at + 12].copy_from_slice(&start.to_le_bytes());
            disk[at + 12..at + 16].copy_from_slice(&size.to_le_bytes());
        }
        disk[lba * 512 + 510..lba * 512 + 512].copy_from_slice(&[0x55, 0xaa]);
    };
    sector(0, [(0x83, 8, 40), (0x0f, 64, 128)]);
    sector(64, [(0x83, 1, 20), (0x05, 32, 32)]);
    sector(96, [(0x83, 1, 20), (0, 0, 0)]);
    disk
}

proptest! {
    #[test]
    fn any_bytes(data in prop::collection::vec(any::<u8>(), 0..4096)) {
        fuzz(&data);
    }

    // A few changes in the blocks of the table, so that most of it remains valid.
    #[test]
    fn a_changed_table(
        is_gpt: bool,
        changes in prop::collection::vec((0..98 * 512usize, any::<u8>()), 1..8),
        length in prop::option::of(0..BLOCKS * 512),
    ) {
        let mut disk = if is_gpt { sound() } else { mbr() };
        for (place, byte) in changes {
            disk[place] = byte;
        }
        disk.truncate(length.unwrap_or(disk.len()));
        fuzz(&disk);
    }
}

#[test]
fn the_unchanged_tables_are_sound() {
    let partitions = |disk: Vec<u8>| part::read(&disk).unwrap().unwrap().partitions.len();
    assert_eq!(partitions(sound()), 1);
    assert_eq!(partitions(mbr()), 3);
}

// SPDX-License-Identifier: BSD-3-Clause
//! A disk with a log, to which tests write records as Linux does.

use std::{vec, vec::Vec};

use crc32c::crc32c;
use filesystem::Error;

use crate::log::{Geometry, MOST_MEMORY, Recovered, Replayed, recover};

pub const SECTOR: usize = 512;
pub const UUID: [u8; 16] = [0x55; 16];
/// Sectors of the disk; the log starts at [`LOG`] and has [`BLOCKS`].
const SECTORS: usize = 2048;
const LOG: usize = 512;
pub const BLOCKS: u32 = 256;
/// Flags of operations.
pub const START: u8 = 1;
pub const COMMIT: u8 = 2;
pub const CONTINUE: u8 = 4;
pub const WAS_CONTINUED: u8 = 8;
pub const END: u8 = 16;
pub const UNMOUNT: u8 = 32;

/// An operation: transaction, flags, data.
pub type Operation = (u32, u8, Vec<u8>);
/// The regions of an item.
pub type Regions = Vec<Vec<u8>>;

#[derive(Clone)]
pub struct Disk {
    pub bytes: Vec<u8>,
    pub geometry: Geometry,
    /// Where the next record is written, and in which cycle.
    pub at: u32,
    pub cycle: u32,
    /// The tail that records name.
    pub tail: u32,
    /// Bytes of Linux's buffer for a record: one header per 32 KiB.
    pub size: u32,
    /// `h_fmt` of records: 1 for x86.
    pub format: u32,
}

impl Disk {
    pub fn new() -> Self {
        Self::at(0, 1)
    }

    /// The log continues at a block; all of it was written in the last cycle.
    pub fn at(at: u32, cycle: u32) -> Self {
        let geometry = Geometry {
            log_start: Some((LOG * SECTOR) as u64),
            log_bytes: u64::from(BLOCKS) * 512,
            uuid: UUID,
            meta_uuid: UUID,
            block_size: 4096,
            inode_size: 512,
            group_blocks: 100,
            inode_alignment: 4,
            superblock_lsn: None,
            is_v5: true,
            log_features: 0,
        };
        let mut disk = Self {
            bytes: vec![0; SECTORS * SECTOR],
            geometry,
            at,
            cycle,
            tail: at,
            size: 32 << 10,
            format: 1,
        };
        for block in 0..BLOCKS {
            let cycle = if block < at { cycle } else { cycle - 1 };
            disk.block(block)[..4].copy_from_slice(&cycle.to_be_bytes());
        }
        disk
    }

    pub fn block(&mut self, block: u32) -> &mut [u8] {
        &mut self.bytes[(LOG + (block % BLOCKS) as usize) * SECTOR..][..SECTOR]
    }

    pub fn lsn(&self) -> u64 {
        u64::from(self.cycle) << 32 | u64::from(self.at)
    }

    /// Writes a record with these operations; returns its block and its number of blocks.
    pub fn record(&mut self, operations: &[Operation]) -> (u32, u32) {
        let mut data = Vec::new();
        for (id, flags, bytes) in operations {
            data.extend(id.to_be_bytes());
            data.extend((bytes.len() as u32).to_be_bytes());
            data.extend([0x69, *flags, 0, 0]);
            data.extend(bytes);
        }
        self.raw_record(data, operations.len() as u32)
    }

    fn raw_record(&mut self, mut data: Vec<u8>, count: u32) -> (u32, u32) {
        let length = data.len();
        data.resize(length.next_multiple_of(SECTOR), 0);
        let headers = self.size.div_ceil(32 << 10) as usize;
        let mut record = vec![0; headers * SECTOR];
        let fields =
            [0xfeed_babe, self.cycle, 2, length as u32, self.cycle, self.at, self.tail_cycle(), self.tail];
        let words: Vec<u32> = [&fields[..], &[0, self.at, count]].concat();
        record[..44].copy_from_slice(&words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>());
        record[300..304].copy_from_slice(&self.format.to_be_bytes());
        record[304..320].copy_from_slice(&UUID);
        record[320..324].copy_from_slice(&self.size.to_be_bytes());
        for (number, block) in data.chunks_mut(SECTOR).enumerate() {
            let place =
                if number < 64 { 44 + number * 4 } else { number / 64 * SECTOR + 4 + number % 64 * 4 };
            record[place..place + 4].copy_from_slice(&block[..4]);
        }
        for header in 1..headers {
            record[header * SECTOR..][..4].copy_from_slice(&self.cycle.to_be_bytes());
        }
        for block in data.chunks_mut(SECTOR) {
            block[..4].copy_from_slice(&self.cycle.to_be_bytes());
        }
        record.extend(data);
        let blocks = (record.len() / SECTOR) as u32;
        // Past the end of the ring, blocks belong to the next cycle.
        for block in record.chunks_mut(SECTOR).skip((BLOCKS - self.at) as usize) {
            block[..4].copy_from_slice(&(self.cycle + 1).to_be_bytes());
        }
        let mut crc = crc32c(!0, &record[..328]);
        for header in 1..length.div_ceil(32 << 10) {
            crc = crc32c(crc, &record[header * SECTOR..][..260]);
        }
        let crc = !crc32c(crc, &record[headers * SECTOR..][..length]);
        record[32..36].copy_from_slice(&crc.to_le_bytes());
        let start = self.at;
        for (number, block) in record.chunks(SECTOR).enumerate() {
            self.block(start + number as u32).copy_from_slice(block);
        }
        self.at += blocks;
        if self.at >= BLOCKS {
            (self.at, self.cycle) = (self.at - BLOCKS, self.cycle + 1);
        }
        (start, blocks)
    }

    fn tail_cycle(&self) -> u32 {
        if self.tail <= self.at { self.cycle } else { self.cycle - 1 }
    }

    /// Writes a transaction with these items in a record of its own.
    pub fn commit(&mut self, items: &[Regions]) -> (u32, u32) {
        self.record(&transaction(7, items))
    }

    pub fn unmount(&mut self) -> (u32, u32) {
        self.record(&[(9, UNMOUNT, vec![0x6e, 0x55, 0, 0, 0, 0, 0, 0])])
    }

    pub fn recover(&self) -> Result<Option<Recovered>, Error> {
        recover(&self.bytes, &self.geometry, MOST_MEMORY).map_err(Error::from)
    }

    /// The same with this many bytes of memory.
    pub fn recover_within(&self, most: usize) -> Result<Option<Recovered>, Error> {
        recover(&self.bytes, &self.geometry, most).map_err(Error::from)
    }

    /// The disk after the replay; the log must be dirty.
    pub fn replayed(&self) -> Vec<u8> {
        let recovered = self.recover().unwrap().expect("the log is dirty");
        let mut bytes = vec![0; self.bytes.len()];
        let device = Replayed::new(self.bytes.as_slice()).with(recovered.overlay);
        block::BlockRead::read_at(&device, 0, &mut bytes).unwrap();
        bytes
    }
}

/// The operations of a transaction.
pub fn transaction(id: u32, items: &[Regions]) -> Vec<Operation> {
    let mut header = b"NART".to_vec();
    header.extend([40, 0, 0, 0]);
    header.extend(id.to_le_bytes());
    header.extend((items.len() as u32).to_le_bytes());
    let regions = items.iter().flatten().map(|region| (id, 0, region.clone()));
    [(id, START, vec![]), (id, 0, header)].into_iter().chain(regions).chain([(id, COMMIT, vec![])]).collect()
}

/// Flags of buffers: types, and whether the buffer was freed.
pub const BTREE: u16 = 4 << 11;
pub const DIR_DATA: u16 = 11 << 11;
pub const AGF: u16 = 5 << 11;
pub const SUPERBLOCK: u16 = 18 << 11;
pub const CANCEL: u16 = 2;
pub const INODES: u16 = 1;

/// A buffer with regions that start at these chunks.
pub fn buffer(sector: u64, sectors: u16, flags: u16, regions: &[(usize, Vec<u8>)]) -> Regions {
    let mut format = Vec::new();
    for word in [0x123c, 1 + regions.len() as u16, flags, sectors] {
        format.extend(word.to_le_bytes());
    }
    format.extend(sector.to_le_bytes());
    let mut map = [0u32; 16];
    for (first, bytes) in regions {
        for chunk in *first..first + bytes.len() / 128 {
            map[chunk / 32] |= 1 << (chunk % 32);
        }
    }
    let words = usize::from(sectors).div_ceil(8).min(16);
    format.extend((words as u32).to_le_bytes());
    format.extend(map[..words].iter().flat_map(|word| word.to_le_bytes()));
    [vec![format], regions.iter().map(|(_, bytes)| bytes.clone()).collect()].concat()
}

/// A freed buffer.
pub fn cancel(sector: u64, sectors: u16) -> Regions {
    buffer(sector, sectors, CANCEL, &[])
}

/// The first chunk of a directory block that was last changed at this LSN.
pub fn directory(lsn: u64, fill: u8) -> Vec<u8> {
    let mut chunk = vec![fill; 128];
    chunk[..4].copy_from_slice(b"XDD3");
    chunk[16..24].copy_from_slice(&lsn.to_be_bytes());
    chunk[24..40].copy_from_slice(&UUID);
    chunk
}

/// An inode in the log: its format structure and core, then its forks.
pub fn inode(number: u64, place: (u64, u32), fields: u32, core: [u8; 176], forks: &[Vec<u8>]) -> Regions {
    let mut format = vec![0x3b, 0x12, 2 + forks.len() as u8, 0];
    format.extend(fields.to_le_bytes());
    format.extend([0; 8]);
    format.extend(number.to_le_bytes());
    format.extend([0x34, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    format.extend(place.0.to_le_bytes());
    format.extend(32u32.to_le_bytes());
    format.extend(place.1.to_le_bytes());
    [vec![format, core.to_vec()], forks.to_vec()].concat()
}

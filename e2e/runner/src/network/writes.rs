// SPDX-License-Identifier: BSD-3-Clause
//! A record of a machine's writes to a disk by QEMU's `blklogwrites`, and the disk as a power failure would have left
//! it.
//!
//! Sources: Linux, Documentation/admin-guide/device-mapper/log-writes.rst and drivers/md/dm-log-writes.c; QEMU,
//! block/blklogwrites.c.

use std::{fs, fs::File, ops::Range, os::unix::fs::FileExt, path::Path};

use anyhow::{Context, Result, ensure};

/// `WRITE_LOG_MAGIC` and `WRITE_LOG_VERSION`.
const MAGIC: u64 = 0x6a_7366_7773_6872;
const VERSION: u64 = 1;
/// `LOG_FLUSH_FLAG`, `LOG_DISCARD_FLAG` and `LOG_MARK_FLAG`.
const FLUSH: u64 = 1;
const DISCARD: u64 = 4;
const MARK: u64 = 8;
/// Bytes of a field.
const FIELD: usize = 8;

/// A record of writes. Numbers are little-endian, offsets in sectors of the record's own size: the head, then for each
/// entry its head and its data.
#[derive(Debug)]
pub struct Log {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    /// Where on the disk, in bytes.
    at: u64,
    /// Its data in the record; empty for a flush or discard.
    data: Range<usize>,
    is_flush: bool,
}

impl Log {
    /// Reads a record.
    ///
    /// # Errors
    /// When the file is not such a record, or is truncated.
    pub fn read(file: &Path) -> Result<Self> {
        let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        let entries =
            entries(&bytes).with_context(|| format!("{} is not a record of writes", file.display()))?;
        Ok(Self { bytes, entries })
    }

    /// How many entries it has.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// How many of them are flushes.
    pub fn flushes(&self) -> usize {
        self.entries.iter().filter(|entry| entry.is_flush).count()
    }

    /// Writes the first `count` entries to a disk with its original content.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn replay(&self, count: usize, disk: &File) -> Result<()> {
        for entry in self.entries.iter().take(count) {
            let data = self.bytes.get(entry.data.clone()).context("data out of range of the record")?;
            disk.write_all_at(data, entry.at)?;
        }
        Ok(())
    }
}

/// How many of `len` entries are written in each of `states`, evenly over all of them: neither none nor all.
pub fn cuts(len: usize, states: usize) -> Vec<usize> {
    let parts = states.saturating_add(1);
    (1..parts).map(|state| len.saturating_mul(state).checked_div(parts).unwrap_or(0)).collect()
}

fn entries(bytes: &[u8]) -> Result<Vec<Entry>> {
    let (magic, version) = (field(bytes, 0)?, field(bytes, 1)?);
    ensure!((magic, version) == (MAGIC, VERSION), "magic {magic:#x}, version {version}");
    let count = usize::try_from(field(bytes, 2)?)?;
    // `sectorsize` has 32 bits.
    let sector = field(bytes, 3)? & u64::from(u32::MAX);
    ensure!(sector.is_power_of_two() && sector >= 512, "sectors of {sector} bytes");
    let size = usize::try_from(sector)?;
    let (mut entries, mut at) = (Vec::new(), size);
    for number in 0..count {
        let head = bytes.get(at..).with_context(|| format!("entry {number} is missing"))?;
        let (from, sectors, flags) = (field(head, 0)?, field(head, 1)?, field(head, 2)?);
        ensure!(flags & MARK == 0, "entry {number} is a mark, which QEMU never writes");
        let start = at.checked_add(size).context("entry offset out of range")?;
        let length = if flags & DISCARD == 0 { usize::try_from(sectors)? } else { 0 };
        let end = length.checked_mul(size).and_then(|length| start.checked_add(length));
        let end =
            end.filter(|end| *end <= bytes.len()).with_context(|| format!("entry {number} is truncated"))?;
        let from = from.checked_mul(sector).context("disk offset out of range")?;
        entries.push(Entry { at: from, data: start..end, is_flush: flags & FLUSH != 0 });
        at = end;
    }
    Ok(entries)
}

/// The field with this number of a head.
fn field(head: &[u8], number: usize) -> Result<u64> {
    let bytes = head.get(number.saturating_mul(FIELD)..).and_then(<[u8]>::first_chunk);
    Ok(u64::from_le_bytes(*bytes.context("truncated head")?))
}

#[cfg(test)]
mod tests {
    use peers::{Scratch, output};

    use super::*;

    /// A disk of 1 MiB, and QEMU's record of what is done to it.
    fn recorded(scratch: &Scratch, commands: &[&str]) -> Log {
        scratch.write("disk", &vec![0xee; 1 << 20]);
        scratch.write("log", b"");
        let image = "driver=raw,file.driver=blklogwrites,file.log.driver=file,file.log.filename=log,\
                     file.file.driver=file,file.file.filename=disk";
        let commands = commands.iter().flat_map(|command| ["-c", command]);
        let head = ["-t", "writeback", "--image-opts", image];
        output(scratch.path(), "qemu-io", &head.into_iter().chain(commands).collect::<Vec<_>>());
        Log::read(&scratch.path().join("log")).unwrap()
    }

    /// The disk as it is once so many entries are written.
    fn cut(scratch: &Scratch, log: &Log, count: usize) -> Vec<u8> {
        let path = scratch.write("cut", &vec![0xee; 1 << 20]);
        log.replay(count, &File::options().write(true).open(&path).unwrap()).unwrap();
        fs::read(path).unwrap()
    }

    #[test]
    fn what_qemu_records_is_replayed() {
        let scratch = Scratch::new("writes");
        let commands =
            ["write -P 1 0 4k", "write -P 2 8k 512", "flush", "write -z 16k 4k", "write -P 3 2k 1k"];
        let log = recorded(&scratch, &commands);
        // One more flush, when the disk is closed.
        assert_eq!((log.count(), log.flushes()), (6, 2));
        assert_eq!(cut(&scratch, &log, log.count()), fs::read(scratch.path().join("disk")).unwrap());
        let half = cut(&scratch, &log, 1);
        assert!(half[..4096].iter().all(|byte| *byte == 1) && half[4096..].iter().all(|byte| *byte == 0xee));
        assert!(cut(&scratch, &log, 0).iter().all(|byte| *byte == 0xee));
        let before_the_last = cut(&scratch, &log, 4);
        assert_eq!((before_the_last[2048], before_the_last[8192], before_the_last[16384]), (1, 2, 0));
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let scratch = Scratch::new("no-writes");
        let log = recorded(&scratch, &["write -P 1 0 4k", "flush"]);
        let whole = log.bytes;
        let refused = |bytes: &[u8]| entries(bytes).unwrap_err().to_string();
        assert_eq!(refused(b""), "truncated head");
        assert_eq!(refused(&whole[..1024]), "entry 0 is truncated");
        let changed = |at: usize, byte: u8| {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            refused(&bytes)
        };
        assert_eq!(changed(0, 0), "magic 0x6a736677736800, version 1");
        assert_eq!(changed(8, 2), "magic 0x6a736677736872, version 2");
        assert_eq!(changed(25, 1), "sectors of 256 bytes");
        // The flags of the first entry.
        assert_eq!(changed(512 + 16, 8), "entry 0 is a mark, which QEMU never writes");
    }

    #[test]
    fn cuts_are_spread_over_all_entries() {
        assert_eq!(cuts(110, 10), [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
        assert_eq!(cuts(3, 2), [1, 2]);
    }
}

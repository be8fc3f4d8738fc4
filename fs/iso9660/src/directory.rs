// SPDX-License-Identifier: BSD-3-Clause
//! The records of a directory, with those of one file joined.

use alloc::{vec, vec::Vec};
use core::{mem::offset_of, ops::ControlFlow};

use block::BlockRead;
use filesystem::{Error, Fault};

use crate::{
    corrupt,
    descriptor::{SECTOR, SECTOR_SIZE},
    name::Names,
    record::{FLAG_ASSOCIATED, FLAG_MULTI_EXTENT, Header, Record},
    rock_ridge::{self, RockRidge},
    within,
};

/// Maximum size of a directory in bytes: 65 536 records of 255 bytes, more than any real one.
pub const LARGEST: u64 = 16 * 1024 * 1024;

/// Contiguous bytes of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Extent {
    /// First byte on the device.
    pub start: u64,
    pub length: u64,
}

impl Extent {
    pub fn of(record: &Record<'_>, block_size: u64) -> Self {
        let header = record.header;
        // Nothing saturates: 33 bits of blocks times 12 bits of block size.
        let block = u64::from(header.location_of_extent.le.get())
            .saturating_add(u64::from(header.extended_attribute_record_length));
        Self { start: block.saturating_mul(block_size), length: u64::from(header.data_length.le.get()) }
    }
}

/// A file or directory as its records describe it.
pub struct Draft {
    /// Byte offset of its first record on the device.
    pub offset: u64,
    pub name: Vec<u8>,
    /// Whether the name is case-sensitive (that of Rock Ridge).
    pub has_case: bool,
    pub is_directory: bool,
    pub recording_date: [u8; 7],
    pub extents: Vec<Extent>,
    pub rock_ridge: RockRidge,
}

impl Draft {
    pub fn is_named(&self, name: &[u8]) -> bool {
        if self.has_case { self.name == name } else { self.name.eq_ignore_ascii_case(name) }
    }
}

/// Reads directories: the device, and how to interpret its records.
#[derive(Clone, Copy)]
pub struct Reader<'a, D> {
    pub device: &'a D,
    pub block_size: u64,
    pub names: Names,
}

impl<D: BlockRead> Reader<'_, D> {
    /// Calls `each` for the entries of a directory until it breaks. A damaged record does not hide those after it: its
    /// error is returned at the end.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for more than 16 MiB of records; [`Error::Corrupt`] naming the record.
    pub fn entries(
        &self,
        extents: &[Extent],
        each: &mut dyn FnMut(Draft) -> Result<ControlFlow<()>, Error>,
    ) -> Result<(), Error> {
        let mut progress = Progress::default();
        self.records(extents, &mut |record| match self.entry(record, &mut progress, each) {
            Err(error @ Error::Corrupt(_)) => {
                progress.note(error);
                Ok(ControlFlow::Continue(()))
            }
            Ok(ControlFlow::Break(())) => {
                progress = Progress::default();
                Ok(ControlFlow::Break(()))
            }
            other => other,
        })?;
        progress.end_file();
        progress.damaged.map_or(Ok(()), Err)
    }

    /// Adds a record, and calls `each` once the last record of the same file is read.
    fn entry(
        &self,
        record: &Record<'_>,
        progress: &mut Progress,
        each: &mut dyn FnMut(Draft) -> Result<ControlFlow<()>, Error>,
    ) -> Result<ControlFlow<()>, Error> {
        if record.is_dot() || record.header.file_flags & FLAG_ASSOCIATED != 0 {
            return Ok(ControlFlow::Continue(()));
        }
        let goes_on = record.header.file_flags & FLAG_MULTI_EXTENT != 0;
        let draft = match progress.pending.take_if(|started| started.identifier == record.identifier) {
            Some(Pending { draft, .. }) => draft.map(|mut draft| {
                draft.extents.push(Extent::of(record, self.block_size));
                draft
            }),
            None => {
                progress.end_file();
                match self.draft(record) {
                    Err(error @ Error::Corrupt(_)) => {
                        progress.note(error);
                        None
                    }
                    other => Some(other?),
                }
            }
        };
        if goes_on {
            progress.pending = Some(Pending { identifier: record.identifier.to_vec(), draft });
            return Ok(ControlFlow::Continue(()));
        }
        match draft.filter(|draft| !draft.rock_ridge.is_relocated) {
            Some(draft) => each(draft),
            None => Ok(ControlFlow::Continue(())),
        }
    }

    fn draft(&self, record: &Record<'_>) -> Result<Draft, Error> {
        let mut rock_ridge = match self.names {
            Names::RockRidge { skip } => rock_ridge::read(self.device, record, skip, self.block_size)?,
            Names::Joliet | Names::Plain => RockRidge::default(),
        };
        if record.header.file_unit_size != 0 || record.header.interleave_gap_size != 0 {
            rock_ridge.unsupported = Some("interleaved files");
        }
        let name = core::mem::take(&mut rock_ridge.name);
        let has_case = !name.is_empty();
        let name = if has_case { name } else { self.names.name(record.identifier) };
        let is_usable =
            !matches!(name.as_slice(), b"" | b"." | b"..") && !name.iter().any(|b| matches!(b, b'/' | 0));
        if !is_usable {
            let length = u64::try_from(name.len()).unwrap_or(u64::MAX);
            return Err(corrupt(
                Fault::Range,
                "Directory Record.File Identifier",
                within(record.offset, size_of::<Header>()),
                length,
            ));
        }
        Ok(Draft {
            offset: record.offset,
            name,
            has_case,
            is_directory: record.is_directory(),
            recording_date: record.header.recording_date,
            extents: vec![Extent::of(record, self.block_size)],
            rock_ridge,
        })
    }

    /// Calls `each` for every record. Records do not cross sector boundaries.
    fn records(
        &self,
        extents: &[Extent],
        each: &mut dyn FnMut(&Record<'_>) -> Result<ControlFlow<()>, Error>,
    ) -> Result<(), Error> {
        // Cannot saturate: an extent has a 32-bit length, and takes memory.
        let size = extents.iter().fold(0u64, |sum, extent| sum.saturating_add(extent.length));
        if size > LARGEST {
            return Err(Error::TooLarge { size, limit: LARGEST });
        }
        let mut sector = vec![0; SECTOR_SIZE];
        for extent in extents {
            let mut done = 0;
            while done < extent.length {
                // Nothing saturates: a start has 44 bits, and `done` is less than the length.
                let at = extent.start.saturating_add(done);
                // Logical blocks may be smaller than sectors: a directory need not start at a sector boundary.
                let to_end = SECTOR.saturating_sub(at % SECTOR);
                let now = extent.length.saturating_sub(done).min(to_end);
                let bytes =
                    usize::try_from(now).ok().and_then(|now| sector.get_mut(..now)).unwrap_or_default();
                self.device.read_at(at, bytes)?;
                if sector_records(bytes, at, each)?.is_break() {
                    return Ok(());
                }
                done = done.saturating_add(now);
            }
        }
        Ok(())
    }

    /// Calls `each` with the record of itself of the directory in `block`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if there is none.
    pub fn own_record<T>(
        &self,
        block: u32,
        each: &mut dyn FnMut(&Record<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        // Cannot saturate: 32 bits times 12 bits.
        let at = u64::from(block).saturating_mul(self.block_size);
        let mut sector = vec![0; SECTOR_SIZE];
        self.device.read_at(at, &mut sector)?;
        let record = Record::parse(&sector, at)?;
        let record =
            record.filter(|record| record.is_directory() && record.identifier == crate::record::SELF);
        let missing = || corrupt(Fault::Inconsistent, "Directory Record of the directory itself", at, block);
        each(&record.ok_or_else(missing)?)
    }
}

/// The state of reading a directory.
#[derive(Default)]
struct Progress {
    /// The file whose records are being read.
    pending: Option<Pending>,
    /// The first error.
    damaged: Option<Error>,
}

impl Progress {
    fn note(&mut self, error: Error) {
        self.damaged.get_or_insert(error);
    }

    /// Ends the pending file, if any: its last record is missing.
    fn end_file(&mut self) {
        if let Some(draft) = self.pending.take().and_then(|started| started.draft) {
            self.note(unfinished(&draft));
        }
    }
}

/// A file with more records to follow.
struct Pending {
    identifier: Vec<u8>,
    /// `None` if its first record is damaged: the following records belong to that file all the same.
    draft: Option<Draft>,
}

fn unfinished(draft: &Draft) -> Error {
    let extents = u64::try_from(draft.extents.len()).unwrap_or(u64::MAX);
    let at = within(draft.offset, offset_of!(Header, file_flags));
    corrupt(Fault::Truncated, "Directory Record.File Flags (multi-extent)", at, extents)
}

fn sector_records(
    mut bytes: &[u8],
    mut offset: u64,
    each: &mut dyn FnMut(&Record<'_>) -> Result<ControlFlow<()>, Error>,
) -> Result<ControlFlow<()>, Error> {
    while let Some(record) = Record::parse(bytes, offset)? {
        if each(&record)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let length = record.length();
        bytes = bytes.get(length..).unwrap_or_default();
        // Cannot saturate: it stays in the sector.
        offset = offset.saturating_add(u64::try_from(length).unwrap_or(0));
    }
    Ok(ControlFlow::Continue(()))
}

#[cfg(test)]
mod tests {
    use std::{
        string::{String, ToString},
        vec::Vec,
    };

    use super::*;

    fn record(name: &[u8], block: u32, length: u32, flags: u8) -> Vec<u8> {
        let mut bytes = vec![0; 33];
        bytes[2..6].copy_from_slice(&block.to_le_bytes());
        bytes[10..14].copy_from_slice(&length.to_le_bytes());
        bytes[25] = flags;
        bytes[32] = name.len() as u8;
        bytes.extend_from_slice(name);
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes[0] = bytes.len() as u8;
        bytes
    }

    /// What is listed, and how it ends.
    type Listed = (Vec<(String, Vec<Extent>)>, Result<(), Error>);

    fn list_as(names: Names, records: &[Vec<u8>]) -> Listed {
        let mut sector = records.concat();
        sector.resize(SECTOR_SIZE, 0);
        let mut found = Vec::new();
        let reader = Reader { device: &sector, block_size: SECTOR, names };
        let end = reader.entries(&[Extent { start: 0, length: SECTOR }], &mut |draft| {
            found.push((String::from_utf8(draft.name).unwrap(), draft.extents));
            Ok(ControlFlow::Continue(()))
        });
        (found, end)
    }

    fn list(records: &[Vec<u8>]) -> Listed {
        list_as(Names::Plain, records)
    }

    #[test]
    fn a_file_of_several_extents_is_one() {
        let large = Extent { start: 3 * SECTOR, length: 4096 };
        let found = list(&[
            record(&[0], 0, 2048, 2),
            record(b"A.;1", 3, 4096, FLAG_MULTI_EXTENT),
            record(b"A.;1", 9, 1, 0),
            record(b"B.;1", 3, 4096, 0),
        ]);
        let rest = Extent { start: 9 * SECTOR, length: 1 };
        assert_eq!(found, (vec![("a".into(), vec![large, rest]), ("b".into(), vec![large])], Ok(())));
    }

    #[test]
    fn a_file_without_its_last_extent_is_refused_and_hides_no_other() {
        let started = |name: &[u8]| record(name, 3, 4096, FLAG_MULTI_EXTENT);
        let sound = record(b"B.;1", 3, 1, 0);
        for (records, listed) in [
            ([started(b"A.;1"), sound.clone()].as_slice(), &["b"][..]),
            (&[started(b"A.;1")], &[]),
            (&[sound.clone(), started(b"C.;1")], &["b"]),
            // Of the second such file the last record is there.
            (&[started(b"A.;1"), started(b"B.;1"), sound], &["b"]),
        ] {
            let (found, end) = list(records);
            let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, listed);
            assert!(matches!(end, Err(Error::Corrupt(corrupt)) if corrupt.fault == Fault::Truncated));
        }
    }

    #[test]
    fn what_follows_a_damaged_record_of_a_file_is_no_file() {
        // A name that reaches over the end of its area.
        let damaged = |flags| {
            let mut bytes = record(b"A.;1", 3, 4096, flags);
            bytes.extend_from_slice(b"NM\x40\x01\0a");
            bytes[0] = bytes.len() as u8;
            bytes
        };
        let last = record(b"A.;1", 9, 1, 0);
        let more = record(b"A.;1", 5, 4096, FLAG_MULTI_EXTENT);
        let sound = record(b"B.;1", 3, 1, 0);
        let list = |records: &[Vec<u8>]| {
            let (found, end) = list_as(Names::RockRidge { skip: 0 }, records);
            assert!(matches!(end, Err(Error::Corrupt(_))), "{end:?}");
            found.into_iter().map(|(name, extents)| (name, extents.len())).collect::<Vec<_>>()
        };
        let only_b = [("B".to_string(), 1)];
        assert_eq!(list(&[damaged(FLAG_MULTI_EXTENT), last.clone(), sound.clone()]), only_b);
        assert_eq!(list(&[damaged(FLAG_MULTI_EXTENT), more, last.clone(), sound.clone()]), only_b);
        assert_eq!(list(&[damaged(FLAG_MULTI_EXTENT), sound.clone()]), only_b, "without its last record");
        assert_eq!(list(&[damaged(0), sound]), only_b, "of one record");
        let both = [("A".to_string(), 1)];
        assert_eq!(list(&[damaged(0), last]), both, "two files of one name");
    }

    #[test]
    fn a_directory_above_the_limit_is_refused_unread() {
        let reader = Reader { device: &Vec::new(), block_size: SECTOR, names: Names::Plain };
        let result =
            reader.entries(&[Extent { start: 0, length: LARGEST + 1 }], &mut |_| Ok(ControlFlow::Break(())));
        assert_eq!(result, Err(Error::TooLarge { size: LARGEST + 1, limit: LARGEST }));
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! The Rock Ridge attributes of a directory record: name, owner, mode, link, time.
//!
//! Source: Rock Ridge Interchange Protocol 1.12, clause 4.1.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use block::BlockRead;
use filesystem::{Error, Fault, FileType, Timestamp};

use crate::{
    corrupt, date,
    record::Record,
    susp::{self, Entry},
    within,
};

/// Identifiers of the extension in its three editions.
const IDENTIFIERS: [&[u8]; 3] = [b"RRIP_1991A", b"IEEE_P1282", b"IEEE_1282"];
/// Maximum length of a name in bytes, as in Unix.
const LONGEST_NAME: usize = 255;
/// Maximum length of a link target in bytes, as in Unix.
const LONGEST_TARGET: usize = 4096;
/// `NM` and components of `SL`: the name continues in the next one.
const CONTINUE: u8 = 0x01;
/// `NM` and components of `SL`: the directory itself, its parent; `SL`: the root.
const CURRENT: u8 = 0x02;
const PARENT: u8 = 0x04;
const ROOT: u8 = 0x08;
/// `TF`: which time stamps are present, and whether they have 17 bytes.
const TF_CREATION: u8 = 0x01;
const TF_MODIFY: u8 = 0x02;
const TF_LONG_FORM: u8 = 0x80;

/// The entries of one record that a reader needs.
#[derive(Debug, Default)]
pub struct RockRidge {
    /// `SP`: bytes to skip in every other system use area; only in the root's own record.
    pub skip: Option<u8>,
    /// `ER` names Rock Ridge, or there is a `PX`.
    pub is_rock_ridge: bool,
    /// `NM`: empty if there is none.
    pub name: Vec<u8>,
    /// `PX`.
    pub posix: Option<Posix>,
    /// `PN`: major and minor number.
    pub device: (u32, u32),
    /// `SL`.
    pub target: Target,
    /// `TF`: the time of modification.
    pub modified: Option<Timestamp>,
    /// `CL`: the block of the directory that was moved away from here.
    pub child: Option<u32>,
    /// `RE`: the directory was moved here from elsewhere, and must be shown only there.
    pub is_relocated: bool,
    /// A feature that the file's content needs and that is not supported.
    pub unsupported: Option<&'static str>,
}

/// `PX`.
#[derive(Clone, Copy, Debug)]
pub struct Posix {
    pub mode: u32,
    pub links: u32,
    pub uid: u32,
    pub gid: u32,
    /// Byte offset of the mode on the device.
    pub offset: u64,
}

impl Posix {
    /// The file type that the mode contains.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for an invalid type.
    pub fn kind(&self) -> Result<FileType, Error> {
        Ok(match self.mode & 0o170_000 {
            0o010_000 => FileType::Fifo,
            0o020_000 => FileType::CharDevice,
            0o040_000 => FileType::Directory,
            0o060_000 => FileType::BlockDevice,
            0o100_000 => FileType::File,
            0o120_000 => FileType::Symlink,
            0o140_000 => FileType::Socket,
            _ => return Err(corrupt(Fault::Range, "PX.POSIX File Mode", self.offset, self.mode)),
        })
    }
}

/// The target of a link, built from its components.
#[derive(Debug, Default)]
pub struct Target {
    pub path: Vec<u8>,
    /// A slash is due before the next component.
    is_separated: bool,
}

/// Reads the entries of a record; `skip` is the value of the root's `SP`.
///
/// # Errors
/// [`Error::Corrupt`] naming the entry.
pub fn read<D: BlockRead + ?Sized>(
    device: &D,
    record: &Record<'_>,
    skip: u8,
    block_size: u64,
) -> Result<RockRidge, Error> {
    let mut found = RockRidge::default();
    susp::entries(device, record, skip, block_size, &mut |entry| {
        found.take(entry)?;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

impl RockRidge {
    fn take(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        match &entry.signature {
            b"SP" => self.skip = share_pointer(entry),
            b"ER" => self.is_rock_ridge |= names_rock_ridge(entry),
            b"NM" => self.take_name(entry)?,
            b"PX" => {
                self.is_rock_ridge = true;
                self.posix = Some(Posix {
                    mode: entry.both32(0, "PX")?,
                    links: entry.both32(8, "PX")?,
                    uid: entry.both32(16, "PX")?,
                    gid: entry.both32(24, "PX")?,
                    offset: within(entry.offset, susp::HEADER),
                });
            }
            b"PN" => self.device = device_number(entry.both32(0, "PN")?, entry.both32(8, "PN")?),
            b"SL" => self.target.take(entry)?,
            b"TF" => self.modified = modified(entry)?.or(self.modified),
            b"CL" => self.child = Some(entry.both32(0, "CL")?),
            b"RE" => self.is_relocated = true,
            b"SF" => self.unsupported = Some("sparse files (SF)"),
            b"ZF" => self.unsupported = Some("compressed files (zisofs)"),
            _ => {}
        }
        Ok(())
    }

    fn take_name(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        let flags = entry.byte(0, "NM")?;
        if flags & (CURRENT | PARENT) == 0 {
            self.name.extend_from_slice(entry.data.get(1..).unwrap_or_default());
        }
        if self.name.len() > LONGEST_NAME {
            return Err(corrupt(Fault::Range, "NM", entry.offset, length(&self.name)));
        }
        Ok(())
    }
}

impl Target {
    fn take(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        // Skips the flags byte, which says whether another `SL` follows.
        let mut components = entry.data.get(1..).unwrap_or_default();
        while let Some(([flags, length_of_text], rest)) = components.split_first_chunk::<2>() {
            let split = rest.split_at_checked(usize::from(*length_of_text));
            let (text, rest) = split.ok_or_else(|| entry.truncated("SL component"))?;
            self.component(*flags, text);
            if self.path.len() > LONGEST_TARGET {
                return Err(corrupt(Fault::Range, "SL", entry.offset, length(&self.path)));
            }
            components = rest;
        }
        Ok(())
    }

    fn component(&mut self, flags: u8, text: &[u8]) {
        if core::mem::take(&mut self.is_separated) {
            self.path.push(b'/');
        }
        let text: &[u8] = match flags & !CONTINUE {
            CURRENT => b".",
            PARENT => b"..",
            ROOT => b"/",
            _ => text,
        };
        self.path.extend_from_slice(text);
        self.is_separated = flags & (CONTINUE | ROOT) == 0;
    }
}

/// The number of bytes to skip, if the entry has its two check bytes.
fn share_pointer(entry: &Entry<'_>) -> Option<u8> {
    match entry.data {
        [0xbe, 0xef, skip, ..] => Some(*skip),
        _ => None,
    }
}

fn names_rock_ridge(entry: &Entry<'_>) -> bool {
    let identifier = match entry.data {
        [length, _, _, _, rest @ ..] => rest.get(..usize::from(*length)).unwrap_or_default(),
        _ => &[],
    };
    IDENTIFIERS.contains(&identifier)
}

/// Some writers put both numbers into the low half, as in old versions of Linux.
fn device_number(high: u32, low: u32) -> (u32, u32) {
    if high == 0 && low > 0xff { (low >> 8, low & 0xff) } else { (high, low) }
}

fn modified(entry: &Entry<'_>) -> Result<Option<Timestamp>, Error> {
    let flags = entry.byte(0, "TF")?;
    if flags & TF_MODIFY == 0 {
        return Ok(None);
    }
    let stamps = entry.data.get(1..).unwrap_or_default();
    let index = usize::from(flags & TF_CREATION != 0);
    let time = if flags & TF_LONG_FORM == 0 {
        stamps.as_chunks().0.get(index).map(date::short)
    } else {
        stamps.as_chunks().0.get(index).map(date::long)
    };
    time.map(Some).ok_or_else(|| entry.truncated("TF"))
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(entries: &[([u8; 2], &[u8])]) -> Result<RockRidge, Error> {
        let mut found = RockRidge::default();
        for (signature, data) in entries {
            found.take(&Entry { signature: *signature, data, offset: 0 })?;
        }
        Ok(found)
    }

    fn target(entries: &[&[u8]]) -> Vec<u8> {
        let entries: Vec<([u8; 2], &[u8])> = entries.iter().map(|data| (*b"SL", *data)).collect();
        take(&entries).unwrap().target.path
    }

    #[test]
    fn links_of_every_kind_of_component() {
        assert_eq!(target(&[b"\0\x08\0\0\x03usr\0\x03lib"]), b"/usr/lib");
        assert_eq!(target(&[b"\0\x04\0\x04\0\0\x01a"]), b"../../a");
        assert_eq!(target(&[b"\0\x02\0\0\x01a"]), b"./a");
        assert_eq!(target(&[b"\0\x08\0"]), b"/");
        // A name in two parts, in two entries.
        assert_eq!(target(&[b"\x01\0\x01a\x01\x02na", b"\0\0\x02me\0\x01b"]), b"a/name/b");
    }

    #[test]
    fn names_join() {
        assert_eq!(take(&[(*b"NM", b"\x01long"), (*b"NM", b"\0er")]).unwrap().name, b"longer");
        assert_eq!(take(&[(*b"NM", b"\x02")]).unwrap().name, b"");
        let part: Vec<u8> = core::iter::once(1).chain([b'x'; 200]).collect();
        assert!(take(&[(*b"NM", &part), (*b"NM", &part)]).is_err());
    }

    #[test]
    fn entries_that_end_early_are_refused() {
        for (signature, data) in [
            (*b"PX", [0u8; 31].as_slice()),
            (*b"NM", b""),
            (*b"SL", b"\0\0\x05ab"),
            (*b"TF", b"\x03\0\0"),
            (*b"CL", b"\0"),
        ] {
            let Err(Error::Corrupt(corrupt)) = take(&[(signature, data)]) else { unreachable!() };
            assert_eq!(corrupt.fault, Fault::Truncated, "{signature:?}");
        }
    }

    #[test]
    fn the_time_of_modification_is_behind_that_of_creation() {
        let mut data = alloc::vec![3];
        data.extend_from_slice(&[70, 1, 1, 0, 0, 1, 0]);
        data.extend_from_slice(&[70, 1, 1, 0, 0, 2, 0]);
        assert_eq!(take(&[(*b"TF", &data)]).unwrap().modified.unwrap().seconds, 2);
        data[0] = 2;
        assert_eq!(take(&[(*b"TF", &data)]).unwrap().modified.unwrap().seconds, 1);
        data[0] = 1;
        assert_eq!(take(&[(*b"TF", &data)]).unwrap().modified, None);
    }

    #[test]
    fn rock_ridge_is_known_by_its_name() {
        assert!(take(&[(*b"ER", b"\x09\0\0\x01IEEE_1282")]).unwrap().is_rock_ridge);
        assert!(!take(&[(*b"ER", b"\x04\0\0\x01OTHR")]).unwrap().is_rock_ridge);
        assert_eq!(take(&[(*b"SP", b"\xbe\xef\x0e")]).unwrap().skip, Some(14));
        assert_eq!(take(&[(*b"SP", b"\xbe\xee\x0e")]).unwrap().skip, None);
    }

    #[test]
    fn device_numbers_in_one_word_or_two() {
        assert_eq!(device_number(0, 0x0801), (8, 1));
        assert_eq!(device_number(8, 1), (8, 1));
        assert_eq!(device_number(0, 5), (0, 5));
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Packs Alpine's modloop and apkovl into an initrd archive where Alpine's own initramfs finds them.
//!
//! Its init unpacks the file that `apkovl=` names (a path without a colon; a name that ends in `.gz` is a gzip of a
//! tar) into the new root, a tmpfs, and then starts that root's services. Everything else in the initramfs is lost
//! when the root is switched. So the modloop travels in the apkovl: a gzipped tar may have several members, and ours,
//! with only the modloop in it, comes before those of the apkovl. If there is no apkovl, ours asks for the
//! services that Alpine starts without one. The service `modloop` looks for a URL's last part in `/lib`, and fetches it
//! only if it is not there (older releases always fetch it); the URL that we give is unreachable, so that nothing
//! unverified is loaded in its place.
//!
//! Sources: alpinelinux/mkinitfs `initramfs-init.in` (`prepare_apkovl`, `unpack_apkovl`, `.default_boot_services`) at
//! cc4954bc73cf; alpinelinux/aports `main/openrc/modloop.initd` (`start`) at 325abf676b41; RFC 1951, section 3.2.4;
//! RFC 1952; POSIX.1-2017, pax, "ustar Interchange Format"; Linux, `Documentation/driver-api/early-userspace/
//! buffer-format.rst`. The Go cloud-boot has the apkovl at the same path.

use alloc::{format, vec::Vec};
use core::ops::Range;

use image::{CRC32, initrd};

use crate::Cause;

/// The file in the initramfs, and the command-line words that name it.
const FILE: &str = "apkovl.tar.gz";
const APKOVL: &str = "apkovl=/apkovl.tar.gz";
const MODLOOP: &str = "modloop=http://localhost/modloop";

/// The file that our member of the apkovl adds to the new root.
const MODULES: &str = "lib/modloop";
const SERVICES: &str = "etc/.default_boot_services";

/// A gzip header without name and time, from an unknown operating system.
const GZIP: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// Bytes of the gzip trailer: CRC32 and ISIZE.
const TRAILER: u64 = 8;
/// The most bytes in one stored block, and the bytes of its header: BFINAL and BTYPE, LEN, NLEN.
const BLOCK: u64 = 0xffff;
const HEAD: u64 = 5;
/// Bytes of a tar record; two records of zeros end the tar.
const RECORD: u64 = 512;
/// Alignment in a newc archive, in bytes.
const ALIGNMENT: u64 = 4;

/// The layout of a newc archive with one file for the initramfs: where the parts go.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Archive {
    /// Length in bytes.
    pub total: u64,
    /// Where the modloop goes, in bytes.
    pub modloop: Option<Range<u64>>,
    /// Where the apkovl goes, in bytes.
    pub apkovl: Option<Range<u64>>,
    /// The file.
    file: Range<u64>,
}

impl Archive {
    /// The layout for parts of these lengths in bytes; `None` if there are no parts.
    ///
    /// # Errors
    /// The parts are larger than a file in an archive can be.
    pub fn new(modloop: Option<u64>, apkovl: Option<u64>) -> Result<Option<Self>, Cause> {
        if modloop.is_none() && apkovl.is_none() {
            return Ok(None);
        }
        let archive = Self::laid_out(modloop, apkovl).ok_or(Cause::Overflow)?;
        let (found, limit) = (archive.file.end, u64::from(u32::MAX));
        if found > limit {
            return Err(Cause::Limit { what: "bytes of modloop and apkovl", found, limit });
        }
        Ok(Some(archive))
    }

    fn laid_out(modloop: Option<u64>, apkovl: Option<u64>) -> Option<Self> {
        let start = wide(initrd::header(FILE, 0, 0).len());
        let mut end = start;
        let mut range = None;
        if let Some(size) = modloop {
            // The parts of a member in order: the modloop is fetched to the end of its range, and is divided into
            // blocks from there.
            let blocks = size.div_ceil(BLOCK).checked_mul(HEAD)?;
            let first = end.checked_add(wide(GZIP.len()))?.checked_add(HEAD)?.checked_add(RECORD)?;
            let from = first.checked_add(blocks)?;
            let to = from.checked_add(size)?;
            range = Some(from..to);
            let behind = wide(behind_modloop(size, apkovl.is_some()).len());
            end = to.checked_add(HEAD)?.checked_add(behind)?.checked_add(TRAILER)?;
        }
        let overlay = match apkovl {
            Some(size) => Some(end..end.checked_add(size)?),
            None => None,
        };
        end = overlay.as_ref().map_or(end, |range| range.end);
        let padded = end.checked_next_multiple_of(ALIGNMENT)?;
        let total = padded.checked_add(wide(initrd::header("TRAILER!!!", 0, 0).len()))?;
        Some(Self { total, modloop: range, apkovl: overlay, file: start..end })
    }

    /// The words for the command line. Alpine uses the last of each.
    pub fn words(&self) -> &'static [&'static str] {
        if self.modloop.is_some() { &[APKOVL, MODLOOP] } else { &[APKOVL] }
    }

    /// Writes the headers around the parts, which makes the buffer an archive. `None` if its length is not `total`.
    pub fn finish(&self, buffer: &mut [u8]) -> Option<()> {
        if let Some(modloop) = &self.modloop {
            self.finish_modloop(modloop, buffer)?;
        }
        let size = u32::try_from(self.file.end.checked_sub(self.file.start)?).ok()?;
        put(buffer, 0, &initrd::header(FILE, 0o100_644, size))?;
        let end = usize::try_from(self.file.end).ok()?;
        let rest = buffer.get_mut(end..)?;
        rest.fill(0);
        let trailer = initrd::header("TRAILER!!!", 0, 0);
        let at = rest.len().checked_sub(trailer.len())?;
        put(rest, at, &trailer)
    }

    fn finish_modloop(&self, modloop: &Range<u64>, buffer: &mut [u8]) -> Option<()> {
        let size = modloop.end.checked_sub(modloop.start)?;
        let header = record(MODULES, size);
        let mut at = usize::try_from(self.file.start).ok()?;
        at = put_at(buffer, at, &GZIP)?;
        at = put_at(buffer, at, &stored(header.len(), false)?)?;
        at = put_at(buffer, at, &header)?;
        let mut sum = CRC32.digest();
        sum.update(&header);
        let (mut from, end) = (usize::try_from(modloop.start).ok()?, usize::try_from(modloop.end).ok()?);
        while from < end {
            // Blocks move towards the start, the first one the furthest: none overwrites data that is still to be
            // moved.
            let to = from.checked_add(usize::try_from(BLOCK).ok()?)?.min(end);
            let head = stored(to.checked_sub(from)?, false)?;
            let place = at.checked_add(head.len())?;
            sum.update(buffer.get(from..to)?);
            buffer.get_mut(..to)?.copy_within(from.., place);
            put_at(buffer, at, &head)?;
            at = place.checked_add(to.checked_sub(from)?)?;
            from = to;
        }
        let behind = behind_modloop(size, self.apkovl.is_some());
        at = put_at(buffer, at, &stored(behind.len(), true)?)?;
        at = put_at(buffer, at, &behind)?;
        sum.update(&behind);
        // ISIZE counts modulo 2^32; a file of the archive is no larger.
        let content = RECORD.checked_add(size)?.checked_add(wide(behind.len()))?;
        at = put_at(buffer, at, &sum.finalize().to_le_bytes())?;
        put(buffer, at, content.to_le_bytes().get(..4)?)
    }
}

/// What follows the modloop in the tar: padding to a whole record; without an apkovl, also the mark and the end.
fn behind_modloop(size: u64, has_apkovl: bool) -> Vec<u8> {
    let padding = size.checked_next_multiple_of(RECORD).and_then(|end| end.checked_sub(size)).unwrap_or(0);
    let mut bytes: Vec<u8> = (0..padding).map(|_| 0).collect();
    if !has_apkovl {
        bytes.extend_from_slice(&record(SERVICES, 0));
        bytes.extend_from_slice(&[0; 1024]);
    }
    bytes
}

/// The header of a stored block.
fn stored(length: usize, is_last: bool) -> Option<[u8; 5]> {
    let length = u16::try_from(length).ok()?;
    let ([a, b], [c, d]) = (length.to_le_bytes(), (!length).to_le_bytes());
    Some([u8::from(is_last), a, b, c, d])
}

/// The tar header of a file that root owns and everybody can read.
fn record(name: &str, size: u64) -> Vec<u8> {
    let field = |length: usize, text: &str| {
        let mut bytes = Vec::from(text.as_bytes());
        bytes.resize(length, 0);
        bytes
    };
    let with = |sum: &str| {
        let mut bytes = field(100, name);
        bytes.extend(field(8, "0000644"));
        bytes.extend(field(8, "0000000"));
        bytes.extend(field(8, "0000000"));
        bytes.extend(field(12, &format!("{size:011o}")));
        bytes.extend(field(12, "00000000000"));
        bytes.extend(field(8, sum));
        // typeflag, linkname, magic, version, uname, gname.
        bytes.extend(field(101, "0"));
        bytes.extend(field(6, "ustar"));
        bytes.extend(field(2, "00"));
        bytes.extend(field(32, "root"));
        bytes.extend(field(32, "root"));
        bytes.resize(512, 0);
        bytes
    };
    // The sum of all bytes, with spaces in its own field.
    let sum: u32 = with("        ").iter().map(|byte| u32::from(*byte)).sum();
    with(&format!("{sum:06o}\0 "))
}

fn put(buffer: &mut [u8], at: usize, bytes: &[u8]) -> Option<()> {
    put_at(buffer, at, bytes).map(|_| ())
}

/// Writes bytes and returns where they end.
fn put_at(buffer: &mut [u8], at: usize, bytes: &[u8]) -> Option<usize> {
    let end = at.checked_add(bytes.len())?;
    buffer.get_mut(at..end)?.copy_from_slice(bytes);
    Some(end)
}

fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::vec;

    use image::Compression;

    use super::*;

    fn finished(archive: &Archive, modloop: &[u8], apkovl: &[u8]) -> Vec<u8> {
        let mut buffer = vec![0xa5; usize::try_from(archive.total).unwrap()];
        for (range, bytes) in [(&archive.modloop, modloop), (&archive.apkovl, apkovl)] {
            if let Some(range) = range {
                buffer[range.start as usize..range.end as usize].copy_from_slice(bytes);
            }
        }
        archive.finish(&mut buffer).unwrap();
        buffer
    }

    #[test]
    fn a_modloop_of_any_length_is_in_a_sound_gzip() {
        let content: Vec<u8> = (0..200_000_u32).map(|index| (index * 7 + index / 251) as u8).collect();
        for size in [0, 1, 511, 512, 513, 65_534, 65_535, 65_536, 131_070, 131_071, 200_000] {
            let archive = Archive::new(Some(size as u64), None).unwrap().unwrap();
            let all = finished(&archive, &content[..size], b"");
            let file = &all[archive.file.start as usize..archive.file.end as usize];
            let tar = Compression::Gzip.unpack(file, None, 1 << 20).unwrap();
            assert!(tar[512..512 + size] == content[..size], "{size}");
            assert_eq!(&tar[..12], b"lib/modloop\0");
            assert_eq!(tar.len(), 512 + size.next_multiple_of(512) + 512 + 1024, "{size}");
            assert_eq!(all.len() % 4, 0);
        }
    }

    #[test]
    fn an_apkovl_stands_behind_a_whole_member() {
        let archive = Archive::new(Some(70_000), Some(5)).unwrap().unwrap();
        let all = finished(&archive, &[7; 70_000], b"ovlay");
        let apkovl = archive.apkovl.clone().unwrap();
        assert_eq!(&all[apkovl.start as usize..apkovl.end as usize], b"ovlay");
        let member = &all[archive.file.start as usize..apkovl.start as usize];
        let tar = Compression::Gzip.unpack(member, None, 1 << 20).unwrap();
        // No end of the archive: what follows belongs to it.
        assert_eq!(tar.len(), 512 + 70_144);
        // newc's c_filesize.
        let size = std::format!("{:08X}", archive.file.end - archive.file.start);
        assert_eq!(&all[54..62], size.as_bytes());
    }

    #[test]
    fn new_refuses_what_no_archive_holds() {
        assert_eq!(Archive::new(None, None).unwrap(), None);
        let most = u64::from(u32::MAX);
        for (modloop, apkovl) in [(Some(most), None), (None, Some(most)), (Some(most / 2), Some(most / 2))] {
            let error = Archive::new(modloop, apkovl).unwrap_err();
            assert!(matches!(error, Cause::Limit { found, limit, .. } if found > limit), "{error}");
        }
        for (modloop, apkovl) in [(Some(u64::MAX), None), (Some(1), Some(u64::MAX))] {
            assert!(matches!(Archive::new(modloop, apkovl), Err(Cause::Overflow)));
        }
        assert!(Archive::new(Some(most - (1 << 20)), None).is_ok());
    }

    #[test]
    fn finish_refuses_another_buffer() {
        let archive = Archive::new(Some(10), Some(10)).unwrap().unwrap();
        let short = usize::try_from(archive.total).unwrap() / 2;
        assert_eq!(archive.finish(&mut vec![0; short]), None);
    }
}

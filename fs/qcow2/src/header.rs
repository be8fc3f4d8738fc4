// SPDX-License-Identifier: BSD-3-Clause
//! The header, with its extensions.

use alloc::{format, vec, vec::Vec};
use core::mem::offset_of;

use block::{BlockRead, ReadError};
use damage::Fault;
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    big_endian::{U32, U64},
};

use crate::{corrupt, extensions::Extensions, features, unsupported};

/// `QFI\xfb`
pub const MAGIC: u32 = 0x5146_49fb;
/// Header length in version 2, which has no field for it, and minimum header length in version 3.
const LENGTH_V2: u32 = 72;
const LENGTH_V3: u32 = 104;
/// Valid cluster sizes: 512 bytes, the format's minimum, to 2 MiB, QEMU's `MAX_CLUSTER_BITS`.
const CLUSTER_BITS: core::ops::RangeInclusive<u32> = 9..=21;
/// Minimum with extended L2 entries: a subcluster, 1/32 of a cluster, has at least 512 bytes.
const EXTENDED_CLUSTER_BITS: u32 = 14;
/// `QCOW_MAX_L1_SIZE` in bytes.
const MAX_L1_SIZE: u64 = 32 << 20;
/// Maximum length of a backing file's name, as defined by the format.
const MAX_BACKING_NAME: u32 = 1023;

/// `QCowHeader` of version 3; version 2 ends before `incompatible_features`.
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    magic: U32,
    version: U32,
    backing_file_offset: U64,
    backing_file_size: U32,
    cluster_bits: U32,
    size: U64,
    crypt_method: U32,
    l1_size: U32,
    l1_table_offset: U64,
    refcount_table_offset: U64,
    refcount_table_clusters: U32,
    nb_snapshots: U32,
    snapshots_offset: U64,
    incompatible_features: U64,
    compatible_features: U64,
    autoclear_features: U64,
    refcount_order: U32,
    header_length: U32,
    compression_type: u8,
    padding: [u8; 7],
}

/// The compression of compressed clusters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compression {
    /// Raw deflate, RFC 1951.
    Zlib,
    /// RFC 8878.
    Zstd,
}

/// The header's values, checked against the device that the image is on.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Header {
    /// 2 or 3.
    pub version: u32,
    /// Size of the disk in bytes.
    pub size: u64,
    /// Bytes of a cluster, as a power of two: 9 to 21.
    pub cluster_bits: u32,
    /// L2 entries have 16 bytes and describe subclusters.
    pub has_extended_l2: bool,
    /// The compression of compressed clusters.
    pub compression: Compression,
    /// Number of internal snapshots, which are ignored.
    pub snapshots: u32,
    /// Name of the backing file, any bytes.
    pub backing_file: Option<Vec<u8>>,
    /// The backing file's format as named by QEMU (`raw`, `qcow2`), any bytes.
    pub backing_format: Option<Vec<u8>>,
    /// Byte offset of the L1 table, which has all entries that `size` needs and is on the device.
    pub(crate) l1_table_offset: u64,
}

impl Header {
    /// Reads and checks the header of an image.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] naming the field, [`ReadError::Unsupported`] naming the feature.
    pub fn read<D: BlockRead>(device: &D) -> Result<Self, ReadError> {
        let mut bytes = [0; size_of::<Raw>()];
        let length = u64::from(LENGTH_V2);
        fill(device, 0, &mut bytes, length)?;
        let raw = Raw::read_from_bytes(&bytes);
        let mut raw = raw.map_err(|_| corrupt(Fault::Truncated, "QCowHeader", 0, length))?;
        if raw.magic.get() != MAGIC {
            return Err(field(Fault::Magic, "QCowHeader.magic", offset_of!(Raw, magic), raw.magic));
        }
        let header_length = raw.header_length(device.size())?;
        let cluster_bits = raw.cluster_bits.get();
        if !CLUSTER_BITS.contains(&cluster_bits) {
            return Err(field(
                Fault::Range,
                "QCowHeader.cluster_bits",
                offset_of!(Raw, cluster_bits),
                cluster_bits,
            ));
        }
        if u64::from(header_length) > raw.cluster_size() {
            return Err(field(
                Fault::Range,
                "QCowHeader.header_length",
                offset_of!(Raw, header_length),
                header_length,
            ));
        }
        raw.refuse_encryption()?;
        let extensions = Extensions { device, at: header_length.into(), end: raw.extensions_end()? };
        raw.refuse_features(&extensions)?;
        let backing_file = raw.backing_file(device)?;
        let backing_format = match backing_file {
            Some(_) => extensions.backing_format()?,
            None => None,
        };
        let header = Self {
            version: raw.version.get(),
            size: raw.size.get(),
            cluster_bits,
            has_extended_l2: raw.has(features::EXTENDED_L2),
            compression: raw.compression()?,
            snapshots: raw.nb_snapshots.get(),
            backing_file,
            backing_format,
            l1_table_offset: raw.l1_table_offset.get(),
        };
        raw.check_l1(&header, device.size())?;
        Ok(header)
    }

    /// Bytes of a cluster: 512 to 2 MiB.
    pub fn cluster_size(&self) -> u64 {
        1u64.checked_shl(self.cluster_bits).unwrap_or(u64::MAX)
    }

    /// The cluster that holds the disk's byte at `offset`, and the offset in the cluster.
    pub(crate) fn locate(&self, offset: u64) -> (u64, u64) {
        let cluster = offset.checked_shr(self.cluster_bits).unwrap_or(0);
        // Cannot saturate: a cluster has at least 512 bytes.
        (cluster, offset & self.cluster_size().saturating_sub(1))
    }

    /// Bytes of an L2 entry.
    pub(crate) fn l2_entry_size(&self) -> u64 {
        if self.has_extended_l2 { 16 } else { 8 }
    }

    /// Entries of an L2 table, which is one cluster: a power of two, at least 64.
    pub(crate) fn l2_entries(&self) -> u64 {
        self.cluster_size().checked_div(self.l2_entry_size()).unwrap_or(1).max(1)
    }
}

impl Raw {
    fn has(&self, bit: u64) -> bool {
        self.incompatible_features.get() & bit != 0
    }

    fn cluster_size(&self) -> u64 {
        1u64.checked_shl(self.cluster_bits.get()).unwrap_or(u64::MAX)
    }

    /// Length of the header in bytes. Fields past it are set to zero.
    fn header_length(&mut self, device_size: u64) -> Result<u32, ReadError> {
        match self.version.get() {
            2 => {
                let mut all = [0; size_of::<Self>()];
                let (old, _) = self
                    .as_bytes()
                    .split_at_checked(offset_of!(Self, incompatible_features))
                    .unwrap_or_default();
                all.iter_mut().zip(old).for_each(|(place, byte)| *place = *byte);
                *self = Self::read_from_bytes(&all)
                    .map_err(|_| corrupt(Fault::Truncated, "QCowHeader", 0, device_size))?;
                Ok(LENGTH_V2)
            }
            3 => {
                let length = self.header_length.get();
                if device_size < LENGTH_V3.into() || device_size < length.into() {
                    return Err(field(
                        Fault::Truncated,
                        "QCowHeader.header_length",
                        offset_of!(Raw, header_length),
                        device_size,
                    ));
                }
                if length < LENGTH_V3 || !length.is_multiple_of(8) {
                    return Err(field(
                        Fault::Range,
                        "QCowHeader.header_length",
                        offset_of!(Raw, header_length),
                        length,
                    ));
                }
                if length == LENGTH_V3 {
                    self.compression_type = 0;
                }
                Ok(length)
            }
            version => Err(unsupported(format!("version {version}"))),
        }
    }

    fn refuse_encryption(&self) -> Result<(), ReadError> {
        match self.crypt_method.get() {
            0 => Ok(()),
            1 => Err(unsupported("AES encryption")),
            2 => Err(unsupported("LUKS encryption")),
            method => {
                Err(field(Fault::Range, "QCowHeader.crypt_method", offset_of!(Raw, crypt_method), method))
            }
        }
    }

    /// End of the extensions: the name of the backing file, or the end of the first cluster.
    fn extensions_end(&self) -> Result<u64, ReadError> {
        match self.backing_file_offset.get() {
            0 => Ok(self.cluster_size()),
            offset if offset <= self.cluster_size() => Ok(offset),
            offset => Err(field(
                Fault::Range,
                "QCowHeader.backing_file_offset",
                offset_of!(Raw, backing_file_offset),
                offset,
            )),
        }
    }

    fn refuse_features(&self, extensions: &Extensions<'_, impl BlockRead>) -> Result<(), ReadError> {
        let Some(bit) = features::first_unreadable(self.incompatible_features.get()) else { return Ok(()) };
        if let Some(name) = features::known(bit) {
            return Err(unsupported(name));
        }
        Err(unsupported(match extensions.feature_name(bit)? {
            Some(name) => format!("incompatible feature {bit} \"{}\"", name.escape_ascii()),
            None => format!("incompatible feature {bit}"),
        }))
    }

    /// The compression; the type and the feature bit must agree.
    fn compression(&self) -> Result<Compression, ReadError> {
        match (self.compression_type, self.has(features::COMPRESSION_TYPE)) {
            (0, false) => Ok(Compression::Zlib),
            (1, true) => Ok(Compression::Zstd),
            (found @ (0 | 1), _) => Err(field(
                Fault::Inconsistent,
                "QCowHeader.compression_type",
                offset_of!(Raw, compression_type),
                found,
            )),
            (kind, _) => Err(unsupported(format!("compression type {kind}"))),
        }
    }

    /// The name of the backing file, which is in the first cluster, after the extensions.
    fn backing_file(&self, device: &impl BlockRead) -> Result<Option<Vec<u8>>, ReadError> {
        let (offset, length) = (self.backing_file_offset.get(), self.backing_file_size.get());
        if offset == 0 || length == 0 {
            return Ok(None);
        }
        // Saturates at zero past the first cluster: there is no space for a name.
        let room = self.cluster_size().saturating_sub(offset).min(MAX_BACKING_NAME.into());
        if u64::from(length) > room {
            return Err(field(
                Fault::Range,
                "QCowHeader.backing_file_size",
                offset_of!(Raw, backing_file_size),
                length,
            ));
        }
        let mut name = vec![0; usize::try_from(length).unwrap_or(0)];
        fill(device, offset, &mut name, length.into())?;
        Ok(Some(name))
    }

    /// Checks that the L1 table has an entry for every part of the disk, and that these entries are on the device.
    fn check_l1(&self, header: &Header, device_size: u64) -> Result<(), ReadError> {
        if header.has_extended_l2 && header.cluster_bits < EXTENDED_CLUSTER_BITS {
            return Err(field(
                Fault::Inconsistent,
                "QCowHeader.cluster_bits",
                offset_of!(Raw, cluster_bits),
                header.cluster_bits,
            ));
        }
        // Nothing saturates: an L2 table maps at least 2^15 and at most 2^39 bytes, and `l1_size` has 32 bits.
        let mapped = header.cluster_size().saturating_mul(header.l2_entries());
        let needed = header.size.div_ceil(mapped.max(1)).saturating_mul(8);
        let l1_size = self.l1_size.get();
        let length = u64::from(l1_size).saturating_mul(8);
        if length > MAX_L1_SIZE {
            return Err(field(Fault::Range, "QCowHeader.l1_size", offset_of!(Raw, l1_size), l1_size));
        }
        if needed > length {
            return Err(field(Fault::Inconsistent, "QCowHeader.size", offset_of!(Raw, size), header.size));
        }
        let offset = header.l1_table_offset;
        let is_aligned = header.locate(offset).1 == 0 && (offset > 0 || needed == 0);
        match offset.checked_add(needed) {
            Some(end) if is_aligned && end <= device_size => Ok(()),
            _ => Err(field(
                Fault::Range,
                "QCowHeader.l1_table_offset",
                offset_of!(Raw, l1_table_offset),
                offset,
            )),
        }
    }
}

/// An error about the field at byte `at` of the header.
fn field(fault: Fault, structure: &'static str, at: usize, found: impl Into<u64>) -> ReadError {
    corrupt(fault, structure, wide(at), found)
}

/// An offset or size in a structure, as `u64`.
pub(crate) fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Fills `buf` from `offset` up to the end of the device, which must have at least `least` bytes there.
fn fill(device: &impl BlockRead, offset: u64, buf: &mut [u8], least: u64) -> Result<(), ReadError> {
    // Saturates at zero past the end: nothing is there.
    let there = device.size().saturating_sub(offset);
    if there < least {
        return Err(corrupt(Fault::Truncated, "QCowHeader", offset, device.size()));
    }
    let length = usize::try_from(there).unwrap_or(usize::MAX).min(buf.len());
    device.read_at(offset, buf.get_mut(..length).unwrap_or_default())
}

// SPDX-License-Identifier: BSD-3-Clause
//! Whole disks, through the firmware's Block I/O protocol.

use alloc::{boxed::Box, format, rc::Rc, string::String, vec, vec::Vec};
use core::cell::{Cell, RefCell};

use block::{BlockRead, ReadError, check_bounds};
use efi::device_path;
use flow::{Disk, Place};
use uefi::{
    CString16, Handle, Status,
    boot::{self, SearchType},
    proto::{
        device_path::DevicePath,
        media::{block::BlockIO, fs::SimpleFileSystem},
    },
};

use crate::{
    files,
    handle::{open, path_bytes},
};

/// The longest single transfer. Longer ones fail in some firmware.
const LONGEST: usize = 1024 * 1024;
/// Bytes of the buffer for reads that the device cannot do into the caller's memory.
const BOUNCE: usize = 128 * 1024;
/// Bytes at the start of a disk by which it is recognised: they hold the identifiers of partition tables, and of most
/// filesystems on unpartitioned disks.
const BEGINNING: u32 = 4096;

/// The firmware's disks.
#[derive(Default)]
pub struct FirmwareDisks {
    /// The disks that `disks` returned last, in that order.
    given: RefCell<Vec<device_path::Disk>>,
}

impl flow::Disks for FirmwareDisks {
    fn disks(&self) -> Vec<Disk> {
        let mut found: Vec<(device_path::Disk, BlockDevice)> = boot::find_handles::<BlockIO>()
            .unwrap_or_default()
            .into_iter()
            .filter_map(|handle| {
                let device = BlockDevice::of(handle)?;
                Some((device_path::Disk { path: path_bytes(handle), block_size: device.block_size }, device))
            })
            .collect();
        // Handles are ordered by when drivers happened to start; device paths are stable.
        found.sort_unstable_by(|a, b| a.0.path.cmp(&b.0.path));
        let (given, devices): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        let names = device_path::linux_names(given.iter().map(|disk| disk.path.as_slice()));
        *self.given.borrow_mut() = given;
        names.into_iter().zip(devices).map(|(name, device)| Disk { name, device: Rc::new(device) }).collect()
    }

    fn connect(&self) {
        connect_all();
    }
}

/// Starts the drivers of all devices.
fn connect_all() {
    for handle in boot::locate_handle_buffer(SearchType::AllHandles).iter().flat_map(|b| b.iter()) {
        // Most handles are not controllers; for them this fails, which is fine.
        let _ = boot::connect_controller(*handle, &[], None, true);
    }
}

impl flow::Tries for FirmwareDisks {
    fn rename(&self, place: &Place, name: &str) -> Result<(), String> {
        let (volume, path) = self.volume_of(place).ok_or("the firmware has no driver for its volume")?;
        files::rename(volume, &path, name).map_err(|error| format!("EFI status {}", error.status()))
    }
}

impl FirmwareDisks {
    /// The firmware's handle of the volume that a file is on, and the file's name there.
    pub fn volume_of(&self, place: &Place) -> Option<(Handle, CString16)> {
        let given = self.given.borrow();
        let disk = given.get(place.disk)?;
        let handles = boot::find_handles::<SimpleFileSystem>().unwrap_or_default();
        let is_it = |handle: &Handle| disk.holds(&path_bytes(*handle), place.partition.as_ref());
        let volume = handles.into_iter().find(is_it)?;
        Some((volume, CString16::try_from(name_of(place).as_str()).ok()?))
    }

    /// The device path of a file; none if the firmware has no driver for its filesystem.
    pub fn path_of(&self, place: &Place) -> Option<Box<DevicePath>> {
        let (volume, _) = self.volume_of(place)?;
        let bytes = device_path::file(&path_bytes(volume), &name_of(place))?;
        <&DevicePath>::try_from(bytes.as_slice()).ok().map(DevicePath::to_boxed)
    }
}

/// A file's path in the firmware's notation.
fn name_of(place: &Place) -> String {
    place.path.replace('/', "\\")
}

/// One whole disk. Its protocol is opened anew for each transfer: a program that was started and returned may have
/// disconnected or restarted drivers (such as `reconnect -r` of the EFI shell), and a USB stick may have been pulled.
struct BlockDevice {
    /// Restarted drivers create new handles.
    handle: Cell<Handle>,
    /// The device path, which stays the same.
    path: Vec<u8>,
    /// Its first bytes; empty if they cannot be read.
    beginning: Vec<u8>,
    /// The disk was exchanged or pulled: earlier reads would not match later ones, so all further reads fail.
    is_gone: Cell<bool>,
    bounce: RefCell<Vec<u8>>,
    media_id: Cell<u32>,
    block_size: u32,
    /// Required alignment of transfer buffers in bytes, at least 1.
    align: usize,
    size: u64,
}

impl BlockDevice {
    /// The disk behind a handle; none for partitions, empty drives and media that cannot be addressed.
    fn of(handle: Handle) -> Option<Self> {
        let protocol = open::<BlockIO>(handle)?;
        let media = protocol.get()?.media();
        if media.is_logical_partition() || !media.is_media_present() {
            return None;
        }
        let block_size = media.block_size();
        if !block_size.is_power_of_two() || !(512..=65536).contains(&block_size) {
            return None;
        }
        let size = media.last_block().checked_add(1)?.checked_mul(u64::from(block_size))?;
        let (media_id, align) = (media.media_id(), usize::try_from(media.io_align()).ok()?.max(1));
        let mut disk = Self {
            handle: Cell::new(handle),
            path: path_bytes(handle),
            beginning: Vec::new(),
            is_gone: Cell::new(false),
            bounce: RefCell::default(),
            media_id: Cell::new(media_id),
            block_size,
            align,
            size,
        };
        let mut beginning = vec![0; usize::try_from(BEGINNING.max(block_size)).ok()?];
        if disk.read_at(0, &mut beginning).is_ok() {
            disk.beginning = beginning;
        }
        Some(disk)
    }

    /// Reads whole blocks into a buffer with the device's alignment.
    fn transfer(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let lba = offset / u64::from(self.block_size);
        let mut result = self.read_blocks(lba, buf);
        if result.is_none() && !self.is_gone.get() && self.find_again() {
            result = self.read_blocks(lba, buf);
        }
        let Some(result) = result else {
            self.is_gone.set(true);
            return Err(ReadError::reading(offset, "the disk is gone, or another medium is in it"));
        };
        result.map_err(|error| ReadError::reading(offset, format!("EFI status {}", error.status())))
    }

    /// Reads whole blocks; none if the disk is no longer behind its handle.
    fn read_blocks(&self, lba: u64, buf: &mut [u8]) -> Option<uefi::Result> {
        let mut protocol = open::<BlockIO>(self.handle.get()).filter(|_| !self.is_gone.get())?;
        let protocol = protocol.get_mut().filter(|protocol| self.is_same(protocol))?;
        let result = protocol.read_blocks(self.media_id.get(), lba, buf);
        // Firmware may notice a change only during the read.
        let is_other = result
            .as_ref()
            .is_err_and(|error| matches!(error.status(), Status::MEDIA_CHANGED | Status::NO_MEDIA));
        (!is_other).then_some(result)
    }

    /// Looks for the disk at its device path; its first bytes must be the same. A disk that begins with zeros cannot be
    /// told from another one.
    fn find_again(&self) -> bool {
        let look = || {
            let handles = boot::find_handles::<BlockIO>().unwrap_or_default();
            handles.into_iter().filter(|handle| path_bytes(*handle) == self.path).find_map(Self::of)
        };
        if self.beginning.iter().all(|byte| *byte == 0) {
            return false;
        }
        let found = look().or_else(|| {
            connect_all();
            look()
        });
        let Some(found) = found.filter(|found| found.is_of_one_kind(self)) else { return false };
        self.handle.set(found.handle.get());
        self.media_id.set(found.media_id.get());
        found.beginning == self.beginning
    }

    /// Whether both have the same block size, alignment and size.
    fn is_of_one_kind(&self, other: &Self) -> bool {
        (self.block_size, self.align, self.size) == (other.block_size, other.align, other.size)
    }

    /// Whether the protocol still leads to the same medium.
    fn is_same(&self, protocol: &BlockIO) -> bool {
        let media = protocol.media();
        media.is_media_present()
            && (media.media_id(), media.block_size()) == (self.media_id.get(), self.block_size)
    }

    /// Reads up to `buf.len()` bytes at `offset` in one transfer and returns how many: straight into `buf`
    /// where both are aligned, else by way of the bounce buffer.
    fn read_some(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadError> {
        let block = usize::try_from(self.block_size).unwrap_or(usize::MAX);
        let skip = usize::try_from(offset % u64::from(self.block_size)).unwrap_or(0);
        let whole = buf.len().min(LONGEST) / block * block;
        if skip == 0 && whole > 0 && buf.as_ptr().addr().is_multiple_of(self.align) {
            self.transfer(offset, &mut buf[..whole])?;
            return Ok(whole);
        }
        let mut bounce = self.bounce.borrow_mut();
        if bounce.is_empty() {
            *bounce = vec![0; BOUNCE];
        }
        let span = (skip + buf.len()).next_multiple_of(block).min(BOUNCE);
        self.transfer(offset - skip as u64, &mut bounce[..span])?;
        let length = buf.len().min(span - skip);
        buf[..length].copy_from_slice(&bounce[skip..skip + length]);
        Ok(length)
    }
}

impl BlockRead for BlockDevice {
    fn size(&self) -> u64 {
        self.size
    }

    fn logical_block_size(&self) -> u32 {
        self.block_size
    }

    fn read_at(&self, mut offset: u64, mut buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.size)?;
        while !buf.is_empty() {
            let length = self.read_some(offset, buf)?;
            buf = &mut buf[length..];
            offset += length as u64;
        }
        Ok(())
    }
}

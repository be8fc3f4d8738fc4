// SPDX-License-Identifier: BSD-3-Clause
//! Files, through the firmware's own filesystem drivers.

use alloc::{vec, vec::Vec};

use efi::device_path;
use uefi::{
    CStr16, CString16, Handle, Status, boot,
    proto::{
        loaded_image::LoadedImage,
        media::{
            file::{File, FileAttribute, FileInfo, FileMode, RegularFile},
            fs::SimpleFileSystem,
        },
    },
};

use crate::disks::open;

/// Files that are read here have at most so many bytes.
const LONGEST: u64 = 64 * 1024 * 1024;

/// A file's bytes; none where it cannot be read, or is longer than `limit`.
pub fn read(volume: Handle, name: &CStr16, limit: u64) -> Option<Vec<u8>> {
    let mut file = open_file(volume, name, FileMode::Read).ok()?;
    let size = file.get_boxed_info::<FileInfo>().ok()?.file_size();
    let mut bytes = vec![0; usize::try_from(size).ok().filter(|_| size <= limit)?];
    let read = file.read(&mut bytes).ok()?;
    bytes.truncate(read);
    Some(bytes)
}

/// The file that this program was started from.
pub fn own_program() -> Option<Vec<u8>> {
    let image = open::<LoadedImage>(boot::image_handle())?;
    let name = device_path::file_name(image.file_path()?.as_bytes())?;
    read(image.device()?, &CString16::try_from(name.as_str()).ok()?, LONGEST)
}

/// Gives a file a new name in the same folder.
///
/// # Errors
/// The firmware's status.
pub fn rename(volume: Handle, path: &CStr16, name: &str) -> uefi::Result {
    let name = CString16::try_from(name).map_err(|_| Status::INVALID_PARAMETER)?;
    let mut file = open_file(volume, path, FileMode::ReadWrite)?;
    let old = file.get_boxed_info::<FileInfo>()?;
    let mut buffer = vec![0u64; 128];
    let room = buffer.as_mut_slice();
    // SAFETY: any bytes are bytes; the slice covers the buffer, which is not used by another name meanwhile.
    let room = unsafe { core::slice::from_raw_parts_mut(room.as_mut_ptr().cast::<u8>(), size_of_val(room)) };
    let (created, accessed, modified) =
        (*old.create_time(), *old.last_access_time(), *old.modification_time());
    let info = FileInfo::new(
        room,
        old.file_size(),
        old.physical_size(),
        created,
        accessed,
        modified,
        old.attribute(),
        &name,
    );
    file.set_info(info.map_err(|_| Status::BUFFER_TOO_SMALL)?)?;
    file.flush()
}

fn open_file(volume: Handle, name: &CStr16, mode: FileMode) -> uefi::Result<RegularFile> {
    let mut protocol = open::<SimpleFileSystem>(volume).ok_or(Status::UNSUPPORTED)?;
    let mut root = protocol.get_mut().ok_or(Status::UNSUPPORTED)?.open_volume()?;
    let file = root.open(name, mode, FileAttribute::empty())?;
    file.into_regular_file().ok_or(Status::NOT_FOUND.into())
}

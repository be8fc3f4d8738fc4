// SPDX-License-Identifier: BSD-3-Clause
//! Files, through the firmware's own filesystem drivers.

use alloc::{format, string::String, vec, vec::Vec};

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

use crate::handle::open;

/// The first bytes of a file, at most `limit`; none if there is no such file.
///
/// # Errors
/// The firmware's status.
pub fn read_start(volume: Handle, name: &CStr16, limit: usize) -> uefi::Result<Option<Vec<u8>>> {
    let mut file = match open_file(volume, name, FileMode::Read) {
        Ok(file) => file,
        Err(error) if error.status() == Status::NOT_FOUND => return Ok(None),
        Err(error) => return Err(error),
    };
    let size = file.get_boxed_info::<FileInfo>()?.file_size();
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(limit).min(limit)];
    let read = file.read(&mut bytes)?;
    bytes.truncate(read);
    Ok(Some(bytes))
}

/// The first bytes, at most `limit`, of a file that a setting names, on the volume that this program was started from.
///
/// # Errors
/// Why it cannot be read.
pub fn of_settings(path: &str, limit: usize) -> Result<Vec<u8>, String> {
    let Ok(name) = CString16::try_from(path.replace('/', "\\").as_str()) else {
        return Err(format!("{path} has characters that are not allowed in file names"));
    };
    let device = open::<LoadedImage>(boot::image_handle()).and_then(|image| image.device());
    let Some(device) = device else {
        return Err(format!("{path} cannot be read: this program was not started from a volume"));
    };
    match read_start(device, &name, limit) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(format!("{path} is not on the volume that this program was started from")),
        Err(error) => Err(format!("{path} cannot be read: EFI status {}", error.status())),
    }
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
    let room = bytes_of(&mut buffer);
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

/// The bytes of a buffer that is aligned for EFI_FILE_INFO.
pub fn bytes_of(room: &mut [u64]) -> &mut [u8] {
    // SAFETY: any bytes are bytes; the slice covers the buffer, which is borrowed for as long and so not used by another
    // name meanwhile.
    unsafe { core::slice::from_raw_parts_mut(room.as_mut_ptr().cast::<u8>(), size_of_val(room)) }
}

fn open_file(volume: Handle, name: &CStr16, mode: FileMode) -> uefi::Result<RegularFile> {
    let mut protocol = open::<SimpleFileSystem>(volume).ok_or(Status::UNSUPPORTED)?;
    let mut root = protocol.get_mut().ok_or(Status::UNSUPPORTED)?.open_volume()?;
    let file = root.open(name, mode, FileAttribute::empty())?;
    file.into_regular_file().ok_or(Status::NOT_FOUND.into())
}

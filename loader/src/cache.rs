// SPDX-License-Identifier: BSD-3-Clause
//! The folder of the cache on the volume that this program was started from, through the firmware's own filesystem
//! driver, which already uses the volume.

use alloc::{format, string::String, vec::Vec};

use flow::{CACHE_FOLDER, Storage, Stored};
use uefi::{
    CString16, Error, Handle, Status, boot,
    proto::{
        loaded_image::LoadedImage,
        media::{
            file::{Directory, File, FileAttribute, FileInfo, FileMode, FileSystemInfo, RegularFile},
            fs::SimpleFileSystem,
        },
    },
};

use crate::{files, handle::open};

/// The longest single write. Longer ones fail in some firmware.
const LONGEST: usize = 1024 * 1024;
/// Buffer for a directory entry, in units of 8 bytes: 80 bytes and a name of 255 characters.
const ROOM: usize = 128;

/// The folder.
pub struct Folder;

impl Storage for Folder {
    fn list(&self, folder: &str, most: usize) -> Result<Vec<Stored>, String> {
        let name = spelled(&absolute(folder))?;
        let mut found = Vec::new();
        let opened = root()?.open(&name, FileMode::Read, FileAttribute::empty());
        let folder = match opened {
            Ok(folder) => folder.into_directory(),
            Err(error) if error.status() == Status::NOT_FOUND => return Ok(found),
            Err(error) => return Err(status_text(error)),
        };
        let mut folder = folder.ok_or_else(|| format!("{CACHE_FOLDER} is not a folder"))?;
        let mut room = [0u64; ROOM];
        while found.len() < most {
            let entry = folder.read_entry(files::bytes_of(&mut room));
            let Some(info) = entry.map_err(|error| status_text(error.status()))? else { break };
            found.push(stored(info));
        }
        Ok(found)
    }

    fn read(&self, path: &str, buf: &mut [u8]) -> Result<usize, String> {
        file(path, FileMode::Read)?.read(buf).map_err(status_text)
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), String> {
        let path = absolute(path);
        let mut root = root()?;
        for (end, _) in path.match_indices('/').skip(1) {
            let folder = spelled(&path[..end])?;
            root.open(&folder, FileMode::CreateReadWrite, FileAttribute::DIRECTORY).map_err(status_text)?;
        }
        let name = spelled(&path)?;
        // Writing over a longer file would leave its old bytes at the end.
        if let Ok(old) = root.open(&name, FileMode::ReadWrite, FileAttribute::empty()) {
            old.delete().map_err(status_text)?;
        }
        let new = root.open(&name, FileMode::CreateReadWrite, FileAttribute::empty()).map_err(status_text)?;
        let mut new = new.into_regular_file().ok_or("not a regular file")?;
        for chunk in bytes.chunks(LONGEST) {
            new.write(chunk).map_err(|error| status_text(error.status()))?;
        }
        new.flush().map_err(status_text)
    }

    fn rename(&self, path: &str, name: &str) -> Result<(), String> {
        files::rename(volume()?, &spelled(&absolute(path))?, name).map_err(status_text)
    }

    fn remove(&self, path: &str) -> Result<(), String> {
        file(path, FileMode::ReadWrite)?.delete().map_err(status_text)
    }

    fn free(&self) -> Result<u64, String> {
        let info = root()?.get_boxed_info::<FileSystemInfo>().map_err(status_text)?;
        Ok(info.free_space())
    }
}

/// Converts a directory entry.
fn stored(info: &FileInfo) -> Stored {
    let size = info.is_regular_file().then(|| info.file_size());
    Stored { name: format!("{}", info.file_name()), size }
}

/// The volume that this program was started from.
fn volume() -> Result<Handle, String> {
    let device = open::<LoadedImage>(boot::image_handle()).and_then(|image| image.device());
    device.ok_or_else(|| "this program was not started from a volume".into())
}

/// Its root folder.
fn root() -> Result<Directory, String> {
    let none = "the firmware has no driver for the volume that this program was started from";
    let mut protocol = open::<SimpleFileSystem>(volume()?).ok_or(none)?;
    protocol.get_mut().ok_or(none)?.open_volume().map_err(status_text)
}

fn file(path: &str, mode: FileMode) -> Result<RegularFile, String> {
    let file = root()?.open(&spelled(&absolute(path))?, mode, FileAttribute::empty()).map_err(status_text)?;
    file.into_regular_file().ok_or_else(|| "not a regular file".into())
}

/// A path on the volume.
fn absolute(path: &str) -> String {
    if path.is_empty() { CACHE_FOLDER.into() } else { format!("{CACHE_FOLDER}/{path}") }
}

/// A path in the firmware's notation.
fn spelled(path: &str) -> Result<CString16, String> {
    CString16::try_from(path.replace('/', "\\").as_str())
        .map_err(|_| "its name cannot be encoded for the firmware".into())
}

fn status_text(error: impl Into<Error>) -> String {
    format!("EFI status {}", error.into().status())
}

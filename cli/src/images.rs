// SPDX-License-Identifier: BSD-3-Clause
//! The images that are named on the command line: the only place where they are opened.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{Seek, SeekFrom},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, FileTypeExt},
    },
    path::Path,
    rc::Rc,
};

use block::{BlockRead, ReadError, check_bounds};
use qemu::disk::Format;

use crate::{codes, failure::Failure};

/// The block sizes of disks, the usual one first.
const BLOCK_SIZES: [u32; 2] = [512, 4096];

/// An image, or a block device.
pub struct Image {
    /// What it is called: the name of its file, or its path where two have the same name.
    pub id: Vec<u8>,
    /// `disk`; `qcow2` or `vhd` where the file is one and its content the disk.
    pub kind: &'static str,
    /// Its bytes as a disk.
    pub device: Rc<dyn BlockRead>,
}

/// Opens all of them, in the order given.
pub fn open_all(paths: &[OsString]) -> Result<Vec<Image>, Failure> {
    let mut images = Vec::new();
    for (i, path) in paths.iter().enumerate() {
        if paths[..i].contains(path) {
            return Err(Failure::new(codes::IMAGE, path.as_bytes(), "given twice"));
        }
        let is_same = |other: &&OsString| Path::new(other).file_name() == Path::new(path).file_name();
        let is_alone = paths.iter().filter(is_same).count() == 1;
        let name = Path::new(path).file_name().filter(|_| is_alone).unwrap_or(path);
        let (kind, device) = open(Path::new(path))?;
        images.push(Image { id: name.as_bytes().to_vec(), kind, device });
    }
    Ok(images)
}

/// Opens an image, whatever its format: yields its kind, and what the machine would see as a disk.
fn open(path: &Path) -> Result<(&'static str, Rc<dyn BlockRead>), Failure> {
    let failed =
        |cause: &dyn ToString| Failure::new(codes::IMAGE, path.as_os_str().as_bytes(), cause.to_string());
    // Before it is opened: opening a pipe waits for its other end.
    let kind = fs::metadata(path).map_err(|error| failed(&error))?.file_type();
    if !kind.is_file() && !kind.is_block_device() {
        return Err(failed(&"neither a file nor a block device"));
    }
    let mut file = File::open(path).map_err(|error| failed(&error))?;
    let size = file.seek(SeekFrom::End(0)).map_err(|error| failed(&error))?;
    let mut disk = RawDisk { file, size, block_size: BLOCK_SIZES[0] };
    disk.block_size = if kind.is_block_device() {
        rustix::fs::ioctl_blksszget(&disk.file).map_err(|error| failed(&error))?
    } else {
        disk.block_size_of_table()
    };
    content(disk).map_err(|error| Failure::of(&error, path.as_os_str().as_bytes()))
}

/// The disk in a file, by what the file starts or ends with.
fn content(file: RawDisk) -> Result<(&'static str, Rc<dyn BlockRead>), filesystem::Error> {
    Ok(match Format::of_device(&file)? {
        Format::Qcow2 => ("qcow2", Rc::new(qcow2::Qcow2::open(file)?)),
        Format::Vhd => ("vhd", Rc::new(vhd::Vhd::open(file)?)),
        Format::Raw => ("disk", Rc::new(file)),
    })
}

/// A file that holds the bytes of a disk.
struct RawDisk {
    file: File,
    /// Bytes.
    size: u64,
    /// Bytes.
    block_size: u32,
}

impl RawDisk {
    /// A file has no blocks of its own: its GPT, whose header is block 1, tells in which it counts.
    fn block_size_of_table(&self) -> u32 {
        let has_header = |block_size: &u32| {
            let mut signature = [0; 8];
            self.read_at(u64::from(*block_size), &mut signature).is_ok() && &signature == b"EFI PART"
        };
        BLOCK_SIZES.into_iter().find(has_header).unwrap_or(BLOCK_SIZES[0])
    }
}

impl BlockRead for RawDisk {
    fn size(&self) -> u64 {
        self.size
    }

    fn logical_block_size(&self) -> u32 {
        self.block_size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.size)?;
        self.file
            .read_exact_at(buf, offset)
            .map_err(|error| ReadError::Device { offset, cause: error.to_string().into() })
    }
}

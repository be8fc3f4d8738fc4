// SPDX-License-Identifier: BSD-3-Clause
//! The images named on the command line; nothing else opens them.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Seek, SeekFrom},
    mem,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt},
    },
    path::Path,
    rc::Rc,
    slice,
};

use block::{BlockRead, BlockWrite, ReadError, check_bounds};
use clap::Args;
use qcow2::{Header, Qcow2};
use qemu::{
    disk::{self, Format},
    machine::Layer,
};
use rustix::fs::OFlags;

use crate::{codes, failure::Failure, printer::note};

/// The block sizes of disks, the usual one first.
const BLOCK_SIZES: [u32; 2] = [512, 4096];

/// An image, or a block device.
pub struct Image {
    /// Its id in messages: the name of its file, or its path if two have the same name.
    pub id: Vec<u8>,
    /// Of its file.
    pub format: Format,
    /// Its bytes as a disk.
    pub device: Rc<dyn BlockRead>,
    /// The backing files given for it if it is an overlay, nearest first.
    pub backing: Vec<Layer>,
}

impl Image {
    /// `disk` for raw images and devices, else the image format: `qcow2` or `vhd`.
    pub fn kind(&self) -> &'static str {
        match self.format {
            Format::Raw => "disk",
            Format::Qcow2 => "qcow2",
            Format::Vhd => "vhd",
        }
    }
}

/// Backing files of qcow2 overlays. The name inside an overlay is never followed: it may be any file.
#[derive(Args, Default)]
pub struct Backing {
    /// The backing file of a qcow2 overlay; may be given several times: for a chain, nearest first; for several
    /// overlays, in the order of the images
    #[arg(long = "backing", value_name = "FILE")]
    files: Vec<OsString>,
}

/// Backing files while images are opened.
struct Chain<'b> {
    /// Not used yet.
    rest: slice::Iter<'b, OsString>,
    /// Below the image that is being opened.
    layers: Vec<Layer>,
}

/// Opens all of them, in the order given.
pub fn open_all(paths: &[OsString], backing: &Backing) -> Result<Vec<Image>, Failure> {
    let is_second =
        |(i, path): &(usize, &OsString)| paths[..*i].iter().any(|other| is_same_file(other, path));
    if let Some((_, path)) = paths.iter().enumerate().find(is_second) {
        return Err(Failure::new(codes::IMAGE, path.as_bytes(), "given twice"));
    }
    let (mut images, mut chain) = (Vec::new(), Chain { rest: backing.files.iter(), layers: Vec::new() });
    for path in paths {
        let is_same = |other: &&OsString| Path::new(other).file_name() == Path::new(path).file_name();
        let is_alone = paths.iter().filter(is_same).count() == 1;
        let name = Path::new(path).file_name().filter(|_| is_alone).unwrap_or(path);
        let (format, device) = open(Path::new(path), &mut chain)?;
        let backing = mem::take(&mut chain.layers);
        images.push(Image { id: name.as_bytes().to_vec(), format, device, backing });
    }
    match chain.rest.next() {
        Some(file) => Err(Failure::new(codes::BACKING, file.as_bytes(), "no image needs this backing file")),
        None => Ok(images),
    }
}

/// Whether two paths lead to one file, or block device.
fn is_same_file(one: &OsString, other: &OsString) -> bool {
    let identity = |path: &OsString| {
        let metadata = fs::metadata(path).ok()?;
        let is_device = metadata.file_type().is_block_device();
        Some(if is_device { (metadata.rdev(), None) } else { (metadata.dev(), Some(metadata.ino())) })
    };
    one == other || identity(one).is_some_and(|identity_of_one| Some(identity_of_one) == identity(other))
}

/// Opens an image of any format; returns the format and the disk in it.
fn open(path: &Path, chain: &mut Chain<'_>) -> Result<(Format, Rc<dyn BlockRead>), Failure> {
    content(file(path)?, path, chain)
}

/// Opens a file for its bytes.
fn file(path: &Path) -> Result<RawDisk, Failure> {
    let failed =
        |cause: &dyn ToString| Failure::new(codes::IMAGE, path.as_os_str().as_bytes(), cause.to_string());
    // Checked before opening: opening a pipe waits for its other end.
    let kind = fs::metadata(path).map_err(|error| failed(&error))?.file_type();
    if !kind.is_file() && !kind.is_block_device() {
        return Err(failed(&"not a file or block device"));
    }
    let mut file = File::open(path).map_err(|error| failed(&error))?;
    let size = file.seek(SeekFrom::End(0)).map_err(|error| failed(&error))?;
    let mut disk = RawDisk { file, size, block_size: BLOCK_SIZES[0] };
    disk.block_size = if kind.is_block_device() {
        rustix::fs::ioctl_blksszget(&disk.file).map_err(|error| failed(&error))?
    } else {
        disk.block_size_of_table()
    };
    Ok(disk)
}

/// Advice for a file that cannot be opened for writing.
pub const UNUSED: &str = "name one that you may write to and that is not in use";

/// Opens a raw image for writing.
pub fn open_for_writing(path: &Path) -> Result<RawDisk, Failure> {
    let failed = |error: io::Error| Failure {
        advice: UNUSED.into(),
        ..Failure::new(codes::IMAGE, path.as_os_str().as_bytes(), error)
    };
    let mut file = open_unused(path).map_err(failed)?;
    let size = file.seek(SeekFrom::End(0)).map_err(failed)?;
    Ok(RawDisk { file, size, block_size: BLOCK_SIZES[0] })
}

/// Opens an existing file for reading and writing; a block device only if it is not in use, such as by a mounted
/// filesystem.
pub fn open_unused(path: &Path) -> io::Result<File> {
    // O_EXCL without O_CREAT is defined for block devices only (open(2)).
    let flags = if is_block_device(path)? { OFlags::EXCL } else { OFlags::empty() };
    File::options().read(true).write(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// Whether a path leads to a block device.
pub fn is_block_device(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.file_type().is_block_device())
}

/// The disk in a file, by what the file starts or ends with.
fn content(
    file: RawDisk,
    path: &Path,
    chain: &mut Chain<'_>,
) -> Result<(Format, Rc<dyn BlockRead>), Failure> {
    let failed = |error: ReadError| Failure::of(&error.into(), path.as_os_str().as_bytes());
    let format = Format::of_device(&file).map_err(failed)?;
    let disk: Rc<dyn BlockRead> = match format {
        Format::Qcow2 => {
            let header = Header::read(&file).map_err(failed)?;
            if header.snapshots > 0 {
                let name = String::from_utf8_lossy(path.as_os_str().as_bytes());
                note(&format!("{name}: its internal snapshots are ignored ({})", header.snapshots));
            }
            let image = match backing(&header, path, chain)? {
                Some(backing) => Qcow2::open_with_backing(file, backing),
                None => Qcow2::open(file),
            };
            Rc::new(image.map_err(failed)?)
        }
        Format::Vhd => Rc::new(vhd::Vhd::open(file).map_err(failed)?),
        Format::Raw => {
            let failed = |why| Failure::new(codes::IMAGE, path.as_os_str().as_bytes(), why);
            disk::check(path).map_err(|why| failed(format!("{why:#}")))?;
            Rc::new(file)
        }
    };
    Ok((format, disk))
}

/// The backing file of an overlay: the next of the given files. If the overlay says that it is raw, its format is not
/// probed: a guest that wrote to such a disk could have written a qcow2 header.
fn backing(
    header: &Header,
    path: &Path,
    chain: &mut Chain<'_>,
) -> Result<Option<Rc<dyn BlockRead>>, Failure> {
    let Some(name) = &header.backing_file else { return Ok(None) };
    let Some(next) = chain.rest.next().map(Path::new) else {
        let cause = format!("an overlay of \"{}\", which was not given", String::from_utf8_lossy(name));
        return Err(Failure::new(codes::BACKING, path.as_os_str().as_bytes(), cause));
    };
    let (format, disk): (_, Rc<dyn BlockRead>) = match header.backing_format.as_deref() {
        Some(b"raw") => (Format::Raw, Rc::new(file(next)?)),
        _ => open(next, chain)?,
    };
    // What is below it is there already.
    chain.layers.insert(0, Layer { file: next.into(), format });
    Ok(Some(disk))
}

/// A file that holds the bytes of a disk.
pub struct RawDisk {
    file: File,
    /// Bytes.
    size: u64,
    /// Bytes.
    block_size: u32,
}

impl RawDisk {
    /// A file has no block size of its own: the position of its GPT header, block 1, shows the unit of the table.
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
        self.file.read_exact_at(buf, offset).map_err(|error| ReadError::reading(offset, error.to_string()))
    }
}

impl BlockWrite for RawDisk {
    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.size)?;
        let failed = |error: io::Error| ReadError::writing(offset, error.to_string());
        self.file.write_all_at(buf, offset).map_err(failed)
    }

    fn flush(&self) -> Result<(), ReadError> {
        self.file.sync_data().map_err(|error| ReadError::flushing(error.to_string()))
    }
}

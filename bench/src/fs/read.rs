// SPDX-License-Identifier: BSD-3-Clause
//! The two readers of this process.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    rc::Rc,
};

use anyhow::{Context, Result, anyhow};
use block::{BlockRead, ReadError, check_bounds};
use vfs::{Disk, Volumes};

/// One read of the file, as `cloud-boot fs cat` reads.
pub const CHUNK: usize = 1 << 20;

/// A file of the host as a device.
struct HostFile {
    file: File,
    size: u64,
}

impl HostFile {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(Self { size: file.metadata()?.len(), file })
    }
}

impl BlockRead for HostFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.size)?;
        let failed = |why: io::Error| ReadError::reading(offset, why.to_string());
        self.file.read_exact_at(buf, offset).map_err(failed)
    }
}

/// Opens the disks, finds the file and reads it in pieces of the size of `buffer`; returns its size.
///
/// # Errors
/// When there is no such file or it cannot be read.
pub fn file(disks: &[PathBuf], path: &str, buffer: &mut [u8], mut each: impl FnMut(&[u8])) -> Result<u64> {
    let mut devices = Vec::new();
    for disk in disks {
        let device = HostFile::open(disk).with_context(|| disk.display().to_string())?;
        devices.push(Disk { device: Rc::new(device), name: disk.display().to_string() });
    }
    let volumes = Volumes::discover(devices);
    let problem = || anyhow!("{disks:?}: no filesystem: {:?}", volumes.problems());
    let volume = volumes.all().first().ok_or_else(problem)?;
    let node = volume.open(path.as_bytes()).with_context(|| path.to_owned())?;
    let mut offset = 0;
    loop {
        let got = node.read_at(offset, buffer).with_context(|| format!("{path} at {offset}"))?;
        if got == 0 {
            return Ok(offset);
        }
        each(&buffer[..got]);
        offset += got as u64;
    }
}

/// Reads `size` bytes from the start of the disks, in pieces of the size of `buffer`, from each disk in turn; returns
/// the number of bytes.
///
/// # Errors
/// When they have fewer, or cannot be read.
pub fn plain(disks: &[PathBuf], buffer: &mut [u8], size: u64) -> Result<u64> {
    let open = |disk: &PathBuf| File::open(disk).with_context(|| disk.display().to_string());
    let files = disks.iter().map(open).collect::<Result<Vec<_>>>()?;
    let mut done = 0;
    let mut offset = 0;
    while done < size {
        for file in &files {
            let length = buffer.len().min(usize::try_from(size - done)?);
            file.read_exact_at(&mut buffer[..length], offset).context("reading an image")?;
            done += length as u64;
        }
        offset += buffer.len() as u64;
    }
    Ok(done)
}

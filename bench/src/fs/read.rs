// SPDX-License-Identifier: BSD-3-Clause
//! The two readers of this process.

use std::{fs::File, os::unix::fs::FileExt as _, path::Path, rc::Rc};

use anyhow::{Context, Result, anyhow};
use block::{BlockRead, ReadError, check_bounds};
use vfs::{Disk, Volumes};

use super::image::FILE;

/// One read of the file, as `cloud-boot fs cat` reads.
pub const CHUNK: usize = 1 << 20;

/// An image as a device.
struct Image {
    file: File,
    size: u64,
}

impl BlockRead for Image {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.size)?;
        let failed = |why: std::io::Error| ReadError::reading(offset, why.to_string());
        self.file.read_exact_at(buf, offset).map_err(failed)
    }
}

/// Opens the image, finds the file and reads all of it in pieces as long as `buffer`; how many bytes it has.
///
/// # Errors
/// When the image has no such file or cannot be read.
pub fn file(image: &Path, buffer: &mut [u8], mut each: impl FnMut(&[u8])) -> Result<u64> {
    let open = || Ok::<_, std::io::Error>(File::open(image)?).and_then(|f| Ok((f.metadata()?.len(), f)));
    let (size, file) = open().with_context(|| image.display().to_string())?;
    let disk = Disk { device: Rc::new(Image { file, size }), name: "image".into() };
    let volumes = Volumes::discover(vec![disk]);
    let problem = || anyhow!("{}: no filesystem: {:?}", image.display(), volumes.problems());
    let volume = volumes.all().first().ok_or_else(problem)?;
    let node = volume.open(FILE.as_bytes()).with_context(|| FILE)?;
    let mut offset = 0;
    loop {
        let got = node.read_at(offset, buffer).with_context(|| FILE)?;
        if got == 0 {
            return Ok(offset);
        }
        each(&buffer[..got]);
        offset += got as u64;
    }
}

/// Reads `size` bytes of the image from its first one on, in pieces as long as `buffer`; how many it were.
///
/// # Errors
/// When it has fewer, or cannot be read.
pub fn plain(image: &Path, buffer: &mut [u8], size: u64) -> Result<u64> {
    let file = File::open(image).with_context(|| image.display().to_string())?;
    let mut offset = 0;
    while offset < size {
        let length = buffer.len().min(usize::try_from(size - offset)?);
        file.read_exact_at(&mut buffer[..length], offset).with_context(|| image.display().to_string())?;
        offset += length as u64;
    }
    Ok(offset)
}

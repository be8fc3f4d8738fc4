// SPDX-License-Identifier: BSD-3-Clause
//! Files of this machine as devices.

use std::{cell::Cell, fs::File, os::unix::fs::FileExt, path::Path};

use block::{BlockRead, ReadError, check_bounds};

/// A file as a device, for images that are too large to hold in memory. Counts its reads.
pub struct FileDevice {
    file: File,
    size: u64,
    reads: Cell<usize>,
}

impl FileDevice {
    /// Opens the file at `path`; the device has the file's current size.
    ///
    /// # Panics
    /// If it cannot be opened.
    pub fn open(path: &Path) -> Self {
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (size, file) = opened.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { file, size, reads: Cell::default() }
    }

    /// Number of reads so far.
    pub fn reads(&self) -> usize {
        self.reads.get()
    }
}

impl BlockRead for FileDevice {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.reads.set(self.reads.get() + 1);
        check_bounds(offset, buf.len(), self.size)?;
        let failed = |error: std::io::Error| ReadError::reading(offset, error.to_string());
        self.file.read_exact_at(buf, offset).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools;

    #[test]
    fn a_file_reads_as_its_bytes() {
        let path = tools::work_dir("device").join("file");
        std::fs::write(&path, "content").unwrap();
        let device = FileDevice::open(&path);
        let mut buf = [0; 4];
        device.read_at(3, &mut buf).unwrap();
        assert_eq!((device.size(), &buf), (7, b"tent"));
        assert!(matches!(device.read_at(4, &mut buf), Err(ReadError::OutOfBounds { .. })));
        assert_eq!(device.reads(), 2);
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! The files of one configuration.

use alloc::{format, string::String};
use core::cell::Cell;

use vfs::Volume;

use crate::{Error, budget::Share};

/// Bytes of one file.
const LARGEST: u64 = 1024 * 1024;
/// Bytes of all files of a configuration.
const MOST_BYTES: usize = 2 * 1024 * 1024;
/// Files in all.
const MOST_FILES: u32 = 64;

/// The files of a volume, as far as one configuration may read them.
pub struct Files<'a> {
    /// None when fuzzing.
    place: Option<(&'a Share, &'a Volume)>,
    /// How many files may still be read; below, how many bytes.
    files: Cell<u32>,
    bytes: Cell<usize>,
}

impl<'a> Files<'a> {
    /// Nothing is read yet.
    pub fn new(share: &'a Share, volume: &'a Volume) -> Self {
        Self { place: Some((share, volume)), ..Self::none() }
    }

    /// No files.
    pub fn none() -> Self {
        Self { place: None, files: Cell::new(MOST_FILES), bytes: Cell::new(MOST_BYTES) }
    }

    /// Notes a file that exists and cannot be read.
    pub fn note(&self, path: &str, error: Error) {
        if let Some((share, _)) = self.place.filter(|_| !error.is_absent()) {
            share.note(self.object(path), error);
        }
    }

    /// The name of a file in messages.
    pub fn object(&self, path: &str) -> String {
        format!("{} {path}", self.place.map_or("", |(_, volume)| volume.name()))
    }

    /// The text of a file.
    ///
    /// # Errors
    /// [`Error::TooMany`], or why it cannot be read.
    pub fn read(&self, path: &[u8]) -> Result<String, Error> {
        let Some((share, volume)) = self.place else { return Err(vfs::Error::NotFound.into()) };
        let bytes = share.read(volume, path, LARGEST)?;
        let room = (self.files.get().checked_sub(1), self.bytes.get().checked_sub(bytes.len()));
        let (Some(files), Some(left)) = room else {
            return Err(Error::TooMany { what: "files that include one another", limit: MOST_FILES.into() });
        };
        self.files.set(files);
        self.bytes.set(left);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Files that are blobs or become blobs, read piece by piece.

use std::{cell::RefCell, fs::File, io::Read as _, os::unix::fs::FileExt, path::Path};

use http::Content;
use oci::{Algorithm, Digest, Hasher, Sink, spec::Descriptor};

use crate::{codes, failure::Failure, progress::Progress};

/// How much is read at once.
const PIECE: usize = 1 << 20;

/// The digest of a file, and its size in bytes. Each piece is passed on.
///
/// # Errors
/// It cannot be read, or the receiver of its bytes fails.
pub fn digest(
    path: &Path,
    mut file: &File,
    algorithm: Algorithm,
    each: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(Digest, u64), Failure> {
    let (mut hasher, mut piece, mut size) = (Hasher::new(algorithm), vec![0; PIECE], 0);
    loop {
        let read = file.read(&mut piece);
        let read =
            read.map_err(|error| Failure::new(codes::FILE, path.as_os_str().as_encoded_bytes(), error))?;
        if read == 0 {
            return Ok((hasher.finish(), size));
        }
        hasher.update(&piece[..read]);
        each(&piece[..read])?;
        size += read as u64;
    }
}

/// Copies a file that must have a blob's bytes. On a digest mismatch, the sink is cleared.
///
/// # Errors
/// Digest mismatch, or it cannot be read or written.
pub fn copy(path: &Path, file: &File, descriptor: &Descriptor, to: &dyn Sink) -> Result<(), Failure> {
    let name = path.as_os_str().as_encoded_bytes();
    let written = |cause: String| Failure::new(codes::TARGET, name, cause);
    to.clear().map_err(written)?;
    let mut append = |bytes: &[u8]| to.append(bytes).map_err(written);
    let (found, _) = digest(path, file, descriptor.digest.algorithm(), &mut append)?;
    if found == descriptor.digest {
        return Ok(());
    }
    to.clear().map_err(written)?;
    let cause = format!("digest is {found}, expected {}", descriptor.digest);
    Err(Failure::new(oci::codes::DIGEST, name, cause))
}

/// An upload with progress.
pub struct Counted<'a> {
    /// Its bytes.
    pub bytes: &'a Bytes,
    /// How many.
    pub size: u64,
    /// Its name in the progress.
    pub name: &'a [u8],
    /// The progress to update.
    pub progress: &'a RefCell<Progress>,
}

/// The bytes of a blob.
pub enum Bytes {
    /// In memory.
    Memory(Vec<u8>),
    /// In a file.
    File(File),
}

impl Content for Counted<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), String> {
        self.progress.borrow_mut().add(self.name, buffer.len());
        match self.bytes {
            Bytes::Memory(bytes) => bytes.as_slice().read_at(offset, buffer),
            Bytes::File(file) => file.read_exact_at(buffer, offset).map_err(|error| error.to_string()),
        }
    }
}

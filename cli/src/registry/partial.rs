// SPDX-License-Identifier: BSD-3-Clause
//! Downloads in progress: `.NAME.partial` beside `NAME`, until every byte is there and checked.

use std::{
    cell::Cell,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use oci::Sink;
use rustix::{
    fs::{FlockOperation, OFlags, flock},
    io::Errno,
};

use crate::{codes, failure::Failure};

/// The first bytes of a file. They stay when the program ends, so that the next run continues from there; an empty file
/// is removed.
pub struct Partial {
    target: PathBuf,
    path: PathBuf,
    file: File,
    length: Cell<u64>,
    is_done: Cell<bool>,
}

impl Partial {
    /// Opens the partial file of `target`, in an existing folder.
    ///
    /// # Errors
    /// It cannot be written, or another program is writing it.
    pub fn open(target: &Path) -> Result<Self, Failure> {
        let mut name = OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(".partial");
        let path = target.with_file_name(name);
        // Links are not followed: someone else could have placed one to make us overwrite a file.
        let flags = OFlags::NOFOLLOW.bits().cast_signed();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).custom_flags(flags);
        let file = options.open(&path).map_err(|error| failed(&path, &error))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Err(failed(&path, &"another program is writing it")),
            Err(error) => Err(failed(&path, &error)),
            Ok(()) => {
                let length = file.metadata().map_err(|error| failed(&path, &error))?.len();
                let (target, length) = (target.to_path_buf(), Cell::new(length));
                Ok(Self { target, path, file, length, is_done: Cell::new(false) })
            }
        }
    }

    /// Renames it to the target.
    ///
    /// # Errors
    /// The target cannot be replaced.
    pub fn finish(&self) -> Result<(), Failure> {
        fs::rename(&self.path, &self.target).map_err(|error| failed(&self.target, &error))?;
        self.is_done.set(true);
        Ok(())
    }

    fn said(&self, error: &io::Error) -> String {
        format!("{}: {error}", self.path.display())
    }
}

impl Sink for Partial {
    fn length(&self) -> Result<u64, String> {
        Ok(self.length.get())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), String> {
        self.file.read_exact_at(buffer, offset).map_err(|error| self.said(&error))
    }

    fn append(&self, bytes: &[u8]) -> Result<(), String> {
        self.file.write_all_at(bytes, self.length.get()).map_err(|error| self.said(&error))?;
        self.length.set(self.length.get() + bytes.len() as u64);
        Ok(())
    }

    fn clear(&self) -> Result<(), String> {
        self.file.set_len(0).map_err(|error| self.said(&error))?;
        self.length.set(0);
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if self.length.get() == 0 && !self.is_done.get() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn failed(path: &Path, cause: &dyn ToString) -> Failure {
    Failure::new(codes::TARGET, path.as_os_str().as_encoded_bytes(), cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let base = std::env::var_os("TEST_TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let folder = base.join(format!("partial-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn what_has_come_stays_until_it_is_whole() {
        let folder = folder("stays");
        let (target, path) = (folder.join("a"), folder.join(".a.partial"));
        let partial = Partial::open(&target).unwrap();
        assert!(Partial::open(&target).is_err_and(|error| error.cause.contains("another program")));
        drop(partial);
        assert!(!path.exists(), "nothing has come");
        Partial::open(&target).unwrap().append(b"some").unwrap();
        let partial = Partial::open(&target).unwrap();
        partial.append(b" more").unwrap();
        let mut bytes = [0; 9];
        partial.read_at(0, &mut bytes).unwrap();
        assert_eq!((partial.length(), &bytes), (Ok(9), b"some more"));
        partial.finish().unwrap();
        drop(partial);
        assert_eq!((fs::read(&target).unwrap().as_slice(), path.exists()), (&b"some more"[..], false));
        let partial = Partial::open(&target).unwrap();
        partial.append(b"x").unwrap();
        partial.clear().unwrap();
        drop(partial);
        assert!(!path.exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_link_is_not_written_through() {
        let folder = folder("link");
        fs::write(folder.join("victim"), b"mine").unwrap();
        std::os::unix::fs::symlink("victim", folder.join(".a.partial")).unwrap();
        assert!(Partial::open(&folder.join("a")).is_err());
        assert_eq!(fs::read(folder.join("victim")).unwrap(), b"mine");
        fs::remove_dir_all(folder).unwrap();
    }
}

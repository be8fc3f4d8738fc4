// SPDX-License-Identifier: BSD-3-Clause
//! The volume that the loader was started from: files in memory, and power that fails.

use std::{
    boxed::Box,
    cell::{Cell, RefCell},
    collections::BTreeMap,
    format,
    panic::resume_unwind,
    string::{String, ToString},
    vec::Vec,
};

use crate::{Storage, Stored};

/// How the volume refuses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failing {
    /// The program was not started from a volume.
    Absent,
    /// It cannot be written.
    ReadOnly,
}

/// Power has failed.
pub struct PowerCut;

/// Files by their paths.
pub struct Files {
    pub files: RefCell<BTreeMap<String, Vec<u8>>>,
    pub size: Cell<u64>,
    pub failing: Cell<Option<Failing>>,
    /// Changes until power fails; none where it does not.
    left: Cell<Option<u32>>,
    /// Whether the last write leaves a part of the file.
    is_torn: Cell<bool>,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            files: RefCell::default(),
            size: Cell::new(64 << 20),
            failing: Cell::default(),
            left: Cell::default(),
            is_torn: Cell::default(),
        }
    }
}

impl Files {
    /// Power fails in place of a change that comes after so many; a write is torn, or not there at all.
    pub fn cut_after(&self, changes: u32, is_torn: bool) {
        self.left.set(Some(changes));
        self.is_torn.set(is_torn);
    }

    /// Power stays, from now on.
    pub fn power(&self) {
        self.left.set(None);
    }

    /// The paths.
    pub fn paths(&self) -> Vec<String> {
        self.files.borrow().keys().cloned().collect()
    }

    /// A change, if power lasts.
    pub fn step(&self) {
        if self.left.get() == Some(0) {
            resume_unwind(Box::new(PowerCut));
        }
        self.left.set(self.left.get().map(|left| left - 1));
    }

    fn change(&self) -> Result<(), String> {
        match self.failing.get() {
            None => {
                self.step();
                Ok(())
            }
            Some(Failing::ReadOnly) => Err("EFI status WRITE_PROTECTED".into()),
            Some(Failing::Absent) => Err("this program was not started from a volume".into()),
        }
    }

    fn used(&self) -> u64 {
        self.files.borrow().values().map(|bytes| bytes.len() as u64).sum()
    }
}

impl Storage for Files {
    fn list(&self, folder: &str, most: usize) -> Result<Vec<Stored>, String> {
        if self.failing.get() == Some(Failing::Absent) {
            return Err("this program was not started from a volume".into());
        }
        let files = self.files.borrow();
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let mut found: Vec<Stored> = Vec::new();
        for (path, bytes) in files.iter() {
            let Some(rest) = path.strip_prefix(&prefix) else { continue };
            let stored = match rest.split_once('/') {
                Some((name, _)) => Stored { name: name.into(), size: None },
                None => Stored { name: rest.into(), size: Some(bytes.len() as u64) },
            };
            if !found.contains(&stored) && found.len() < most {
                found.push(stored);
            }
        }
        Ok(found)
    }

    fn read(&self, path: &str, buf: &mut [u8]) -> Result<usize, String> {
        let files = self.files.borrow();
        let bytes = files.get(path).ok_or("EFI status NOT_FOUND")?;
        let length = bytes.len().min(buf.len());
        buf[..length].copy_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), String> {
        if self.left.get() == Some(0) && self.is_torn.get() {
            self.files.borrow_mut().insert(path.into(), bytes[..bytes.len() / 2].to_vec());
        }
        self.change()?;
        if self.used() + bytes.len() as u64 > self.size.get() {
            return Err("EFI status VOLUME_FULL".into());
        }
        self.files.borrow_mut().insert(path.into(), bytes.to_vec());
        Ok(())
    }

    fn rename(&self, path: &str, name: &str) -> Result<(), String> {
        self.change()?;
        let bytes = self.files.borrow_mut().remove(path).ok_or("EFI status NOT_FOUND")?;
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        self.files.borrow_mut().insert(format!("{folder}/{name}"), bytes);
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<(), String> {
        self.change()?;
        self.files.borrow_mut().remove(path).map(|_| ()).ok_or("EFI status NOT_FOUND".to_string())
    }

    fn free(&self) -> Result<u64, String> {
        Ok(self.size.get().saturating_sub(self.used()))
    }
}

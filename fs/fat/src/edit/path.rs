// SPDX-License-Identifier: BSD-3-Clause
//! Resolves a path as far as it exists.

use alloc::{string::ToString, vec::Vec};

use block::{BlockRead, BlockWrite, ReadError};
use filesystem::FileSystem;

use super::{Editor, Error};
use crate::{Fat, Node, volume::Content, write::name::is_name};

/// Maximum number of names in a path.
const DEEPEST: usize = 32;

/// Where a path leads.
pub struct Target<'p> {
    pub path: &'p str,
    /// The last folder that exists.
    pub folder: Node,
    /// Folders that do not exist, each within the one before.
    pub missing: Vec<&'p str>,
    /// The last name.
    pub name: &'p str,
}

impl Target<'_> {
    /// The name to look for in the folder.
    pub fn first(&self) -> &str {
        self.missing.first().copied().unwrap_or(self.name)
    }
}

impl<D: BlockWrite> Editor<D> {
    /// Walks a path.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::TooDeep`], [`Error::NotAFolder`], and errors of reading folders.
    pub(super) fn target<'p>(&self, path: &'p str) -> Result<Target<'p>, Error> {
        let mut names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        if let Some(name) = names.iter().find(|name| !is_name(name)) {
            return Err(Error::Name { name: name.to_string() });
        }
        if names.len() > DEEPEST {
            return Err(Error::TooDeep { path: path.into() });
        }
        let Some(name) = names.pop() else { return Err(Error::Name { name: path.into() }) };
        let (mut folder, mut missing) = (self.fat.root(), Vec::new());
        for name in names {
            if !missing.is_empty() {
                missing.push(name);
                continue;
            }
            match self.fat.lookup(&folder, name.as_bytes()) {
                Ok(node) if matches!(node.content, Content::Directory(_)) => folder = node,
                Ok(_) => return Err(Error::NotAFolder { path: path.into() }),
                Err(filesystem::Error::NotFound) => missing.push(name),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Target { path, folder, missing, name })
    }
}

/// The content of a file of the volume, as a source for another file.
pub struct FileContent<'f, D> {
    pub fat: &'f Fat<D>,
    pub node: Node,
    pub size: u64,
}

impl<D: BlockRead> BlockRead for FileContent<'_, D> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        block::check_bounds(offset, buf.len(), self.size)?;
        match self.fat.read_at(&self.node, offset, buf) {
            // Within the file's size, a read is complete.
            Ok(_) => Ok(()),
            Err(filesystem::Error::Io(error)) => Err(error),
            Err(filesystem::Error::Corrupt(corrupt)) => Err(ReadError::Corrupt(corrupt)),
            Err(error) => Err(ReadError::reading(offset, error.to_string())),
        }
    }
}

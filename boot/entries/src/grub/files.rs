// SPDX-License-Identifier: BSD-3-Clause
//! Files that a script asks for; each access to a disk is charged.

use alloc::string::String;

use filesystem::FileType;
use vfs::{Node, Volume};

use super::{
    condition::{Files, Listed},
    interpreter::Interpreter,
    place,
};
use crate::{Error, File};

/// Most components of a path; real ones have fewer than ten.
const MOST_COMPONENTS: usize = 32;

impl Interpreter<'_> {
    /// The folder of the script.
    pub fn home(&self) -> Option<File> {
        self.spot(self.environment().get("prefix"))
    }

    /// The file that a path currently means. It must start with a slash: to GRUB, other paths are block lists.
    pub fn file(&self, path: &str) -> Option<File> {
        let (_, plain) = place::split("", path)?;
        self.spot(path).filter(|_| plain.len() > 1 && plain.starts_with('/'))
    }

    /// The node that a path of a volume leads to.
    pub fn node<'v>(&self, volume: &'v Volume, path: &[u8]) -> Option<Node<'v>> {
        self.pay(volume, path)?;
        volume.open(path).ok()
    }

    /// The same without following a symlink at the end of the path.
    pub fn node_itself<'v>(&self, volume: &'v Volume, path: &[u8]) -> Option<Node<'v>> {
        self.pay(volume, path)?;
        volume.open_no_follow(path).ok()
    }

    /// The content of a file; none if it cannot be read.
    pub fn read(&self, path: &str, limit: u64) -> Option<(File, String)> {
        let file = self.file(path)?;
        let node = self.node(self.volumes.get(file.volume)?, &file.path)?;
        let bytes = self.noted(self.share.read_node(&node, limit))?;
        Some((file, String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The answer of a disk. A used-up budget is noted as a problem; other errors just mean that there is no answer.
    pub fn noted<T>(&self, answer: Result<T, Error>) -> Option<T> {
        if let Err(error @ Error::Budget { .. }) = &answer {
            self.share.note(self.files.last().cloned().unwrap_or_default(), error.clone());
        }
        answer.ok()
    }

    /// Charges for the folders of a path: each may have to be read up to the name.
    fn pay(&self, volume: &Volume, path: &[u8]) -> Option<()> {
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        for (count, at) in slashes.enumerate() {
            if count >= MOST_COMPONENTS {
                return None;
            }
            let folder = volume.open(path.get(..at)?).ok()?.attr().ok()?;
            if !self.budget.lookup_in(folder.size) {
                return None;
            }
        }
        let names = path.split(|byte| *byte == b'/').count();
        self.noted(self.share.lookups.charge(names))?;
        self.budget.lookup().then_some(())
    }
}

impl Files for Interpreter<'_> {
    fn listed(&self, path: &str) -> Option<Listed> {
        let File { volume, path } = self.spot(path.trim_end_matches('/'))?;
        if path.is_empty() {
            return Some(Listed { is_folder: true, modified: None });
        }
        let attr = self.node_itself(self.volumes.get(volume)?, &path)?.attr().ok()?;
        Some(Listed { is_folder: attr.kind == FileType::Directory, modified: Some(attr.modified.seconds) })
    }

    fn size(&self, path: &str) -> Option<u64> {
        let file = self.file(path)?;
        let attr = self.node(self.volumes.get(file.volume)?, &file.path)?.attr().ok()?;
        (attr.kind == FileType::File).then_some(attr.size)
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Ages a filesystem by years in seconds: random operations, the same for the same seed.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use oracle::random::Random;

use rustix::fs::statvfs;

use crate::{driver::Driver, guest::program, names, options::Ageing};

/// Maximum number of deleted files that are kept open.
const MOST_OPEN: usize = 8;
/// On XFS and btrfs, 1/8 of the disk stays free: on a full disk, only deletions would succeed.
const FREE: u64 = 8;
/// The same (1/4) before large operations.
const ROOM: u64 = 4;
/// Bytes of a filesystem that is large enough for all kinds of files.
const SIZE: usize = 32 << 20;
/// Maximum number of files to delete at once to free space.
const MOST_MADE: usize = 2000;
/// Maximum depth of folders.
const DEEPEST: usize = 6;

/// The state of a filesystem that is being aged.
pub struct Life {
    pub random: Random,
    /// Folders, the root first.
    pub folders: Vec<PathBuf>,
    /// Everything that is not a folder.
    pub nodes: Vec<PathBuf>,
    /// Deleted files that are still open.
    pub open: Vec<File>,
    /// Maximum number of names that one operation adds to a folder (`names`), and of all names (`most`).
    names: usize,
    most: usize,
    /// Bytes of the filesystem.
    pub size: usize,
    /// Bytes of one of its blocks.
    pub block: usize,
    pub driver: Driver,
    /// Whether it has links, owners, modes, attributes and holes.
    pub is_unix: bool,
    /// Number of btrfs subvolumes made so far.
    pub subvolumes: usize,
    counts: [usize; 2],
}

impl Life {
    /// # Errors
    /// If the size of the filesystem cannot be determined.
    pub fn new(root: &Path, seed: u64, driver: Driver) -> io::Result<Self> {
        let known = statvfs(root)?;
        Ok(Self {
            random: Random::new(seed, 0),
            folders: vec![root.to_path_buf()],
            nodes: Vec::new(),
            open: Vec::new(),
            names: 0,
            most: 0,
            // Files are not larger on larger or several disks, since that would test nothing new.
            size: ((known.f_blocks * known.f_frsize) as usize).min(if driver.is_modern() {
                SIZE
            } else {
                usize::MAX
            }),
            block: known.f_bsize as usize,
            driver,
            is_unix: driver.is_unix(),
            subvolumes: 0,
            counts: [0; 2],
        })
    }

    /// Sets the maximum number of names that one operation adds to a folder, and of all names.
    pub fn limit(&mut self, names: usize, most: usize) {
        (self.names, self.most) = (names, most);
    }

    /// Performs the operations, and special events at some of them.
    ///
    /// # Errors
    /// If most of them fail. Some may: the disk gets full, names collide.
    pub fn live(&mut self, ageing: &Ageing) -> io::Result<()> {
        self.limit(ageing.names, ageing.most);
        if self.driver == Driver::Btrfs {
            self.lay_out()?;
        }
        for number in 0..ageing.operations {
            let result = match self.event(number, ageing)? {
                Some(result) => result,
                None => self.step(),
            };
            let [done, failed] = &mut self.counts;
            *(if result.is_ok() { done } else { failed }) += 1;
        }
        let [done, failed] = self.counts;
        match done > failed {
            true => Ok(()),
            false => Err(io::Error::other(format!("{done} operations done, {failed} failed"))),
        }
    }

    /// The event that replaces this operation, if any: halfway, for example, a folder gets the maximum number of names.
    ///
    /// # Errors
    /// If something fails that must not.
    fn event(&mut self, number: usize, ageing: &Ageing) -> io::Result<Option<io::Result<()>>> {
        let is_at = |sixteenths: usize| number == ageing.operations * sixteenths / 16;
        if is_at(8) {
            return Ok(Some(self.crowd(self.names)));
        }
        if !self.driver.is_modern() {
            return Ok(None);
        }
        Ok(Some(match number {
            _ if is_at(1) => self.chain(),
            _ if is_at(2) => self.sizes(ageing.largest),
            _ if is_at(4) => self.most_pieces(ageing.pieces),
            _ if is_at(10) => Ok(self.run_maintenance(&ageing.halfway)?),
            _ if is_at(12) => self.grow_by_turns(self.names / 2),
            _ if is_at(14) && self.driver == Driver::Btrfs => Ok(self.change_default()?),
            _ => return Ok(None),
        }))
    }

    /// Runs maintenance commands on the whole filesystem.
    fn run_maintenance(&mut self, commands: &[String]) -> io::Result<()> {
        // Open files would keep the filesystem from being unmounted.
        self.open.clear();
        for command in commands {
            program("sh", |shell| {
                shell.args(["-c", command]);
            })?;
        }
        Ok(())
    }

    /// Performs a random operation.
    pub fn step(&mut self) -> io::Result<()> {
        if self.room() == 0 || self.is_nearly_full() {
            return self.delete();
        }
        if self.driver.is_modern() && self.random.below(4) == 0 {
            return self.modern_step();
        }
        match self.random.below(100) {
            0..20 => self.create(),
            20..26 => self.make_folder(),
            26..38 => self.rename(),
            38..48 => self.overwrite(),
            48..55 => self.truncate(),
            55..64 => self.delete(),
            64..66 => self.delete_folder(),
            66..68 => self.synchronise(),
            68..72 => self.change_time(),
            72..75 => {
                let names = 1 + self.random.below(self.names.min(120));
                self.crowd(names)
            }
            75..79 => self.allocate(),
            _ if !self.is_unix => self.create(),
            79..83 => self.symbolic_link(),
            83..86 => self.hard_link(),
            86..91 => self.punch(),
            91..94 => self.attribute(),
            94..97 => self.change_mode(),
            97..99 => self.special(),
            _ => self.write_far_away(),
        }
    }

    /// Whether most operations would soon fail.
    fn is_nearly_full(&self) -> bool {
        self.driver.is_modern() && !self.has_free(FREE)
    }

    /// Whether 1/`parts` of the disk is free.
    fn has_free(&self, parts: u64) -> bool {
        statvfs(&self.folders[0]).is_ok_and(|known| known.f_bavail * parts >= known.f_blocks)
    }

    /// Deletes files until 1/[`ROOM`] of the disk is free.
    pub fn make_room(&mut self) {
        for _ in 0..MOST_MADE {
            if self.has_free(ROOM) {
                return;
            }
            // What a snapshot contains is not freed.
            let _ = self.delete();
            // An open file keeps its blocks.
            self.open.clear();
        }
    }

    /// Number of names that may still be added.
    pub fn room(&self) -> usize {
        // Saturates at zero if there are already more: none may be added.
        self.most.saturating_sub(self.folders.len() + self.nodes.len())
    }

    /// A path that most likely does not exist yet.
    pub fn new_path(&mut self) -> PathBuf {
        use std::os::unix::ffi::OsStrExt;
        let folder = self.random.pick(&self.folders).clone();
        folder.join(std::ffi::OsStr::from_bytes(&names::any(&mut self.random, self.driver)))
    }

    /// One of the nodes; an error if there is none.
    pub fn node(&mut self) -> io::Result<PathBuf> {
        if self.nodes.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(self.random.pick(&self.nodes).clone())
    }

    /// One of the nodes that is a file.
    pub fn file(&mut self) -> io::Result<PathBuf> {
        for _ in 0..8 {
            let node = self.node()?;
            if node.symlink_metadata()?.is_file() {
                return Ok(node);
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }

    /// Content with an interesting length: around the size of an inode, a block or a cluster.
    pub fn content(&mut self) -> Vec<u8> {
        let edge = *self.random.pick(&[0, 60, 156, 512, 1024, 2048, 4096, 16_384]);
        let most = *self.random.pick(&[200, 5000, 5000, self.size / 1000, self.size / 100]);
        let length = match self.random.below(3) {
            0 => edge + self.random.below(3),
            _ => self.random.below(most),
        };
        self.bytes(length)
    }

    /// Text-like bytes, so that the image compresses well.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        if self.driver.is_modern() && self.random.below(4) == 0 {
            return self.words(length);
        }
        let mut line = format!("{:016x}", self.random.next()).into_bytes();
        line.push(b'\n');
        line.into_iter().cycle().take(length).collect()
    }

    /// An offset in a file of this size, or somewhat past its end.
    pub fn offset(&mut self, size: u64) -> u64 {
        self.random.next() % (size + 1 + if self.random.below(4) == 0 { 20_000 } else { 0 })
    }

    /// Records that a path was renamed, with those below it.
    pub fn moved(&mut self, from: &Path, to: &Path) {
        self.nodes.retain(|path| path != to);
        for path in self.folders.iter_mut().chain(&mut self.nodes) {
            if let Ok(rest) = path.strip_prefix(from) {
                *path = if rest.as_os_str().is_empty() { to.to_path_buf() } else { to.join(rest) };
            }
        }
    }

    /// Records that a path was removed, with those below it.
    pub fn gone(&mut self, gone: &Path) {
        self.folders.retain(|path| !path.starts_with(gone));
        self.nodes.retain(|path| !path.starts_with(gone));
    }

    /// Keeps a file open that is about to be deleted, sometimes.
    pub fn keep_open(&mut self, path: &Path) {
        if self.random.below(4) == 0
            && path.symlink_metadata().is_ok_and(|metadata| metadata.is_file())
            && let Ok(file) = File::options().read(true).write(true).open(path)
        {
            if self.open.len() == MOST_OPEN {
                self.open.remove(0);
            }
            self.open.push(file);
        }
    }

    /// Whether a folder may get folders.
    pub fn is_shallow(&self, path: &Path) -> bool {
        path.components().count() < DEEPEST
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! The random operations.

use std::{
    fs::{self, File},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, PermissionsExt, lchown, symlink},
    },
};

use rustix::fs::{
    AtFlags, CWD, FallocateFlags, FileType, Mode, RenameFlags, Timespec, Timestamps, XattrFlags, fallocate,
    fsync, lremovexattr, lsetxattr, makedev, mknodat, renameat_with, sync, utimensat,
};

use crate::{life::Life, names};

/// Bytes to collapse or insert: a multiple of all block sizes except the largest.
const RANGE: u64 = 16_384;
/// Folders with more nodes are not deleted: they took long to make.
const MOST_DELETED: usize = 30;
/// An offset somewhat past the start of the third level of a block map with 1 KiB blocks, for larger filesystems.
const FAR: u64 = 70 << 20;

impl Life {
    pub fn create(&mut self) -> io::Result<()> {
        let (path, bytes) = (self.new_path(), self.content());
        let file = File::create_new(&path)?;
        self.nodes.push(path);
        file.write_all_at(&bytes, 0)
    }

    pub fn make_folder(&mut self) -> io::Result<()> {
        let path = self.new_path();
        if !self.is_shallow(&path) {
            return Ok(());
        }
        fs::create_dir(&path)?;
        self.folders.push(path);
        Ok(())
    }

    /// Renames a node or a folder: to a new name, over another node, or exchanges the two.
    pub fn rename(&mut self) -> io::Result<()> {
        let is_folder = self.random.below(4) == 0 && self.folders.len() > 1;
        let from = match is_folder {
            true => self.folders[1 + self.random.below(self.folders.len() - 1)].clone(),
            false => self.node()?,
        };
        let (is_over, is_exchange) = (self.random.below(3) == 0, self.is_unix && self.random.below(8) == 0);
        let to = if is_over || is_exchange { self.node()? } else { self.new_path() };
        if from == to || to.starts_with(&from) {
            return Ok(());
        }
        if is_exchange && !is_folder {
            // Both paths remain.
            return Ok(renameat_with(CWD, &from, CWD, &to, RenameFlags::EXCHANGE)?);
        }
        if is_folder {
            // Not over a node: that is refused.
            renameat_with(CWD, &from, CWD, &to, RenameFlags::NOREPLACE)?;
        } else {
            self.keep_open(&to);
            fs::rename(&from, &to)?;
        }
        self.moved(&from, &to);
        Ok(())
    }

    pub fn overwrite(&mut self) -> io::Result<()> {
        let path = self.file()?;
        let bytes = self.content();
        let file = File::options().write(true).open(&path)?;
        let offset = self.offset(file.metadata()?.len());
        file.write_all_at(&bytes, offset)
    }

    pub fn truncate(&mut self) -> io::Result<()> {
        let file = File::options().write(true).open(self.file()?)?;
        let length = self.offset(file.metadata()?.len());
        file.set_len(length)
    }

    pub fn delete(&mut self) -> io::Result<()> {
        let path = self.node()?;
        self.keep_open(&path);
        fs::remove_file(&path)?;
        self.gone(&path);
        Ok(())
    }

    pub fn delete_folder(&mut self) -> io::Result<()> {
        if self.folders.len() < 3 {
            return Ok(());
        }
        let path = self.folders[1 + self.random.below(self.folders.len() - 1)].clone();
        if self.nodes.iter().filter(|node| node.starts_with(&path)).count() > MOST_DELETED {
            return Ok(());
        }
        fs::remove_dir_all(&path)?;
        self.gone(&path);
        Ok(())
    }

    /// Flushes everything, or one file, to the disk.
    pub fn synchronise(&mut self) -> io::Result<()> {
        if self.random.below(3) == 0 {
            sync();
            return Ok(());
        }
        self.fsync_any()
    }

    /// Flushes one file to the disk.
    pub fn fsync_any(&mut self) -> io::Result<()> {
        let path = self.file()?;
        Ok(fsync(File::open(path)?)?)
    }

    /// Sets any time with 64 bits of seconds; the filesystem stores what it can.
    pub fn change_time(&mut self) -> io::Result<()> {
        let path = self.node()?;
        let seconds =
            *self.random.pick(&[-2, 0, 1_000_000_000, 1_767_323_045, 4_000_000_000, 14_000_000_000]);
        let time = Timespec { tv_sec: seconds, tv_nsec: self.random.below(1_000_000_000) as i64 };
        let times = Timestamps { last_access: time, last_modification: time };
        Ok(utimensat(CWD, &path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Gives a folder many names, removes some of them, and adds new ones in their place.
    pub fn crowd(&mut self, count: usize) -> io::Result<()> {
        let (folder, count) = (self.random.pick(&self.folders).clone(), count.min(self.room()));
        let longest = *self.random.pick(&[1, 20, 90, 240]);
        let name = |number| std::ffi::OsStr::from_bytes(&names::numbered(number, longest)).to_os_string();
        let start = self.random.below(1000) * 100_000;
        for number in start..start + count {
            let path = folder.join(name(number));
            File::create_new(&path)?;
            self.nodes.push(path);
        }
        let gaps = 2 + self.random.below(4);
        for number in (start..start + count).step_by(gaps) {
            let path = folder.join(name(number));
            fs::remove_file(&path)?;
        }
        let is_there = |path: &std::path::PathBuf| {
            path.parent() != Some(folder.as_path()) || path.symlink_metadata().is_ok()
        };
        self.nodes.retain(is_there);
        for _ in 0..count / gaps / 2 {
            let name = names::any(&mut self.random, self.driver);
            let path = folder.join(std::ffi::OsStr::from_bytes(&name));
            if File::create_new(&path).is_ok() {
                self.nodes.push(path);
            }
        }
        Ok(())
    }

    /// Allocates space without writing to it.
    pub fn allocate(&mut self) -> io::Result<()> {
        let file = File::options().write(true).open(self.file()?)?;
        let flags = if self.random.below(2) == 0 || !self.is_unix {
            FallocateFlags::KEEP_SIZE
        } else {
            FallocateFlags::empty()
        };
        let offset = if self.is_unix { self.offset(file.metadata()?.len()) } else { 0 };
        let length = 1 + self.random.below(60_000) as u64;
        refused_is_done(fallocate(&file, flags, offset, length))
    }

    pub fn symbolic_link(&mut self) -> io::Result<()> {
        let path = self.new_path();
        let most = *self.random.pick(&[30, 59, 60, 61, 150, 1000]);
        let length = 1 + self.random.below(most);
        let target = "../folder/".repeat(100);
        symlink(&target[..length], &path)?;
        self.nodes.push(path);
        Ok(())
    }

    pub fn hard_link(&mut self) -> io::Result<()> {
        let (from, to) = (self.node()?, self.new_path());
        fs::hard_link(from, &to)?;
        self.nodes.push(to);
        Ok(())
    }

    /// Punches a hole, zeroes a range, or collapses or inserts one.
    pub fn punch(&mut self) -> io::Result<()> {
        let file = File::options().write(true).open(self.file()?)?;
        let size = file.metadata()?.len();
        let (offset, length) = (self.offset(size), 1 + self.random.below(30_000) as u64);
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let result = match self.random.below(6) {
            0 => fallocate(&file, FallocateFlags::ZERO_RANGE, offset, length),
            1 => fallocate(&file, FallocateFlags::COLLAPSE_RANGE, offset / RANGE * RANGE, RANGE),
            2 => fallocate(&file, FallocateFlags::INSERT_RANGE, offset / RANGE * RANGE, RANGE),
            _ => fallocate(&file, hole, offset, length),
        };
        refused_is_done(result)
    }

    /// Sets an extended attribute: it takes space from inline data, and a long one gets a block of its own.
    pub fn attribute(&mut self) -> io::Result<()> {
        let path = self.file()?;
        let name = format!("user.{}", self.random.below(3));
        if self.random.below(3) == 0 {
            return refused_is_done(lremovexattr(&path, &name));
        }
        let length = *self.random.pick(&[0, 10, 60, 500]);
        let value = self.bytes(length);
        refused_is_done(lsetxattr(&path, &name, &value, XattrFlags::empty()))
    }

    pub fn change_mode(&mut self) -> io::Result<()> {
        let path = self.node()?;
        if path.is_symlink() {
            return Ok(());
        }
        let id = |life: &mut Self| Some(*life.random.pick(&[0, 1000, 65_534, 70_000, 4_000_000_000]));
        lchown(&path, id(self), id(self))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(self.random.below(0o10000) as u32))
    }

    pub fn special(&mut self) -> io::Result<()> {
        let path = self.new_path();
        let kinds = [FileType::Fifo, FileType::Socket, FileType::CharacterDevice, FileType::BlockDevice];
        let (kind, major) = (*self.random.pick(&kinds), *self.random.pick(&[5, 259, 4000]));
        let device = makedev(major, *self.random.pick(&[1, 255, 256, 1_000_000]));
        mknodat(CWD, &path, kind, Mode::from_raw_mode(0o640), device)?;
        self.nodes.push(path);
        Ok(())
    }

    /// Writes a file that is almost entirely a hole.
    pub fn write_far_away(&mut self) -> io::Result<()> {
        let path = self.new_path();
        let file = File::create_new(&path)?;
        self.nodes.push(path);
        let far = (*self.random.pick(&[100_000, 1 << 20, FAR])).min(4 * self.size as u64);
        file.write_all_at(b"far away", far + self.random.below(5000) as u64)
    }
}

/// An operation that the filesystem refuses, for this file or in general, does not count as failed.
fn refused_is_done(result: rustix::io::Result<()>) -> io::Result<()> {
    use rustix::io::Errno;
    match result {
        Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NODATA | Errno::NOENT) => Ok(()),
        result => Ok(result?),
    }
}

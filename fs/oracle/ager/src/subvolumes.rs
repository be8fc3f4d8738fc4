// SPDX-License-Identifier: BSD-3-Clause
//! Operations only for btrfs: subvolumes, snapshots, files without copy on write, compression by file.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use oracle::manifest::{self, Record};
use rustix::fs::{IFlags, XattrFlags, ioctl_getflags, ioctl_setflags, lsetxattr};

use crate::{
    guest::{PLACE, program},
    life::Life,
};

/// Mount option for the top-level subvolume, whichever is the default.
pub const TOP: &str = "subvolid=5";
/// The inode of a subvolume's root (`BTRFS_FIRST_FREE_OBJECTID`).
const ROOT: u64 = 256;
/// `BTRFS_MAGIC` of the first superblock of a disk, and its offset.
const MAGIC: &[u8; 8] = b"_BHRfS_M";
const MAGIC_OFFSET: u64 = 0x1_0040;
/// The folder of the read-only snapshots.
const KEPT: &str = "snapshots";
/// Maximum number of subvolumes: listing them is slow.
const MOST: usize = 24;
/// Maximum number of nodes of a snapshot that later operations may choose.
const MOST_ADDED: usize = 200;

impl Life {
    /// Gives a new filesystem the layout of distributions, and a first snapshot.
    pub fn lay_out(&mut self) -> io::Result<()> {
        let root = self.folders[0].clone();
        for name in ["root", "home", "root/nested", "root/nested/inner"] {
            self.make_subvolume(&root.join(name))?;
        }
        fs::create_dir(root.join(KEPT))
    }

    /// Any operation on subvolumes.
    pub fn subvolume(&mut self) -> io::Result<()> {
        if self.subvolumes >= MOST {
            return Ok(());
        }
        match self.random.below(4) {
            0 => {
                let path = self.new_path();
                if self.is_shallow(&path) { self.make_subvolume(&path) } else { Ok(()) }
            }
            kind => {
                let sources = self.subvolume_paths();
                let source = self.random.pick(&sources).clone();
                self.snapshot(&source, kind == 1).map(drop)
            }
        }
    }

    fn make_subvolume(&mut self, path: &Path) -> io::Result<()> {
        program("btrfs", |command| {
            command.args(["-q", "subvolume", "create", "--"]).arg(path);
        })?;
        self.subvolumes += 1;
        self.folders.push(path.to_path_buf());
        Ok(())
    }

    /// The writable subvolumes, starting with the top-level one.
    fn subvolume_paths(&self) -> Vec<PathBuf> {
        self.folders.iter().filter(|path| is_subvolume(path)).cloned().collect()
    }

    /// Makes a snapshot of a subvolume; later operations also change a writable one.
    fn snapshot(&mut self, source: &Path, is_read_only: bool) -> io::Result<PathBuf> {
        let root = self.folders[0].clone();
        let name = format!("snapshot-{}", self.subvolumes);
        let path = if is_read_only { root.join(KEPT).join(name) } else { root.join(name) };
        program("btrfs", |command| {
            command.args(["-q", "subvolume", "snapshot"]).args(is_read_only.then_some("-r"));
            command.arg("--").args([source, &path]);
        })?;
        self.subvolumes += 1;
        if !is_read_only {
            self.adopt(&path)?;
        }
        Ok(path)
    }

    /// Makes a snapshot of the fullest subvolume the default subvolume.
    pub fn change_default(&mut self) -> io::Result<()> {
        let count = |path: &&PathBuf| self.nodes.iter().filter(|node| node.starts_with(path)).count();
        let paths = self.subvolume_paths();
        // The top-level one, if all others were deleted.
        let source = paths.iter().skip(1).max_by_key(count).unwrap_or(&paths[0]);
        let path = self.snapshot(source, false)?;
        program("btrfs", |command| {
            command.args(["subvolume", "set-default"]).arg(path);
        })?;
        Ok(())
    }

    /// Registers some of the content of a new folder, such as that of a snapshot.
    fn adopt(&mut self, folder: &Path) -> io::Result<()> {
        let mut todo = vec![folder.to_path_buf()];
        let enough = self.nodes.len() + MOST_ADDED;
        while let Some(folder) = todo.pop().filter(|_| self.nodes.len() < enough) {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let list = if entry.file_type()?.is_dir() { &mut todo } else { &mut self.nodes };
                list.push(entry.path());
            }
            self.folders.push(folder);
        }
        Ok(())
    }

    /// Makes a file without copy on write, or with some or no compression, or a folder that passes this on to its
    /// files.
    pub fn flagged(&mut self) -> io::Result<()> {
        let path = self.new_path();
        let is_folder = self.random.below(4) == 0 && self.is_shallow(&path);
        if is_folder {
            fs::create_dir(&path)?
        } else {
            File::create_new(&path).map(drop)?
        }
        if is_folder {
            self.folders.push(path.clone())
        } else {
            self.nodes.push(path.clone())
        }
        match *self.random.pick(&["", "", "zlib", "lzo", "zstd", "none"]) {
            "" => {
                let file = File::open(&path)?;
                ioctl_setflags(&file, ioctl_getflags(&file)? | IFlags::NOCOW)?;
            }
            algorithm => {
                lsetxattr(&path, "btrfs.compression", algorithm.as_bytes(), XattrFlags::empty())?;
            }
        }
        if is_folder {
            return Ok(());
        }
        let bytes = self.content();
        fs::write(&path, bytes)
    }
}

/// Whether a disk belongs to a filesystem now: some are added later, others are removed.
pub fn is_part(disk: &str) -> bool {
    let mut magic = [0; MAGIC.len()];
    let read = File::open(disk).and_then(|file| file.read_exact_at(&mut magic, MAGIC_OFFSET));
    read.is_ok() && magic == *MAGIC
}

/// The subvolumes of a mounted filesystem except the top-level one, a line each, separated by tabs: identifier, `ro` or
/// `rw`, `default` or `-`, and path as in a manifest.
///
/// # Errors
/// If the `btrfs` program does not list them.
pub fn list(root: &Path) -> io::Result<String> {
    let default = program("btrfs", |command| {
        command.args(["subvolume", "get-default"]).arg(root);
    })?;
    let default = default.split(' ').nth(1).unwrap_or_default().to_string();
    let mut text = String::new();
    for path in roots(root)? {
        let told = program("btrfs", |command| {
            command.args(["subvolume", "show", "--"]).arg(&path);
        })?;
        let id = field(&told, "Subvolume ID:").ok_or_else(|| io::Error::other(told.clone()))?;
        let mode =
            if field(&told, "Flags:").is_some_and(|flags| flags.contains("readonly")) { "ro" } else { "rw" };
        let mark = if id == default { "default" } else { "-" };
        let below = path.strip_prefix(root).map_err(io::Error::other)?.as_os_str().as_bytes();
        text += &format!("{id}\t{mode}\t{mark}\t/{}\n", manifest::quoted(below));
    }
    Ok(text)
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim)
}

fn roots(root: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut todo, mut found) = (vec![root.to_path_buf()], Vec::new());
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                found.extend(is_subvolume(&entry.path()).then(|| entry.path()));
                todo.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_subvolume(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.ino() == ROOT)
}

/// The inode of a folder of the mounted filesystem.
pub fn inode(record: &Record) -> io::Result<u64> {
    Ok(Path::new(PLACE).join(OsStr::from_bytes(&record.path)).symlink_metadata()?.ino())
}

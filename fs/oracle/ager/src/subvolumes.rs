// SPDX-License-Identifier: BSD-3-Clause
//! What only btrfs has: subvolumes, snapshots, files that are overwritten in place, compression by file.

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

/// Mounts the root of all subvolumes, whichever is the default.
pub const TOP: &str = "subvolid=5";
/// The inode of a subvolume's root (`BTRFS_FIRST_FREE_OBJECTID`).
const ROOT: u64 = 256;
/// What a disk has where its first superblock is (`BTRFS_MAGIC`), and there.
const MAGIC: &[u8; 8] = b"_BHRfS_M";
const MAGIC_OFFSET: u64 = 0x1_0040;
/// Snapshots that nothing changes are here, and here only.
const KEPT: &str = "snapshots";
/// Most subvolumes: listing each takes its time.
const MOST: usize = 24;
/// Nodes that one snapshot adds to those that operations choose from.
const MOST_ADDED: usize = 200;

impl Life {
    /// Gives a new filesystem the layout that distributions have, and a first snapshot.
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

    /// The subvolumes that can be changed, the outermost first.
    fn subvolume_paths(&self) -> Vec<PathBuf> {
        self.folders.iter().filter(|path| is_subvolume(path)).cloned().collect()
    }

    /// A snapshot of a subvolume; what can be changed in it is, from then on.
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

    /// A snapshot of the subvolume with the most in it becomes what is mounted where nobody asks for another.
    pub fn change_default(&mut self) -> io::Result<()> {
        let count = |path: &&PathBuf| self.nodes.iter().filter(|node| node.starts_with(path)).count();
        let paths = self.subvolume_paths();
        // The outermost, when all others were deleted.
        let source = paths.iter().skip(1).max_by_key(count).unwrap_or(&paths[0]);
        let path = self.snapshot(source, false)?;
        program("btrfs", |command| {
            command.args(["subvolume", "set-default"]).arg(path);
        })?;
        Ok(())
    }

    /// Notes some of what is in a folder that came to be with all its content.
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

    /// A new file, or a folder whose files will be so: overwritten in place, or compressed in some way or never.
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

/// Whether a disk belongs to a filesystem: some are added later, others have been removed.
pub fn is_part(disk: &str) -> bool {
    let mut magic = [0; MAGIC.len()];
    let read = File::open(disk).and_then(|file| file.read_exact_at(&mut magic, MAGIC_OFFSET));
    read.is_ok() && magic == *MAGIC
}

/// The subvolumes of a mounted filesystem but the outermost, a line each: identifier, `ro` or `rw`, `default` or `-`,
/// and path as in a manifest, parted by tabs.
///
/// # Errors
/// When the program cannot tell.
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

// SPDX-License-Identifier: BSD-3-Clause
//! Copies files out of an image and never writes outside the target: every name is opened relative to the folder just
//! created for it, every file is created new, and no link is followed.

use std::{
    ffi::OsStr,
    fs::File,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::FileExt},
    },
    path::{Path, PathBuf},
};

use filesystem::{Attr, FileType};
use rustix::{
    fs::{self as host, AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT},
    io::Errno,
};

use crate::{
    codes,
    failure::{Failure, Failures, Stop},
    image_path::OpenedPath,
    progress::Progress,
    record::{read, word},
    walk::{Budget, Order, Trouble, Visit, walk},
};

/// Only permissions are kept: the copy belongs to the user, and set-id bits were meant for another owner.
const PERMISSIONS: u16 = 0o777;

/// Copies the file or folder at a path of an image to `target`.
pub fn copy(opened: &OpenedPath, target: &Path) -> Result<(), Stop> {
    let node = opened.node()?;
    let (folder, name) = place_of(&opened.path, target)?;
    // The total is not known before the end.
    let total = node.attr().ok().filter(|attr| attr.kind == FileType::File).map(|attr| attr.size);
    let mut copy =
        Copy { folders: vec![folder], name, skipped: None, progress: Progress::new(total), opened };
    let (mut failures, mut budget) = (Failures::default(), Budget::new(opened.size()));
    walk(node, &opened.path, Order::Tree, &mut budget, &mut |visit, budget| {
        copy.visit(&visit, budget, &mut failures)
    })?;
    copy.leave(0);
    opened.tell_rebuilt();
    failures.end()
}

/// The folder to copy into, which the user chooses, and the name of the copy in it.
fn place_of(path: &[u8], target: &Path) -> Result<(Folder, Vec<u8>), Failure> {
    let failed =
        |cause: &dyn ToString| Failure::new(codes::TARGET, target.as_os_str().as_bytes(), cause.to_string());
    // Messages omit the name of the current folder, as the argument does.
    let open = |path: &Path| {
        let opened = if path == Path::new("") { Path::new(".") } else { path };
        let fd = host::openat(CWD, opened, folder_flags(), Mode::empty()).map_err(|error| failed(&error))?;
        Ok(Folder { fd, path: path.into(), attr: None })
    };
    if target.is_dir() {
        let name = path.rsplit(|byte| *byte == b'/').find(|name| !name.is_empty()).unwrap_or_default();
        if !is_name(name) {
            return Err(failed(&"it already exists, and the copied path has no name to use in it"));
        }
        return Ok((open(target)?, name.to_vec()));
    }
    let name = target.file_name().ok_or_else(|| failed(&"not a file name"))?;
    Ok((open(target.parent().unwrap_or(Path::new("")))?, name.as_bytes().to_vec()))
}

fn folder_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC
}

/// Whether a name is a single path component; any other could lead outside the target.
fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.iter().any(|byte| matches!(byte, b'/' | 0))
}

struct Copy<'o> {
    /// The folder to copy into, and the copied folders on the path to the current node.
    folders: Vec<Folder>,
    /// The name of the copy.
    name: Vec<u8>,
    /// Depth of a folder that could not be created: everything below it is skipped.
    skipped: Option<usize>,
    progress: Progress,
    opened: &'o OpenedPath,
}

struct Folder {
    fd: OwnedFd,
    /// Its path, for messages only.
    path: PathBuf,
    /// Mode and times, set once its content is complete; none for the existing folder.
    attr: Option<Attr>,
}

impl Copy<'_> {
    fn visit(
        &mut self,
        visit: &Visit<'_, '_>,
        budget: &mut Budget,
        failures: &mut Failures,
    ) -> Result<(), Stop> {
        if self.skipped.is_some_and(|depth| visit.depth > depth) {
            return Ok(());
        }
        self.skipped = None;
        self.leave(visit.depth);
        let failure = |Trouble { code, cause }| Failure::new(code, self.opened.object(visit.path), cause);
        let name = if visit.depth == 0 { self.name.clone() } else { visit.name.to_vec() };
        let attr = match &visit.attr {
            Ok(attr) if is_name(&name) => attr,
            Ok(_) => {
                let cause = "not a valid file name: not copied".into();
                failures.add(failure(Trouble { code: codes::NAME, cause }));
                self.skipped = Some(visit.depth);
                return Ok(());
            }
            Err(error) => {
                failures.add(failure(error.into()));
                return Ok(());
            }
        };
        visit.trouble.iter().for_each(|trouble| failures.add(failure(trouble.clone())));
        let made = match attr.kind {
            FileType::Directory => self.folder(&name, attr),
            FileType::File => self.file(&name, attr, visit, budget),
            FileType::Symlink => self.link(&name, attr, visit),
            kind => {
                let cause = format!("a {} is not copied", word(kind));
                Err(Problem::Image(Trouble { code: codes::KIND, cause }))
            }
        };
        match made {
            Ok(()) => Ok(()),
            Err(Problem::Image(trouble)) => {
                failures.add(failure(trouble));
                Ok(())
            }
            // The next file would fail in the same way.
            Err(Problem::Target(error)) => {
                let path = self.parent().path.join(OsStr::from_bytes(&name));
                Err(Failure::new(codes::TARGET, path.as_os_str().as_bytes(), error).into())
            }
        }
    }

    /// Finishes the folders of the copy that are deeper than the next node.
    fn leave(&mut self, depth: usize) {
        while self.folders.len() > depth + 1 {
            if let Some(Folder { fd, attr: Some(attr), .. }) = self.folders.pop() {
                finish(&fd, &attr);
            }
        }
    }

    fn parent(&self) -> &Folder {
        // The first folder stays until the end of the copy.
        &self.folders[self.folders.len() - 1]
    }

    fn folder(&mut self, name: &[u8], attr: &Attr) -> Result<(), Problem> {
        host::mkdirat(&self.parent().fd, name, Mode::RWXU)?;
        let fd = host::openat(&self.parent().fd, name, folder_flags() | OFlags::NOFOLLOW, Mode::empty())?;
        let path = self.parent().path.join(OsStr::from_bytes(name));
        self.folders.push(Folder { fd, path, attr: Some(attr.clone()) });
        Ok(())
    }

    fn file(
        &mut self,
        name: &[u8],
        attr: &Attr,
        visit: &Visit<'_, '_>,
        budget: &mut Budget,
    ) -> Result<(), Problem> {
        budget.take(attr.size).map_err(|error| Problem::Image((&error).into()))?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(host::openat(&self.parent().fd, name, flags, Mode::RUSR | Mode::WUSR)?);
        let (mut offset, progress) = (0, &mut self.progress);
        let written = read::<Problem>(visit.node, attr.size, &mut |bytes| {
            // Holes stay holes.
            if bytes.iter().any(|byte| *byte != 0) {
                file.write_all_at(bytes, offset)?;
            }
            offset += bytes.len() as u64;
            progress.add(visit.path, bytes.len());
            Ok(())
        });
        let written = written.and_then(|()| Ok(file.set_len(attr.size)?));
        if written.is_err() {
            // A partial file would be taken for a complete one.
            let _ = host::unlinkat(&self.parent().fd, name, AtFlags::empty());
        }
        written?;
        finish(&file, attr);
        Ok(())
    }

    fn link(&self, name: &[u8], attr: &Attr, visit: &Visit<'_, '_>) -> Result<(), Problem> {
        let target = visit.node.read_link().map_err(|error| Problem::Image((&error).into()))?;
        if target.is_empty() || target.contains(&0) {
            let cause = "not a valid link target on this system".into();
            return Err(Problem::Image(Trouble { code: codes::NAME, cause }));
        }
        host::symlinkat(target.as_slice(), &self.parent().fd, name)?;
        // Not every filesystem can store every timestamp.
        let _ = host::utimensat(&self.parent().fd, name, &times(attr), AtFlags::SYMLINK_NOFOLLOW);
        Ok(())
    }
}

/// Which side failed.
enum Problem {
    Image(Trouble),
    Target(std::io::Error),
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        Self::Image(trouble)
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self::Target(error)
    }
}

impl From<Errno> for Problem {
    fn from(error: Errno) -> Self {
        Self::Target(error.into())
    }
}

/// Sets mode and times, as far as the local filesystem supports them.
fn finish(fd: &impl AsFd, attr: &Attr) {
    let _ = host::fchmod(fd, Mode::from_raw_mode((attr.mode & PERMISSIONS).into()));
    let _ = host::futimens(fd, &times(attr));
}

fn times(attr: &Attr) -> Timestamps {
    let last_access = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let modified = attr.modified;
    let last_modification = Timespec { tv_sec: modified.seconds, tv_nsec: modified.nanoseconds.into() };
    Timestamps { last_access, last_modification }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_none() {
        for name in [b"".as_slice(), b".", b"..", b"a/b", b"/etc", b"a\0b"] {
            assert!(!is_name(name), "{}", name.escape_ascii());
        }
        for name in [b"...".as_slice(), b"a b", b"\xff", b"-rf"] {
            assert!(is_name(name));
        }
    }
}

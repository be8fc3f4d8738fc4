// SPDX-License-Identifier: BSD-3-Clause
//! Everything that a walk over a filesystem sees, as records that can be compared.

mod text;

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::{self, Read},
    ops::ControlFlow,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
    },
    path::Path,
};

use filesystem::{Attr, Error, FileSystem, FileType, Timestamp};
use sha2::{Digest, Sha256};

pub use text::{from_text, quoted, to_text, unquoted};

/// Maximum number of records of a manifest: more than any test needs, so that a folder that contains itself terminates.
const MOST_RECORDS: usize = 1_000_000;
/// Maximum depth of folders, for the same reason.
const DEEPEST: usize = 512;
/// Bytes of one read of a file.
const CHUNK: usize = 128 * 1024;

/// One node, by one of its names.
///
/// Every field is public, so that a test can equalise what legitimately differs (the size of a folder, a time finer
/// than the format stores) before [`diff`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// Path from the root, without a leading slash; empty for the root itself.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: FileType,
    /// The low 12 bits of `st_mode`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes as reported by the format, for any kind.
    pub size: u64,
    /// Number of hard links.
    pub links: u64,
    /// Time of the last change of the content.
    pub modified: Timestamp,
    /// Target of a symbolic link, otherwise empty.
    pub target: Vec<u8>,
    /// Major and minor number of a device node, otherwise zeros.
    pub device: (u32, u32),
    /// SHA-256 of a regular file's content, otherwise `None`.
    pub sha256: Option<[u8; 32]>,
}

/// The records of a filesystem, including the root, sorted by path.
///
/// # Errors
/// The first error of the reader; [`Error::TooLarge`] if folders contain each other.
pub fn of<F: FileSystem>(filesystem: &F) -> Result<Vec<Record>, Error> {
    let mut records = Vec::new();
    let mut todo = vec![(Vec::new(), filesystem.root(), 0)];
    while let Some((path, node, depth)) = todo.pop() {
        let record = record(filesystem, path, &node)?;
        if record.kind == FileType::Directory {
            check(depth, DEEPEST)?;
            let path = &record.path;
            filesystem.read_dir(&node, &mut |name, node, _| {
                todo.push((join(path, name), node, depth + 1));
                if todo.len() > MOST_RECORDS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
        }
        records.push(record);
        check(records.len() + todo.len(), MOST_RECORDS)?;
    }
    records.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(records)
}

fn check(count: usize, limit: usize) -> Result<(), Error> {
    if count <= limit {
        return Ok(());
    }
    Err(Error::TooLarge { size: count as u64, limit: limit as u64 })
}

fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
}

fn record<F: FileSystem>(filesystem: &F, path: Vec<u8>, node: &F::Node) -> Result<Record, Error> {
    let Attr { kind, mode, uid, gid, size, links, modified, device } = filesystem.attr(node)?;
    let target = if kind == FileType::Symlink { filesystem.read_link(node)? } else { Vec::new() };
    let sha256 = if kind == FileType::File { Some(digest(filesystem, node)?) } else { None };
    Ok(Record { path, kind, mode, uid, gid, size, links, modified, target, device, sha256 })
}

fn digest<F: FileSystem>(filesystem: &F, node: &F::Node) -> Result<[u8; 32], Error> {
    let (mut hash, mut offset, mut buf) = (Sha256::new(), 0, vec![0; CHUNK]);
    loop {
        let length = filesystem.read_at(node, offset, &mut buf)?;
        hash.update(&buf[..length]);
        offset += length as u64;
        if length < buf.len() {
            return Ok(hash.finalize().into());
        }
    }
}

/// The records of a folder of this machine, which is the root, sorted by path.
///
/// # Errors
/// The first error of the system.
pub fn of_directory(path: impl AsRef<Path>) -> io::Result<Vec<Record>> {
    let root = path.as_ref();
    let mut records = Vec::new();
    let mut todo = vec![Vec::new()];
    while let Some(path) = todo.pop() {
        let place = root.join(OsStr::from_bytes(&path));
        let record = record_of(&place, path)?;
        if record.kind == FileType::Directory {
            for entry in fs::read_dir(&place)? {
                todo.push(join(&record.path, entry?.file_name().as_bytes()));
            }
        }
        records.push(record);
    }
    records.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(records)
}

fn record_of(place: &Path, path: Vec<u8>) -> io::Result<Record> {
    let metadata = fs::symlink_metadata(place)?;
    let kind = kind_of(metadata.file_type());
    let is_device = matches!(kind, FileType::CharDevice | FileType::BlockDevice);
    let device = metadata.rdev();
    Ok(Record {
        kind,
        mode: (metadata.mode() & 0o7777) as u16,
        uid: metadata.uid(),
        gid: metadata.gid(),
        size: metadata.size(),
        links: metadata.nlink(),
        modified: Timestamp { seconds: metadata.mtime(), nanoseconds: metadata.mtime_nsec() as u32 },
        target: match kind {
            FileType::Symlink => fs::read_link(place)?.as_os_str().as_bytes().to_vec(),
            _ => Vec::new(),
        },
        device: if is_device { (rustix::fs::major(device), rustix::fs::minor(device)) } else { (0, 0) },
        sha256: match kind {
            FileType::File => Some(digest_of(fs::File::open(place)?)?),
            _ => None,
        },
        path,
    })
}

fn digest_of(mut file: fs::File) -> io::Result<[u8; 32]> {
    let (mut hash, mut buf) = (Sha256::new(), vec![0; CHUNK]);
    loop {
        match file.read(&mut buf)? {
            0 => return Ok(hash.finalize().into()),
            length => hash.update(&buf[..length]),
        }
    }
}

fn kind_of(kind: fs::FileType) -> FileType {
    match kind {
        k if k.is_dir() => FileType::Directory,
        k if k.is_symlink() => FileType::Symlink,
        k if k.is_char_device() => FileType::CharDevice,
        k if k.is_block_device() => FileType::BlockDevice,
        k if k.is_fifo() => FileType::Fifo,
        k if k.is_socket() => FileType::Socket,
        _ => FileType::File,
    }
}

/// The differences: one line for each path that only one side has, and for each field that differs.
pub fn diff(left: &[Record], right: &[Record]) -> Vec<String> {
    let by_path = |side: &[Record]| -> BTreeMap<Vec<u8>, Record> {
        side.iter().map(|record| (record.path.clone(), record.clone())).collect()
    };
    let (left, mut right) = (by_path(left), by_path(right));
    let mut lines = Vec::new();
    for (path, a) in &left {
        match right.remove(path) {
            Some(b) => fields(a, &b, &mut lines),
            None => lines.push(format!("/{}: only on the left", path.escape_ascii())),
        }
    }
    lines.extend(right.keys().map(|path| format!("/{}: only on the right", path.escape_ascii())));
    lines
}

fn fields(a: &Record, b: &Record, lines: &mut Vec<String>) {
    let mut field = |name: &str, same: bool, left: String, right: String| {
        if !same {
            lines.push(format!("/{}: {name}: {left}, {right}", a.path.escape_ascii()));
        }
    };
    let debug = |value: &dyn std::fmt::Debug| format!("{value:?}");
    let octal = |mode: u16| format!("{mode:#o}");
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let hex = |sum: &Option<[u8; 32]>| match sum {
        Some(sum) => sum.iter().map(|byte| format!("{byte:02x}")).collect(),
        None => "none".to_string(),
    };
    field("kind", a.kind == b.kind, debug(&a.kind), debug(&b.kind));
    field("mode", a.mode == b.mode, octal(a.mode), octal(b.mode));
    field("uid", a.uid == b.uid, debug(&a.uid), debug(&b.uid));
    field("gid", a.gid == b.gid, debug(&a.gid), debug(&b.gid));
    field("size", a.size == b.size, debug(&a.size), debug(&b.size));
    field("links", a.links == b.links, debug(&a.links), debug(&b.links));
    field("modified", a.modified == b.modified, debug(&a.modified), debug(&b.modified));
    field("target", a.target == b.target, text(&a.target), text(&b.target));
    field("device", a.device == b.device, debug(&a.device), debug(&b.device));
    field("sha256", a.sha256 == b.sha256, hex(&a.sha256), hex(&b.sha256));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Tree, tools};

    fn tree() -> Tree {
        Tree::new().file("/a/x", "bytes").symlink("/l", "a/x").device("/fifo", FileType::Fifo, (0, 0))
    }

    #[test]
    fn every_field_and_every_path_is_compared() {
        let records = of(&tree()).unwrap();
        assert_eq!(diff(&records, &records), [""; 0]);
        type Change = fn(&mut Record);
        let changes: [(&str, Change); 11] = [
            ("only on the left", |r| r.path.push(b'~')),
            ("kind", |r| r.kind = FileType::Socket),
            ("mode", |r| r.mode ^= 1),
            ("uid", |r| r.uid += 1),
            ("gid", |r| r.gid += 1),
            ("size", |r| r.size += 1),
            ("links", |r| r.links += 1),
            ("modified", |r| r.modified.nanoseconds += 1),
            ("target", |r| r.target.push(b'~')),
            ("device", |r| r.device.1 += 1),
            ("sha256", |r| r.sha256 = None),
        ];
        for (name, change) in changes {
            let mut other = records.clone();
            let file = other.iter_mut().find(|r| r.path == b"a/x").unwrap();
            change(file);
            let lines = diff(&records, &other);
            assert!(lines[0].starts_with(&format!("/a/x: {name}")), "{lines:?}");
        }
    }

    #[test]
    fn a_folder_of_this_machine_reads_as_the_same_tree() {
        let dir = tools::work_dir("manifest");
        fs::create_dir(dir.join("a")).unwrap();
        fs::write(dir.join("a/x"), "bytes").unwrap();
        std::os::unix::fs::symlink("a/x", dir.join("l")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, dir.join("fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
            .unwrap();
        let level = |mut records: Vec<Record>| {
            for record in &mut records {
                // Who runs the test, when, under which umask, and how the machine's folders count.
                (record.uid, record.gid, record.mode) = (0, 0, 0);
                record.modified = Timestamp::default();
                if record.kind == FileType::Directory {
                    (record.size, record.links) = (0, 0);
                }
            }
            records
        };
        let (left, right) = (level(of(&tree()).unwrap()), level(of_directory(&dir).unwrap()));
        assert_eq!(diff(&left, &right), [""; 0]);
    }
}

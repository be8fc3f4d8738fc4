// SPDX-License-Identifier: BSD-3-Clause
//! The volume as a filesystem.

use alloc::{borrow::Cow, rc::Rc, string::String, vec, vec::Vec};
use core::{mem::offset_of, ops::ControlFlow};

use block::BlockRead;
use filesystem::{
    Attr, EachEntry, Error, Fault, FileSystem, FileType, Format, Identity, Summary, Unsupported,
};

use crate::{
    BootEntry, corrupt, date,
    descriptor::{self, Descriptors, FIRST_OFFSET, VolumeDescriptor},
    directory::{Draft, Extent, Reader},
    eltorito,
    name::Names,
    record::Record,
    rock_ridge::{self, RockRidge},
    within,
};

/// An ISO 9660 volume.
#[derive(Debug)]
pub struct Iso9660<D> {
    device: D,
    block_size: u64,
    names: Names,
    root: Node,
    identity: Identity,
    boot_catalog: Option<u64>,
}

/// A file, directory or link, with all data of its records.
#[derive(Clone, Debug)]
pub struct Node(Rc<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    attr: Attr,
    extents: Vec<Extent>,
    target: Vec<u8>,
    unsupported: Option<&'static str>,
}

impl<D: BlockRead> Iso9660<D> {
    /// Opens the first session's volume on a device.
    ///
    /// # Errors
    /// [`Error::Corrupt`] naming the descriptor or record; [`Error::Unsupported`] for logical blocks that do not
    /// have 512, 1024 or 2048 bytes.
    pub fn open(device: D) -> Result<Self, Error> {
        let descriptors = descriptor::read(&device)?;
        let identity = Identity { format: "iso9660", label: descriptors.label(), uuid: descriptors.uuid() };
        let (names, block_size, root) = root(&device, &descriptors)?;
        Ok(Self { device, block_size, names, root, identity, boot_catalog: descriptors.boot_catalog })
    }

    /// The entries of the El Torito boot catalogue; empty if there is no catalogue.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the catalogue's validation entry is invalid.
    pub fn boot_entries(&self) -> Result<Vec<BootEntry>, Error> {
        self.boot_catalog.map_or(Ok(Vec::new()), |offset| eltorito::read(&self.device, offset))
    }

    fn reader(&self) -> Reader<'_, D> {
        Reader { device: &self.device, block_size: self.block_size, names: self.names }
    }

    fn node(&self, draft: Draft) -> Result<Node, Error> {
        let Some(block) = draft.rock_ridge.child else { return node(draft) };
        // The directory was moved because of the format's depth limit; its own record there has its attributes.
        let Names::RockRidge { skip } = self.names else { return node(draft) };
        let reader = self.reader();
        reader.own_record(block, &mut |record| {
            let rock_ridge = rock_ridge::read(&self.device, record, skip, self.block_size)?;
            node(own_draft(record, self.block_size, rock_ridge))
        })
    }
}

/// How to read names, the logical block size, and the root.
fn root<D: BlockRead>(device: &D, descriptors: &Descriptors) -> Result<(Names, u64, Node), Error> {
    let (block_size, extent) = root_extent(&descriptors.primary)?;
    let reader = Reader { device, block_size, names: Names::Plain };
    let block = u32::try_from(extent.start.checked_div(block_size).unwrap_or(0)).unwrap_or(u32::MAX);
    let (names, root) = reader.own_record(block, &mut |record| {
        let rock_ridge = rock_ridge::read(device, record, 0, block_size)?;
        let names = match rock_ridge.skip {
            Some(skip) if rock_ridge.is_rock_ridge => Names::RockRidge { skip },
            _ => Names::Plain,
        };
        let rock_ridge = if names == Names::Plain { RockRidge::default() } else { rock_ridge };
        let draft = Draft { extents: vec![extent], ..own_draft(record, block_size, rock_ridge) };
        Ok((names, node(draft)?))
    })?;
    match (&descriptors.joliet, names) {
        (Some(joliet), Names::Plain) => {
            let (block_size, extent) = root_extent(joliet)?;
            let root = Entry { extents: vec![extent], ..Entry::clone(&root.0) };
            Ok((Names::Joliet, block_size, Node(Rc::new(root))))
        }
        _ => Ok((names, block_size, root)),
    }
}

fn root_extent(descriptor: &VolumeDescriptor) -> Result<(u64, Extent), Error> {
    let block_size = u64::from(descriptor.logical_block_size.le.get());
    let offset = within(FIRST_OFFSET, offset_of!(VolumeDescriptor, root_directory_record));
    let record = Record::parse(&descriptor.root_directory_record, offset)?;
    let missing = || corrupt(Fault::Truncated, "Directory Record for Root Directory", offset, 0u32);
    Ok((block_size, Extent::of(&record.ok_or_else(missing)?, block_size)))
}

/// The draft of a directory, from its record of itself.
fn own_draft(record: &Record<'_>, block_size: u64, rock_ridge: RockRidge) -> Draft {
    Draft {
        offset: record.offset,
        name: Vec::new(),
        has_case: false,
        is_directory: true,
        recording_date: record.header.recording_date,
        extents: vec![Extent::of(record, block_size)],
        rock_ridge,
    }
}

fn node(draft: Draft) -> Result<Node, Error> {
    let Draft { offset, is_directory, recording_date, extents, rock_ridge, .. } = draft;
    let kind = match rock_ridge.posix {
        Some(posix) => posix.kind()?,
        None if is_directory => FileType::Directory,
        None => FileType::File,
    };
    if is_directory != (kind == FileType::Directory) {
        let (at, mode) = rock_ridge.posix.map_or((offset, 0), |posix| (posix.offset, posix.mode));
        return Err(corrupt(Fault::Inconsistent, "PX.POSIX File Mode", at, mode));
    }
    let target = if kind == FileType::Symlink { rock_ridge.target.path } else { Vec::new() };
    let size = match kind {
        FileType::Symlink => u64::try_from(target.len()).unwrap_or(u64::MAX),
        FileType::File | FileType::Directory => {
            // Cannot saturate: an extent has a 32-bit length, and takes memory.
            extents.iter().fold(0u64, |sum, extent| sum.saturating_add(extent.length))
        }
        _ => 0,
    };
    let is_device = matches!(kind, FileType::CharDevice | FileType::BlockDevice);
    let default_mode = if is_directory { 0o555 } else { 0o444 };
    let posix = rock_ridge.posix;
    let attr = Attr {
        kind,
        mode: posix.map_or(default_mode, |posix| u16::try_from(posix.mode & 0o7777).unwrap_or(0)),
        uid: posix.map_or(0, |posix| posix.uid),
        gid: posix.map_or(0, |posix| posix.gid),
        size,
        links: posix.map_or(1, |posix| u64::from(posix.links)),
        modified: rock_ridge.modified.unwrap_or_else(|| date::short(&recording_date)),
        device: if is_device { rock_ridge.device } else { (0, 0) },
    };
    Ok(Node(Rc::new(Entry { attr, extents, target, unsupported: rock_ridge.unsupported })))
}

impl<D: BlockRead> FileSystem for Iso9660<D> {
    type Node = Node;

    fn identity(&self) -> Identity {
        self.identity.clone()
    }

    fn summary(&self) -> Result<Summary, Error> {
        let names = match self.names {
            Names::RockRidge { .. } => Some("rock_ridge"),
            Names::Joliet => Some("joliet"),
            Names::Plain => None,
        };
        let boot = self.boot_catalog.map(|_| "el_torito");
        let features = names.into_iter().chain(boot).map(String::from).collect();
        // The volume is written as a whole: nothing is free.
        Ok(Summary { free: Some(0), features, ..Summary::default() })
    }

    fn root(&self) -> Node {
        self.root.clone()
    }

    fn lookup(&self, dir: &Node, name: &[u8]) -> Result<Node, Error> {
        let mut found = Err(Error::NotFound);
        self.reader().entries(directory(dir)?, &mut |draft| {
            if !draft.is_named(name) {
                return Ok(ControlFlow::Continue(()));
            }
            found = self.node(draft);
            Ok(ControlFlow::Break(()))
        })?;
        found
    }

    /// Without Rock Ridge everything belongs to root: files with mode 0444, directories with 0555, and one link each.
    fn attr(&self, node: &Node) -> Result<Attr, Error> {
        Ok(node.0.attr.clone())
    }

    fn read_dir(&self, dir: &Node, each: &mut EachEntry<'_, Node>) -> Result<(), Error> {
        self.reader().entries(directory(dir)?, &mut |mut draft| {
            let name = core::mem::take(&mut draft.name);
            let node = self.node(draft)?;
            let kind = node.0.attr.kind;
            Ok(each(&name, node, Some(kind)))
        })
    }

    fn read_link(&self, node: &Node) -> Result<Vec<u8>, Error> {
        match node.0.attr.kind {
            FileType::Symlink => Ok(node.0.target.clone()),
            _ => Err(Error::WrongType { expected: "symbolic link" }),
        }
    }

    fn read_at(&self, node: &Node, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
        let entry = &node.0;
        if entry.attr.kind != FileType::File {
            return Err(Error::WrongType { expected: "regular file" });
        }
        if let Some(feature) = entry.unsupported {
            return Err(Error::Unsupported(Unsupported {
                format: Format::Iso9660,
                feature: Cow::Borrowed(feature),
            }));
        }
        let (mut filled, mut skip) = (0usize, offset);
        for extent in &entry.extents {
            let Some(left) = extent.length.checked_sub(skip).filter(|left| *left > 0) else {
                // Cannot saturate: `skip` is at least its length.
                skip = skip.saturating_sub(extent.length);
                continue;
            };
            let rest = buf.get_mut(filled..).unwrap_or_default();
            let length = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let part = rest.get_mut(..length).unwrap_or_default();
            if part.is_empty() {
                break;
            }
            // Nothing saturates: a start has 44 bits, and `buf` holds what was filled.
            self.device.read_at(extent.start.saturating_add(skip), part)?;
            filled = filled.saturating_add(length);
            skip = 0;
        }
        Ok(filled)
    }
}

fn directory(node: &Node) -> Result<&[Extent], Error> {
    match node.0.attr.kind {
        FileType::Directory => Ok(&node.0.extents),
        _ => Err(Error::WrongType { expected: "directory" }),
    }
}

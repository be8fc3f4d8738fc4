// SPDX-License-Identifier: BSD-3-Clause
//! The volume as a filesystem.

use alloc::{format, vec, vec::Vec};
use core::{cell::Cell, mem::offset_of, ops::ControlFlow};

use block::BlockRead;
use filesystem::{Attr, EachEntry, Error, Fault, FileSystem, FileType, Health, Identity, Summary, Timestamp};

use crate::{
    boot::{self, Geometry, Kind, Root},
    corrupt,
    date::DosTime,
    directory::{ATTR_READ_ONLY, Entry, Parser, SLOT, ShortEntry},
    table::{Chain, Table},
    units::{ByteOffset, ClusterNumber, FileCluster},
};

/// Maximum number of bytes of a directory to read at once.
const PIECE: u64 = 32 * 1024;
/// Maximum size of a directory in bytes: 65 536 slots.
const LARGEST_DIRECTORY: u64 = 2 * 1024 * 1024;
/// The location of the root directory's entry, which does not exist.
const NO_ENTRY: ByteOffset = ByteOffset(0);
/// `BS_VolLab` of a volume without a label.
const NO_NAME: &[u8] = b"NO NAME";

/// A FAT volume.
#[derive(Debug)]
pub struct Fat<D> {
    pub(crate) device: D,
    pub(crate) geometry: Geometry,
    pub(crate) table: Table,
    /// Position where the last read ended, so that the next one need not follow the chain from its start.
    resume: Cell<Option<Chain>>,
    identity: Identity,
}

/// A file or directory: the location and content of its directory entry.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// Byte offset of the short entry on the device; [`NO_ENTRY`] for the root.
    location: ByteOffset,
    pub(crate) content: Content,
    is_read_only: bool,
    modified: DosTime,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Content {
    Directory(Root),
    File { cluster: ClusterNumber, size: u32 },
}

impl Node {
    /// Whether it is the root directory.
    pub(crate) fn is_root(&self) -> bool {
        self.location == NO_ENTRY
    }

    /// Whether both have the same directory entry.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.location == other.location
    }
}

impl<D: BlockRead> Fat<D> {
    /// Opens the volume on a device.
    ///
    /// # Errors
    /// [`Error::Corrupt`] naming the field of the boot sector, or the damage in the root directory, which holds the
    /// label.
    pub fn open(device: D) -> Result<Self, Error> {
        let geometry = boot::read(&device)?;
        let identity = Identity {
            format: "vfat",
            label: Vec::new(),
            uuid: format!("{:04X}-{:04X}", geometry.volume_id >> 16, geometry.volume_id & 0xffff),
        };
        let mut fat = Self { device, geometry, table: Table::default(), resume: Cell::new(None), identity };
        fat.identity.label = fat.label()?;
        Ok(fat)
    }

    /// The width of the FAT's entries.
    pub fn kind(&self) -> Kind {
        self.geometry.kind
    }

    /// Drops cached data, because the volume was written to.
    pub(crate) fn forget(&self) {
        self.table.forget();
        self.resume.take();
    }

    /// The label entry of the root directory, otherwise the label in the boot sector.
    fn label(&self) -> Result<Vec<u8>, Error> {
        let mut label = None;
        self.entries(&self.root(), &mut |entry| {
            if entry.is_label() && !entry.is_directory() {
                label = Some(entry.short.bytes);
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let boot_label = Some(self.geometry.label).filter(|label| label.trim_ascii_end() != NO_NAME);
        let label = label.or(boot_label).unwrap_or_default();
        let end =
            // Cannot saturate: an index is less than a length.
            label.iter().rposition(|byte| !matches!(byte, b' ' | 0)).map_or(0, |last| last.saturating_add(1));
        Ok(label.get(..end).unwrap_or_default().to_vec())
    }

    /// Calls `each` for the entries of a directory, labels included, until it breaks. A damaged entry does not hide
    /// those after it: its error is returned at the end.
    fn entries(&self, dir: &Node, each: &mut EachRaw<'_>) -> Result<(), Error> {
        let mut parser = Parser::default();
        let is_fat32 = self.geometry.kind == Kind::Fat32;
        let mut damaged = None;
        self.pieces(dir, &mut |start, piece| {
            for (location, slot) in (start.0..).step_by(SLOT).zip(piece.as_chunks().0) {
                let location = ByteOffset(location);
                match parser.slot(location, slot, is_fat32) {
                    ControlFlow::Break(()) => return Ok(ControlFlow::Break(())),
                    ControlFlow::Continue(None) => {}
                    ControlFlow::Continue(Some(entry)) => match each(entry) {
                        Ok(ControlFlow::Continue(())) => {}
                        Ok(ControlFlow::Break(())) => {
                            damaged = None;
                            return Ok(ControlFlow::Break(()));
                        }
                        Err(error @ Error::Corrupt(_)) => damaged = damaged.take().or(Some(error)),
                        Err(error) => return Err(error),
                    },
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        damaged.map_or(Ok(()), Err)
    }

    /// Calls `each` with the bytes of a directory, piece by piece, and their offset on the device.
    pub(crate) fn pieces(&self, dir: &Node, each: &mut EachPiece<'_>) -> Result<(), Error> {
        let first = match directory(dir)? {
            Root::Fixed { start, length } => return self.area(start, length, each).map(drop),
            Root::Chain(first) => first,
        };
        let mut chain = self.chain(first, dir.location)?;
        let mut length = self.geometry.cluster;
        while self.area(self.position(&chain)?, self.geometry.cluster, each)?.is_continue()
            && self.table.advance(&self.device, &self.geometry, &mut chain)?
        {
            // Cannot saturate: at most one cluster more than the limit.
            length = length.saturating_add(self.geometry.cluster);
            if length > LARGEST_DIRECTORY.max(self.geometry.cluster) {
                return Err(corrupt(Fault::Range, "directory", self.position(&chain)?, length));
            }
        }
        Ok(())
    }

    fn area(
        &self,
        start: ByteOffset,
        length: u64,
        each: &mut EachPiece<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        let mut done = 0;
        let mut piece = vec![0; usize::try_from(length.min(PIECE)).unwrap_or(0)];
        while done < length {
            // Cannot saturate: `done` is less than `length`; the last piece may end after it.
            let now = usize::try_from(length.saturating_sub(done)).unwrap_or(usize::MAX).min(piece.len());
            let bytes = piece.get_mut(..now).unwrap_or_default();
            let at = start.after(done);
            self.device.read_at(at.0, bytes)?;
            if each(at, bytes)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            done = done.saturating_add(PIECE);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The chain that starts at `first`, which the entry at `location` names.
    pub(crate) fn chain(&self, first: ClusterNumber, location: ByteOffset) -> Result<Chain, Error> {
        match self.geometry.position(first) {
            Some(_) => Ok(Chain::new(first)),
            None => Err(corrupt(
                Fault::Range,
                "DIR_FstClusLO",
                location.within(offset_of!(ShortEntry, dir_fst_clus_lo)),
                first,
            )),
        }
    }

    /// Byte offset of the chain's current cluster, which was checked to be on the volume.
    fn position(&self, chain: &Chain) -> Result<ByteOffset, Error> {
        let position = self.geometry.position(chain.cluster);
        position.ok_or_else(|| corrupt(Fault::Range, "FAT entry", self.geometry.fat_start, chain.cluster))
    }

    pub(crate) fn node(&self, entry: &Entry) -> Result<Node, Error> {
        let content = if entry.is_directory() {
            Content::Directory(Root::Chain(entry.cluster))
        } else {
            // Cannot saturate: no position of a cluster overflows.
            let most = u64::from(self.geometry.clusters).saturating_mul(self.geometry.cluster);
            if u64::from(entry.size) > most {
                let at = entry.location.within(offset_of!(ShortEntry, dir_file_size));
                return Err(corrupt(Fault::Range, "DIR_FileSize", at, entry.size));
            }
            Content::File { cluster: entry.cluster, size: entry.size }
        };
        Ok(Node {
            location: entry.location,
            content,
            is_read_only: entry.attributes & ATTR_READ_ONLY != 0,
            modified: entry.modified,
        })
    }

    /// Moves to cluster number `index` of a file.
    fn seek(&self, first: ClusterNumber, index: FileCluster, location: ByteOffset) -> Result<Chain, Error> {
        let resumed = self.resume.get().filter(|chain| chain.first == first && chain.index <= index);
        let mut chain = match resumed {
            Some(chain) => chain,
            None => self.chain(first, location)?,
        };
        while chain.index < index {
            self.next(&mut chain, location)?;
        }
        Ok(chain)
    }

    /// Moves to the next cluster of a file, which must exist according to the file's size.
    fn next(&self, chain: &mut Chain, location: ByteOffset) -> Result<(), Error> {
        if self.table.advance(&self.device, &self.geometry, chain)? {
            return Ok(());
        }
        let (at, clusters) = (location.within(offset_of!(ShortEntry, dir_file_size)), chain.index.next());
        Err(corrupt(Fault::Truncated, "cluster chain of DIR_FileSize", at, clusters))
    }

    /// Fills `buf`, which ends within the file, from `offset` on; adjacent clusters in one read.
    fn read_clusters(
        &self,
        first: ClusterNumber,
        offset: u64,
        buf: &mut [u8],
        location: ByteOffset,
    ) -> Result<Chain, Error> {
        let cluster = self.geometry.cluster;
        let mut skip = offset.checked_rem(cluster).unwrap_or(0);
        let index = FileCluster(offset.checked_div(cluster).unwrap_or(0));
        let mut chain = self.seek(first, index, location)?;
        let mut rest = buf;
        loop {
            let start = self.position(&chain)?.after(skip);
            let needed = u64::try_from(rest.len()).unwrap_or(u64::MAX);
            // Cannot saturate: `skip` is less than a cluster, and a run at most one cluster longer than the buffer.
            let mut length = cluster.saturating_sub(skip);
            while length < needed {
                let neighbour = chain.cluster.after(1);
                self.next(&mut chain, location)?;
                if chain.cluster != neighbour {
                    break;
                }
                length = length.saturating_add(cluster);
            }
            let now = usize::try_from(length.min(needed)).unwrap_or(usize::MAX);
            let Some((run, after)) = rest.split_at_mut_checked(now) else { return Ok(chain) };
            self.device.read_at(start.0, run)?;
            if after.is_empty() {
                return Ok(chain);
            }
            rest = after;
            skip = 0;
        }
    }
}

impl<D: BlockRead> FileSystem for Fat<D> {
    type Node = Node;

    fn identity(&self) -> Identity {
        self.identity.clone()
    }

    fn summary(&self) -> Result<Summary, Error> {
        let geometry = &self.geometry;
        let free = self.table.free(&self.device, geometry)?;
        let is_sound = !geometry.is_marked && !self.table.is_marked(&self.device, geometry)?;
        Ok(Summary {
            // Cannot saturate: no position of a cluster overflows.
            free: free.map(|free| u64::from(free).saturating_mul(geometry.cluster)),
            features: vec![geometry.kind.name().into()],
            health: if is_sound { Health::Ok } else { Health::Degraded },
            ..Summary::default()
        })
    }

    fn root(&self) -> Node {
        Node {
            location: NO_ENTRY,
            content: Content::Directory(self.geometry.root),
            is_read_only: false,
            modified: DosTime::default(),
        }
    }

    /// Names compare without regard to case (ASCII, Latin-1, Latin Extended-A, Greek, Cyrillic); a `name` that is not
    /// UTF-8 is not found.
    fn lookup(&self, dir: &Node, name: &[u8]) -> Result<Node, Error> {
        let Ok(name) = core::str::from_utf8(name) else { return Err(Error::NotFound) };
        let mut found = Err(Error::NotFound);
        self.entries(dir, &mut |entry| {
            if entry.is_label() || !entry.is_named(name) {
                return Ok(ControlFlow::Continue(()));
            }
            found = self.node(&entry);
            Ok(ControlFlow::Break(()))
        })?;
        found
    }

    /// FAT has neither owners nor modes: everything belongs to root, with mode 0755, or 0555 if it is read-only, as
    /// Linux mounts it. Directories have no size. Times are taken as UTC.
    fn attr(&self, node: &Node) -> Result<Attr, Error> {
        let (kind, size) = match node.content {
            Content::Directory(_) => (FileType::Directory, 0),
            Content::File { size, .. } => (FileType::File, u64::from(size)),
        };
        Ok(Attr {
            kind,
            mode: if node.is_read_only { 0o555 } else { 0o755 },
            uid: 0,
            gid: 0,
            size,
            links: 1,
            modified: if node.location == NO_ENTRY {
                Timestamp::default()
            } else {
                node.modified.timestamp()
            },
            device: (0, 0),
        })
    }

    fn read_dir(&self, dir: &Node, each: &mut EachEntry<'_, Node>) -> Result<(), Error> {
        self.entries(dir, &mut |entry| {
            if entry.is_label() {
                return Ok(ControlFlow::Continue(()));
            }
            let kind = if entry.is_directory() { FileType::Directory } else { FileType::File };
            Ok(each(&entry.name()?, self.node(&entry)?, Some(kind)))
        })
    }

    fn read_link(&self, _node: &Node) -> Result<Vec<u8>, Error> {
        Err(Error::WrongType { expected: "symbolic link" })
    }

    fn read_at(&self, node: &Node, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
        let Content::File { cluster, size } = node.content else {
            return Err(Error::WrongType { expected: "regular file" });
        };
        // Saturates at zero past the end: nothing is left.
        let left = u64::from(size).saturating_sub(offset);
        let length = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let buf = buf.get_mut(..length).unwrap_or_default();
        if buf.is_empty() {
            return Ok(0);
        }
        let chain = self.read_clusters(cluster, offset, buf, node.location)?;
        self.resume.set(Some(chain));
        if u64::try_from(length).is_ok_and(|length| length == left) {
            // A chain that does not end after the last byte may loop: then what was read is not the file.
            let mut rest = chain;
            while self.table.advance(&self.device, &self.geometry, &mut rest)? {}
        }
        Ok(length)
    }
}

/// Callback for a piece of a directory and its offset on the device.
pub(crate) type EachPiece<'a> = dyn FnMut(ByteOffset, &[u8]) -> Result<ControlFlow<()>, Error> + 'a;

/// Callback for an entry of a directory.
type EachRaw<'a> = dyn FnMut(Entry) -> Result<ControlFlow<()>, Error> + 'a;

fn directory(node: &Node) -> Result<Root, Error> {
    match node.content {
        Content::Directory(directory) => Ok(directory),
        Content::File { .. } => Err(Error::WrongType { expected: "directory" }),
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! How much one discovery may read and keep. Real machines stay far below the limits, and no disk can hang the machine,
//! exhaust its memory, or use up what the other disks need.
//!
//! Each disk has an equal share of every limit. Work is charged to the disk whose configuration asks for it, whatever
//! disk it looks at.

use alloc::{format, string::String, vec::Vec};
use core::cell::Cell;

use filesystem::FileType;
use vfs::{Node, Volume, Volumes};

use crate::{
    Entry, Error, Problem,
    sizes::{behind, total},
};

/// Most bytes read: configuration files, and headers of programs.
pub const MOST_BYTES: u64 = 16 * 1024 * 1024;
/// Most file names: those of paths that are opened, and of folders that are listed.
pub const MOST_LOOKUPS: u64 = 256 * 1024;
/// Entries.
pub const MOST_ENTRIES: u64 = 4096;
/// Most bytes that all entries keep.
pub const MOST_TEXT: u64 = 4 * 1024 * 1024;
/// Steps of scripts.
pub const MOST_STEPS: u64 = 4_000_000;
/// Most bytes that scripts put into their menus: titles, bodies, variables.
const MOST_MENUS: u64 = 4 * 1024 * 1024;
/// Scripts can use up everything that they get, so even a single disk gets at most this fraction (1/4).
const SCRIPTS: u64 = 4;
/// Most problems that are kept.
const MOST_PROBLEMS: u64 = 1024;
/// Bytes that each read costs in addition to its own.
const READ: u64 = 64;

/// Amounts that a discovery has used, of all disks together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Spent {
    /// Bytes of files; at most [`MOST_BYTES`].
    pub bytes: u64,
    /// Names; at most [`MOST_LOOKUPS`] and one folder.
    pub lookups: u64,
    /// Entries; at most [`MOST_ENTRIES`].
    pub entries: u64,
    /// Bytes that entries keep; at most [`MOST_TEXT`].
    pub text: u64,
    /// Steps of scripts; at most [`MOST_STEPS`].
    pub steps: u64,
}

/// The shares of all disks.
pub struct Budget {
    disks: Vec<Share>,
    /// The empty share of any other disk.
    none: Share,
}

impl Budget {
    /// For the disks of these volumes.
    pub fn new(volumes: &Volumes) -> Self {
        let count = volumes.all().iter().map(Volume::disk).max().map_or(1, behind);
        let parts = number(count);
        let disks = (0..count).map(|_| Share::new(|most| most.checked_div(parts).unwrap_or(0))).collect();
        Self { disks, none: Share::new(|_| 0) }
    }

    /// The share of the disk that a volume is on.
    pub fn of(&self, volume: &Volume) -> &Share {
        self.disk(volume.disk())
    }

    /// The share of a disk.
    pub fn disk(&self, disk: usize) -> &Share {
        self.disks.get(disk).unwrap_or(&self.none)
    }

    /// What was used.
    pub fn spent(&self) -> Spent {
        // Cannot saturate: a sum of counters, each below its limit.
        let sum = |account: fn(&Share) -> &Account| {
            self.disks.iter().map(|share| account(share).used.get()).fold(0, u64::saturating_add)
        };
        Spent {
            bytes: sum(|share| &share.bytes),
            lookups: sum(|share| &share.lookups),
            entries: sum(|share| &share.entries),
            text: sum(|share| &share.text),
            steps: sum(|share| &share.steps),
        }
    }

    /// The problems, by disk.
    pub fn problems(&self) -> Vec<Problem> {
        self.disks.iter().flat_map(|share| share.problems.take()).collect()
    }
}

/// The limits of one disk, and the problems found on it.
pub struct Share {
    /// Bytes of files.
    pub bytes: Account,
    /// Names.
    pub lookups: Account,
    /// Entries.
    pub entries: Account,
    /// Bytes that entries keep.
    pub text: Account,
    /// Steps of scripts.
    pub steps: Account,
    /// Bytes that scripts put into their menus.
    pub menus: Account,
    noted: Account,
    problems: Cell<Vec<Problem>>,
}

impl Share {
    fn new(part: impl Fn(u64) -> u64) -> Self {
        let account = |what, most| Account { what, most: part(most), used: Cell::new(0) };
        let of_scripts =
            |what, most: u64| Account { most: part(most).min(most / SCRIPTS), ..account(what, most) };
        Self {
            bytes: account("bytes of configuration", MOST_BYTES),
            lookups: account("file names looked up", MOST_LOOKUPS),
            entries: account("entries", MOST_ENTRIES),
            text: account("bytes of entries", MOST_TEXT),
            steps: of_scripts("steps of scripts", MOST_STEPS),
            menus: of_scripts("bytes of menus", MOST_MENUS),
            noted: account("problems", MOST_PROBLEMS),
            problems: Cell::default(),
        }
    }

    /// Charges for an entry and what it keeps. A finder that expands text must ask [`Account::fits`] before it does.
    ///
    /// # Errors
    /// [`Error::Budget`]
    pub fn entry(&self, entry: &Entry) -> Result<(), Error> {
        self.entries.charge(1)?;
        self.text.charge(entry.size())
    }

    /// The node of a path.
    ///
    /// # Errors
    /// [`Error::Budget`], or as [`Volume::open`].
    pub fn open<'v>(&self, volume: &'v Volume, path: &[u8]) -> Result<Node<'v>, Error> {
        self.lookups.charge(path.split(|byte| *byte == b'/').count())?;
        Ok(volume.open(path)?)
    }

    /// Whether something exists at a path. A damaged file counts, so that starting it fails with the reason.
    ///
    /// # Errors
    /// [`Error::Budget`]
    pub fn is_there(&self, volume: &Volume, path: &[u8]) -> Result<bool, Error> {
        match self.open(volume, path) {
            Err(error @ Error::Budget { .. }) => Err(error),
            Err(error) => Ok(self.is_damaged(volume, path, &error)),
            Ok(_) => Ok(true),
        }
    }

    /// Whether the file exists but cannot be read: its folder lists the name. A damaged folder gives errors for names
    /// that it does not list, too; those count as missing.
    fn is_damaged(&self, volume: &Volume, path: &[u8], error: &Error) -> bool {
        let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        let Some((folder, [_, name @ ..])) = path.split_at_checked(end) else { return false };
        let is_of_file = !error.is_absent() && !matches!(error, Error::Budget { .. });
        let has_name = || {
            let listing = self.open(volume, folder)?.listing()?;
            self.lookups.charge(listing.entries.len())?;
            Ok::<bool, Error>(listing.entries.iter().any(|(entry, _)| entry.name.eq_ignore_ascii_case(name)))
        };
        is_of_file && has_name().unwrap_or(false)
    }

    /// Whether a file exists at a path, sound or damaged. If the budget is used up, it counts as missing.
    pub fn is_file(&self, volume: &Volume, path: &[u8]) -> bool {
        match self.open(volume, path).and_then(|node| Ok(node.attr()?)) {
            Ok(attr) => attr.kind == FileType::File,
            Err(error) => self.is_damaged(volume, path, &error),
        }
    }

    /// The text of a file of at most `limit` bytes; none if it is missing. One that exists and cannot be read is noted.
    pub fn text(&self, volume: &Volume, path: &[u8], limit: u64) -> Option<String> {
        match self.read(volume, path, limit) {
            // Lossy: an invalid character in a comment must not cost the whole file.
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => {
                self.note_unless_absent(volume, path, error);
                None
            }
        }
    }

    fn note_unless_absent(&self, volume: &Volume, path: &[u8], error: Error) {
        if !error.is_absent() {
            self.note(format!("{} {}", volume.name(), String::from_utf8_lossy(path)), error);
        }
    }

    /// A whole file of at most `limit` bytes.
    ///
    /// # Errors
    /// [`Error::Budget`], or as [`Volume::read`].
    pub fn read(&self, volume: &Volume, path: &[u8], limit: u64) -> Result<Vec<u8>, Error> {
        self.read_node(&self.open(volume, path)?, limit)
    }

    /// The same of a node.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_node(&self, node: &Node<'_>, limit: u64) -> Result<Vec<u8>, Error> {
        let size = node.attr()?.size;
        self.bytes.add(READ)?;
        if size <= limit {
            self.bytes.add(size)?;
        }
        Ok(node.read(limit)?)
    }

    /// The names of a folder with their nodes, sorted. An error that hides the rest of them is noted.
    ///
    /// # Errors
    /// [`Error::Budget`], or as [`Node::listing`].
    pub fn names<'v>(&self, volume: &'v Volume, path: &[u8]) -> Result<Vec<(Vec<u8>, Node<'v>)>, Error> {
        let listing = self.open(volume, path)?.listing()?;
        self.lookups.charge(listing.entries.len())?;
        if let Some(error) = listing.rest {
            self.note(format!("{} {}", volume.name(), String::from_utf8_lossy(path)), error.into());
        }
        Ok(listing.entries.into_iter().map(|(entry, node)| (entry.name, node)).collect())
    }

    /// The same; empty if the folder is missing. A folder that exists and cannot be read is noted.
    pub fn names_if_there<'v>(&self, volume: &'v Volume, path: &[u8]) -> Vec<(Vec<u8>, Node<'v>)> {
        self.names(volume, path).unwrap_or_else(|error| {
            self.note_unless_absent(volume, path, error);
            Vec::new()
        })
    }

    /// Keeps a problem. A limit is kept once, and so is an unreadable place of the disk, with the number of reads that
    /// failed there. A problem of a single file (a symlink loop) is kept for each file.
    pub fn note(&self, object: impl Into<String>, error: Error) {
        let mut problems = self.problems.take();
        let is_of_disk =
            matches!(error, Error::Read(vfs::Error::Io(_) | vfs::Error::Corrupt(_) | vfs::Error::Missing(_)));
        let is_once = is_of_disk || matches!(error, Error::Budget { .. });
        match problems.iter_mut().find(|problem| is_once && problem.error == error) {
            // May saturate: a counter that is only shown.
            Some(known) => known.others = known.others.saturating_add(is_of_disk.into()),
            None => match self.noted.charge(1) {
                Ok(()) => problems.push(Problem::new(object, error)),
                Err(limit) if problems.last().is_none_or(|last| last.error != limit) => {
                    problems.push(Problem::new(object, limit));
                }
                Err(_) => {}
            },
        }
        self.problems.set(problems);
    }
}

/// One resource.
pub struct Account {
    what: &'static str,
    most: u64,
    used: Cell<u64>,
}

impl Account {
    /// Uses this much. After one charge beyond the limit, every charge fails.
    ///
    /// # Errors
    /// [`Error::Budget`]
    pub fn charge(&self, amount: usize) -> Result<(), Error> {
        self.add(number(amount))
    }

    /// Whether this much may still be used.
    ///
    /// # Errors
    /// [`Error::Budget`]
    pub fn fits(&self, amount: usize) -> Result<(), Error> {
        let after = self.used.get().checked_add(number(amount));
        after.filter(|used| *used <= self.most).map(|_| ()).ok_or_else(|| self.limit())
    }

    fn add(&self, amount: u64) -> Result<(), Error> {
        let used = self.used.get().checked_add(amount).filter(|used| *used <= self.most);
        self.used.set(used.unwrap_or(self.most));
        used.map(|_| ()).ok_or_else(|| self.limit())
    }

    fn limit(&self) -> Error {
        Error::Budget { what: self.what, limit: self.most }
    }
}

/// Text that grows only as far as the share of its disk allows.
pub struct Text<'a> {
    text: String,
    share: &'a Share,
}

impl<'a> Text<'a> {
    /// No text yet.
    pub fn new(share: &'a Share) -> Self {
        Self { text: String::new(), share }
    }

    /// Adds this.
    ///
    /// # Errors
    /// [`Error::Budget`], [`Error::NoMemory`]
    pub fn push(&mut self, text: &str) -> Result<(), Error> {
        let length = total([self.text.len(), text.len()]);
        self.share.text.fits(length)?;
        self.text.try_reserve(text.len()).map_err(|_| Error::NoMemory { bytes: number(length) })?;
        self.text.push_str(text);
        Ok(())
    }

    /// Adds a word, with a space in front where there is one already.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn word(&mut self, word: &str) -> Result<(), Error> {
        if !self.text.is_empty() && !word.is_empty() {
            self.push(" ")?;
        }
        self.push(word)
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.text
    }
}

/// A size in memory, as limits count.
pub fn number(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

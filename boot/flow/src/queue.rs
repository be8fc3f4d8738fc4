// SPDX-License-Identifier: BSD-3-Clause
//! Which candidates are tried, and in which order.
//!
//! Entries that the owner of a menu did not want to start unattended do not: an entry that asks for a password, and any
//! entry of a disk whose menu's default leads to another disk. (An installation medium whose default is "boot the local
//! disk" must never start its installer.)

use alloc::{collections::VecDeque, format, string::String, vec::Vec};
use core::ptr;

use config::Config;
use entries::{Access, Entry, Found, Kind, Start};
use vfs::{Volume, VolumeId, Volumes};

use crate::{Failure, Phase, codes, interface::Wanted, remote, selection::listed};

/// Identifier of the image of `cloudboot.image`, in the same namespace as those of entries.
pub const IMAGE_ID: &str = "cloudboot-image";

/// Something that can be started.
#[derive(Clone, Copy, Debug)]
pub enum Candidate<'a> {
    /// The boot artifact that `cloudboot.image` names.
    Image(&'a str),
    /// An entry of a disk.
    Entry(&'a Entry),
}

impl<'a> Candidate<'a> {
    /// Its identifier.
    pub fn id(self) -> &'a str {
        match self {
            Self::Image(_) => IMAGE_ID,
            Self::Entry(entry) => &entry.id,
        }
    }

    /// Whether both are the same candidate.
    pub fn is(self, other: Self) -> bool {
        match (self, other) {
            (Self::Image(_), Self::Image(_)) => true,
            (Self::Entry(a), Self::Entry(b)) => ptr::eq(a, b),
            _ => false,
        }
    }

    fn entry(self) -> Option<&'a Entry> {
        match self {
            Self::Image(_) => None,
            Self::Entry(entry) => Some(entry),
        }
    }
}

/// One candidate to try.
#[derive(Clone, Debug)]
pub struct Attempt<'a> {
    /// What is tried.
    pub candidate: Candidate<'a>,
    /// The command line that the operator edited.
    pub edited: Option<String>,
    /// The operator chose it, or chose an entry that leads to it.
    pub is_chosen: bool,
}

/// Why no disk starts unattended although `cloudboot.image` is not set.
fn refusal(config: &Config) -> Failure {
    let Some(plan) = config.plan() else { return missing_metadata() };
    let cause = "cloudboot.plan is set, and this version does not fetch plans: no disk starts unattended without \
                 cloudboot.local=1";
    Failure::new(Phase::Choose, remote::title(plan), codes::CHOOSE_PLAN, &cause)
}

fn missing_metadata() -> Failure {
    let cause = "not available, and it may name the image: with a signature key built in, no disk starts unattended \
                 without cloudboot.local=1";
    Failure::new(Phase::Choose, "metadata", codes::TRUST_METADATA, &cause)
}

/// Candidates to try, one after the other.
#[derive(Debug)]
pub struct Queue<'a> {
    attempts: VecDeque<Attempt<'a>>,
    /// Why the queue was empty from the start.
    nothing: Option<Failure>,
    /// The candidate under the menu's cursor.
    pub head: Option<Candidate<'a>>,
    /// A plan or the metadata should have said what starts, so disks do not start in its place.
    is_refused: bool,
}

impl<'a> Attempt<'a> {
    /// An attempt of an entry with its own command line.
    fn of(entry: &'a Entry, is_chosen: bool) -> Self {
        Self { candidate: Candidate::Entry(entry), edited: None, is_chosen }
    }
}

impl<'a> Queue<'a> {
    /// What starts when nobody chooses: the artifact of `cloudboot.image`, followed by entries of disks only if
    /// `cloudboot.local` allows it, since cutting a cable must not change which system boots; nothing, if a plan or
    /// missing metadata should have named an artifact; otherwise entries of disks.
    pub fn unattended(volumes: &Volumes, found: &'a Found, config: &'a Config, wanted: &Wanted<'a>) -> Self {
        let of_disks = || Self::of_disks(volumes, found, config.target(), wanted);
        let Some(image) = config.image().map(Candidate::Image) else {
            return match config.holds_disks_back() {
                true => Self { is_refused: true, ..Self::empty(None, refusal(config)) },
                false => of_disks(),
            };
        };
        let mut attempts: VecDeque<_> = [Attempt { candidate: image, edited: None, is_chosen: false }].into();
        if config.local() {
            attempts.extend(of_disks().attempts);
        }
        Self { attempts, nothing: None, head: Some(image), is_refused: false }
    }

    /// First the entry that the booted system `wanted` for this boot. Then, with `target` (an entry's id or title,
    /// ASCII case ignored, or the name of an operating system), that entry and no other: whoever names one system must
    /// not get another. Without `target`: the entry that the booted system prefers, the default, then the others in
    /// their order.
    fn of_disks(volumes: &Volumes, found: &'a Found, target: Option<&str>, wanted: &Wanted<'a>) -> Self {
        let entries = &found.entries;
        if entries.is_empty() {
            let cause = "no disk holds a boot entry that this program can start";
            return Self::empty(None, Failure::new(Phase::Choose, "entries", codes::CHOOSE_NONE, &cause));
        }
        let usual: Vec<&Entry> = match target.map(|target| find(volumes, found, target)) {
            None => wanted.lasting.into_iter().chain(entries.iter().find(|entry| entry.default)).collect(),
            Some(Ok(entry)) => [entry].into(),
            Some(Err(failure)) => return Self::empty(None, failure),
        };
        let named: Vec<&Entry> = wanted.once.into_iter().chain(usual).collect();
        let mut order = named.clone();
        if target.is_none() {
            order.extend(others(volumes, found, &named));
        }
        let head = named.first().copied();
        let startable = order.into_iter().filter(|entry| entry.access == Access::Anyone);
        let attempts: VecDeque<_> = unique(startable).map(|entry| Attempt::of(entry, false)).collect();
        // As in GRUB, a default that asks for a password waits for it; no other entry takes its place.
        if attempts.is_empty() || head.is_some_and(|head| head.access != Access::Anyone) {
            let title = head.map_or("entries", |entry| entry.title.as_str());
            let cause = "asks for a password, so it starts only from the menu";
            return Self::empty(head, Failure::new(Phase::Choose, title, codes::PASSWORD, &cause));
        }
        Self { attempts, nothing: None, head: head.map(Candidate::Entry), is_refused: false }
    }

    /// What the operator chose; if it leads to another disk, followed by the entries of other disks.
    pub fn chosen(
        volumes: &Volumes,
        found: &'a Found,
        candidate: Candidate<'a>,
        edited: Option<String>,
    ) -> Self {
        let mut attempts: VecDeque<_> = [Attempt { candidate, edited, is_chosen: true }].into();
        if let Some(entry) = candidate.entry().filter(|entry| is_elsewhere(entry)) {
            let others = others(volumes, found, &[entry]).into_iter();
            let others = others.filter(|other| other.access == Access::Anyone);
            attempts.extend(others.map(|entry| Attempt::of(entry, true)));
        }
        Self { attempts, nothing: None, head: Some(candidate), is_refused: false }
    }

    fn empty(head: Option<&'a Entry>, why: Failure) -> Self {
        let head = head.map(Candidate::Entry);
        Self { attempts: VecDeque::new(), nothing: Some(why), head, is_refused: false }
    }

    /// The next attempt; for a queue that was empty from the start, once, the reason.
    pub fn take_next(&mut self) -> Option<Result<Attempt<'a>, Failure>> {
        match self.attempts.pop_front() {
            Some(attempt) => Some(Ok(attempt)),
            None => self.nothing.take().map(Err),
        }
    }

    /// Whether attempts are left.
    pub fn has_more(&self) -> bool {
        !self.attempts.is_empty()
    }

    /// Whether anything is tried without the operator.
    pub fn starts_unattended(&self) -> bool {
        self.nothing.is_none()
    }

    /// Whether disks do not start because a plan or the metadata should have said what does; an operator may still
    /// choose.
    pub fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Whether the first candidate does not start unattended: that is no failure, and an operator may still choose it.
    pub fn is_held_back(&self) -> bool {
        let head = self.head.and_then(Candidate::entry);
        head.is_some_and(|head| is_elsewhere(head) || head.access != Access::Anyone)
    }
}

/// The entry that starts if no setting says otherwise and nobody chooses.
pub fn default_entry<'a>(volumes: &Volumes, found: &'a Found) -> Option<&'a Entry> {
    let queue = Queue::of_disks(volumes, found, None, &Wanted::default());
    let mut entries = queue.attempts.iter().filter_map(|attempt| attempt.candidate.entry());
    entries.find(|entry| !is_elsewhere(entry))
}

fn is_elsewhere(entry: &Entry) -> bool {
    matches!(entry.start, Start::Elsewhere(_))
}

/// Whether an entry matches `cloudboot.target`.
pub fn has(volumes: &Volumes, found: &Found, target: &str) -> bool {
    find(volumes, found, target).is_ok()
}

/// The entry that `cloudboot.target` names. The name of a system never selects an entry of a disk whose menu leads
/// elsewhere (it could be an installer), and one that asks for a password only if there is no other.
fn find<'a>(volumes: &Volumes, found: &'a Found, target: &str) -> Result<&'a Entry, Failure> {
    let entries = &found.entries;
    let is_named =
        |entry: &&Entry| entry.id.eq_ignore_ascii_case(target) || entry.title.eq_ignore_ascii_case(target);
    let is_of_system = |entry: &&Entry| entry.os().is_some_and(|os| os.eq_ignore_ascii_case(target));
    let of_system = || {
        let open = others(volumes, found, &[]);
        let is_open = |entry: &&Entry| {
            entry.source.kind == Kind::Efi || open.iter().any(|other| ptr::eq(*other, *entry))
        };
        let all: Vec<&Entry> = entries.iter().filter(is_of_system).filter(is_open).collect();
        all.iter().find(|entry| entry.access == Access::Anyone).or(all.first()).copied()
    };
    entries.iter().find(is_named).or_else(of_system).ok_or_else(|| {
        let titles = listed(entries.iter().map(|entry| entry.title.as_str()));
        let cause = format!("no entry has this id or title; available: {titles}");
        Failure::new(Phase::Choose, target, codes::CHOOSE_TARGET, &cause)
    })
}

/// The entries that may follow the `named` ones: none of a disk whose menu, or whose named entry, leads elsewhere.
/// Within the menus of one kind on a disk, the menu's own default comes first.
fn others<'a>(volumes: &Volumes, found: &'a Found, named: &[&'a Entry]) -> Vec<&'a Entry> {
    let disk = |volume: VolumeId| volumes.get(volume).map(Volume::disk);
    let leaving = named.iter().filter(|entry| is_elsewhere(entry)).map(|entry| entry.source.volume);
    let closed: Vec<_> = found.elsewhere.iter().copied().chain(leaving).map(disk).collect();
    let is_open = |entry: &&Entry| {
        let file = entry.file().map(|file| file.volume);
        ![Some(entry.source.volume), file].into_iter().flatten().any(|volume| closed.contains(&disk(volume)))
    };
    let kind = |entry: &Entry| if entry.source.kind == Kind::Uki { Kind::Bls } else { entry.source.kind };
    let is_beside =
        |a: &Entry, b: &Entry| (kind(a), disk(a.source.volume)) == (kind(b), disk(b.source.volume));
    let menus = found.entries.chunk_by(is_beside);
    let ordered = menus.flat_map(|menu| {
        let rest = menu.iter().filter(|entry| !entry.is_first);
        menu.iter().filter(|entry| entry.is_first).chain(rest)
    });
    ordered.filter(|entry| !is_elsewhere(entry)).filter(is_open).collect()
}

/// Each entry once, at its first position.
fn unique<'a>(entries: impl Iterator<Item = &'a Entry>) -> impl Iterator<Item = &'a Entry> {
    let mut seen: Vec<&Entry> = Vec::new();
    entries.filter(move |entry| {
        let is_new = !seen.iter().any(|other| ptr::eq(*other, *entry));
        if is_new {
            seen.push(entry);
        }
        is_new
    })
}

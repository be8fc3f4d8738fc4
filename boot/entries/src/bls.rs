// SPDX-License-Identifier: BSD-3-Clause
//! Boot Loader Specification: entries of type 1 (`loader/entries/*.conf`) and type 2 (unified kernel images in
//! `EFI/Linux`), in the order in which systemd lists them.
//!
//! Spec: UAPI.1, Boot Loader Specification; order as `boot_entry_compare` of systemd 262.

mod conf;
mod counting;
mod settings;
mod uki;

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::cmp::Ordering;

use filesystem::FileType;
use vfs::{Node, Volume, VolumeId, Volumes};

use crate::{
    Arch, Entry, Error, Found, Problem,
    grub::{BlsCfg, Preferred, environment_block},
    version,
};
use counting::Name;

pub use conf::fuzz as fuzz_conf;
pub use counting::Counting;

/// Where entries of type 1 stand, in the order in which they are looked for.
const FOLDERS: [&str; 2] = ["/loader/entries", "/boot/loader/entries"];
/// Where grubenv stands, of which RHEL and Fedora take parts of the command line.
const BLOCKS: [&str; 4] = ["/boot/grub2/grubenv", "/grub2/grubenv", "/boot/grub/grubenv", "/grub/grubenv"];
/// Entries of one folder.
const MOST: usize = 1000;
/// Bytes of one file of type 1.
const LARGEST: u64 = 64 * 1024;

/// An entry and what it is sorted by.
pub struct Candidate {
    pub entry: Entry,
    pub sort_key: String,
    pub machine_id: String,
    pub version: String,
    pub name: Name,
}

/// Adds the entries of each disk; `blscfg`: the scripts of GRUB that show entries of type 1 in their menu.
pub fn find(volumes: &Volumes, arch: Arch, blscfg: &[BlsCfg], found: &mut Found) {
    let disks = volumes.all().iter().map(Volume::disk).max().map_or(0, |last| last.saturating_add(1));
    for disk in 0..disks {
        let mut candidates = Vec::new();
        for volume in volumes.all().iter().filter(|volume| volume.disk() == disk) {
            uki::find(volume, arch, &mut candidates, &mut found.problems);
            type_1(volume, arch, blscfg, &mut candidates, &mut found.problems);
        }
        candidates.sort_by(order);
        choose(volumes, disk, blscfg, &mut candidates, found);
        found.entries.extend(candidates.into_iter().map(|candidate| candidate.entry));
    }
}

/// A file of a folder. In a large folder it costs too much to look for each by its name.
struct Listed<'a> {
    name: String,
    path: String,
    node: Node<'a>,
}

impl<'a> Listed<'a> {
    /// The file, or what it leads to.
    fn open(&self, volume: &'a Volume) -> Result<Node<'a>, vfs::Error> {
        match self.node.attr()?.kind {
            FileType::Symlink => volume.open(self.path.as_bytes()),
            _ => Ok(self.node.clone()),
        }
    }
}

/// The files of a folder whose names end in `suffix`; nothing where there is no such folder.
fn files<'a>(volume: &'a Volume, folder: &str, suffix: &str, problems: &mut Vec<Problem>) -> Vec<Listed<'a>> {
    let object = || format!("{} {folder}", volume.name());
    let list = match volume.open(folder.as_bytes()).and_then(|folder| folder.children()) {
        Ok(list) => list,
        Err(vfs::Error::NotFound | vfs::Error::WrongType { .. }) => return Vec::new(),
        Err(error) => {
            problems.push(Problem { object: object(), error: error.into() });
            return Vec::new();
        }
    };
    let is_ours = |name: &String| {
        let start = name.len().saturating_sub(suffix.len());
        name.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(suffix)) && start > 0
    };
    let files = list.into_iter().filter(|(entry, _)| entry.kind != FileType::Directory);
    let named = files.filter_map(|(entry, node)| Some((String::from_utf8(entry.name).ok()?, node)));
    let ours = named.filter(|(name, _)| is_ours(name));
    let listed = ours.map(|(name, node)| Listed { path: format!("{folder}/{name}"), name, node });
    let mut listed: Vec<Listed<'a>> = listed.collect();
    if listed.len() > MOST {
        let limit = u64::try_from(MOST).unwrap_or(u64::MAX);
        problems.push(Problem { object: object(), error: Error::TooMany { what: "boot entries", limit } });
        // The newest of them are the last, by the usual names.
        listed.drain(..listed.len().saturating_sub(MOST));
    }
    listed
}

fn type_1(
    volume: &Volume,
    arch: Arch,
    blscfg: &[BlsCfg],
    candidates: &mut Vec<Candidate>,
    problems: &mut Vec<Problem>,
) {
    for folder in FOLDERS {
        let variables = blscfg.iter().find(|cfg| cfg.volume == volume.id()).map(|cfg| cfg.variables.clone());
        for file in files(volume, folder, ".conf", problems) {
            let path = &file.path;
            let read = file.open(volume).and_then(|node| node.read(LARGEST)).map_err(Error::from);
            let text = read.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            let block = || variables.clone().unwrap_or_else(|| block_of(volume));
            let parsed = text.and_then(|text| conf::entry(volume, path, &text, arch, &block));
            match parsed {
                Ok(candidate) => candidates.extend(candidate),
                Err(error) => {
                    problems.push(Problem { object: format!("{} {path}", volume.name()), error });
                }
            }
        }
    }
}

/// The variables of the volume's grubenv.
fn block_of(volume: &Volume) -> Vec<(String, String)> {
    let texts = BLOCKS.iter().filter_map(|path| volume.read(path.as_bytes(), LARGEST).ok());
    let found = texts.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).next().unwrap_or_default();
    environment_block(&found).map(|(name, value)| (name.to_string(), value)).collect()
}

/// Entries that were tried too often come last; then by sort key, machine and version, or by name.
fn order(a: &Candidate, b: &Candidate) -> Ordering {
    let newer = |a: &str, b: &str| version::compare(b.as_bytes(), a.as_bytes());
    let by_key = || match (a.sort_key.is_empty(), b.sort_key.is_empty()) {
        (false, true) => Ordering::Less,
        (true, false) => Ordering::Greater,
        (true, true) => Ordering::Equal,
        (false, false) => (&a.sort_key, &a.machine_id)
            .cmp(&(&b.sort_key, &b.machine_id))
            .then_with(|| newer(&a.version, &b.version)),
    };
    let exhausted = a.name.is_exhausted().cmp(&b.name.is_exhausted());
    exhausted
        .then_with(by_key)
        .then_with(|| newer(&a.name.id, &b.name.id))
        .then_with(|| b.name.left.cmp(&a.name.left))
        .then_with(|| a.name.done.cmp(&b.name.done))
}

/// Marks the default of a disk: what GRUB's script says that shows these entries, or loader.conf, or the first.
fn choose(
    volumes: &Volumes,
    disk: usize,
    blscfg: &[BlsCfg],
    candidates: &mut [Candidate],
    found: &mut Found,
) {
    let is_here = |id: VolumeId| volumes.get(id).is_some_and(|volume| volume.disk() == disk);
    if candidates.is_empty() {
        return;
    }
    let script = blscfg.iter().find(|cfg| is_here(cfg.volume));
    let chosen = match script {
        Some(cfg) => match cfg.preferred(candidates.len(), &|name| by_name(candidates, name)) {
            Preferred::Bls(at) => Some(at),
            Preferred::Own(place) => {
                if let Some(entry) = found.entries.get_mut(place) {
                    entry.default = true;
                }
                return;
            }
            Preferred::Settled => return,
        },
        None => settings::apply(volumes, disk, candidates, found),
    };
    if let Some(candidate) = candidates.get_mut(chosen.unwrap_or(0)) {
        candidate.entry.default = true;
    }
}

/// GRUB names an entry by its identifier (without `.conf`) or title.
fn by_name(candidates: &[Candidate], default: &str) -> Option<usize> {
    let is_named = |candidate: &Candidate| {
        let id = &candidate.name.id;
        id == default || id.strip_suffix(".conf") == Some(default) || candidate.entry.title == default
    };
    candidates.iter().position(is_named)
}

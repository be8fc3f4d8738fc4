// SPDX-License-Identifier: BSD-3-Clause
//! Boot Loader Specification: entries of type 1 (`loader/entries/*.conf`) and type 2 (unified kernel images in
//! `EFI/Linux`), in the order in which systemd lists them.
//!
//! Spec: UAPI.1, Boot Loader Specification; order as `boot_entry_compare` of systemd 262.

mod conf;
mod counting;
mod settings;
mod uki;
mod variables;

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{cell::RefCell, cmp::Ordering, mem::take};

use filesystem::FileType;
use menu::Wait;
use vfs::{Node, Volume};

use crate::{
    Entry, Error,
    budget::Share,
    checksum::checksum,
    filesystems::Filesystem,
    grub::{BlsCfg, Preferred, environment_block},
    marks::Marks,
    merge::Menu,
    search::Search,
    sizes::total,
    version,
};
use variables::Variables;

pub use conf::fuzz as fuzz_conf;
pub use counting::{Counting, Name};
pub use settings::is_meant;

/// Folders of type 1 entries, in the order in which they are searched.
const FOLDERS: [&str; 2] = ["/loader/entries", "/boot/loader/entries"];
/// Paths of grubenv, from which RHEL and Fedora take parts of the command line.
const BLOCKS: [&str; 4] = ["/boot/grub2/grubenv", "/grub2/grubenv", "/boot/grub/grubenv", "/grub/grubenv"];
/// Most entries of one folder.
const MOST: usize = 1000;
/// Most bytes of a type 1 file.
const LARGEST: u64 = 64 * 1024;

/// An entry and its sort key.
pub struct Candidate {
    pub entry: Entry,
    pub sort_key: String,
    pub machine_id: String,
    pub version: String,
    pub name: Name,
}

impl Candidate {
    /// Charges the budget for what it keeps.
    fn charge(&self, share: &Share) -> Result<(), Error> {
        share.entry(&self.entry)?;
        let texts = [&self.sort_key, &self.machine_id, &self.version].map(String::len);
        share.text.charge(total(texts))
    }
}

/// The entries of these volumes: one list for each disk, as systemd-boot makes it of the EFI system partition and
/// XBOOTLDR, and one for each subvolume that its filesystem does not start from. `blscfg`: the scripts of GRUB that show
/// entries of type 1 in their menu, which is one of `menus` and becomes a part of the new one.
pub fn find(search: &Search<'_>, volumes: &[&Volume], blscfg: &[BlsCfg], menus: &mut [Menu]) -> Vec<Menu> {
    let is_default = |volume: &&Volume| search.filesystems().is_default(volume.id());
    let (of_disks, apart): (Vec<&Volume>, Vec<&Volume>) = volumes.iter().copied().partition(is_default);
    let mut disks: Vec<usize> = of_disks.iter().map(|volume| volume.disk()).collect();
    disks.sort_unstable();
    disks.dedup();
    let of_disk = |disk| of_disks.iter().copied().filter(|volume| volume.disk() == disk).collect();
    let mut lists: Vec<Vec<&Volume>> = disks.into_iter().map(of_disk).collect();
    lists.extend(apart.into_iter().map(|volume| Vec::from([volume])));
    // Files already read on filesystems with several roots.
    let mut known = Marks::default();
    lists.iter().map(|volumes| list(search, volumes, blscfg, menus, &mut known)).collect()
}

/// One list.
fn list(
    search: &Search<'_>,
    volumes: &[&Volume],
    blscfg: &[BlsCfg],
    menus: &mut [Menu],
    known: &mut Marks,
) -> Menu {
    let mut candidates = Vec::new();
    for volume in volumes {
        uki::find(search, volume, &mut candidates);
        type_1(search, volume, blscfg, known, &mut candidates);
    }
    candidates.sort_by(order);
    // The same folder may be reached by two paths.
    candidates.dedup_by(|later, first| is_same(&first.entry, &later.entry));
    if candidates.is_empty() {
        return Menu::default();
    }
    let script = blscfg.iter().find(|cfg| volumes.iter().any(|volume| volume.id() == cfg.volume));
    let mut menu = match script {
        Some(cfg) => shown(cfg, &candidates, menus),
        None => settings::read(search, volumes, &candidates),
    };
    menu.entries.splice(0..0, candidates.into_iter().map(|candidate| candidate.entry));
    menu
}

/// The GRUB menu that shows these entries together with its own.
fn shown(cfg: &BlsCfg, candidates: &[Candidate], menus: &mut [Menu]) -> Menu {
    let is_it = |menu: &&mut Menu| menu.entries.first().map(|entry| &entry.source) == cfg.source.as_ref();
    let own = menus.iter_mut().find(is_it).map(take).unwrap_or_default();
    let behind = |place: usize| total([place, candidates.len()]);
    let default = match cfg.preferred(candidates.len(), &|name| by_name(candidates, name)) {
        Preferred::Bls(at) => Some(at),
        Preferred::Own(place) => Some(behind(place)),
        Preferred::Settled => own.default.map(behind),
    };
    // A menu of one entry does not wait for ever.
    let is_choice = behind(own.entries.len()) > 1 || cfg.wait != Some(Wait::Forever);
    Menu { default, wait: cfg.wait.filter(|_| is_choice), ..own }
}

/// Whether two files have the same content, and so are one file reached by two paths.
fn is_same(first: &Entry, later: &Entry) -> bool {
    let what = |entry: &Entry| (entry.source.kind, entry.source.volume);
    what(first) == what(later)
        && first.source.path != later.source.path
        && (&first.id, &first.title, &first.version) == (&later.id, &later.title, &later.version)
        && first.start == later.start
}

/// A file of a folder, with its node: in a large folder, looking up each file by name costs too much.
struct Listed<'a> {
    name: String,
    path: String,
    node: Node<'a>,
}

impl<'a> Listed<'a> {
    /// The file, or the target of its link; none for a folder.
    fn open(&self, share: &Share, volume: &'a Volume) -> Result<Option<Node<'a>>, Error> {
        let mut node = self.node.clone();
        if node.attr()?.kind == FileType::Symlink {
            node = share.open(volume, self.path.as_bytes())?;
        }
        Ok((node.attr()?.kind != FileType::Directory).then_some(node))
    }
}

/// Makes a candidate of a file; none if it cannot be one.
type Parse<'a> = dyn Fn(&Listed<'a>, &Node<'a>) -> Result<Option<Candidate>, Error> + 'a;

/// The candidates among files. A file that cannot be used is noted as a problem, and hides no other.
fn candidates<'a>(
    share: &Share,
    volume: &'a Volume,
    files: Vec<Listed<'a>>,
    parse: &Parse<'a>,
) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for file in files {
        let opened = file.open(share, volume);
        let candidate = opened.and_then(|node| node.map_or(Ok(None), |node| parse(&file, &node)));
        let paid = candidate.and_then(|candidate| {
            candidate.as_ref().map_or(Ok(()), |candidate| candidate.charge(share)).map(|()| candidate)
        });
        match paid {
            Ok(candidate) => candidates.extend(candidate),
            Err(error) => share.note(format!("{} {}", volume.name(), file.path), error),
        }
    }
    candidates
}

/// The files of a folder whose names end in `suffix`; empty if there is no such folder.
fn files<'a>(share: &Share, volume: &'a Volume, folder: &str, suffix: &str) -> Vec<Listed<'a>> {
    let object = || format!("{} {folder}", volume.name());
    let names = match share.names(volume, folder.as_bytes()) {
        Ok(names) => names,
        Err(error) => {
            if !error.is_absent() {
                share.note(object(), error);
            }
            return Vec::new();
        }
    };
    let is_ours = |name: &String| {
        let start = name.len().checked_sub(suffix.len()).filter(|start| *start > 0);
        start.and_then(|start| name.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
    };
    let named = names.into_iter().filter_map(|(name, node)| Some((String::from_utf8(name).ok()?, node)));
    let ours = named.filter(|(name, _)| is_ours(name));
    let listed = ours.map(|(name, node)| Listed { path: format!("{folder}/{name}"), name, node });
    let mut listed: Vec<Listed<'a>> = listed.collect();
    if let Some(over) = listed.len().checked_sub(MOST).filter(|over| *over > 0) {
        let limit = u64::try_from(MOST).unwrap_or(u64::MAX);
        share.note(object(), Error::TooMany { what: "boot entries", limit });
        // With the usual names, the newest come last.
        listed.drain(..over);
    }
    listed
}

fn type_1(
    search: &Search<'_>,
    volume: &Volume,
    blscfg: &[BlsCfg],
    known: &mut Marks,
    found: &mut Vec<Candidate>,
) {
    let share = search.share(volume);
    let cfg = blscfg.iter().find(|cfg| cfg.volume == volume.id());
    let variables = match cfg {
        Some(cfg) => Some(Variables::new(cfg.variables.clone())),
        None => block_of(share, volume),
    };
    let folder = conf::Folder { search, volume, share, variables, cfg };
    let Some(filesystem) = search.filesystems().index(volume.id()) else { return };
    // Another root of the filesystem may have the same file: a snapshot has those of its original.
    let has_several = search.filesystems().of(volume.id()).is_some_and(Filesystem::has_several);
    let own = RefCell::new(Vec::new());
    let is_known = |parts: [&[u8]; 2]| {
        let text = has_several.then(|| (filesystem, checksum(parts)));
        own.borrow_mut().extend(text);
        text.is_some_and(|text| known.contains(text))
    };
    // `blsdir` replaces the usual folders.
    let named = cfg.and_then(|cfg| cfg.folder.as_deref());
    for path in named.into_iter().chain(FOLDERS.into_iter().filter(|_| named.is_none())) {
        let files = files(share, volume, path, ".conf");
        found.extend(candidates(share, volume, files, &|file, node| {
            let bytes = share.read_node(node, LARGEST)?;
            if is_known([file.name.as_bytes(), &bytes]) {
                return Ok(None);
            }
            folder.entry(&file.path, &String::from_utf8_lossy(&bytes))
        }));
    }
    for text in own.into_inner() {
        known.insert(text);
    }
}

/// The variables of the volume's grubenv; none if it has no such file.
fn block_of(share: &Share, volume: &Volume) -> Option<Variables> {
    let text = BLOCKS.iter().find_map(|path| share.text(volume, path.as_bytes(), LARGEST))?;
    Some(Variables::new(environment_block(&text).map(|(name, value)| (name.to_string(), value)).collect()))
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

/// GRUB names an entry by its identifier (without `.conf`) or title.
fn by_name(candidates: &[Candidate], default: &str) -> Option<usize> {
    let is_named = |candidate: &Candidate| {
        let id = &candidate.name.id;
        id == default || id.strip_suffix(".conf") == Some(default) || candidate.entry.title == default
    };
    candidates.iter().position(is_named)
}

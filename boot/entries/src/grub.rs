// SPDX-License-Identifier: BSD-3-Clause
//! grub.cfg: run as GRUB would, to see what its menu offers.
//!
//! Source: GNU GRUB manual 2.14; what update-grub writes (/etc/grub.d) is the measure of what must work.

mod blscfg;
mod boot;
mod budget;
mod commands;
mod condition;
mod environment;
mod expansion;
mod files;
mod grubenv;
mod interpreter;
mod item;
mod lexer;
mod menu;
mod names;
mod number;
mod options;
mod parser;
mod place;
mod regex;
mod sectors;
mod users;
mod view;
mod wildcards;

use alloc::{format, string::String, vec::Vec};
use core::mem::take;

use ::menu::Wait;
use vfs::{Volume, VolumeId, Volumes};

use crate::{
    Access, Arch, Error, File, Found, Kind, Source, budget::Budget as Shares, checksum::checksum,
    filesystems::Filesystems, merge::Menu, search::Search,
};
use environment::Environment;
use interpreter::Interpreter;
use item::Item;
use menu::{Collector, Leaves, Level, position};
use view::ScriptView;

pub use blscfg::{BlsCfg, Preferred};
pub use grubenv::variables as environment_block;
pub use place::Places;

/// Folders of grub.cfg that distributions use on a system's own volumes.
const FOLDERS: [&str; 4] = ["/boot/grub", "/boot/grub2", "/grub", "/grub2"];
/// Most folders of `/EFI` that are searched.
pub const MOST_VENDORS: usize = 64;

/// Configurations that were run: a file counts once, by whatever path it is reached.
#[derive(Debug, Default)]
pub struct Scripts {
    /// Volume and checksum of the text of each.
    run: Vec<(VolumeId, u64)>,
    /// Scripts that show entries of the Boot Loader Specification.
    pub blscfg: Vec<BlsCfg>,
}

impl Scripts {
    /// Whether this one is new.
    fn insert(&mut self, volume: VolumeId, text: &str) -> bool {
        let script = (volume, checksum([text.as_bytes()]));
        let is_new = !self.run.contains(&script);
        if is_new {
            self.run.push(script);
        }
        is_new
    }

    /// Whether this script was run on a volume that `counts`.
    fn is_known(&self, text: &str, counts: impl Fn(VolumeId) -> bool) -> bool {
        let script = checksum([text.as_bytes()]);
        self.run.iter().any(|(volume, known)| *known == script && counts(*volume))
    }
}

/// The menu of a volume's grub.cfg, if it has one.
pub fn find(search: &Search<'_>, volume: &Volume, scripts: &mut Scripts) -> Option<Menu> {
    FOLDERS.iter().find_map(|folder| find_in(search, volume, folder, scripts))
}

/// The menus of a volume's `/EFI/*/grub.cfg`. Most of these files only load another one, which was found already.
pub fn find_vendors(search: &Search<'_>, volume: &Volume, scripts: &mut Scripts) -> Vec<Menu> {
    let share = search.share(volume);
    let names = match share.names(volume, b"/EFI") {
        Ok(names) => names,
        Err(error) if error.is_absent() => return Vec::new(),
        Err(error) => {
            share.note(format!("{} /EFI", volume.name()), error);
            return Vec::new();
        }
    };
    if names.len() > MOST_VENDORS {
        let limit = crate::budget::number(MOST_VENDORS);
        share.note(format!("{} /EFI", volume.name()), Error::TooMany { what: "names in this folder", limit });
    }
    let names = names.into_iter().take(MOST_VENDORS).filter_map(|(name, _)| String::from_utf8(name).ok());
    names.filter_map(|name| find_in(search, volume, &format!("/EFI/{name}"), scripts)).collect()
}

/// The menu of the grub.cfg in a folder; none if there is no such file.
fn find_in(search: &Search<'_>, volume: &Volume, folder: &str, scripts: &mut Scripts) -> Option<Menu> {
    let share = search.share(volume);
    let path = format!("{folder}/grub.cfg");
    let object = format!("{} {path}", volume.name());
    let text = match share.read(volume, path.as_bytes(), budget::MOST_SCRIPT) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.is_absent() => return None,
        Err(error) => {
            share.note(object, error);
            return Some(Menu::default());
        }
    };
    let filesystems = search.places.filesystems;
    let File { volume: innermost, path } =
        filesystems.innermost(File { volume: volume.id(), path: path.into() });
    let path = String::from_utf8_lossy(&path).into_owned();
    // The same script on two roots of a filesystem usually names the same files; if each root is a system of its own,
    // the first counts.
    let is_known = scripts.is_known(&text, |other| filesystems.are_one(other, innermost));
    // If the steps are used up, the problem was noted where that happened.
    if is_known || !scripts.insert(innermost, &text) || share.steps.fits(1).is_err() {
        return Some(Menu::default());
    }
    let device = search.places.name(volume.id());
    let script_view = ScriptView::new(filesystems, volume, folder, view::is_relative(&text));
    let prefix = format!("({device}){}", script_view.folder);
    // The folder of the GRUB program: that of a vendor's file, else the fallback folder of a medium.
    let program = if folder.starts_with("/EFI/") { folder } else { "/EFI/BOOT" };
    let cmdpath = format!("({device}){program}");
    let mut environment = Environment::new(search.arch(), &device, &prefix, &cmdpath);
    script_view.variables.iter().for_each(|(name, value)| environment.give(name, value));
    let is_x86 = search.arch() == Arch::X86_64;
    let mut grub = Interpreter::new(&search.places, share, environment, is_x86);
    grub.scripts = take(scripts);
    let shown = grub.scripts.blscfg.len();
    let source = Source { volume: innermost, path, kind: Kind::Grub };
    let mut found = Found::default();
    let outcome = run(&mut grub, &format!("{prefix}/grub.cfg"), &text, &source, &mut found);
    let problems = found.problems.drain(..).chain(grub.notes.drain(..));
    problems.for_each(|problem| share.note(problem.object, problem.error));
    *scripts = grub.scripts;
    for cfg in scripts.blscfg.iter_mut().skip(shown) {
        cfg.wait = found.wait;
        cfg.source = Some(source.clone());
    }
    if let Err(error) = outcome {
        share.note(object, error);
    }
    let default = found.entries.iter().position(|entry| entry.default);
    Some(Menu { entries: found.entries, default, wait: found.wait, locks: found.locks, ..Menu::default() })
}

/// Runs a script and each entry of its menu. If the script exceeds a limit, the entries made before that stay.
fn run(
    grub: &mut Interpreter<'_>,
    path: &str,
    text: &str,
    source: &Source,
    found: &mut Found,
) -> Result<(), Error> {
    let file = File { volume: source.volume, path: source.path.as_bytes().into() };
    let whole = grub.run_file(&file, path, text, 1);
    let menu = take(&mut grub.here.menu);
    let value = |name| String::from(grub.environment().get(name));
    let (default, fallback) = (value("default"), value("fallback"));
    let wait = menu::wait(&value("timeout"), &value("timeout_style"));
    let is_locked = |environment: &Environment| environment.lookup("superusers").is_some();
    let mut environments = menu.iter().filter_map(|item| item.context.as_deref());
    if is_locked(grub.environment()) || environments.any(is_locked) {
        let volume = grub.volumes.get(source.volume).map_or("", Volume::name);
        found.locks.push(format!("{volume} {}: superusers", source.path));
    }
    let mut leaves = Leaves::new();
    let level = Level { default: &default, path: "", access: Access::Anyone, depth: 0, is_default: true };
    let mut collector = Collector { grub, source, found, kept: None };
    let outcome = collector.items(&menu, &level, &mut leaves);
    let shows_others = collector.settle(&menu, &level, &leaves);
    let kept = collector.kept;
    if let Some(at) = default_of(&menu, &leaves, &default, &fallback, kept)
        && let Some(entry) = found.entries.get_mut(at)
    {
        entry.default = true;
    }
    // A menu of one entry does not wait for ever.
    let is_choice = found.entries.len() > 1 || shows_others || wait != Wait::Forever;
    found.wait = is_choice.then_some(wait);
    whole.and(outcome)
}

/// The default of a menu: the entry that `default` names, or, if that starts nothing here (`kept`), the one that
/// `fallback` names. None if it is an entry of the Boot Loader Specification.
fn default_of(
    menu: &[Item],
    leaves: &Leaves,
    default: &str,
    fallback: &str,
    kept: Option<usize>,
) -> Option<usize> {
    let item = |default: &str| position(menu, &menu::split_default(default).0);
    let leaf = |at: usize| leaves.get(at).copied().flatten();
    let chosen = leaf(item(default)?);
    let mut others = fallback.split_ascii_whitespace().filter_map(|word| item(word).and_then(leaf));
    let is_kept = chosen.is_none() || chosen == kept;
    others.find(|at| is_kept && Some(*at) != kept).or(chosen)
}

/// Runs any bytes as a script of a machine without volumes.
pub fn fuzz(data: &[u8]) {
    let volumes = Volumes::from_volumes(Vec::new());
    let environment = Environment::new(Arch::X86_64, "hd0,gpt1", "(hd0,gpt1)/boot/grub", "");
    let source = Source { volume: VolumeId(0), path: "/grub.cfg".into(), kind: Kind::Grub };
    let shares = Shares::new(&volumes);
    let filesystems = Filesystems::new(&volumes);
    let places = Places::new(&filesystems);
    let mut grub = Interpreter::new(&places, shares.disk(0), environment, true);
    let text = String::from_utf8_lossy(data);
    let _ = run(&mut grub, "(hd0,gpt1)/grub.cfg", &text, &source, &mut Found::default());
}

// SPDX-License-Identifier: BSD-3-Clause
//! grub.cfg: run as GRUB would, to see what its menu offers.
//!
//! Source: GNU GRUB manual 2.14; what update-grub writes (/etc/grub.d) is the measure of what must work.

mod budget;
mod commands;
mod condition;
mod environment;
mod grubenv;
mod interpreter;
mod lexer;
mod names;
mod parser;
mod place;

use alloc::{format, string::String, vec::Vec};
use core::mem::take;

use menu::Wait;
use vfs::{Volume, VolumeId, Volumes};

use crate::{
    Access, Arch, Entry, Error, Found, Kind, Problem, Source, Start, budget::Budget as Shares, merge::Menu,
    search::Search,
};
use environment::Environment;
use interpreter::{Boot, Interpreter, Item};

pub use grubenv::variables as environment_block;

/// Where GRUB looks for its configuration, as far as distributions put it on a system's own volumes.
const FOLDERS: [&str; 4] = ["/boot/grub", "/boot/grub2", "/grub", "/grub2"];
/// Folders in `/EFI` that are looked at.
const MOST_VENDORS: usize = 64;
/// Submenus in submenus.
const DEEPEST: u32 = 4;
/// Entries of one configuration.
const MOST: usize = 1000;

/// Configurations that were run already: their volume and a checksum of their text, so that a file counts once
/// by whatever path it is reached.
#[derive(Debug, Default)]
pub struct Seen {
    scripts: Vec<(VolumeId, u64)>,
    /// Scripts that show entries of the Boot Loader Specification.
    pub blscfg: Vec<BlsCfg>,
}

/// What a script says about entries of the Boot Loader Specification that it shows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BlsCfg {
    /// The volume whose entries they are.
    pub volume: VolumeId,
    /// The variables that they may name.
    pub variables: Vec<(String, String)>,
    /// `default` of its menu.
    pub default: String,
    /// How long its menu waits.
    pub wait: Option<Wait>,
}

impl Seen {
    /// Whether this one is new.
    fn insert(&mut self, volume: VolumeId, text: &str) -> bool {
        // FNV-1a, 64 bits.
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let script = (volume, text.bytes().fold(0xcbf2_9ce4_8422_2325, step));
        let is_new = !self.scripts.contains(&script);
        if is_new {
            self.scripts.push(script);
        }
        is_new
    }
}

/// What the grub.cfg of a volume offers, if it has one.
pub fn find(search: &Search<'_>, volume: &Volume, seen: &mut Seen) -> Option<Menu> {
    FOLDERS.iter().find_map(|folder| find_in(search, volume, folder, seen))
}

/// What the files `/EFI/*/grub.cfg` of a volume offer. Most only lead to one that was found already.
pub fn find_vendors(search: &Search<'_>, volume: &Volume, seen: &mut Seen) -> Vec<Menu> {
    let share = search.share(volume);
    let names = match share.names(volume, b"/EFI") {
        Ok(names) => names,
        Err(error) if error.is_absent() => return Vec::new(),
        Err(error) => {
            share.note(format!("{} /EFI", volume.name()), error);
            return Vec::new();
        }
    };
    let names = names.into_iter().take(MOST_VENDORS).filter_map(|(name, _)| String::from_utf8(name).ok());
    names.filter_map(|name| find_in(search, volume, &format!("/EFI/{name}"), seen)).collect()
}

/// The menu of the grub.cfg in a folder; none where there is no such file.
fn find_in(search: &Search<'_>, volume: &Volume, folder: &str, seen: &mut Seen) -> Option<Menu> {
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
    if !seen.insert(volume.id(), &text) {
        return Some(Menu::default());
    }
    let prefix = format!("({}){folder}", volume.name());
    let environment = Environment::new(search.arch(), volume.name(), &prefix);
    let is_x86 = search.arch() == Arch::X86_64;
    let mut grub = Interpreter::new(search.volumes, share, environment, object.clone(), is_x86);
    grub.seen = take(seen);
    let shown = grub.seen.blscfg.len();
    let source = Source { volume: volume.id(), path, kind: Kind::Grub };
    let mut found = Found::default();
    let outcome = run(&mut grub, &text, &source, &mut found);
    found.problems.drain(..).for_each(|problem| share.note(problem.object, problem.error));
    grub.notes.drain(..).for_each(|problem| share.note(problem.object, problem.error));
    *seen = grub.seen;
    seen.blscfg.iter_mut().skip(shown).for_each(|cfg| cfg.wait = found.wait);
    if let Err(error) = outcome {
        share.note(object, error);
    }
    let default = found.entries.iter().position(|entry| entry.default);
    Some(Menu { entries: found.entries, default, wait: found.wait, locks: found.locks, ..Menu::default() })
}

/// Runs a script and each of its menu's entries. What a script that meets a limit had put into the menu before is
/// there all the same.
fn run(grub: &mut Interpreter<'_>, text: &str, source: &Source, found: &mut Found) -> Result<(), Error> {
    let whole = grub.run(text, 1);
    let menu = take(&mut grub.menu);
    let value = |name| String::from(grub.environment.get(name));
    let (default, timeout, timeout_style) = (value("default"), value("timeout"), value("timeout_style"));
    let first = found.entries.len();
    let shows_others = grub.seen.blscfg.iter_mut().filter(|cfg| cfg.default.is_empty());
    let shows_others = shows_others.map(|cfg| cfg.default.clone_from(&default)).count() > 0;
    let outcome = Collector { grub, source, found, first }.items(&menu, Some(&default), 0);
    if first == 0 && (!found.entries.is_empty() || shows_others) && found.wait.is_none() {
        found.wait = wait(&timeout, &timeout_style);
    }
    whole.and(outcome)
}

/// What `timeout` and `timeout_style` mean; none where they say nothing.
fn wait(timeout: &str, style: &str) -> Option<Wait> {
    match style {
        "hidden" | "countdown" => Some(Wait::Hidden),
        _ => timeout.parse().ok().map(Wait::Seconds),
    }
}

/// Turns menu items into entries.
struct Collector<'a, 'b> {
    grub: &'b mut Interpreter<'a>,
    source: &'b Source,
    found: &'b mut Found,
    /// Entries that were there before.
    first: usize,
}

impl Collector<'_, '_> {
    /// `default`: the path of the default below this menu, none where it is elsewhere.
    fn items(&mut self, menu: &[Item], default: Option<&str>, depth: u32) -> Result<(), Error> {
        let (head, rest) = default.map(split_default).unwrap_or_default();
        let chosen = default.and_then(|_| position(menu, &head));
        for (i, item) in menu.iter().enumerate() {
            let is_chosen = Some(i) == chosen;
            let below = if is_chosen { rest.as_str() } else { "" };
            let selected = self.grub.select(item, below)?;
            if item.is_submenu || !selected.menu.is_empty() {
                if depth >= DEEPEST {
                    let (line, limit) = (item.line, u64::from(DEEPEST));
                    return Err(Error::Limit { line, what: "submenus in submenus", limit });
                }
                // A default that stops at a submenu means its first entry.
                let below = is_chosen.then_some(selected.default.as_str());
                self.items(&selected.menu, below, depth.saturating_add(1))?;
            } else if !selected.boot.is_known {
                self.entry(item, selected.boot, is_chosen)?;
            }
            if self.found.entries.len().saturating_sub(self.first) > MOST {
                return Err(Error::Limit { line: item.line, what: "menu entries", limit: 1000 });
            }
        }
        Ok(())
    }

    fn entry(&mut self, item: &Item, boot: Boot, default: bool) -> Result<(), Error> {
        let start = match boot.start() {
            Ok(start) => start,
            Err(reason) => {
                let title: String = item.title.chars().take(100).collect();
                let object = format!("{} \"{title}\"", self.source.path);
                self.found.problems.push(Problem { object, error: Error::NoKernel { reason } });
                return Ok(());
            }
        };
        self.grub.budget.menu(item.line, size(&start))?;
        let entry = Entry {
            title: item.title.clone(),
            version: String::new(),
            id: item.id.clone(),
            source: self.source.clone(),
            start,
            counting: None,
            default,
            access: Access::Anyone,
        };
        self.grub.share.entry(&entry)?;
        self.found.entries.push(entry);
        Ok(())
    }
}

/// Bytes of what an entry starts.
fn size(start: &Start) -> usize {
    match start {
        Start::Linux(linux) => {
            let initrd = linux.initrd.iter().map(|file| file.path.len()).fold(0, usize::saturating_add);
            linux.options.len().saturating_add(initrd).saturating_add(linux.kernel.path.len())
        }
        Start::Program(program) => program.file.path.len(),
        Start::Elsewhere(elsewhere) => elsewhere.command.len(),
    }
}

/// `1>2` is entry 2 of submenu 1; `>>` is a `>` of a title.
fn split_default(default: &str) -> (String, String) {
    let mut head = String::new();
    let mut chars = default.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '>' {
            head.push(c);
        } else if chars.peek() == Some(&'>') {
            chars.next();
            head.push('>');
        } else {
            return (head, chars.collect());
        }
    }
    (head, String::new())
}

/// The item that a number, title or id means; the first where there is no such item. What starts with a digit
/// is a number, whatever follows.
fn position(menu: &[Item], default: &str) -> Option<usize> {
    let end = default.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(default.len());
    let number = default.get(..end).filter(|digits| !digits.is_empty());
    let chosen = match number {
        Some(digits) => digits.parse().ok().filter(|number: &usize| *number < menu.len()),
        None => menu.iter().position(|item| item.title == default || item.id == default),
    };
    chosen.or(if menu.is_empty() { None } else { Some(0) })
}

/// Runs any bytes as a script of a machine without volumes.
pub fn fuzz(data: &[u8]) {
    let volumes = Volumes::from_volumes(Vec::new());
    let environment = Environment::new(Arch::X86_64, "hd0,gpt1", "(hd0,gpt1)/boot/grub");
    let source = Source { volume: VolumeId(0), path: "grub.cfg".into(), kind: Kind::Grub };
    let shares = Shares::new(&volumes);
    let mut grub = Interpreter::new(&volumes, shares.disk(0), environment, "grub.cfg".into(), true);
    let _ = run(&mut grub, &String::from_utf8_lossy(data), &source, &mut Found::default());
}

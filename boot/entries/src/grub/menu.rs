// SPDX-License-Identifier: BSD-3-Clause
//! Turns GRUB's menu into entries.

use alloc::{format, rc::Rc, string::String, vec::Vec};

use ::menu::Wait;
use vfs::{Volume, VolumeId};

use super::{
    blscfg::EnclosingMenu,
    boot::{Boot, Leaving},
    interpreter::Interpreter,
    item::{Item, Kind},
    number, users,
};
use crate::{
    Access, Elsewhere, Entry, Error, Found, Problem, Source, Start,
    budget::number,
    sizes::{behind, total},
};

/// Most levels of nested submenus.
const DEEPEST: u32 = 4;
/// Most entries of one configuration.
const MOST: usize = 1000;

/// For each item of a menu, the index of its entry in [`Found::entries`]; none if it starts nothing.
pub type Leaves = Vec<Option<usize>>;

/// Runs each item of a menu and adds the entries.
pub struct Collector<'a, 'b> {
    pub grub: &'b mut Interpreter<'a>,
    pub source: &'b Source,
    pub found: &'b mut Found,
    /// The index of a default that starts nothing here, and is kept so that no other entry takes its place.
    pub kept: Option<usize>,
}

/// A menu or submenu.
pub struct Level<'l> {
    /// Its `default`.
    pub default: &'l str,
    /// The titles of the menus above it, as a prefix.
    pub path: &'l str,
    /// Who may open it.
    pub access: Access,
    pub depth: u32,
    /// Whether the default of the enclosing menus leads here.
    pub is_default: bool,
}

/// An item that is being turned into an entry.
struct Chosen<'l> {
    title: String,
    access: Access,
    /// The rest of the default's path, for the menu that it opens.
    below: &'l str,
    /// Whether it boots unattended.
    is_default: bool,
    depth: u32,
}

impl Collector<'_, '_> {
    /// Adds the entries of a menu. If a limit is exceeded, `leaves` holds the items before that.
    ///
    /// # Errors
    /// [`Error::Limit`]
    pub fn items(&mut self, menu: &[Item], level: &Level<'_>, leaves: &mut Leaves) -> Result<(), Error> {
        let (head, rest) = split_default(level.default);
        let default = position(menu, &head);
        for (i, item) in menu.iter().enumerate() {
            let is_default = Some(i) == default;
            let chosen = Chosen {
                title: format!("{}{}", level.path, item.title),
                access: users::both(&level.access, self.access(item)?),
                below: if is_default { &rest } else { "" },
                is_default: is_default && level.is_default,
                depth: level.depth,
            };
            leaves.push(self.item(item, chosen)?);
            if self.found.entries.len() > MOST {
                return Err(Error::Limit { line: item.line, what: "menu entries", limit: number(MOST) });
            }
        }
        Ok(())
    }

    /// Who may select an item.
    ///
    /// # Errors
    /// [`Error::Limit`]
    fn access(&self, item: &Item) -> Result<Access, Error> {
        let environment = item.context.as_deref().unwrap_or(self.grub.environment());
        let lists = (environment.lookup("superusers"), item.users.as_deref());
        // Each name is compared with all users, which costs time.
        let names = total([lists.0.map_or(0, str::len), lists.1.map_or(0, str::len)]);
        self.grub.budget.command(item.line, names, 0)?;
        Ok(self.grub.users.access(lists.0, lists.1))
    }

    fn item(&mut self, item: &Item, chosen: Chosen<'_>) -> Result<Option<usize>, Error> {
        if matches!(item.kind, Kind::Bls(_)) {
            return Ok(None);
        }
        let selected = self.grub.select(item, chosen.below)?;
        if !item.is_submenu() && selected.menu.is_empty() {
            return self.entry(item, selected.boot, chosen);
        }
        if chosen.depth >= DEEPEST {
            let (line, limit) = (item.line, u64::from(DEEPEST));
            return Err(Error::Limit { line, what: "submenus in submenus", limit });
        }
        let level = Level {
            default: &selected.default,
            path: &format!("{} / ", chosen.title),
            access: chosen.access,
            // Cannot saturate: it is below the deepest.
            depth: chosen.depth.saturating_add(1),
            is_default: chosen.is_default,
        };
        let mut leaves = Leaves::new();
        self.items(&selected.menu, &level, &mut leaves)?;
        self.settle(&selected.menu, &level, &leaves);
        // A default that names a submenu means that submenu's own default.
        let (head, _) = split_default(&selected.default);
        Ok(position(&selected.menu, &head).and_then(|at| leaves.get(at).copied().flatten()))
    }

    /// Tells the BLS entries of a menu their position in it; returns whether there are any.
    pub fn settle(&mut self, menu: &[Item], level: &Level<'_>, leaves: &Leaves) -> bool {
        let (head, _) = split_default(level.default);
        let is_here = level.is_default && position(menu, &head).is_none();
        let mut shows_any = false;
        for (at, item) in menu.iter().enumerate() {
            let Kind::Bls(index) = item.kind else { continue };
            shows_any = true;
            let environment = item.context.as_deref().unwrap_or(self.grub.environment());
            let enclosing = EnclosingMenu {
                superusers: environment.lookup("superusers").map(String::from),
                users: Rc::clone(&self.grub.users),
                access: level.access.clone(),
                default: is_here.then(|| head.clone()),
                before: leaves.get(..at).unwrap_or_default().to_vec(),
                after: leaves.get(behind(at)..).unwrap_or_default().to_vec(),
            };
            if let Some(cfg) = self.grub.scripts.blscfg.get_mut(index) {
                cfg.menu = enclosing;
            }
        }
        shows_any
    }

    /// Whether a volume is on the disk of the configuration.
    fn is_near(&self, volume: VolumeId) -> bool {
        let disk = |volume| self.grub.volumes.get(volume).map(Volume::disk);
        disk(volume) == disk(self.source.volume)
    }

    /// Adds the entry of an item. An item that starts nothing is left out, unless it is the default: its place must not
    /// be taken by another entry, which could be an installer.
    fn entry(&mut self, item: &Item, boot: Boot, chosen: Chosen<'_>) -> Result<Option<usize>, Error> {
        let leaving = match boot.known.filter(|_| !boot.is_loaded()) {
            Some(volume) if !self.is_near(volume) => Some(Leaving::Machine("configfile".into())),
            Some(_) => return Ok(None),
            None => boot.leaving.clone(),
        };
        let mut is_kept = matches!(leaving, Some(Leaving::Machine(_)));
        let start = match (leaving, chosen.is_default) {
            (Some(Leaving::Machine(_)), false) => return Ok(None),
            (Some(Leaving::Machine(command)), true) => Ok(elsewhere(command)),
            _ => boot.start(),
        };
        let start = match start {
            Ok(start) => start,
            Err(reason) => {
                let title: String = item.title.chars().take(100).collect();
                let object = format!("{} \"{title}\"", self.source.path);
                let error = Error::NoKernel { reason: reason.clone() };
                self.found.problems.push(Problem::new(object, error));
                if !chosen.is_default {
                    return Ok(None);
                }
                is_kept = true;
                elsewhere(reason)
            }
        };
        self.grub.budget.menu(item.line, total([size(&start), chosen.title.len()]))?;
        let entry = Entry {
            title: chosen.title,
            version: String::new(),
            id: item.id.clone(),
            source: self.source.clone(),
            start,
            counting: None,
            default: false,
            is_first: false,
            access: chosen.access,
        };
        self.grub.share.entry(&entry)?;
        self.found.entries.push(entry);
        let place = self.found.entries.len().checked_sub(1);
        if is_kept {
            self.kept = place;
        }
        Ok(place)
    }
}

fn elsewhere(command: String) -> Start {
    Start::Elsewhere(Elsewhere { command })
}

/// Bytes of the paths and options that an entry starts.
fn size(start: &Start) -> usize {
    match start {
        Start::Linux(linux) => {
            let initrd = linux
                .initrd
                .iter()
                .flat_map(|initrd| [initrd.file.path.len(), initrd.name.as_ref().map_or(0, String::len)]);
            total(initrd.chain([linux.options.len(), linux.kernel.path.len()]))
        }
        Start::Program(program) => {
            total([program.file.path.len(), program.options.as_ref().map_or(0, String::len)])
        }
        Start::Url(url) => url.url.len(),
        Start::Elsewhere(elsewhere) => elsewhere.command.len(),
    }
}

/// How long GRUB's menu waits with these `timeout` and `timeout_style`; without a timeout, for ever.
///
/// Source: GRUB 2.14, grub-core/normal/menu.c.
pub fn wait(timeout: &str, style: &str) -> Wait {
    let Some((seconds, _)) = number::prefix(timeout) else { return Wait::Forever };
    match style {
        "hidden" | "countdown" => Wait::Hidden,
        _ => Wait::Seconds(u32::try_from(seconds).unwrap_or(u32::MAX)),
    }
}

/// `1>2` is entry 2 of submenu 1; `>>` is a `>` of a title.
pub fn split_default(default: &str) -> (String, String) {
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

/// The item that a number, title or id means; the first if there is no such item. Text that starts with a digit is a
/// number, whatever follows. None if the menu shows BLS entries and the item is one of them, or comes after them.
pub fn position(menu: &[Item], default: &str) -> Option<usize> {
    let bls = menu.iter().position(|item| matches!(item.kind, Kind::Bls(_)));
    let is_named = |item: &Item| item.title == default || item.id == default;
    let chosen = match number::prefix(default) {
        Some((number, _)) => {
            usize::try_from(number).ok().filter(|number| *number < bls.unwrap_or(menu.len()))
        }
        None => menu.iter().position(|item| is_named(item) && !matches!(item.kind, Kind::Bls(_))),
    };
    let first = if menu.is_empty() || bls.is_some() { None } else { Some(0) };
    // Without a default, the first item.
    let is_first = default.is_empty() && bls != Some(0) && !menu.is_empty();
    if is_first { Some(0) } else { chosen.or(first) }
}

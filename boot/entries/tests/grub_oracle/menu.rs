// SPDX-License-Identifier: BSD-3-Clause
//! The whole menu of a configuration, as GRUB has it and as we have it, in the same form.

use std::rc::Rc;

use entries::{Arch, File, Found, Kind, Start, Wait, discover};
use vfs::{Disk, Volumes};

use crate::{
    disk::Partition,
    grub::{Call, Grub, Run},
};

/// Entries of one menu: a walk beyond has lost its way.
const MOST: usize = 25;
/// Title of the entry that driver.cfg puts behind all others.
const END: &str = "@end";

/// What booting an entry comes to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Leaf {
    pub title: String,
    pub id: String,
    /// The kernel or the program, with its volume, or the command that leads to another disk.
    pub file: String,
    /// The command line; none for a program without one.
    pub options: Option<String>,
    pub initrds: Vec<String>,
    pub devicetree: Option<String>,
}

/// How long a menu waits.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Timeout {
    /// Nobody has looked.
    #[default]
    Unknown,
    /// The menu says nothing of it.
    Unset,
    /// So long.
    Set(Wait),
}

/// A menu: what can be booted, in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Menu {
    pub leaves: Vec<Leaf>,
    pub default: Option<Leaf>,
    /// How long the menu waits.
    pub timeout: Timeout,
}

impl Menu {
    /// Where GRUB gives a kernel no argument at all, we give what the system on its volume says, if there is one:
    /// the root filesystem, which is that volume. That is the one difference on purpose.
    pub fn complete(&mut self, disk: &str, partitions: &[Partition]) {
        for leaf in self.leaves.iter_mut().chain(&mut self.default) {
            let is_its_root = |(i, partition): &(usize, &Partition)| {
                leaf.file.starts_with(&format!("({disk},gpt{})", i + 1))
                    && partition.files.iter().any(|(path, _)| path.starts_with("/etc/"))
            };
            let root = partitions.iter().enumerate().find(is_its_root);
            if let (Some(""), Some((_, root))) = (leaf.options.as_deref(), root) {
                leaf.options = Some(format!("root=UUID={} ro", root.uuid));
            }
        }
    }
}

/// What GRUB says. Its menu is looked at by numbers until the entry that driver.cfg has added, that of a submenu until an
/// entry comes again: a number too large means the first.
pub fn of_grub(grub: &mut Grub) -> Menu {
    // First of all: entries change grubenv.
    let run = grub.choose(None, "");
    let timeout = Timeout::Set(wait(&run.timeout));
    let mut menu = Menu { leaves: Vec::new(), default: leaf(&run), timeout };
    if run.is_nested && run.titles.last().is_some_and(|title| title == END) {
        // The configuration itself opened another one, which has variables of its own.
        menu.timeout = Timeout::Unknown;
        repeat(|number| grub.choose(Some("0"), &number.to_string()), |_, run| menu.leaves.extend(leaf(&run)));
        return menu;
    }
    for number in 0.. {
        assert!(number < MOST, "the menu has no end");
        let path = number.to_string();
        let run = grub.choose(Some(&path), "");
        if run.titles.first().is_some_and(|title| title == END) {
            break;
        }
        below(grub, &path, run, 1, &mut menu.leaves);
    }
    menu
}

/// GRUB manual, "timeout" and "timeout_style"; without a time the menu waits, and is not hidden.
fn wait((timeout, style): &(String, String)) -> Wait {
    match (timeout.parse(), style.as_str()) {
        (Err(_), _) => Wait::Forever,
        (Ok(_), "hidden" | "countdown") => Wait::Hidden,
        (Ok(seconds), _) => Wait::Seconds(seconds),
    }
}

/// What stands below an entry, or the entry itself.
fn below(grub: &mut Grub, path: &str, run: Run, depth: usize, leaves: &mut Vec<Leaf>) {
    if run.is_nested {
        repeat(|number| grub.choose(Some(path), &number.to_string()), |_, run| leaves.extend(leaf(&run)));
        return;
    }
    if run.titles.len() <= depth {
        leaves.extend(leaf(&run));
        return;
    }
    let mut runs = Vec::new();
    repeat(
        |number| grub.choose(Some(&format!("{path}>{number}")), ""),
        |number, run| runs.push((number, run)),
    );
    for (number, run) in runs {
        below(grub, &format!("{path}>{number}"), run, depth + 1, leaves);
    }
}

/// Asks for entries 0, 1, 2 … until the first one comes again.
fn repeat(mut ask: impl FnMut(usize) -> Run, mut take: impl FnMut(usize, Run)) {
    let first = ask(0);
    take(0, first.clone());
    for number in 1.. {
        assert!(number < MOST, "the submenu has no end");
        let run = ask(number);
        if run == first {
            return;
        }
        take(number, run);
    }
}

/// What a run would have started; none where that is nothing that we could start.
fn leaf(run: &Run) -> Option<Leaf> {
    let last = |names: &[&str]| run.calls.iter().rposition(|call| names.contains(&call.command.as_str()));
    let at = last(&["linux", "chainloader", "exit"])?;
    let (call, behind) = (&run.calls[at], &run.calls[at..]);
    let of_kind = |name: &str| behind.iter().rfind(|call| call.command == name);
    // A `>` of an identifier is doubled.
    let id = call.chosen.replace(">>", "\0").rsplit('>').next()?.replace('\0', ">");
    let titles: Vec<&str> = run.titles.iter().map(String::as_str).filter(|title| *title != END).collect();
    let leaf = Leaf {
        title: titles.join(" / "),
        id,
        file: match call.arguments.first() {
            _ if call.command == "exit" => call.command.clone(),
            Some(sectors) if is_sectors(sectors) => format!("{} {sectors}", call.command),
            Some(path) => place(call, path),
            None => return None,
        },
        options: match call.command.as_str() {
            "linux" => Some(command_line(&call.arguments[1..])),
            _ => Some(call.arguments.iter().skip(1).cloned().collect::<Vec<_>>().join(" "))
                .filter(|text| !text.is_empty()),
        },
        initrds: of_kind("initrd")
            .map_or(Vec::new(), |call| call.arguments.iter().map(|path| place(call, path)).collect()),
        devicetree: run
            .calls
            .iter()
            .rfind(|call| call.command == "devicetree")
            .map(|call| place(call, &call.arguments[0])),
    };
    Some(leaf)
}

/// Whether an argument of `chainloader` means sectors of a disk.
fn is_sectors(path: &str) -> bool {
    let sectors = path.rsplit_once(')').map_or(path, |(_, sectors)| sectors);
    sectors.starts_with(|c: char| c == '+' || c.is_ascii_digit())
}

/// A file's name with its device.
fn place(call: &Call, path: &str) -> String {
    if path.starts_with('(') { path.into() } else { format!("({}){path}", call.root) }
}

/// GRUB manual, "linux": arguments as they stand; GRUB's `grub_create_loader_cmdline` puts those with spaces in quotes.
fn command_line(arguments: &[String]) -> String {
    let words = arguments.iter().map(|word| {
        let word = word.replace('\\', "\\\\").replace('\'', "\\'").replace('"', "\\\"");
        if word.contains(' ') { format!("\"{word}\"") } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// What we say of the same disk, which has the number that GRUB gives it.
pub fn of_ours(name: &str, disk: Vec<u8>) -> (Menu, Found) {
    let number: usize = name.strip_prefix("hd").and_then(|number| number.parse().ok()).expect(name);
    let mut disks = vec![vec![0; 1 << 20]; number];
    disks.push(disk);
    let disk = |(i, bytes): (usize, Vec<u8>)| Disk { device: Rc::new(bytes), name: format!("hd{i}") };
    let volumes = Volumes::discover(disks.into_iter().enumerate().map(disk).collect());
    assert_eq!(volumes.problems(), [], "the disk is sound");
    let found = discover(&volumes, Arch::X86_64, &|_, _| false);
    let place = |file: &File| {
        let volume = volumes.get(file.volume).map_or("?", |volume| volume.name());
        format!("({volume}){}", String::from_utf8_lossy(&file.path))
    };
    let timeout = found.wait.map_or(Timeout::Unset, Timeout::Set);
    let mut menu = Menu { timeout, ..Menu::default() };
    for entry in found.entries.iter().filter(|entry| entry.source.kind != Kind::Efi) {
        let mark = if entry.version.is_empty() { &entry.id } else { &entry.version };
        let suffix = format!(" ({mark})");
        let (mut initrds, mut options, mut devicetree) = (Vec::new(), None, None);
        let file = match &entry.start {
            Start::Linux(linux) => {
                initrds.extend(linux.initrd_files().map(place));
                options = Some(linux.options.clone());
                devicetree = linux.devicetree.as_ref().map(place);
                place(&linux.kernel)
            }
            Start::Program(program) => {
                options.clone_from(&program.options);
                place(&program.file)
            }
            Start::Url(url) => url.url.clone(),
            Start::Elsewhere(elsewhere) => elsewhere.command.clone(),
        };
        // It keeps the place of a default that starts nothing.
        if !file.starts_with('(') && file != "exit" && !file.starts_with("chainloader ") {
            continue;
        }
        let leaf = Leaf {
            title: entry.title.strip_suffix(&suffix).unwrap_or(&entry.title).into(),
            id: entry.id.strip_suffix(".conf").unwrap_or(&entry.id).into(),
            file,
            options,
            initrds,
            devicetree,
        };
        if entry.default {
            menu.default = Some(leaf.clone());
        }
        menu.leaves.push(leaf);
    }
    (menu, found)
}

/// What is different, a line for each thing.
pub fn differences(grub: &Menu, ours: &Menu) -> Vec<String> {
    let mut lines = Vec::new();
    for i in 0..grub.leaves.len().max(ours.leaves.len()) {
        match (grub.leaves.get(i), ours.leaves.get(i)) {
            (Some(a), Some(b)) if is_same(a, b) => {}
            (a, b) => lines.push(format!("entry {i}\n  GRUB {a:?}\n  ours {b:?}")),
        }
    }
    match (&grub.default, &ours.default) {
        (Some(a), Some(b)) if is_same(a, b) => {}
        // An entry that starts nothing here: no other one takes its place.
        (None, None) => {}
        (a, b) => lines.push(format!("default\n  GRUB {a:?}\n  ours {b:?}")),
    }
    // Where there is no choice nobody has to make one.
    let is_choice = grub.leaves.len() > 1 || grub.timeout != Timeout::Set(Wait::Forever);
    if is_choice && grub.timeout != Timeout::Unknown && grub.timeout != ours.timeout {
        lines.push(format!("timeout\n  GRUB {:?}\n  ours {:?}", grub.timeout, ours.timeout));
    }
    lines
}

fn is_same(grub: &Leaf, ours: &Leaf) -> bool {
    // Identifiers of ours have no other characters, and none twice.
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '_' | '.');
    let id = if grub.id.chars().all(is_allowed) { grub.id.clone() } else { ours.id.clone() };
    let (mut grub, mut ours) = (Leaf { id, ..grub.clone() }, ours.clone());
    // A deviation on purpose: of a byte in hexadecimal digits Debian's GRUB drops the backslash where it is not quoted
    // and doubles it where it is; ours keeps it as Red Hat's does.
    if ours.title == "Hexadecimal bytes" {
        for leaf in [&mut grub, &mut ours] {
            leaf.options = leaf.options.take().map(|text| text.replace('\\', ""));
        }
    }
    grub == ours
}

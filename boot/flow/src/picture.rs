// SPDX-License-Identifier: BSD-3-Clause
//! What the menu shows of entries.

use alloc::{format, string::String, vec, vec::Vec};

use config::{Config, Menu as Setting};
use entries::{Entry, File, Found, Kind, Start};
use menu::{Item, Menu};
use vfs::Volumes;

use crate::{Parts, report::Seconds};

/// The menu over these entries.
pub fn menu(
    parts: &Parts<'_>,
    config: &Config,
    volumes: &Volumes,
    found: &Found,
    default: Option<&Entry>,
) -> Menu {
    let items = found.entries.iter().map(|entry| item(entry, volumes)).collect();
    let is_default = |entry: &Entry| default.is_some_and(|default| core::ptr::eq(default, entry));
    let default = found.entries.iter().position(is_default).unwrap_or(0);
    let log =
        parts.console.lines().iter().map(|line| format!("{} {}", Seconds(line.time), line.text)).collect();
    Menu::new(&format!("cloud-boot {} {}", parts.version, parts.machine), items, default)
        .locked(parts.is_locked || config.menu() == Setting::Locked)
        .with_setup(parts.variables.has_setup())
        .with_log(log)
}

fn item(entry: &Entry, volumes: &Volumes) -> Item {
    let name = |file: &File| {
        let volume = volumes.get(file.volume).map_or("?", |volume| volume.name());
        format!("{volume} {}", String::from_utf8_lossy(&file.path))
    };
    let volume = volumes.get(entry.source.volume).map_or("?", |volume| volume.name());
    let mut details = vec![
        entry.title.clone(),
        format!("identifier   {}", entry.id),
        format!("source       {volume} {}", entry.source.path),
    ];
    let options = match &entry.start {
        Start::Linux(linux) => {
            details.push(format!("kernel       {}", name(&linux.kernel)));
            details.extend(linux.initrd.iter().map(|file| format!("initrd       {}", name(file))));
            details.extend(linux.devicetree.iter().map(|file| format!("device tree  {}", name(file))));
            Some(linux.options.clone())
        }
        Start::Program(program) => {
            details.push(format!("program      {}", name(&program.file)));
            program.options.clone()
        }
        Start::Elsewhere(elsewhere) => {
            details.push(format!("leaves with   {}", elsewhere.command));
            None
        }
    };
    let line: Vec<char> = options.iter().flat_map(|text| text.chars()).collect();
    details.extend(line.chunks(65).map(|part| format!("options      {}", part.iter().collect::<String>())));
    Item {
        title: entry.title.clone(),
        note: format!("{} {volume}", kind(entry.source.kind)),
        details,
        options,
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Uki => "UKI",
        Kind::Bls => "BLS",
        Kind::Grub => "GRUB",
        Kind::Extlinux => "extlinux",
        Kind::Glob => "by name",
        Kind::Efi => "EFI",
    }
}

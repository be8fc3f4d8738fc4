// SPDX-License-Identifier: BSD-3-Clause
//! Merges the menus of all configurations into one list of entries.

use alloc::{string::String, vec::Vec};
use core::mem::take;

use menu::Wait;
use vfs::{Volume, Volumes};

use crate::{Entry, Found, Kind, Start, bls};

/// What one configuration offers.
#[derive(Debug, Default)]
pub struct Menu {
    /// In its order.
    pub entries: Vec<Entry>,
    /// Index of its default; if none, the first entry is.
    pub default: Option<usize>,
    /// The pattern of its default, if that matches no entry of this list: it may name another EFI program.
    pub of_others: Option<String>,
    /// Whether the entry that was booted last is the default, if it still exists.
    pub starts_last: bool,
    /// Its timeout, if it sets one.
    pub wait: Option<Wait>,
    /// The reasons why its command lines must not be edited.
    pub locks: Vec<String>,
}

/// One list: sorted by disk, then by kind; EFI programs of other systems come last.
///
/// The first menu with entries decides: its default is the default, and its time is the time. Where
/// there is an entry, exactly one is the default.
pub fn merge(volumes: &Volumes, mut menus: Vec<Menu>) -> Found {
    let places = menus.iter().map(|menu| menu.entries.first().map(|entry| place(volumes, entry)));
    let mut order: Vec<_> = places.zip(0..).collect();
    order.sort_unstable();
    let mut found = Found::default();
    let mut of_others = None;
    for (_, at) in order {
        let menu = menus.get_mut(at).map(take).unwrap_or_default();
        found.locks.extend(menu.locks);
        if menu.entries.is_empty() {
            continue;
        }
        let decides = found.entries.is_empty();
        let default = menu.default.unwrap_or(0);
        if decides {
            (found.wait, found.starts_last) = (menu.wait, menu.starts_last);
            of_others = menu.of_others;
        }
        let leaves = |entry: &&Entry| matches!(entry.start, Start::Elsewhere(_));
        found.elsewhere.extend(menu.entries.get(default).filter(leaves).map(|entry| entry.source.volume));
        let entries = menu.entries.into_iter().enumerate();
        found.entries.extend(entries.map(|(i, entry)| {
            let is_first = i == default;
            Entry { default: decides && is_first, is_first, ..entry }
        }));
    }
    if let Some(pattern) = of_others {
        choose_program(volumes, &mut found.entries, &pattern);
    }
    found
}

/// Makes another EFI program the default if loader.conf of its disk names it: systemd-boot detects Windows and the
/// shell by itself, too.
fn choose_program(volumes: &Volumes, entries: &mut [Entry], pattern: &str) {
    let disk = |entry: &Entry| volumes.get(entry.source.volume).map(Volume::disk);
    let here = entries.first().and_then(disk);
    let is_meant = |entry: &Entry| {
        entry.source.kind == Kind::Efi && disk(entry) == here && bls::is_meant(pattern, &entry.id)
    };
    if let Some(chosen) = entries.iter().position(is_meant) {
        for (at, entry) in entries.iter_mut().enumerate() {
            entry.default = at == chosen;
        }
    }
}

/// The sort key of menus.
fn place(volumes: &Volumes, entry: &Entry) -> (bool, usize, u8) {
    let rank = match entry.source.kind {
        Kind::Uki | Kind::Bls => 0,
        Kind::Grub => 1,
        Kind::Extlinux => 2,
        Kind::Glob => 3,
        Kind::Efi => 4,
    };
    let disk = volumes.get(entry.source.volume).map_or(0, Volume::disk);
    (entry.source.kind == Kind::Efi, disk, rank)
}

// SPDX-License-Identifier: BSD-3-Clause
//! Whole boots on a machine of fakes: what the console shows, and how it ends.

mod cache;
mod disks;
mod files;
mod instance;
mod machine;
mod menus;
mod network;
mod order;
mod rounds;
mod subvolumes;

use std::{eprintln, format, string::String, vec, vec::Vec};

use disks::Disk;
use machine::{End, Machine};

/// A boot: its name, the machine, the console's lines, and the end.
///
/// Two lines stand for several each: `BOOTS hd0 NAME` for those of an entry of grub.cfg that is started, and
/// `BROKEN hd0 NAME: NEXT` for those of one whose kernel is missing.
pub struct Scenario(&'static str, Machine, &'static [&'static str], End);

/// Boots each, and shows all that differ.
pub fn check(scenarios: Vec<Scenario>) {
    let mut differing = 0;
    for Scenario(name, machine, lines, end) in scenarios {
        let lines: Vec<String> = lines.iter().flat_map(|line| expanded(line)).collect();
        let (shown, ended) = machine.boot();
        if shown != lines || ended != end {
            differing += 1;
            eprintln!("{name}: expected {lines:#?} {end:?}\nfound {shown:#?} {ended:?}");
        }
    }
    assert_eq!(differing, 0, "scenarios that differ");
}

fn expanded(line: &str) -> Vec<String> {
    let choose = |disk: &str, name: &str| format!("choose \"{name}\" from {disk} /grub/grub.cfg");
    if let Some((disk, name)) = line.strip_prefix("BOOTS ").and_then(|rest| rest.split_once(' ')) {
        let id = id(name);
        return vec![
            choose(disk, name),
            format!("obtain /{id} (1.5 KiB)"),
            "obtain /initrd (6 bytes)".into(),
            format!("start \"{name}\": root={id}"),
        ];
    }
    let Some((disk, rest)) = line.strip_prefix("BROKEN ").and_then(|rest| rest.split_once(' ')) else {
        return vec![line.into()];
    };
    let (name, next) = rest.split_once(": ").unwrap();
    let failed = format!("failed: obtain /{}: E-FS-NOTFOUND not found; {next}", id(name));
    vec![choose(disk, name), failed]
}

/// The identifier of an entry, and the name of its kernel.
fn id(title: &str) -> &str {
    title.split(' ').next().unwrap_or_default()
}

/// The end of a boot whose entry of grub.cfg stays.
fn started(name: &str) -> End {
    End::Started(format!("{name}: root={} with initrd", id(name)))
}

/// A disk with a menu that is hidden.
fn hidden(entries: &[&str]) -> Disk {
    Disk::default().grub("set timeout=0", entries)
}

/// A disk with a menu of two entries that waits as long as menus do.
fn shown(entries: &[&str]) -> Disk {
    Disk::default().grub("set timeout=5", entries)
}

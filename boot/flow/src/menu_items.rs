// SPDX-License-Identifier: BSD-3-Clause
//! The items of the menu.

use alloc::{format, string::String, vec, vec::Vec};

use config::{Config, Menu as Setting};
use dial::Seconds;
use entries::{Access, Entry, File, Kind, Start};
use menu::{Asks, Item, Menu};
use vfs::Volumes;

use crate::{Platform, ask::Offer, discover::Discovered, queue::Candidate, remote, rollback};

/// What the menu offers: the artifact of `cloudboot.image`, and the entries of disks; a locked menu offers entries of
/// disks only if disks may also start unattended.
pub fn offered<'a>(
    platform: &Platform<'_>,
    config: &'a Config,
    discovered: &'a Discovered,
) -> Vec<Candidate<'a>> {
    let image = config.image().map(Candidate::Image);
    let has_entries = !config.holds_disks_back() || !is_locked(platform, config, discovered);
    let entries = discovered.found.entries.iter().filter(|_| has_entries).map(Candidate::Entry);
    image.into_iter().chain(entries).collect()
}

/// Whether the menu is locked: command lines cannot be edited.
fn is_locked(platform: &Platform<'_>, config: &Config, discovered: &Discovered) -> bool {
    platform.policy.is_locked || config.menu() == Setting::Locked || !discovered.found.locks.is_empty()
}

/// The menu over these candidates.
pub fn menu(
    platform: &Platform<'_>,
    config: &Config,
    discovered: &Discovered,
    offered: &[Candidate<'_>],
    offer: &Offer<'_>,
) -> Menu {
    let items = offered.iter().map(|candidate| match candidate {
        Candidate::Image(reference) => image_item(reference),
        Candidate::Entry(entry) => item(entry, &discovered.volumes),
    });
    let items = items.collect();
    let is_under = |candidate: &Candidate<'_>| offer.cursor.is_some_and(|cursor| cursor.is(*candidate));
    let cursor = offered.iter().position(is_under).unwrap_or(0);
    let lines = platform.console.lines();
    let log = lines.iter().map(|line| format!("{} {}", Seconds(line.time), line.text)).collect();
    let is_locked = is_locked(platform, config, discovered);
    Menu::new(&format!("cloud-boot {} {}", platform.version, platform.policy.arch), items, cursor)
        .locked(is_locked)
        .with_epochs(if is_locked { 0 } else { rollback::count(platform.floors) })
        .with_setup(platform.variables.has_setup())
        .with_log(log)
        .with_timeout(offer.timeout)
        .with_message(offer.message.clone())
}

/// The artifact of `cloudboot.image`. Its command line is unknown until it has been fetched, so it cannot be edited.
fn image_item(reference: &str) -> Item {
    Item {
        title: remote::title(reference),
        note: "OCI registry".into(),
        details: vec![reference.into(), "source       cloudboot.image".into()],
        options: None,
        asks: Asks::Nothing,
    }
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
            details.extend(linux.initrd_files().map(|file| format!("initrd       {}", name(file))));
            details.extend(linux.devicetree.iter().map(|file| format!("device tree  {}", name(file))));
            Some(linux.options.clone())
        }
        Start::Program(program) => {
            details.push(format!("program      {}", name(&program.file)));
            program.options.clone()
        }
        Start::Url(url) => {
            details.push(format!("from         {}", remote::address(&url.url)));
            url.options.clone()
        }
        Start::Elsewhere(elsewhere) => {
            details.push(format!("leaves with  {}", elsewhere.command));
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
        asks: asks(&entry.access),
    }
}

/// The login that an entry asks for.
fn asks(access: &Access) -> Asks {
    match access {
        Access::Anyone => Asks::Nothing,
        Access::Users(users) if !users.is_empty() && users.iter().all(|user| user.name.is_empty()) => {
            Asks::Password
        }
        Access::Users(_) => Asks::UserAndPassword,
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

// SPDX-License-Identifier: BSD-3-Clause
//! `blscfg`: entries of the Boot Loader Specification in GRUB's menu.
//!
//! Source: Fedora's grub2, grub-core/commands/blscfg.c.

use alloc::{format, string::String, vec::Vec};

use super::{Call, Status};
use crate::{
    Error, File,
    grub::{
        blscfg::{BlsCfg, EnclosingMenu},
        interpreter::Interpreter,
        item::Item,
    },
};

/// Folders of entries, unless `blsdir` names another.
const FOLDERS: [&str; 2] = ["/loader/entries", "/boot/loader/entries"];

/// Shows the entries on `$boot`, on `$root`, on the script's volume, or in the folder that is named. Always all of
/// them, even if only the default, the others or one by name is asked for: that one is among them.
pub fn blscfg(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    let Some(cfg) = called(grub, call) else { return Ok(Status::Success) };
    if !grub.scripts.blscfg.iter().any(|known| known.volume == cfg.volume) {
        // The variables are kept until the entries are read, so they are charged.
        grub.share.text.charge(grub.environment().bytes())?;
        let index = grub.scripts.blscfg.len();
        grub.scripts.blscfg.push(BlsCfg { variables: grub.environment().all(), ..cfg });
        grub.here.menu.push(Item::bls(index, call.line));
    }
    Ok(Status::Success)
}

/// Which entries are meant.
fn called(grub: &Interpreter<'_>, call: &Call<'_>) -> Option<BlsCfg> {
    let environment = grub.environment();
    let named = call.first().and_then(|path| path.strip_prefix('(')?.split_once(')'));
    let folder = named.map(|(_, folder)| folder).or_else(|| environment.lookup("blsdir"));
    let folder = folder.map(|folder| folder.trim_end_matches('/')).filter(|folder| folder.starts_with('/'));
    let folders: Vec<&str> =
        folder.into_iter().chain(FOLDERS.into_iter().filter(|_| named.is_none())).collect();
    let devices = match named {
        Some((device, _)) => Vec::from([device]),
        None => Vec::from([environment.get("boot"), environment.get("root")]),
    };
    let on = |device| folders.iter().filter_map(move |folder| grub.spot(&format!("({device}){folder}")));
    // The script's own volume, whatever GRUB's variables name.
    let home = grub.home().filter(|_| named.is_none());
    let beside = home.iter().flat_map(|home| folders.iter().map(|folder| (home.volume, *folder)));
    let beside = beside.map(|(volume, folder)| File { volume, path: folder.into() });
    let is_there = |file: &File| {
        grub.volumes.get(file.volume).is_some_and(|volume| grub.node(volume, &file.path).is_some())
    };
    let File { volume, path } = devices.into_iter().flat_map(on).chain(beside).find(is_there)?;
    let folder = String::from_utf8(path).ok().filter(|path| !FOLDERS.contains(&path.as_str()));
    Some(BlsCfg {
        volume,
        folder,
        variables: Vec::new(),
        wait: None,
        source: None,
        menu: EnclosingMenu::default(),
    })
}

// SPDX-License-Identifier: BSD-3-Clause
//! `blscfg`: entries of the Boot Loader Specification in GRUB's menu.
//!
//! Source: Fedora's grub2, grub-core/commands/blscfg.c.

use alloc::{string::String, vec::Vec};

use vfs::Volume;

use super::{Call, Status};
use crate::{
    Error,
    grub::{
        blscfg::{Around, BlsCfg},
        interpreter::Interpreter,
        item::Item,
    },
};

/// Where entries stand unless `blsdir` says something else.
const FOLDERS: [&str; 2] = ["/loader/entries", "/boot/loader/entries"];

/// Shows the entries that stand on `$boot`, `$root`, or beside the script, or in the folder that is named. All of
/// them, whether the default, the others or one by its name is asked for: it is found among them.
pub fn blscfg(grub: &mut Interpreter<'_>, call: &Call<'_>) -> Result<Status, Error> {
    let Some(cfg) = called(grub, call) else { return Ok(Status::Success) };
    if !grub.scripts.blscfg.iter().any(|known| known.volume == cfg.volume) {
        // The variables stay until the entries are read.
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
    let on = |device: &str| grub.places.volume(device);
    let usual = || [on(environment.get("boot")), on(environment.get("root")), grub.home()];
    let volumes = named.map_or_else(usual, |(device, _)| [on(device), None, None]);
    let has_entries = |volume: &&Volume| {
        let folders = folder.as_slice().iter().chain(FOLDERS.iter().filter(|_| named.is_none()));
        folders.copied().any(|path| grub.node(volume, path.as_bytes()).is_some())
    };
    let volume = volumes.into_iter().flatten().find(has_entries)?.id();
    let folder = folder.map(String::from);
    Some(BlsCfg { volume, folder, variables: Vec::new(), wait: None, source: None, menu: Around::default() })
}

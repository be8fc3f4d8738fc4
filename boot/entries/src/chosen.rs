// SPDX-License-Identifier: BSD-3-Clause
//! For a subvolume that was chosen instead of the default one: the system in it must start as itself, although its
//! configuration may be a copy of another system's.

use alloc::{format, string::String};

use vfs::Volume;

use crate::{
    Entry, Error, Start,
    checksum::checksum,
    filesystems,
    glob::FLAGS,
    marks::Marks,
    merge::Menu,
    search::{Search, retain},
};

/// Drops entries that start files of a root that is not wanted, and notes it once for each configuration.
pub fn drop_others(search: &Search<'_>, menu: &mut Menu) {
    let mut said = Marks::default();
    retain(menu, |entry| {
        let Some((source, root)) = other_root(search, entry) else { return true };
        let object = format!("{} {}", source.name(), entry.source.path);
        if said.insert((root.id().0, checksum([object.as_bytes()]))) {
            let root = root.subvolume().into();
            search.share(source).note(object, Error::OtherRoot { root });
        }
        false
    });
}

/// The root that an entry is configured on, and the root whose files it starts, if that is another one of the same
/// filesystem and not wanted. Roots nested in a wanted root belong to it.
fn other_root<'a>(search: &Search<'a>, entry: &Entry) -> Option<(&'a Volume, &'a Volume)> {
    let source = search.volumes.get(entry.source.volume)?;
    let target = search.volumes.get(entry.file()?.volume)?;
    let from = filesystems::path(source);
    let is_within = || {
        let rest = filesystems::path(target).strip_prefix(from);
        from.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_other = search.filesystems().are_one(source.id(), target.id())
        && search.is_wanted(source)
        && !search.is_wanted(target)
        && !is_within();
    is_other.then_some((source, target))
}

/// A kernel mounts the default root if its command line names none: add the chosen one.
pub fn name_root(search: &Search<'_>, entries: &mut [Entry]) {
    for entry in entries {
        let Some(flags) = flags(search, entry) else { continue };
        let Some(share) = search.of_source(entry) else { continue };
        match (share.text.charge(flags.len()), &mut entry.start) {
            (Ok(()), Start::Linux(linux)) => linux.options.push_str(&flags),
            (Err(error), _) => share.note(entry.source.path.as_str(), error),
            (Ok(()), _) => {}
        }
    }
}

/// The words that a command line lacks to mount the chosen root, if it mounts that filesystem at all.
fn flags(search: &Search<'_>, entry: &Entry) -> Option<String> {
    let linux = entry.linux()?;
    let volume = search.volumes.get(entry.source.volume)?;
    let filesystem = search.filesystems().of(volume.id())?;
    let default = search.volumes.get(filesystem.default())?;
    if !search.is_wanted(volume) || search.is_wanted(default) {
        return None;
    }
    let words = || linux.options.split_ascii_whitespace();
    let is_volume = |root: &str| {
        let label = root.strip_prefix("LABEL=").is_some_and(|label| volume.has_label(label.as_bytes()));
        let uuid = root.strip_prefix("UUID=").is_some_and(|uuid| volume.has_uuid(uuid));
        label || uuid || root.strip_prefix("PARTUUID=").is_some_and(|uuid| volume.has_partuuid(uuid))
    };
    let mounts_it = words().filter_map(|word| word.strip_prefix("root=")).next_back().is_some_and(is_volume);
    let is_silent = mounts_it && !words().any(|word| word.starts_with(FLAGS));
    is_silent.then(|| format!(" {FLAGS}subvol=/{}", filesystems::path(volume)))
}

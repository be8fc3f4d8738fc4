// SPDX-License-Identifier: BSD-3-Clause
//! Other EFI programs: loaders of other systems, the shell. They are started by their device paths.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use image::own;
use vfs::Volume;

use crate::{
    Access, Entry, File, Kind, Program, Source, Start, budget::Share, grub::MOST_VENDORS, merge::Menu,
    search::Search,
};

/// The EFI programs of a volume, except this loader itself.
pub fn find(search: &Search<'_>, volume: &Volume) -> Menu {
    let (share, mut menu) = (search.share(volume), Menu::default());
    let (suffix, fallback) = (search.arch().efi(), search.arch().boot_file());
    let mut add = |title: &str, id: &str, path: String, os: Option<&'static str>| {
        if !is_program(search, volume, &path) {
            return false;
        }
        let entry = entry(volume, title, id, path, os);
        match share.entry(&entry) {
            Ok(()) => menu.entries.push(entry),
            Err(error) => share.note(format!("{} {}", volume.name(), entry.source.path), error),
        }
        true
    };
    add("Windows Boot Manager", "auto-windows", "/EFI/Microsoft/Boot/bootmgfw.efi".into(), Some("windows"));
    for name in vendors(search, volume) {
        let lower = name.to_ascii_lowercase();
        let os = system(&lower);
        let loaders = [
            format!("shim{suffix}.efi"),
            format!("grub{suffix}.efi"),
            format!("systemd-boot{suffix}.efi"),
            "loader.efi".to_string(),
            fallback.to_string(),
        ];
        let title = format!("{name} (EFI program)");
        let id = format!("efi-{lower}");
        let mut loaders = loaders.into_iter().map(|loader| format!("/EFI/{name}/{loader}"));
        loaders.any(|path| add(&title, &id, path, os));
    }
    add("EFI default loader", "auto-efi-default", format!("/EFI/BOOT/{fallback}"), None);
    let shells = [format!("/shell{suffix}.efi"), format!("/EFI/tools/shell{suffix}.efi")];
    shells.into_iter().any(|path| add("EFI shell", "auto-efi-shell", path, None));
    menu
}

/// The folders of vendors.
fn vendors(search: &Search<'_>, volume: &Volume) -> Vec<String> {
    // grub.cfg is searched in the same folders: problems with them were reported there.
    let names = search.share(volume).names(volume, b"/EFI").unwrap_or_default();
    let names = names.into_iter().take(MOST_VENDORS).filter_map(|(name, _)| String::from_utf8(name).ok());
    let is_known = |name: &str| matches!(name, "boot" | "linux" | "microsoft" | "tools" | "cloudboot");
    names.filter(|name| !is_known(&name.to_ascii_lowercase())).collect()
}

/// Whether a path is an EFI program other than this loader.
fn is_program(search: &Search<'_>, volume: &Volume, path: &str) -> bool {
    let share = search.share(volume);
    share.is_file(volume, path.as_bytes()) && !leads_back(search, share, volume, path)
}

/// Whether a program is this loader, or starts it. If the budget is used up, it counts as such.
pub fn leads_back(search: &Search<'_>, share: &Share, volume: &Volume, path: &str) -> bool {
    let is_own = |path: &str| share.bytes.charge(own::MOST_READ).is_err() || search.is_own(volume, path);
    is_own(path) || started_by(search, path).is_some_and(|path| is_own(&path))
}

/// The program that shim starts: the GRUB file beside it. A program at firmware's fallback path counts as shim, too:
/// this loader may be installed under GRUB's name so that shim starts it.
fn started_by(search: &Search<'_>, path: &str) -> Option<String> {
    let (folder, name) = path.rsplit_once('/')?;
    let (suffix, fallback) = (search.arch().efi(), search.arch().boot_file());
    let is_shim = name.eq_ignore_ascii_case(fallback) || name == format!("shim{suffix}.efi");
    is_shim.then(|| format!("{folder}/grub{suffix}.efi"))
}

/// The system that a folder of a vendor belongs to.
fn system(folder: &str) -> Option<&'static str> {
    ["freebsd", "netbsd", "openbsd"].into_iter().find(|system| *system == folder)
}

fn entry(volume: &Volume, title: &str, id: &str, path: String, os: Option<&'static str>) -> Entry {
    let file = File { volume: volume.id(), path: Vec::from(path.as_str()) };
    Entry {
        title: title.into(),
        version: String::new(),
        id: id.into(),
        source: Source { volume: volume.id(), path, kind: Kind::Efi },
        start: Start::Program(Program { file, options: None, os }),
        counting: None,
        default: false,
        is_first: false,
        access: Access::Anyone,
    }
}

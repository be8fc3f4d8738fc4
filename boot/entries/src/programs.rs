// SPDX-License-Identifier: BSD-3-Clause
//! Other EFI programs: loaders of other systems, the shell. They are started by their device paths.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use vfs::Volume;

use crate::{Access, Arch, Entry, File, Found, Kind, Program, Source, Start};

/// Folders below `/EFI` that are looked at.
const MOST: usize = 64;

/// Adds the programs of a volume, but for those that `is_own` takes for this very program.
pub fn find(volume: &Volume, arch: Arch, is_own: &dyn Fn(&Volume, &str) -> bool, found: &mut Found) {
    let (suffix, fallback) = match arch {
        Arch::X86_64 => ("x64", "BOOTX64.EFI"),
        Arch::Aarch64 => ("aa64", "BOOTAA64.EFI"),
        Arch::Riscv64 => ("riscv64", "BOOTRISCV64.EFI"),
        Arch::LoongArch64 => ("loongarch64", "BOOTLOONGARCH64.EFI"),
    };
    let mut add = |title: &str, id: &str, path: String, os: Option<&'static str>| {
        let is_there = volume.open(path.as_bytes()).and_then(|node| node.attr());
        if is_there.is_ok_and(|attr| attr.kind == filesystem::FileType::File) && !is_own(volume, &path) {
            found.entries.push(entry(volume, title, id, path, os));
            return true;
        }
        false
    };
    add("Windows Boot Manager", "auto-windows", "/EFI/Microsoft/Boot/bootmgfw.efi".into(), Some("windows"));
    let folders = volume.list(b"/EFI").unwrap_or_default().into_iter().take(MOST);
    for name in folders.filter_map(|folder| String::from_utf8(folder.name).ok()) {
        let lower = name.to_ascii_lowercase();
        if matches!(lower.as_str(), "boot" | "linux" | "microsoft" | "tools" | "cloudboot") {
            continue;
        }
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
        access: Access::Anyone,
    }
}

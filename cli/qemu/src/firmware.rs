// SPDX-License-Identifier: BSD-3-Clause
//! The UEFI firmware that is installed on this machine.
//!
//! Firmware packages describe their files in JSON for QEMU (docs/interop/firmware.json of QEMU); the first match by
//! name is used. Firmware without a description is looked for in the folders of the distributions.

use std::{
    fs,
    path::{Path, PathBuf},
};

use arch::Arch;
use serde::Deserialize;

use crate::{disk::Format, machine::Firmware};

/// Folders with descriptions, the administrator's first.
const FOLDERS: [&str; 3] =
    ["/etc/qemu/firmware", "/usr/local/share/qemu/firmware", "/usr/share/qemu/firmware"];

/// Features that our machine lacks, or that keep unsigned programs from starting.
const UNWANTED: [&str; 5] = ["requires-smm", "enrolled-keys", "secure-boot", "amd-sev-es", "intel-tdx"];

/// Code and variable store, where Debian, Fedora, Arch, openSUSE and QEMU itself put them.
const KNOWN: [(Arch, &str, &str); 14] = [
    (Arch::X86_64, "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    (Arch::X86_64, "/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    (Arch::X86_64, "/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
    (Arch::X86_64, "/usr/share/qemu/ovmf-x86_64-4m-code.bin", "/usr/share/qemu/ovmf-x86_64-4m-vars.bin"),
    (Arch::X86_64, "/usr/share/qemu/edk2-x86_64-code.fd", "/usr/share/qemu/edk2-i386-vars.fd"),
    (Arch::Aarch64, "/usr/share/AAVMF/AAVMF_CODE.no-secboot.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"),
    (Arch::Aarch64, "/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"),
    (Arch::Aarch64, "/usr/share/edk2/aarch64/QEMU_CODE.fd", "/usr/share/edk2/aarch64/QEMU_VARS.fd"),
    (Arch::Aarch64, "/usr/share/qemu/aavmf-aarch64-code.bin", "/usr/share/qemu/aavmf-aarch64-vars.bin"),
    (Arch::Aarch64, "/usr/share/qemu/edk2-aarch64-code.fd", "/usr/share/qemu/edk2-arm-vars.fd"),
    (
        Arch::Riscv64,
        "/usr/share/qemu-efi-riscv64/RISCV_VIRT_CODE.fd",
        "/usr/share/qemu-efi-riscv64/RISCV_VIRT_VARS.fd",
    ),
    (Arch::Riscv64, "/usr/share/qemu/edk2-riscv-code.fd", "/usr/share/qemu/edk2-riscv-vars.fd"),
    (
        Arch::Loongarch64,
        "/usr/share/qemu-efi-loongarch64/QEMU_EFI.fd",
        "/usr/share/qemu-efi-loongarch64/QEMU_VARS.fd",
    ),
    (
        Arch::Loongarch64,
        "/usr/share/edk2/loongarch64/QEMU_EFI.fd",
        "/usr/share/edk2/loongarch64/QEMU_VARS.fd",
    ),
];

/// The fields of a description that are used.
#[derive(Deserialize)]
struct Description {
    #[serde(rename = "interface-types")]
    interfaces: Vec<String>,
    mapping: Mapping,
    targets: Vec<Target>,
    features: Vec<String>,
}

#[derive(Deserialize)]
struct Mapping {
    device: String,
    executable: Option<File>,
    #[serde(rename = "nvram-template")]
    vars: Option<File>,
}

#[derive(Deserialize)]
struct File {
    filename: String,
    format: String,
}

#[derive(Deserialize)]
struct Target {
    architecture: String,
    machines: Vec<String>,
}

impl Firmware {
    /// The firmware that is installed for an architecture.
    pub fn installed(arch: Arch) -> Option<Self> {
        let described = FOLDERS.iter().find_map(|folder| described(Path::new(folder), arch));
        described.or_else(|| {
            let fits = |(of, code, vars): &&(Arch, &str, &str)| {
                *of == arch && Path::new(code).is_file() && Path::new(vars).is_file()
            };
            KNOWN.iter().find(fits).map(|(_, code, vars)| Self::raw(code, vars))
        })
    }
}

/// The first firmware for an architecture in a folder of descriptions.
fn described(folder: &Path, arch: Arch) -> Option<Firmware> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let texts = files.iter().filter(|path| path.extension().is_some_and(|end| end == "json"));
    texts.filter_map(|path| fs::read(path).ok()).find_map(|text| read(&text, arch))
}

/// The firmware of a description, if it matches our machine and its files exist.
fn read(text: &[u8], arch: Arch) -> Option<Firmware> {
    let Description { interfaces, mapping, targets, features } = serde_json::from_slice(text).ok()?;
    let board = if arch == Arch::X86_64 { "pc-q35" } else { "virt" };
    let fits = |target: &Target| {
        target.architecture == arch.name() && target.machines.iter().any(|name| name.starts_with(board))
    };
    let (code, vars) = (mapping.executable?, mapping.vars?);
    let format = match code.format.as_str() {
        "raw" => Format::Raw,
        "qcow2" => Format::Qcow2,
        _ => return None,
    };
    let is_ours = interfaces.iter().any(|name| name == "uefi")
        && mapping.device == "flash"
        && targets.iter().any(fits)
        && !features.iter().any(|feature| UNWANTED.contains(&feature.as_str()))
        && vars.format == code.format;
    let firmware = Firmware { code: code.filename.into(), vars: vars.filename.into(), format };
    (is_ours && firmware.code.is_file() && firmware.vars.is_file()).then_some(firmware)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Debian's package has it, with files that are everywhere.
    fn description(device: &str, format: &str, feature: &str) -> String {
        let file = std::env::current_exe().unwrap();
        let (file, path) = (file.display(), file.display());
        format!(
            r#"{{"description": "x", "interface-types": ["uefi"], "mapping": {{"device": "{device}",
            "executable": {{"filename": "{file}", "format": "{format}"}},
            "nvram-template": {{"filename": "{path}", "format": "{format}"}}}},
            "targets": [{{"architecture": "x86_64", "machines": ["pc-i440fx-*", "pc-q35-*"]}}],
            "features": ["acpi-s3", "{feature}"], "tags": []}}"#
        )
    }

    #[test]
    fn descriptions_that_fit_are_taken() {
        let read = |device, format, feature, arch| {
            super::read(description(device, format, feature).as_bytes(), arch)
        };
        let x86 = Arch::X86_64;
        assert_eq!(read("flash", "raw", "verbose-dynamic", x86).unwrap().format, Format::Raw);
        assert_eq!(read("flash", "qcow2", "verbose-dynamic", x86).unwrap().format, Format::Qcow2);
        assert_eq!(read("flash", "raw", "verbose-dynamic", Arch::Aarch64), None);
        assert_eq!(read("flash", "raw", "enrolled-keys", x86), None);
        assert_eq!(read("memory", "raw", "verbose-dynamic", x86), None);
        assert_eq!(read("flash", "vdi", "verbose-dynamic", x86), None);
        assert_eq!(super::read(b"{", x86), None);
    }

    #[test]
    fn what_is_described_and_missing_is_passed_over() {
        let text = description("flash", "raw", "x").replace("\"filename\": \"", "\"filename\": \"/nowhere");
        assert_eq!(super::read(text.as_bytes(), Arch::X86_64), None);
    }
}

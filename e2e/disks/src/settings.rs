// SPDX-License-Identifier: BSD-3-Clause
//! Settings of the loader outside of its disk: in a section of the program, in the firmware's variables, and in the
//! LoadOptions of a boot option.
//!
//! Source: UEFI 2.10, 3.1.3 "Load Options" and 10.3 "Device Path Nodes".

use std::{fmt::Write, fs, path::PathBuf, process::Command};

use anyhow::Result;
use clap::Args;
use part::Guid;

use crate::{Common, EPOCH, layout::ESP_GUID, scratch::Scratch, tool::run};

/// Variables of UEFI itself.
const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// Variables of cloud-boot.
const CLOUD_BOOT: &str = "c10ddb07-83c5-4d3e-9b76-1f4c0e7a3b8e";
/// NON_VOLATILE, BOOTSERVICE_ACCESS, RUNTIME_ACCESS
const ATTRIBUTES: u32 = 7;
/// LOAD_OPTION_ACTIVE
const ACTIVE: u32 = 1;

#[derive(Args)]
pub struct Variables {
    #[command(flatten)]
    pub common: Common,
    /// The variable store to start from
    #[arg(long)]
    vars: PathBuf,
    /// CloudBootCmdline, in UCS-2
    #[arg(long)]
    cmdline: Option<String>,
    /// CloudBootTarget, in UTF-8
    #[arg(long)]
    target: Option<String>,
    /// LoadOptions of the program on the ESP, which is then first in the boot order
    #[arg(long)]
    load_options: Option<String>,
}

#[derive(Args)]
pub struct Section {
    #[command(flatten)]
    pub common: Common,
    /// The program
    #[arg(long)]
    program: PathBuf,
    /// The content of the section
    #[arg(long)]
    cmdline: String,
}

/// Sets variables in a copy of a store.
///
/// # Errors
/// When virt-fw-vars fails.
pub fn variables(options: &Variables) -> Result<()> {
    let mut variables = Vec::new();
    let mut set = |name, vendor, data: &[u8]| variables.push(variable(name, vendor, data));
    if let Some(text) = &options.cmdline {
        set("CloudBootCmdline", CLOUD_BOOT, &ucs2(text));
    }
    if let Some(text) = &options.target {
        set("CloudBootTarget", CLOUD_BOOT, text.as_bytes());
    }
    if let Some(text) = &options.load_options {
        let program = format!("\\EFI\\BOOT\\{}", options.common.arch.boot_file());
        set("Boot0000", GLOBAL, &boot_option(&program, text)?);
        set("BootOrder", GLOBAL, &0_u16.to_le_bytes());
    }
    let scratch = Scratch::new("variables")?;
    let json = scratch.file("variables.json");
    fs::write(&json, format!("{{\"version\": 2, \"variables\": [{}]}}\n", variables.join(", ")))?;
    let mut command = Command::new("virt-fw-vars");
    command.arg("--input").arg(&options.vars).arg("--output").arg(&options.common.out);
    run(command.arg("--set-json").arg(&json)).map(drop)
}

/// A variable in the JSON of virt-fw-vars.
fn variable(name: &str, vendor: &str, data: &[u8]) -> String {
    let mut hex = String::new();
    for byte in data {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    format!("{{\"name\": \"{name}\", \"guid\": \"{vendor}\", \"attr\": {ATTRIBUTES}, \"data\": \"{hex}\"}}")
}

/// EFI_LOAD_OPTION of a program on the disk's ESP, which is named by its GUID alone.
fn boot_option(program: &str, options: &str) -> Result<Vec<u8>> {
    let guid: Guid = ESP_GUID.parse()?;
    // Partition 15; firmware does not compare start and size.
    let mut disk = [&15_u32.to_le_bytes()[..], &[0; 16], &guid.to_bytes()].concat();
    // The partition table is a GPT, its signature a GUID.
    disk.extend([2, 2]);
    let paths = [node(4, 1, &disk)?, node(4, 4, &ucs2(program))?, node(0x7f, 0xff, &[])?].concat();
    let mut option = ACTIVE.to_le_bytes().to_vec();
    option.extend(u16::try_from(paths.len())?.to_le_bytes());
    option.extend(ucs2("e2e"));
    option.extend(paths);
    option.extend(ucs2(options));
    Ok(option)
}

/// EFI_DEVICE_PATH_PROTOCOL: type, subtype, length, data.
fn node(kind: u8, subtype: u8, data: &[u8]) -> Result<Vec<u8>> {
    let length = u16::try_from(data.len().saturating_add(4))?;
    Ok([&[kind, subtype], &length.to_le_bytes()[..], data].concat())
}

/// With a terminating zero.
fn ucs2(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// Adds a section `.cmdline` to a copy of a program, with ukify.
///
/// # Errors
/// When ukify fails, with its output.
pub fn section(options: &Section) -> Result<()> {
    let mut command = Command::new("ukify");
    command.args(["build", "--efi-arch", options.common.arch.efi(), "--cmdline", &options.cmdline]);
    command.arg("--stub").arg(&options.program).arg("--output").arg(&options.common.out);
    run(command.env("SOURCE_DATE_EPOCH", EPOCH.to_string())).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_option_has_its_three_parts() {
        let option = boot_option("\\a", "b").unwrap();
        let (head, rest) = option.split_at(6);
        assert_eq!(head, [1, 0, 0, 0, 42 + 10 + 4, 0]);
        assert_eq!(rest[..8], *b"e\x002\x00e\x00\x00\x00");
        assert_eq!(rest[8..12], [4, 1, 42, 0]);
        assert_eq!(rest[50..60], *b"\x04\x04\x0a\x00\\\x00a\x00\x00\x00");
        assert_eq!(rest[60..], *b"\x7f\xff\x04\x00b\x00\x00\x00");
    }

    #[test]
    fn a_variable_is_in_hexadecimal() {
        let json = variable("a", GLOBAL, &[0, 0xab]);
        assert!(json.ends_with("\"attr\": 7, \"data\": \"00ab\"}"), "{json}");
    }
}

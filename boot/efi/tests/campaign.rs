// SPDX-License-Identifier: BSD-3-Clause
//! Damaged tables, device paths and variables end in values or none, within limits of time, stack and memory.

use std::rc::Rc;

use block::BlockRead;
use efi::{
    device_path::{self, HardDrive},
    device_text, fw_cfg, interface,
    load_option::LoadOption,
    log, smbios, text, varstore,
};
use oracle::campaign::{self, Depth, Plan};

/// What the bazel target of this test has time for.
const MUTANTS: usize = 1000;
const FILE: &str = "opt/org.cloudboot/cmdline";

fn all(device: &dyn BlockRead) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(device.size()).unwrap()];
    if device.read_at(0, &mut bytes).is_err() {
        bytes.clear();
    }
    bytes
}

fn run(name: &str, image: &[u8], read: fn(Rc<dyn BlockRead>, Depth) -> usize, seed: u64) {
    // Only an entry point has a checksum, and what it leads to is a table of its own.
    let repair = |_: &mut [u8], _| {};
    let layers = &["something", "what was meant"];
    let _ = campaign::run(Plan { name, image, layers, read, repair, mutants: MUTANTS, seed });
}

/// A structure of SMBIOS: header, formatted area, strings.
fn structure(kind: u8, formatted: &[u8], strings: &[&str]) -> Vec<u8> {
    let mut bytes = vec![kind, u8::try_from(formatted.len() + 4).unwrap(), 1, 0];
    bytes.extend(formatted);
    strings.iter().for_each(|string| bytes.extend(string.bytes().chain([0])));
    bytes.extend(if strings.is_empty() { &[0, 0][..] } else { &[0] });
    bytes
}

#[test]
fn smbios_table() {
    let settings = ["cloudboot:target=debian", "other", "cloudboot:cmdline.extra=quiet splash"];
    let table = [
        structure(0, &[1, 2, 0, 0xe0, 3, 0], &["EDK II", "1.00", "2026-08-01"]),
        structure(1, &[1, 2, 0, 0], &["QEMU", "Standard PC"]),
        structure(11, &[3], &settings),
        structure(127, &[], &[]),
    ]
    .concat();
    run(
        "smbios",
        &table,
        |device, _| {
            let bytes = all(&*device);
            let _ = smbios::EntryPoint::parse(&bytes);
            let settings: Vec<&str> = smbios::settings(&bytes).collect();
            let is_whole = smbios::manufacturer(&bytes).as_deref() == Some("QEMU")
                && settings == ["target=debian", "cmdline.extra=quiet splash"];
            usize::from(smbios::structures(&bytes).next().is_some()) + usize::from(is_whole)
        },
        31,
    );
}

#[test]
fn device_path_of_a_file() {
    let mut partition = vec![4, 1, 42, 0, 15, 0, 0, 0];
    partition.extend([2048u64, 4096].iter().flat_map(|number| number.to_le_bytes()));
    partition.extend(1..=16);
    partition.extend([2, 2]);
    let disk = [2, 1, 12, 0, 0xd0, 0x41, 3, 0x0a, 0, 0, 0, 0, 1, 1, 6, 0, 0, 4];
    let volume = [&disk[..], &partition].concat();
    let path = device_path::file(&volume, "\\EFI\\BOOT\\BOOTX64.EFI").unwrap();
    run(
        "device-path",
        &path,
        |device, _| {
            let bytes = all(&*device);
            let _ = device_path::linux_names(bytes.chunks(18));
            let volume = bytes.get(..60).unwrap_or_default();
            let is_partition =
                HardDrive::of(volume).is_some_and(|drive| (drive.start, drive.blocks) == (2048, 4096));
            let name = device_path::file_name(bytes.get(60..).unwrap_or_default());
            let is_whole = is_partition && name.as_deref() == Some("\\EFI\\BOOT\\BOOTX64.EFI");
            usize::from(device_path::nodes(&bytes).next().is_some()) + usize::from(is_whole)
        },
        32,
    );
}

#[test]
fn directory_of_fw_cfg() {
    let entry = |size: u32, selector: u16, name: &str| {
        let mut entry = [&size.to_be_bytes()[..], &selector.to_be_bytes(), &[0, 0], name.as_bytes()].concat();
        entry.resize(fw_cfg::ENTRY, 0);
        entry
    };
    let directory = [entry(40, 0x20, "etc/e820"), entry(7, 0x21, FILE), entry(9, 0x22, "opt/other")].concat();
    run(
        "fw-cfg",
        &directory,
        |device, _| {
            let found = fw_cfg::find(&all(&*device), FILE);
            usize::from(found.is_some())
                + usize::from(found == Some(fw_cfg::File { selector: 0x21, size: 7 }))
        },
        33,
    );
}

#[test]
fn variables() {
    // What stands behind the NUL does not count.
    let value = [text::encode("menu-hidden"), vec![0xff; 100]].concat();
    run(
        "variables",
        &value,
        |device, _| {
            let decoded = text::decode(&all(&*device));
            let _ = log::write("1", "x86_64", Some(&decoded), &[(0, &decoded)]);
            usize::from(interface::is_valid_id(&decoded)) + usize::from(decoded == "menu-hidden")
        },
        34,
    );
}

/// A store with a boot order, an option and a text, as `virt-fw-vars` writes it.
fn store() -> Vec<u8> {
    let dir = oracle::tools::work_dir("campaign-varstore");
    let path = |name: &str| dir.join(name).to_str().unwrap().to_string();
    let setting = "{\"version\":2,\"variables\":[{\"name\":\"CloudBootCmdline\",\
                   \"guid\":\"c10ddb07-83c5-4d3e-9b76-1f4c0e7a3b8e\",\"attr\":7,\"data\":\"6100620000\"}]}";
    std::fs::write(path("json"), setting).unwrap();
    let (json, made) = (path("json"), path("made"));
    let options = ["-i", "/usr/share/OVMF/OVMF_VARS_4M.fd", "--append-boot-filepath", "\\EFI\\x.efi"];
    oracle::tools::run("virt-fw-vars", &[&options[..], &["--set-json", &json, "-o", &made]].concat());
    let mut volume = std::fs::read(made).unwrap();
    // Nearly all of it is erased flash, where no reader notices damage.
    volume.truncate(4096);
    volume[32..40].copy_from_slice(&4096u64.to_le_bytes());
    volume[88..92].copy_from_slice(&(4096u32 - 72).to_le_bytes());
    make_right(&mut volume, 0);
    volume
}

/// The checksum of the volume's header.
fn make_right(volume: &mut [u8], at: usize) {
    if at < 72 {
        volume[50..52].fill(0);
        let words = volume[..72].as_chunks::<2>().0;
        let sum = words.iter().fold(0u16, |sum, word| sum.wrapping_sub(u16::from_le_bytes(*word)));
        volume[50..52].copy_from_slice(&sum.to_le_bytes());
    }
}

#[test]
fn store_of_variables() {
    let read: fn(Rc<dyn BlockRead>, Depth) -> usize = |device, _| {
        let bytes = all(&*device);
        let Ok(variables) = varstore::read(&bytes) else {
            return usize::from(varstore::find(&bytes).is_some());
        };
        let value =
            |name: &str| variables.iter().find(|variable| variable.name == name).map(|v| v.data.as_slice());
        let option = value("Boot0000").and_then(LoadOption::parse);
        let path = option.map(|option| device_text::of(option.paths));
        let is_whole =
            value("CloudBootCmdline") == Some(b"a\0b\0\0") && path.as_deref() == Some("\\EFI\\x.efi");
        2 + usize::from(is_whole)
    };
    let layers = &["volume", "store", "variables"];
    let plan = Plan {
        name: "varstore",
        image: &store(),
        layers,
        read,
        repair: make_right,
        mutants: MUTANTS,
        seed: 35,
    };
    let _ = campaign::run(plan);
}

// SPDX-License-Identifier: BSD-3-Clause
//! The four programs as an independent reader of PE sees them, and their sizes beside budget L2.

use std::{env, fs};

use object::{
    LittleEndian as LE, Object as _, ObjectSection as _, pe,
    read::pe::{ImageNtHeaders as _, ImageOptionalHeader as _, PeFile64},
};

/// Ends of the files' names, and `IMAGE_FILE_HEADER.Machine` (UEFI 2.11, section 2.1.1).
const MACHINES: [(&str, u16); 4] =
    [("x86_64.efi", 0x8664), ("aarch64.efi", 0xaa64), ("riscv64.efi", 0x5064), ("loongarch64.efi", 0x6264)];
const SBAT: &str = concat!(
    "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n",
    "cloud-boot,1,cloud-boot,cloud-boot,",
    env!("CARGO_PKG_VERSION"),
    ","
);

/// Calls `check` with each program; Bazel names them.
fn each(check: impl Fn(&str, u16, &[u8])) {
    let files = env::var("LOADERS").expect("LOADERS names the programs");
    let files: Vec<&str> = files.split_whitespace().collect();
    assert_eq!(files.len(), MACHINES.len(), "{files:?}");
    for (name, machine) in MACHINES {
        let file = files.iter().find(|file| file.ends_with(name)).unwrap_or_else(|| panic!("no {name}"));
        check(name, machine, &fs::read(file).unwrap());
    }
}

#[test]
fn each_is_an_efi_application_of_its_machine() {
    each(|name, machine, bytes| {
        let file = PeFile64::parse(bytes).unwrap();
        let headers = file.nt_headers();
        let optional = headers.optional_header();
        assert_eq!(headers.file_header().machine.get(LE).0, machine, "{name}");
        assert_eq!(optional.subsystem(), pe::IMAGE_SUBSYSTEM_EFI_APPLICATION, "{name}");
        let flags = optional.dll_characteristics();
        assert!(flags.0 & pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT.0 != 0, "{name}: {flags:?}");
        assert!(file.data_directory(pe::IMAGE_DIRECTORY_ENTRY_BASERELOC).is_some(), "{name}");
    });
}

#[test]
fn no_section_is_both_written_and_run() {
    each(|name, _, bytes| {
        let file = PeFile64::parse(bytes).unwrap();
        for section in file.section_table().iter() {
            let flags = section.characteristics.get(LE).0;
            let both = pe::IMAGE_SCN_MEM_WRITE.0 | pe::IMAGE_SCN_MEM_EXECUTE.0;
            assert_ne!(flags & both, both, "{name} {:?}", String::from_utf8_lossy(&section.name));
        }
    });
}

#[test]
fn each_says_its_generation_to_shim() {
    each(|name, _, bytes| {
        let file = PeFile64::parse(bytes).unwrap();
        let section = file.section_by_name(".sbat").unwrap_or_else(|| panic!("{name} has no .sbat"));
        let text = String::from_utf8_lossy(section.data().unwrap()).into_owned();
        let text = text.trim_end_matches('\0');
        assert!(text.starts_with(SBAT) && text.ends_with('\n'), "{name}: {text}");
        for line in text.lines() {
            assert_eq!(line.split(',').count(), 6, "{name}: {line}");
        }
    });
}

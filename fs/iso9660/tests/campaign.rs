// SPDX-License-Identifier: BSD-3-Clause
//! Damaged images give a value or an error, within limits of time, stack and memory.

use std::{fs, os::unix::fs::symlink, rc::Rc};

use block::BlockRead;
use iso9660::{
    Iso9660,
    write::{Builder, Options},
};
use oracle::{
    campaign::{self, Depth, Plan},
    tools,
};

/// Number of mutants that this test has time for.
const MUTANTS: usize = 1000;
const LAYERS: &[&str] = &["descriptors and root", "boot catalogue", "directories", "files"];

fn read(device: Rc<dyn BlockRead>, depth: Depth) -> usize {
    let Ok(iso) = Iso9660::open(device) else { return 0 };
    let entries = iso.boot_entries();
    let visited = campaign::visit(&iso, depth);
    match (entries.is_ok(), visited.failed, visited.unread) {
        (true, 0, 0) => 4,
        (true, 0, _) => 3,
        (true, _, _) => 2,
        (false, _, _) => 1,
    }
}

/// Repairs the sum of the validation entry, at the location in the boot record.
fn repair(image: &mut [u8], offset: usize) {
    let Some(pointer) = image.get(17 * 2048 + 71..17 * 2048 + 75) else { return };
    let entry = u32::from_le_bytes(pointer.try_into().unwrap()) as usize * 2048;
    if !(entry..entry + 32).contains(&offset) {
        return;
    }
    let Some(entry) = image.get_mut(entry..entry + 32) else { return };
    entry[28..30].fill(0);
    let words = entry.chunks(2).map(|word| u16::from_le_bytes([word[0], word[1]]));
    let sum = words.fold(0u16, u16::wrapping_add);
    entry[28..30].copy_from_slice(&sum.wrapping_neg().to_le_bytes());
}

fn run(name: &str, image: &[u8], seed: u64) {
    let plan = Plan { name, image, layers: LAYERS, read, repair, mutants: MUTANTS, seed };
    let _ = campaign::run(plan);
}

#[test]
fn ours() {
    let bytes = vec![0x5a; 5000];
    let names: Vec<String> = (0..40).map(|i| format!("folder/a file with a long name {i}.txt")).collect();
    let mut builder = Builder::new();
    for (i, name) in names.iter().enumerate() {
        builder.file(name, &bytes[..i * 100]).unwrap();
    }
    builder.file("EFI/BOOT/BOOTX64.EFI", &bytes).unwrap();
    builder.boot_image(&bytes);
    run("ours", &builder.plan(&Options::default()).unwrap().to_bytes(&[], &[]).unwrap(), 1);
}

/// Continuation areas, links, moved directories, several boot entries.
#[test]
fn xorriso() {
    let dir = tools::work_dir("xorriso");
    let folder = dir.join("folder");
    let deep = folder.join("1/2/3/4/5/6/7/8/9");
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("file"), "deep").unwrap();
    for i in 0..20 {
        fs::write(folder.join(format!("{i}-{}", "n".repeat(10 * i))), vec![7; 100 * i]).unwrap();
    }
    for i in 1..10 {
        symlink("../component/x".repeat(i * 3), folder.join(format!("link{i}"))).unwrap();
    }
    fs::write(folder.join("bios.img"), vec![1; 2048]).unwrap();
    fs::write(folder.join("efi.img"), vec![2; 4096]).unwrap();
    let image = dir.join("image.iso");
    tools::run(
        "xorriso",
        &[
            ["-compliance", "deep_paths_off", "-padding", "0", "-outdev", image.to_str().unwrap()].as_slice(),
            &["-rr_reloc_dir", "rr_moved", "-map", folder.to_str().unwrap(), "/"],
            &["-boot_image", "any", "bin_path=/bios.img", "-boot_image", "any", "next"],
            &["-boot_image", "any", "efi_path=/efi.img"],
        ]
        .concat(),
    );
    run("xorriso", &fs::read(&image).unwrap(), 2);
}

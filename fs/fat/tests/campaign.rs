// SPDX-License-Identifier: BSD-3-Clause
//! Damaged volumes give a value or an error, within limits of time, stack and memory.

use std::rc::Rc;

use block::{BlockRead, Memory};
use fat::{
    Fat, Kind,
    edit::Editor,
    write::{Builder, Options, Size},
};
use filesystem::Timestamp;
use oracle::{
    aged,
    campaign::{self, Depth, Plan},
};

/// Number of mutants that this test has time for.
const MUTANTS: usize = 1000;

/// A few dozen files in less than 4 MiB, with clusters of 2 KiB and directories with several clusters.
fn image(kind: Kind, size: Size) -> Vec<u8> {
    let bytes = vec![0x5a; 20_000];
    let names: Vec<String> = (0..40).map(|i| format!("folder/a file with a long name {i}.txt")).collect();
    let mut builder = Builder::new();
    for (i, name) in names.iter().enumerate() {
        builder.file(name, &bytes[..i * 500]).unwrap();
    }
    builder.file("EFI/BOOT/BOOTX64.EFI", &bytes).unwrap();
    builder.build(&Options { kind: Some(kind), label: "LABEL".into(), size, ..Options::default() }).unwrap()
}

/// Layers passed: boot sector and root directory, every directory, every file.
fn read(device: Rc<dyn BlockRead>, depth: Depth) -> usize {
    let Ok(fat) = Fat::open(device) else { return 0 };
    let visited = campaign::visit(&fat, depth);
    match (visited.failed, visited.unread) {
        (0, 0) => 3,
        (0, _) => 2,
        _ => 1,
    }
}

/// Layers passed: opened, a file written to a folder, another one replaced and renamed, and removed.
fn edit(device: Rc<dyn BlockRead>, _: Depth) -> usize {
    let mut bytes = vec![0; device.size() as usize];
    device.read_at(0, &mut bytes).unwrap();
    let Ok(mut editor) = Editor::open(Memory::new(bytes)) else { return 0 };
    let (content, time, path) =
        (vec![0x5a; 5000], Timestamp::default(), "folder/a file with a long name 39.txt");
    let changes = [
        editor.write("folder/another file with a long name.txt", &content, time),
        editor
            .write("EFI/BOOT/BOOTX64.EFI", &content, time)
            .and_then(|()| editor.rename(path, "EFI/renamed.txt")),
        editor.remove("folder/a file with a long name 38.txt"),
    ];
    // A refused path does not count as a passed layer.
    changes.iter().take_while(|change| change.is_ok()).count() + 1
}

/// Damaged volumes are changed, or refused.
#[test]
fn edited_fat12() {
    let image = image(Kind::Fat12, Size::Fit { free: 100_000 });
    let plan = Plan {
        name: "edited-fat12",
        image: &image,
        layers: &["opened", "written", "replaced and renamed", "removed"],
        read: edit,
        repair: |_, _| {},
        mutants: MUTANTS,
        seed: 7,
    };
    let _ = campaign::run(plan);
}

fn run(name: &str, image: Vec<u8>, seed: u64) {
    let plan = Plan {
        name,
        image: &image,
        layers: &["boot sector and root", "directories", "files"],
        read,
        // FAT has no checksums except for long names, and an entry that fails it only loses its long name.
        repair: |_, _| {},
        mutants: MUTANTS,
        seed,
    };
    let _ = campaign::run(plan);
}

#[test]
fn fat12() {
    run("fat12", image(Kind::Fat12, Size::Fit { free: 100_000 }), 1);
}

/// FAT16 starts at 4101 clusters, more than 4 MiB with 2 KiB clusters: one made by mkfs with smaller ones is used.
#[test]
fn fat16() {
    run("fat16", mkfs("fat16", "16", 3 << 20), 2);
}

#[test]
fn fat32() {
    run("fat32", mkfs("fat32", "32", 3 << 20), 3);
}

#[test]
fn aged_fat12() {
    run("aged-fat12", aged::image("small12").bytes, 4);
}

#[test]
fn aged_fat16() {
    run("aged-fat16", aged::image("small16").bytes, 5);
}

#[test]
fn aged_fat32() {
    run("aged-fat32", aged::image("small32").bytes, 6);
}

/// A volume of mkfs.fat with clusters of 512 bytes and a copy of the files of a smaller one.
fn mkfs(name: &str, bits: &str, size: u64) -> Vec<u8> {
    use oracle::tools;
    let dir = tools::work_dir(name);
    let (small, volume) = (dir.join("small"), dir.join("volume"));
    let (small, volume) = (small.to_str().unwrap(), volume.to_str().unwrap());
    std::fs::write(small, image(Kind::Fat12, Size::default())).unwrap();
    std::fs::File::create(volume).unwrap().set_len(size).unwrap();
    tools::run("mkfs.fat", &["-F", bits, "-s", "1", "-i", "1", "-n", "LABEL", volume]);
    let files = dir.join("files");
    std::fs::create_dir(&files).unwrap();
    tools::run("mcopy", &["-i", small, "-s", "::*", files.to_str().unwrap()]);
    let inside = ["EFI", "folder"].map(|name| files.join(name).to_str().unwrap().to_string());
    tools::run("mcopy", &["-i", volume, "-s", &inside[0], &inside[1], "::"]);
    std::fs::read(volume).unwrap()
}

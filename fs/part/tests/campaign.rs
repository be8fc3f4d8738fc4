// SPDX-License-Identifier: BSD-3-Clause
//! Damaged tables give a value or an error, within limits of time, stack and memory.

use std::{fs, rc::Rc};

use block::BlockRead;
use oracle::{
    campaign::{self, Depth, Plan},
    tools::{output_with_input, run, work_dir},
};
use part::{Kind, Table};

/// Number of mutants that this test has time for.
const MUTANTS: usize = 1000;
const MIB: u64 = 1024 * 1024;

/// An image that a tool makes of a file of zeros.
fn image(name: &str, bytes: u64, make: impl FnOnce(&str)) -> Vec<u8> {
    let path = work_dir(name).join("disk.img");
    fs::File::create(&path).unwrap().set_len(bytes).unwrap();
    make(path.to_str().unwrap());
    fs::read(&path).unwrap()
}

/// Layers passed: the table was found; it has no warnings.
fn layers(table: Option<Table>, kind: Kind) -> usize {
    match table {
        Some(table) if table.kind == kind => 1 + usize::from(table.warnings.is_empty()),
        _ => 0,
    }
}

fn read_gpt(device: Rc<dyn BlockRead>, _: Depth) -> usize {
    // Walks over both copies, because the backup is only read if the primary fails.
    let last = device.size().saturating_sub(33 * 512);
    let mut backup = [0; 512];
    for block in (1..33).chain([last / 512 + 32, last / 512]) {
        // A truncated image has fewer blocks.
        let _ = device.read_at(block * 512, &mut backup);
    }
    part::read(&*device).map_or(0, |table| layers(table, Kind::Gpt))
}

fn read_mbr(device: Rc<dyn BlockRead>, _: Depth) -> usize {
    part::read(&*device).map_or(0, |table| layers(table, Kind::Mbr))
}

/// CRC-32/ISO-HDLC, bit by bit, independent of the reader's implementation.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// Repairs both checksums of both copies, over as many entries as the header says, if that is plausible.
fn repair_gpt(image: &mut [u8], _: usize) {
    let number = |image: &[u8], at: usize| u32::from_le_bytes(image[at..at + 4].try_into().unwrap()) as usize;
    for header in [512, image.len() - 512] {
        let array = number(image, header + 72).saturating_mul(512);
        let length = number(image, header + 80).saturating_mul(number(image, header + 84));
        if let Some(entries) = array.checked_add(length).and_then(|end| image.get(array..end)) {
            let sum = crc32(entries);
            image[header + 88..header + 92].copy_from_slice(&sum.to_le_bytes());
        }
        image[header + 16..header + 20].fill(0);
        let length = number(image, header + 12).min(512);
        let sum = crc32(&image[header..header + length]);
        image[header + 16..header + 20].copy_from_slice(&sum.to_le_bytes());
    }
}

#[test]
fn gpt() {
    let image = image("gpt", MIB, |path| {
        run(
            "sgdisk",
            &["-a1", "-o", "-n1:64:127", "-t1:ef00", "-c1:esp", "-n2:128:1023", "-n9:1024:0", path],
        );
    });
    let layers = &["header and entries", "every partition"];
    let plan = Plan {
        name: "gpt",
        image: &image,
        layers,
        read: read_gpt,
        repair: repair_gpt,
        mutants: MUTANTS,
        seed: 1,
    };
    let _ = campaign::run(plan);
}

#[test]
fn mbr() {
    let image = image("mbr", 4 * MIB, |path| {
        let commands = "o\nn\np\n1\n\n+512K\nn\ne\n2\n\n\nn\nl\n\n+512K\nn\nl\n\n+512K\nn\nl\n\n\nw\n";
        // A geometry that such a small disk can have.
        let fdisk = ["fdisk", "-u", "-C", "64", "-H", "4", "-S", "32", path];
        // It fails after writing everything, because the kernel cannot re-read the partitions of a file.
        let _ = output_with_input("busybox", &fdisk, commands.as_bytes());
    });
    assert_eq!(part::read(&image).unwrap().unwrap().partitions.len(), 4);
    let layers = &["table", "every partition"];
    // An MBR has no checksums.
    let plan = Plan {
        name: "mbr",
        image: &image,
        layers,
        read: read_mbr,
        repair: |_, _| {},
        mutants: MUTANTS,
        seed: 2,
    };
    let _ = campaign::run(plan);
}

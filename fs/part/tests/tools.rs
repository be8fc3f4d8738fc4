// SPDX-License-Identifier: BSD-3-Clause
//! Tables written by other tools read as those read them, and tables written by us are read by them.

use std::{fs, path::Path};

use block::Memory;
use oracle::tools::{output_with_input, run, work_dir};
use part::{ESP, Guid, Kind, Partition, PartitionKind, Table, gpt};

const MIB: u64 = 1024 * 1024;
/// Linux filesystem data.
const LINUX: &str = "0fc63daf-8483-4772-8e79-3d69d8477de4";

/// An image of zeros.
fn image(name: &str, bytes: u64) -> String {
    let path = work_dir(name).join("disk.img");
    fs::File::create(&path).unwrap().set_len(bytes).unwrap();
    path.to_str().unwrap().to_string()
}

fn read(path: impl AsRef<Path>, block_size: u32) -> Table {
    let device = Memory::with_block_size(fs::read(path).unwrap(), block_size);
    part::read(&device).unwrap().expect("a table")
}

/// A partition in a form that does not depend on the reader.
type Facts = (u32, u64, u64, String, String, String);

fn facts(partition: &Partition) -> Facts {
    let Partition { number, start, length, kind, uuid, name } = partition;
    let kind = match kind {
        PartitionKind::Gpt(guid) => guid.to_string(),
        PartitionKind::Mbr(kind) => format!("{kind:#x}"),
    };
    (*number, *start, *length, kind, uuid.clone(), name.clone())
}

/// The partitions as libblkid sees them; extended ones are containers and left out.
fn partx(image: &str, block_size: u32) -> Vec<Facts> {
    let size = block_size.to_string();
    let columns = "NR,START,SECTORS,TYPE,UUID,NAME";
    let lines = run("partx", &["--pairs", "--sector-size", &size, "--output", columns, image]);
    let fields = |line: &str| -> Facts {
        let values: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
        let [number, start, sectors, kind, uuid, name] = values[..] else { panic!("{line}") };
        let bytes = |sectors: &str| sectors.parse::<u64>().unwrap() * 512;
        let text = |value: &str| String::from_utf8(unescape(value.as_bytes())).unwrap();
        (number.parse().unwrap(), bytes(start), bytes(sectors), text(kind), text(uuid), text(name))
    };
    let all = String::from_utf8(lines).unwrap().lines().map(fields).collect::<Vec<_>>();
    all.into_iter().filter(|facts| !["0x5", "0xf", "0x85"].contains(&facts.3.as_str())).collect()
}

/// Undoes `\xc3`, as partx writes what is not ASCII.
fn unescape(mut text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some((first, rest)) = text.split_first() {
        let digits = rest.strip_prefix(b"x").and_then(|rest| rest.get(..2)).filter(|_| *first == b'\\');
        let byte = digits.map(|digits| u8::from_str_radix(str::from_utf8(digits).unwrap(), 16).unwrap());
        bytes.push(byte.unwrap_or(*first));
        text = if byte.is_some() { &rest[3..] } else { rest };
    }
    bytes
}

fn assert_as_partx(image: &str, block_size: u32, count: usize) -> Table {
    let table = read(image, block_size);
    assert_eq!(table.warnings, []);
    assert_eq!(table.block_size, block_size);
    assert_eq!(table.partitions.iter().map(facts).collect::<Vec<_>>(), partx(image, block_size));
    assert_eq!(table.partitions.len(), count);
    table
}

#[test]
fn a_gpt_of_sgdisk_is_read_as_libblkid_reads_it() {
    let image = image("sgdisk", 8 * MIB);
    let partitions =
        ["-n1:2048:4095", "-t1:ef00", "-c1:EFI System", "-n3:6144:8191", "-c3:Wurzel ä€", "-n128:34:2047"];
    run("sgdisk", &[&["-o"], &partitions[..], &[&image]].concat());
    let table = assert_as_partx(&image, 512, 3);
    assert_eq!(table.kind, Kind::Gpt);
    assert_eq!(table.partitions[0].kind, PartitionKind::Gpt(ESP));
    assert_eq!(table.partitions[1].name, "Wurzel ä€");
}

/// A table of our own: two partitions, the first an ESP.
fn layout(block_size: u32, bytes: u64, entries: u32) -> gpt::Layout {
    let guid = |text: &str| text.parse::<Guid>().unwrap().to_bytes();
    let partition = |kind: &str, id: u8, first_lba, last_lba, name: &str| gpt::NewPartition {
        type_guid: guid(kind),
        guid: guid(&format!("00000000-1111-4222-8333-4444444444{id:02x}")),
        first_lba,
        last_lba,
        name: name.into(),
        attributes: u64::from(id) << 60,
    };
    let partitions =
        vec![partition(&ESP.to_string(), 1, 64, 127, "EFI System"), partition(LINUX, 2, 128, 255, "root")];
    let disk_guid = guid("99999999-8888-4777-8666-555555555555");
    gpt::Layout { disk_guid, block_size, disk_blocks: bytes / u64::from(block_size), entries, partitions }
}

fn write(path: &str, layout: &gpt::Layout) {
    let mut bytes = fs::read(path).unwrap();
    let (primary, backup) = (layout.primary().unwrap(), layout.backup().unwrap());
    let end = bytes.len();
    bytes[..primary.len()].copy_from_slice(&primary);
    bytes[end - backup.len()..].copy_from_slice(&backup);
    fs::write(path, bytes).unwrap();
}

#[test]
fn what_we_write_is_sound_to_sgdisk() {
    // A full table, and as few entries as there may be.
    for entries in [128, 4] {
        let image = image("written", 4 * MIB);
        write(&image, &layout(512, 4 * MIB, entries));
        let text = |args: &[&str]| String::from_utf8(run("sgdisk", &[args, &[&image]].concat())).unwrap();
        let verdict = text(&["-v"]);
        assert!(verdict.contains("No problems found"), "{verdict}");
        let disk = text(&["-p"]);
        assert!(disk.contains("99999999-8888-4777-8666-555555555555"), "{disk}");
        assert!(disk.contains(&format!("holds up to {entries} entries")), "{disk}");
        assert!(disk.contains("First usable sector is 34, last usable sector is 8158"), "{disk}");
        let esp = text(&["-i", "1"]);
        for line in [
            "C12A7328-F81F-11D2-BA4B-00A0C93EC93B (EFI system partition)",
            "Partition unique GUID: 00000000-1111-4222-8333-444444444401",
            "First sector: 64 ",
            "Last sector: 127 ",
            "Attribute flags: 1000000000000000",
            "Partition name: 'EFI System'",
        ] {
            assert!(esp.contains(line), "{line}\n{esp}");
        }
    }
}

#[test]
fn what_we_write_is_read_by_libblkid_and_us_with_any_block_size() {
    for block_size in [512, 2048, 4096] {
        let image = image("block-sizes", 4 * MIB);
        write(&image, &layout(block_size, 4 * MIB, 128));
        let table = assert_as_partx(&image, block_size, 2);
        assert_eq!(table.partitions[0].start, 64 * u64::from(block_size));
    }
}

/// Partitions of both tables, which must be the same, and the warnings of the second.
fn compare_damaged(name: &str, damage: fn(&mut Vec<u8>)) -> String {
    let image = image(name, 4 * MIB);
    run("sgdisk", &["-o", "-n1:2048:4095", "-n2:4096:6143", &image]);
    let sound = read(&image, 512);
    let mut bytes = fs::read(&image).unwrap();
    damage(&mut bytes);
    fs::write(&image, bytes).unwrap();
    let damaged = read(&image, 512);
    assert_eq!(damaged.partitions, sound.partitions);
    damaged.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn the_backup_stands_in_with_a_warning_that_names_the_field() {
    let header = compare_damaged("header", |disk| disk[512 + 40] ^= 1);
    assert!(header.starts_with("GPT: GPT header.HeaderCRC32 at byte 528: checksum mismatch"), "{header}");
    let entries = compare_damaged("entries", |disk| disk[1024 + 32] ^= 1);
    assert!(entries.starts_with("GPT: GPT header.PartitionEntryArrayCRC32 at byte 600"), "{entries}");
    let wiped = compare_damaged("wiped", |disk| disk[512..34 * 512].fill(0));
    assert!(wiped.starts_with("GPT: GPT header.Signature at byte 512: wrong magic number"), "{wiped}");
    // As on a disk that was enlarged: the backup is not in the last block, but the primary header says where it is.
    let grown = compare_damaged("grown", |disk| {
        disk[1024 + 32] ^= 1;
        disk.resize(disk.len() + 1024 * 1024, 0);
    });
    assert!(grown.starts_with("GPT: GPT header.PartitionEntryArrayCRC32 at byte 600"), "{grown}");
}

#[test]
fn two_damaged_copies_are_an_error_that_names_the_first() {
    let image = image("both", 4 * MIB);
    run("sgdisk", &["-o", "-n1:2048:4095", &image]);
    let mut bytes = fs::read(&image).unwrap();
    let backup = bytes.len() - 512 + 40;
    (bytes[512 + 40], bytes[backup]) = (0xff, 0xff);
    let error = part::read(&Memory::new(bytes)).unwrap_err();
    assert_eq!(error.code(), "E-FS-GPT-CSUM");
    assert!(error.to_string().contains("GPT header.HeaderCRC32 at byte 528"), "{error}");
}

#[test]
fn an_mbr_of_fdisk_is_read_as_libblkid_reads_it() {
    // Partition 1, and an extended one with two logical partitions.
    let commands = |extended: u32| {
        format!("o\nn\np\n1\n2048\n+4M\nn\ne\n2\n{extended}\n\nn\nl\n\n+2M\nn\nl\n\n+3M\nt\n1\nef\nw\n")
    };
    for (block_size, extended) in [(512, 16384), (4096, 4096)] {
        let image = image("fdisk", 64 * MIB);
        let size = block_size.to_string();
        let fdisk = ["fdisk", "-u", "-b", &size, &image];
        // It fails after writing everything, because the kernel cannot re-read the partitions of a file.
        let output = output_with_input("busybox", &fdisk, commands(extended).as_bytes());
        assert!(String::from_utf8_lossy(&output.stdout).contains("has been altered"), "{output:?}");
        let mut bytes = fs::read(&image).unwrap();
        bytes[440..444].copy_from_slice(&0xdead_beef_u32.to_le_bytes());
        fs::write(&image, bytes).unwrap();
        let table = assert_as_partx(&image, block_size, 3);
        assert_eq!(table.kind, Kind::Mbr);
        let named: Vec<_> = table.partitions.iter().map(|p| (p.number, p.uuid.as_str())).collect();
        assert_eq!(named, [(1, "deadbeef-01"), (5, "deadbeef-05"), (6, "deadbeef-06")]);
    }
}

#[test]
fn a_hybrid_image_is_read_on_a_disk_and_on_a_cd() {
    let dir = work_dir("hybrid");
    let path = |name: &str| dir.join(name).to_str().unwrap().to_string();
    fs::create_dir(path("tree")).unwrap();
    fs::write(path("esp"), vec![7; 64 * 1024]).unwrap();
    for as_gpt in [true, false] {
        let (image, esp, tree) = (path("image.iso"), path("esp"), path("tree"));
        let mut args = vec!["-quiet", "-o", &image, "-append_partition", "2", "0xef", &esp];
        args.extend(as_gpt.then_some("-appended_part_as_gpt"));
        run("xorrisofs", &[&args[..], &[&tree]].concat());
        let disk = read(&image, 512);
        assert_eq!(disk.partitions.iter().map(facts).collect::<Vec<_>>(), partx(&image, 512));
        let esp = disk.partitions.iter().find(|p| p.number == 2).expect("the appended partition");
        let bytes = fs::read(&image).unwrap();
        assert_eq!(bytes[usize::try_from(esp.start).unwrap()..][..64 * 1024], vec![7; 64 * 1024]);
        assert_eq!(disk.kind, if as_gpt { Kind::Gpt } else { Kind::Mbr });
        assert_eq!(read(&image, 2048), disk, "its blocks have 512 bytes on a CD, too");
    }
}

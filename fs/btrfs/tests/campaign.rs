// SPDX-License-Identifier: BSD-3-Clause
//! Damaged filesystems give values or errors; in half of them the checksums are made right again.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::{FileExt, symlink},
    path::Path,
    rc::Rc,
};

use block::{BlockRead, ReadError, Slice, check_bounds};
use btrfs::Btrfs;
use filesystem::FileSystem;
use oracle::{
    aged,
    campaign::{self, Depth, Plan},
    tools::{run, work_dir},
};

/// Bytes of a sector and of a node: every structure with a checksum is one page.
const PAGE: usize = 4096;
/// Size of the filesystem, most of which is unused; mkfs makes it larger if needed.
const SIZE: u64 = 64 << 20;
/// Size of the device that it is read from.
const ROOM: u64 = 1 << 30;
/// The page with the superblock.
const SUPERBLOCK: u64 = 16;

/// The used pages of disks, followed by their page numbers: `ROOM` pages for each disk.
fn packed(disks: &[Vec<u8>]) -> Vec<u8> {
    let pages = disks.iter().enumerate().flat_map(|(disk, bytes)| {
        let first = disk as u64 * ROOM / PAGE as u64;
        bytes.chunks(PAGE).enumerate().map(move |(number, page)| (first as usize + number, page))
    });
    let used = pages.filter(|(_, page)| page.iter().any(|byte| *byte != 0));
    let (numbers, pages): (Vec<u32>, Vec<&[u8]>) = used.map(|(number, page)| (number as u32, page)).unzip();
    let mut bytes = pages.concat();
    numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    bytes.extend((numbers.len() as u32).to_le_bytes());
    bytes
}

/// Such an image, as a device.
struct Unpacked {
    pages: Rc<dyn BlockRead>,
    size: u64,
    /// Where each page is.
    places: BTreeMap<u64, u64>,
}

impl Unpacked {
    /// The page numbers are read byte by byte: the campaign does not damage bytes that are read so.
    fn new(pages: Rc<dyn BlockRead>) -> Option<Self> {
        let number = |at: u64| {
            let mut bytes = [0; 4];
            for (byte, at) in bytes.iter_mut().zip(at..) {
                pages.read_at(at, std::slice::from_mut(byte)).ok()?;
            }
            Some(u64::from(u32::from_le_bytes(bytes)))
        };
        let end = pages.size().checked_sub(4)?;
        let count = number(end)?;
        // A truncated image has no page numbers: its pages are those of the start.
        let table = end.checked_sub(count * 4).filter(|table| *table == count * PAGE as u64)?;
        let places = (0..count).map(|index| Some((number(table + index * 4)?, index * PAGE as u64)));
        Some(Self { places: places.collect::<Option<_>>()?, pages, size: ROOM })
    }
}

impl BlockRead for Unpacked {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.size)?;
        let (mut at, mut rest) = (offset, buf);
        while !rest.is_empty() {
            let within = at % PAGE as u64;
            let length = rest.len().min(PAGE - within as usize);
            let (part, behind) = rest.split_at_mut(length);
            match self.places.get(&(at / PAGE as u64)) {
                Some(place) => self.pages.read_at(place + within, part)?,
                None => part.fill(0),
            }
            (at, rest) = (at + length as u64, behind);
        }
        Ok(())
    }
}

/// A filesystem that has every structure within 60 nodes.
fn fill(root: &Path) {
    // Mostly zeros, so that damage hits other pages.
    let content = |size: usize| (0..size).map(|at| u8::from(at % 1024 == 0)).collect::<Vec<u8>>();
    for (name, size) in [("inline", 100), ("packed inline", 1500), ("small", 5000), ("large", 200_000)] {
        fs::write(root.join(name), content(size)).unwrap();
    }
    let pieces = File::create(root.join("pieces")).unwrap();
    for piece in 0..30 {
        pieces.write_all_at(&content(PAGE), piece * 16_384).unwrap();
    }
    symlink("small", root.join("link")).unwrap();
    fs::create_dir_all(root.join("folder/inner")).unwrap();
    fs::write(root.join("folder/inner/file"), "content").unwrap();
    fs::create_dir(root.join("many")).unwrap();
    for number in 0..36 {
        fs::hard_link(root.join("small"), root.join(format!("many/{number:0>100}"))).unwrap();
    }
}

fn image(name: &str, options: &[&str]) -> Vec<u8> {
    let work = work_dir(name);
    let (source, path) = (work.join("source"), work.join("image"));
    fs::create_dir(&source).unwrap();
    fill(&source);
    File::create(&path).unwrap().set_len(SIZE).unwrap();
    let (source, path) = (source.to_str().unwrap(), path.to_str().unwrap());
    let always = ["-q", "-f", "-n", "4k", "-u", "default:folder", "--rootdir", source];
    run("mkfs.btrfs", &[&always, options, &[path]].concat());
    let image = fs::read(path).unwrap();
    packed(&[image])
}

/// Disks with an empty filesystem: its structures are spread over all of them.
fn spread(name: &str, profile: &str, count: usize) -> Vec<u8> {
    let work = work_dir(name);
    let disk = |number: usize| work.join(format!("disk{number}")).to_str().unwrap().to_string();
    let disks: Vec<String> = (0..count).map(disk).collect();
    disks.iter().for_each(|disk| File::create(disk).unwrap().set_len(2 * SIZE).unwrap());
    let always = ["-q", "-f", "-n", "4k", "-d", profile, "-m", profile];
    let paths: Vec<&str> = disks.iter().map(String::as_str).collect();
    run("mkfs.btrfs", &[&always[..], &paths].concat());
    packed(&disks.iter().map(|disk| fs::read(disk).unwrap()).collect::<Vec<_>>())
}

const LAYERS: &[&str] = &["superblock and chunks", "subvolumes", "directories", "files"];

fn read(device: Rc<dyn BlockRead>, depth: Depth) -> usize {
    let Some(device) = Unpacked::new(device) else { return 0 };
    let Ok(btrfs) = Btrfs::open(vec![Rc::new(device)]) else { return 0 };
    let _ = (btrfs.summary(), btrfs.warnings(), btrfs.missing(), btrfs.profiles());
    let (Ok(subvolumes), Ok(top)) = (btrfs.subvolumes(), btrfs.top()) else { return 1 };
    let visited = campaign::visit(&btrfs.with_root(top), depth);
    match visited {
        _ if subvolumes.len() < 2 || visited.nodes < 40 || visited.failed > 0 => 2,
        _ if visited.unread > 0 => 3,
        _ => 4,
    }
}

/// Reads the data that is spread over disks, without the second disk.
fn read_degraded(device: Rc<dyn BlockRead>, depth: Depth) -> usize {
    let Some(all) = Unpacked::new(device) else { return 0 };
    let all: Rc<dyn BlockRead> = Rc::new(Unpacked { size: 8 * ROOM, ..all });
    let disk =
        |number| Rc::new(Slice::new(Rc::clone(&all), number * ROOM, ROOM).unwrap()) as Rc<dyn BlockRead>;
    let Ok(btrfs) = Btrfs::open([0, 2, 3].map(disk).into()) else { return 0 };
    let _ = (btrfs.summary(), btrfs.warnings(), btrfs.missing(), btrfs.profiles());
    let (Ok(_), Ok(top)) = (btrfs.subvolumes(), btrfs.top()) else { return 1 };
    let visited = campaign::visit(&btrfs.with_root(top), depth);
    if visited.failed > 0 { 2 } else { 3 }
}

/// Corrects the checksum of the page that contains byte `at`, if it is a superblock or a node.
fn repair(image: &mut [u8], at: usize) {
    let start = at / PAGE * PAGE;
    let superblock = image.chunks(PAGE).position(|page| page.get(64..72) == Some(b"_BHRfS_M"));
    let fsid = superblock.map(|page| image[page * PAGE + 32..][..16].to_vec()).unwrap_or_default();
    let Some(page) = image.get_mut(start..start + PAGE) else { return };
    let is_superblock = page[64..72] == *b"_BHRfS_M";
    // The UUID itself may be damaged, so this looks for the address of the page and a valid level.
    let address = u64::from_le_bytes(page[48..56].try_into().unwrap());
    let is_node = page[32..48] == fsid
        || (address % PAGE as u64 == 0 && (1..1 << 40).contains(&address) && page[100] < 8);
    if is_superblock || is_node {
        let sum = !crc32c::crc32c(!0, &page[32..]);
        page[..4].copy_from_slice(&sum.to_le_bytes());
    }
}

fn plan<'a>(name: &'a str, image: &'a [u8], mutants: usize) -> Plan<'a> {
    Plan { name, image, layers: LAYERS, read, repair, mutants, seed: 13 }
}

#[test]
fn btrfs_survives_damage() {
    let _ = campaign::run(plan("btrfs", &image("btrfs", &["-m", "single", "-d", "single"]), 1000));
}

#[test]
fn disks_of_which_one_is_missing_survive_damage() {
    for profile in ["raid5", "raid6", "raid1c4", "raid10"] {
        let image = spread(&format!("spread-{profile}"), profile, 4);
        let layers = &["superblock and chunks", "subvolumes", "directories"];
        let _ = campaign::run(Plan { layers, read: read_degraded, ..plan(profile, &image, 200) });
    }
}

#[test]
fn two_copies_survive_damage() {
    let image = image("copies", &["-m", "dup", "-d", "dup", "--compress", "zstd"]);
    let _ = campaign::run(plan("copies", &image, 300));
}

#[test]
fn mixed_groups_survive_damage() {
    let image = image("mixed", &["--mixed", "-m", "single", "-d", "single", "--compress", "lzo"]);
    let _ = campaign::run(plan("mixed", &image, 300));
}

#[test]
fn what_is_compressed_survives_damage() {
    let image = image("zlib", &["-m", "single", "-d", "single", "--compress", "zlib", "-O", "^no-holes"]);
    let _ = campaign::run(plan("zlib", &image, 300));
}

#[test]
fn what_was_never_unmounted_survives_damage() {
    let image = packed(&[aged::image("small_crash").bytes]);
    let _ = campaign::run(plan("small_crash", &image, 300));
}

#[test]
fn repair_leaves_a_sound_image_as_it_is() {
    let sound = image("repair", &["-m", "single", "-d", "single"]);
    let mut image = sound.clone();
    (0..sound.len()).step_by(PAGE).for_each(|at| repair(&mut image, at));
    let different = (0..sound.len()).find(|at| sound[*at] != image[*at]);
    assert_eq!(different, None);
    let numbers = &sound[sound.len() / (PAGE + 4) * PAGE..];
    assert!(numbers.chunks(4).any(|number| number == (SUPERBLOCK as u32).to_le_bytes()));
    assert!(sound.len() < 4 << 20, "{} bytes", sound.len());
}

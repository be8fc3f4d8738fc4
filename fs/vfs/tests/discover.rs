// SPDX-License-Identifier: BSD-3-Clause
//! Disks made by real tools, and what is found on them.

use std::{fs, path::PathBuf, rc::Rc};

use block::{BlockRead, Memory, ReadError};
use filesystem::FileType;
use oracle::tools::{output_with_input, run, work_dir};
use part::{Guid, PartitionKind, gpt};
use proptest::prelude::*;
use vfs::{Disk, ReadLimit, Volume, VolumeId, Volumes, fuzz::fuzz};

const MIB: usize = 1024 * 1024;
const UUID: &str = "11111111-2222-4333-8444-555555555555";
const PARTUUID: &str = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";

/// Files of one test.
struct Work(PathBuf);

impl Work {
    fn new(name: &str) -> Self {
        Self(work_dir(name))
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_string()
    }

    /// An image of zeros.
    fn image(&self, name: &str, bytes: usize) -> String {
        let path = self.path(name);
        fs::File::create(&path).unwrap().set_len(bytes as u64).unwrap();
        path
    }

    /// An ext4 with a kernel and a link to it.
    fn ext4(&self, bytes: usize) -> Vec<u8> {
        let (tree, image) = (self.path("tree"), self.image("ext4", bytes));
        fs::create_dir_all(format!("{tree}/boot")).unwrap();
        fs::write(format!("{tree}/boot/vmlinuz-6.12"), vec![0x5a; 300_000]).unwrap();
        let _ = fs::remove_file(format!("{tree}/vmlinuz"));
        std::os::unix::fs::symlink("boot/vmlinuz-6.12", format!("{tree}/vmlinuz")).unwrap();
        run("mke2fs", &["-q", "-F", "-t", "ext4", "-L", "root", "-U", UUID, "-d", &tree, &image]);
        fs::read(image).unwrap()
    }

    /// A FAT with a loader; of sectors of this size.
    fn fat(&self, bytes: usize, sector: usize) -> Vec<u8> {
        let (loader, image) = (self.path("loader"), self.image("fat", bytes));
        fs::write(&loader, "loader").unwrap();
        run("mkfs.vfat", &["-n", "EFI", "-i", "0E1F0001", "-S", &sector.to_string(), &image]);
        run("mmd", &["-i", &image, "::EFI", "::EFI/BOOT"]);
        run("mcopy", &["-i", &image, &loader, "::EFI/BOOT/BOOTX64.EFI"]);
        fs::read(image).unwrap()
    }

    /// A disk with an ESP as partition 15, an ext4 as partition 1, and an empty partition 2.
    fn gpt(&self) -> Vec<u8> {
        let disk = self.image("disk", 16 * MIB);
        run("sgdisk", &["-o", "-n15:2048:6143", "-t15:ef00", "-n1:6144:22527", "-n2:22528:24575", &disk]);
        run("sgdisk", &["-u", &format!("1:{PARTUUID}"), "-c1:root", &disk]);
        let mut bytes = fs::read(disk).unwrap();
        put(&mut bytes, 2048 * 512, &self.fat(2 * MIB, 512));
        put(&mut bytes, 6144 * 512, &self.ext4(8 * MIB));
        bytes
    }
}

fn put(disk: &mut [u8], at: usize, bytes: &[u8]) {
    disk[at..at + bytes.len()].copy_from_slice(bytes);
}

fn discover(devices: Vec<Rc<dyn BlockRead>>) -> Volumes {
    let disk = |(number, device)| Disk { device, name: format!("hd{number}") };
    Volumes::discover(devices.into_iter().enumerate().map(disk).collect())
}

fn discover_one(bytes: Vec<u8>) -> Volumes {
    discover(vec![Rc::new(bytes)])
}

/// Name and format of each volume.
fn names(volumes: &Volumes) -> Vec<(&str, &str)> {
    volumes.all().iter().map(|volume| (volume.name(), volume.identity().format)).collect()
}

/// Object and code of each problem.
fn problems(volumes: &Volumes) -> Vec<(String, String)> {
    volumes
        .problems()
        .iter()
        .map(|problem| (problem.object.clone(), problem.error.code().to_string()))
        .collect()
}

fn problem(object: &str, code: &str) -> (String, String) {
    (object.into(), code.into())
}

fn assert_kernel(volume: &Volume) {
    assert!(volume.read(b"/vmlinuz", 300_000) == Ok(vec![0x5a; 300_000]), "{}", volume.name());
}

fn assert_loader(volume: &Volume) {
    assert_eq!(volume.read(b"/efi/boot/bootx64.efi", 10).unwrap(), b"loader", "{}", volume.name());
}

#[test]
fn an_xfs_that_is_marked_for_repair_is_read_with_a_warning() {
    let work = Work::new("xfs");
    let (tree, image) = (work.path("tree"), work.image("xfs", 16 * MIB));
    fs::create_dir(&tree).unwrap();
    fs::write(format!("{tree}/link-20"), vec![0x5a; 300_000]).unwrap();
    let link =
        |target: &str, name: &str| std::os::unix::fs::symlink(target, format!("{tree}/{name}")).unwrap();
    (1..20).for_each(|number| link(&format!("link-{}", number + 1), &format!("link-{number}")));
    link("./link-1", "vmlinuz");
    run(
        "mkfs.xfs",
        &["-q", "-L", "root", "-m", &format!("uuid={UUID}"), "--unsupported", "-p", &tree, &image],
    );
    let volumes = discover_one(fs::read(&image).unwrap());
    assert_eq!((names(&volumes), volumes.problems()), (vec![("hd0", "xfs")], &[][..]));
    assert_kernel(&volumes.all()[0]);
    assert!(volumes.all()[0].has_uuid(UUID) && volumes.all()[0].has_label(b"root"));
    run("xfs_db", &["-x", "-c", "sb 0", "-c", "write -d features_incompat 0xfb", &image]);
    let volumes = discover_one(fs::read(&image).unwrap());
    assert_eq!(problems(&volumes), [problem("hd0", "E-FS-XFS-DEGRADED")]);
    assert_kernel(&volumes.all()[0]);
}

#[test]
fn a_gpt_disk_has_its_volumes_in_the_order_of_their_numbers() {
    let volumes = discover_one(Work::new("gpt").gpt());
    assert_eq!(volumes.problems(), []);
    assert_eq!(names(&volumes), [("hd0,gpt1", "ext4"), ("hd0,gpt15", "vfat")]);
    let [root, esp] = volumes.all() else { unreachable!() };
    assert_kernel(root);
    assert_loader(esp);
    assert_eq!((root.id(), root.disk()), (VolumeId(0), 0));
    let partition = root.partition().unwrap();
    assert_eq!((partition.start, partition.length), (6144 * 512, 16384 * 512));
    assert_eq!((partition.number, partition.name.as_str()), (1, "root"));
    assert_eq!(esp.partition().unwrap().kind, PartitionKind::Gpt(part::ESP));
    let entries = root.list(b"/").unwrap();
    assert!(entries.iter().any(|entry| entry.name == b"vmlinuz" && entry.kind == Ok(FileType::Symlink)));
}

#[test]
fn volumes_are_found_by_uuid_label_and_partuuid() {
    let volumes = discover_one(Work::new("uuid").gpt());
    let name = |volume: Option<&Volume>| volume.map(|volume| volume.name().to_string());
    let (root, esp) = (Some("hd0,gpt1".to_string()), Some("hd0,gpt15".to_string()));
    assert_eq!(name(volumes.all().iter().find(|v| v.has_uuid(UUID))), root);
    assert_eq!(name(volumes.all().iter().find(|v| v.has_uuid("0e1f-0001"))), esp);
    assert_eq!(name(volumes.all().iter().find(|v| v.has_label(b"root"))), root);
    assert_eq!(name(volumes.all().iter().find(|v| v.has_label(b"EFI"))), esp);
    assert_eq!(name(volumes.all().iter().find(|v| v.has_partuuid(&PARTUUID.to_uppercase()))), root);
    assert_eq!(name(volumes.all().iter().find(|v| v.has_partuuid(UUID))), None);
}

#[test]
fn a_disk_of_4096_byte_blocks_is_read_in_its_own_blocks() {
    let work = Work::new("4096");
    let (esp, root) = (work.fat(64 * MIB, 4096), work.ext4(8 * MIB));
    let last = |first: u64, bytes: &[u8]| first + bytes.len() as u64 / 4096 - 1;
    let new = |kind: Guid, id, first_lba, last_lba| gpt::NewPartition {
        type_guid: kind.to_bytes(),
        guid: [id; 16],
        first_lba,
        last_lba,
        name: String::new(),
        attributes: 0,
    };
    let second = last(256, &esp) + 1;
    let layout = gpt::Layout {
        disk_guid: [9; 16],
        block_size: 4096,
        disk_blocks: last(second, &root) + 256,
        entries: 128,
        partitions: vec![
            new(part::ESP, 1, 256, second - 1),
            new(Guid::from_bytes([8; 16]), 2, second, last(second, &root)),
        ],
    };
    let mut disk = vec![0; layout.disk_blocks as usize * 4096];
    let (primary, backup, end) = (layout.primary().unwrap(), layout.backup().unwrap(), disk.len());
    put(&mut disk, 0, &primary);
    put(&mut disk, end - backup.len(), &backup);
    put(&mut disk, 256 * 4096, &esp);
    put(&mut disk, second as usize * 4096, &root);
    let volumes = discover(vec![Rc::new(Memory::with_block_size(disk, 4096))]);
    assert_eq!(volumes.problems(), []);
    assert_eq!(names(&volumes), [("hd0,gpt1", "vfat"), ("hd0,gpt2", "ext4")]);
    assert_loader(&volumes.all()[0]);
    assert_kernel(&volumes.all()[1]);
}

#[test]
fn an_mbr_disk_has_volumes_on_its_logical_partitions() {
    let work = Work::new("mbr");
    let disk = work.image("disk", 32 * MIB);
    let commands = "o\nn\np\n1\n2048\n+2M\nn\ne\n2\n16384\n\nn\nl\n\n+8M\nw\n";
    // It fails after writing everything, because the kernel cannot re-read the partitions of a file.
    output_with_input("busybox", &["fdisk", "-u", &disk], commands.as_bytes());
    let mut bytes = fs::read(&disk).unwrap();
    let table = part::read(&bytes).unwrap().unwrap();
    let [first, logical] = &table.partitions[..] else { panic!("{table:?}") };
    put(&mut bytes, first.start as usize, &work.fat(2 * MIB, 512));
    put(&mut bytes, logical.start as usize, &work.ext4(8 * MIB));
    let volumes = discover_one(bytes);
    assert_eq!(volumes.problems(), []);
    assert_eq!(names(&volumes), [("hd0,msdos1", "vfat"), ("hd0,msdos5", "ext4")]);
    assert_kernel(&volumes.all()[1]);
}

#[test]
fn whole_disks_can_be_filesystems() {
    let work = Work::new("whole");
    // A FAT's first sector has the signature of an MBR.
    let volumes = discover(vec![Rc::new(work.fat(2 * MIB, 512)), Rc::new(work.ext4(8 * MIB))]);
    assert_eq!(volumes.problems(), []);
    assert_eq!(names(&volumes), [("hd0", "vfat"), ("hd1", "ext4")]);
    assert_loader(&volumes.all()[0]);
    assert_kernel(&volumes.all()[1]);
    let second = &volumes.all()[1];
    assert_eq!((second.id(), second.disk(), second.partition()), (VolumeId(1), 1, None));
}

#[test]
fn a_hybrid_disc_image_is_a_volume_and_has_partitions() {
    let work = Work::new("hybrid");
    fs::write(work.path("esp"), work.fat(2 * MIB, 512)).unwrap();
    fs::create_dir_all(work.path("tree/boot")).unwrap();
    fs::write(work.path("tree/boot/vmlinuz-6.12"), vec![0x5a; 300_000]).unwrap();
    std::os::unix::fs::symlink("boot/vmlinuz-6.12", work.path("tree/vmlinuz")).unwrap();
    for (option, esp) in [("-appended_part_as_gpt", "hd0,gpt2"), ("-no-pad", "hd0,msdos2")] {
        let [image, appended, tree] = ["image.iso", "esp", "tree"].map(|name| work.path(name));
        let common = ["-quiet", "-R", "-V", "DISC", "-o", &image, option];
        run("xorrisofs", &[&common[..], &["-append_partition", "2", "0xef", &appended, &tree]].concat());
        // As a disk, and as a CD.
        for block_size in [512, 2048] {
            let volumes =
                discover(vec![Rc::new(Memory::with_block_size(fs::read(&image).unwrap(), block_size))]);
            assert_eq!(volumes.problems(), []);
            assert_eq!(names(&volumes), [("hd0", "iso9660"), (esp, "vfat")]);
            assert_kernel(&volumes.all()[0]);
            assert_loader(&volumes.all()[1]);
            assert_eq!(
                volumes.all().iter().find(|v| v.has_label(b"DISC")).map(Volume::id),
                Some(VolumeId(0))
            );
        }
    }
}

#[test]
fn a_filesystem_from_before_the_partitions_is_no_volume() {
    let work = Work::new("left-over");
    let mut disk = work.ext4(16 * MIB);
    let path = work.path("disk");
    fs::write(&path, &disk).unwrap();
    output_with_input("busybox", &["fdisk", "-u", &path], b"o\nn\np\n1\n4096\n+2M\nw\n");
    disk = fs::read(&path).unwrap();
    put(&mut disk, 4096 * 512, &work.fat(2 * MIB, 512));
    let volumes = discover_one(disk);
    assert_eq!(names(&volumes), [("hd0,msdos1", "vfat")]);
}

/// A disk that fails from some offset on.
struct Failing(Vec<u8>, u64);

impl BlockRead for Failing {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        if offset + buf.len() as u64 > self.1 {
            return Err(ReadError::reading(offset, "DEVICE_ERROR"));
        }
        self.0.read_at(offset, buf)
    }
}

#[test]
fn what_cannot_be_read_is_a_problem_and_hides_nothing_else() {
    let work = Work::new("problems");
    let sound = work.gpt();
    let changed = |change: fn(&mut Vec<u8>)| {
        let mut disk = sound.clone();
        change(&mut disk);
        let disk: Rc<dyn BlockRead> = Rc::new(disk);
        disk
    };
    let volumes = discover(vec![
        // No medium, and one that cannot be read.
        Rc::new(Vec::new()),
        Rc::new(Failing(sound.clone(), 0)),
        // It fails after the table and the ESP's first pages, before the root.
        Rc::new(Failing(sound.clone(), 6144 * 512)),
        // Both copies of the table damaged.
        changed(|disk| {
            let last = disk.len() - 512;
            (disk[512 + 60], disk[last + 60]) = (0xff, 0xff);
        }),
        // The primary copy damaged.
        changed(|disk| disk[512 + 60] = 0xff),
        // The root's superblock damaged: s_blocks_count_lo, which its checksum covers.
        changed(|disk| disk[6144 * 512 + 1024 + 4] ^= 0xff),
        // Truncated inside the root.
        changed(|disk| disk.truncate(8192 * 512)),
        Rc::new(sound.clone()),
    ]);
    assert_eq!(
        problems(&volumes),
        [
            problem("hd0", "E-IO"),
            problem("hd1", "E-IO"),
            problem("hd2,gpt1", "E-IO"),
            problem("hd2,gpt2", "E-IO"),
            problem("hd3", "E-FS-GPT-CSUM"),
            problem("hd4", "E-FS-GPT-CSUM"),
            problem("hd5,gpt1", "E-FS-EXT4-CSUM"),
            problem("hd6", "E-FS-GPT-RANGE"),
            problem("hd6", "E-FS-GPT-RANGE"),
        ]
    );
    assert_eq!(
        names(&volumes),
        [
            ("hd2,gpt15", "vfat"),
            ("hd4,gpt1", "ext4"),
            ("hd4,gpt15", "vfat"),
            ("hd5,gpt15", "vfat"),
            ("hd6,gpt15", "vfat"),
            ("hd7,gpt1", "ext4"),
            ("hd7,gpt15", "vfat"),
        ]
    );
    assert_eq!(
        volumes.all().iter().find(|v| v.has_uuid(UUID)).map(Volume::disk),
        Some(4),
        "the first that can be read"
    );
}

proptest! {
    // Each case reads three volumes.
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_disk_has_volumes_or_problems(
        head in prop::collection::vec(any::<u8>(), 0..2048),
        tail in prop::collection::vec(any::<u8>(), 0..70_000),
    ) {
        fuzz(&head);
        // With the signatures of all formats.
        let mut disk = [head, tail].concat();
        for (at, magic) in [(510, b"\x55\xaa".as_slice()), (1080, b"\x53\xef"), (32_769, b"CD001")] {
            if disk.len() >= at + magic.len() {
                put(&mut disk, at, magic);
            }
        }
        fuzz(&disk);
    }
}

#[test]
fn a_changed_disk_has_volumes_or_problems() {
    let sound = Work::new("changed").gpt();
    // A fixed sequence (MINSTD) of offsets in what is read first: the tables and the starts of both filesystems.
    let mut state = 1u32;
    let mut next = |end: usize| {
        state = (u64::from(state) * 48_271 % 0x7fff_ffff) as u32;
        state as usize % end
    };
    let mut changed = sound.clone();
    for round in 0..300 {
        for _ in 0..4 {
            let start = [0, 2048 * 512, 6144 * 512][next(3)];
            changed[start + next(32 * 1024)] = next(256) as u8;
        }
        fuzz(&changed);
        // Not too much damage.
        if round % 4 == 3 {
            changed.copy_from_slice(&sound);
        }
    }
}

#[test]
fn disks_share_what_may_be_read_of_all_together() {
    let image = Rc::new(Work::new("shares").ext4(8 * MIB));
    let read = |disks: usize, all: u64| {
        let disk = |number| Disk { device: Rc::clone(&image) as Rc<_>, name: format!("hd{number}") };
        let limit = ReadLimit { each: 1 << 20, all };
        let volumes = Volumes::discover_within((0..disks).map(disk).collect(), limit, None);
        for volume in volumes.all() {
            let _ = volume.read(b"/boot/vmlinuz-6.12", 300_000);
        }
        volumes.read_of_disks().collect::<Vec<u64>>()
    };
    let alone = read(1, 1 << 20);
    assert!(alone.iter().all(|read| *read > 300_000), "{alone:?}");
    assert_eq!(read(3, 3 << 20), [alone[0]; 3]);
    let together = read(16, 1 << 20);
    assert!(together.iter().all(|read| (1..=1 << 16).contains(read)), "{together:?}");
}

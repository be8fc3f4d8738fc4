// SPDX-License-Identifier: BSD-3-Clause
//! The tree of devices: containers, sets, tables and filesystems on top of each other, in any order.

use std::{cell::RefCell, fs, rc::Rc};

use block::{BlockRead, ReadError};
use oracle::tools::{run, work_dir};
use part::{Guid, gpt};
use toys::{ALL, KeyRing, lent, lock, member, mirror, toy};
use vfs::{Assembler, DeviceKind, Disk, Health, NoKeys, Volume, Volumes};

const MIB: usize = 1024 * 1024;

/// A disk with a GPT and these partitions.
fn table(partitions: &[Vec<u8>]) -> Vec<u8> {
    let mut disk = vec![0; MIB];
    let mut layout = gpt::Layout {
        disk_guid: [9; 16],
        block_size: 512,
        disk_blocks: 0,
        entries: 128,
        partitions: Vec::new(),
    };
    for (guid, partition) in (1..).zip(partitions) {
        let first_lba = disk.len() as u64 / 512;
        disk.extend(partition);
        disk.resize(disk.len().next_multiple_of(512), 0);
        layout.partitions.push(gpt::NewPartition {
            type_guid: Guid::from_bytes([8; 16]).to_bytes(),
            guid: [guid; 16],
            first_lba,
            last_lba: disk.len() as u64 / 512 - 1,
            name: String::new(),
            attributes: 0,
        });
    }
    disk.resize(disk.len() + MIB, 0);
    layout.disk_blocks = disk.len() as u64 / 512;
    let (primary, backup, end) = (layout.primary().unwrap(), layout.backup().unwrap(), disk.len());
    disk[..primary.len()].copy_from_slice(&primary);
    disk[end - backup.len()..].copy_from_slice(&backup);
    disk
}

fn assemble(assembler: Assembler<'_>, disks: Vec<Rc<dyn BlockRead>>) -> Volumes {
    let mut assembler = assembler.with_layers(ALL);
    for (number, device) in disks.into_iter().enumerate() {
        assembler.offer(Disk { device, name: format!("hd{number}") });
    }
    assembler.finish()
}

fn of(disks: &[Vec<u8>]) -> Volumes {
    assemble(Assembler::new(&NoKeys), disks.iter().map(|disk| Rc::new(disk.clone()) as Rc<_>).collect())
}

fn names(volumes: &Volumes) -> Vec<&str> {
    volumes.all().iter().map(Volume::name).collect()
}

/// Object and code of each problem.
fn problems(volumes: &Volumes) -> Vec<(String, String)> {
    let problems = volumes.problems().iter();
    problems.map(|problem| (problem.object.clone(), problem.error.code().to_string())).collect()
}

fn problem(object: &str, code: &str) -> (String, String) {
    (object.into(), code.into())
}

fn health(volumes: &Volumes, name: &str) -> Health {
    volumes.devices().iter().find(|device| device.name == name).unwrap().health
}

#[test]
fn image_files_in_partitions_hold_disks_with_partitions() {
    let folder = work_dir("nested");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_string();
    fs::create_dir(path("tree")).unwrap();
    fs::write(path("tree/file"), "content").unwrap();
    fs::File::create(path("ext4")).unwrap().set_len(4 * MIB as u64).unwrap();
    run("mke2fs", &["-q", "-F", "-t", "ext4", "-d", &path("tree"), &path("ext4")]);
    fs::write(path("raw"), table(&[fs::read(path("ext4")).unwrap()])).unwrap();
    let image = |format: &str| {
        run("qemu-img", &["convert", "-f", "raw", "-O", format, &path("raw"), &path(format)]);
        fs::read(path(format)).unwrap()
    };
    let volumes = of(&[table(&[image("qcow2"), image("vpc")])]);
    assert_eq!(volumes.problems(), []);
    assert_eq!(names(&volumes), ["hd0,gpt1,qcow2,gpt1", "hd0,gpt2,vhd,gpt1"]);
    for volume in volumes.all() {
        assert_eq!(volume.read(b"/file", 100).unwrap(), b"content");
        // Its partition is not directly on the disk: firmware and GRUB do not know it.
        assert_eq!((volume.partition(), volume.grub_name()), (None, None));
        let stack: Vec<&DeviceKind> =
            volume.home().stack.iter().map(|id| &volumes.device(*id).unwrap().kind).collect();
        assert!(
            matches!(
                stack[..],
                [
                    DeviceKind::Disk,
                    DeviceKind::Partition(_),
                    DeviceKind::Container(_),
                    DeviceKind::Partition(_)
                ]
            ),
            "{stack:?}"
        );
    }
    let contents: Vec<&str> =
        volumes.devices().iter().filter_map(|device| Some(device.content?.name)).collect();
    assert_eq!(contents, ["gpt", "qcow2", "vhd", "gpt", "ext4", "gpt", "ext4"]);
}

#[test]
fn warnings_of_a_filesystem_are_problems_beside_its_volumes() {
    let volumes = of(&[table(&[toy(b"sound"), toy(b"ill")])]);
    assert_eq!(names(&volumes), ["hd0,gpt1:@", "hd0,gpt1:@home", "hd0,gpt2:@", "hd0,gpt2:@home"]);
    assert_eq!(problems(&volumes), [problem("hd0,gpt2", "E-FS-FILE-DEGRADED")], "once, whatever the roots");
    let health: Vec<Health> = volumes.all().iter().map(|volume| volume.summary().unwrap().health).collect();
    assert_eq!(health, [Health::Ok, Health::Ok, Health::Degraded, Health::Degraded]);
}

#[test]
fn what_filesystems_keep_of_their_logs_is_limited_together() {
    let volumes =
        of(&[table(&[toy(b"full 1"), toy(b"full 2"), toy(b"full 3"), toy(b"full 4"), toy(b"none")])]);
    let roots =
        ["hd0,gpt1:@", "hd0,gpt1:@home", "hd0,gpt2:@", "hd0,gpt2:@home", "hd0,gpt5:@", "hd0,gpt5:@home"];
    assert_eq!(names(&volumes), roots);
    assert_eq!(problems(&volumes), [problem("hd0,gpt3", "E-MEMORY"), problem("hd0,gpt4", "E-MEMORY")]);
    assert_eq!((health(&volumes, "hd0,gpt4"), health(&volumes, "hd0,gpt5")), (Health::Failed, Health::Ok));
}

#[test]
fn keys_are_asked_for_once_for_each_container() {
    let disk = table(&[lock(b"sesame", &toy(b"one")), lock(b"none has it", &toy(b"two")), toy(b"open")]);
    let keys = KeyRing { keys: vec![b"wrong", b"sesame"], asked: RefCell::default() };
    let volumes = assemble(Assembler::new(&keys), vec![Rc::new(disk)]);
    assert_eq!(*keys.asked.borrow(), ["hd0,gpt1", "hd0,gpt2"]);
    assert_eq!(
        names(&volumes),
        ["hd0,gpt1,toy-lock:@", "hd0,gpt1,toy-lock:@home", "hd0,gpt3:@", "hd0,gpt3:@home"]
    );
    assert_eq!(volumes.problems(), []);
    let locked = volumes.devices().iter().find(|device| device.name == "hd0,gpt2").unwrap();
    assert_eq!(locked.content.unwrap().name, "toy-lock", "what stays locked has its name");
}

#[test]
fn members_of_a_set_come_in_any_order_and_from_below_containers() {
    let content = toy(b"set");
    let (first, second) = content.split_at(1024);
    let (first, second) = (member(1, 0, 2, first), member(1, 1, 2, second));
    let other = table(&[toy(b"other")]);
    let keys = KeyRing { keys: vec![b"k"], asked: RefCell::default() };
    let (second, other, first) = (table(&[second]), other, table(&[lock(b"k", &first)]));
    for (name, disks) in
        [("hd2", [second.clone(), other.clone(), first.clone()]), ("hd0", [first, other, second])]
    {
        let disks = disks.iter().map(|disk| Rc::new(disk.clone()) as Rc<dyn BlockRead>).collect();
        let volumes = assemble(Assembler::new(&keys), disks);
        assert_eq!(volumes.problems(), []);
        let set = format!("{name},gpt1,toy-lock,toy-set");
        // In the order of disks: the set begins on the first.
        let wanted = [&format!("{set}:@"), &format!("{set}:@home"), "hd1,gpt1:@", "hd1,gpt1:@home"];
        assert_eq!(names(&volumes), wanted);
        let root = &volumes.all()[0];
        assert_eq!(root.read(b"/name", 100).unwrap(), b"set");
        // It is spread over both disks; the set itself is one device.
        assert_eq!((&root.home().disks[..], root.partition()), (&[0, 2][..], None));
        assert_eq!(root.home().members.len(), 1);
        let set = volumes.device(root.home().members[0]).unwrap();
        assert_eq!((&set.kind, set.parents.len()), (&DeviceKind::Set("toy-set"), 2));
    }
}

#[test]
fn a_set_without_a_member_is_degraded_or_a_problem() {
    let half = |index| mirror(7, index, 2, &toy(b"mirror"));
    for index in [0, 1] {
        let volumes = of(&[half(index)]);
        assert_eq!(volumes.problems(), []);
        let root = &volumes.all()[0];
        assert_eq!(root.read(b"/name", 100).unwrap(), b"mirror");
        assert_eq!(health(&volumes, "hd0,toy-set"), Health::Degraded);
        assert_eq!(
            volumes.device(root.home().members[0]).unwrap().missing,
            [format!("member {}", 1 - index)]
        );
    }
    let volumes = of(&[member(1, 0, 2, b"first half"), toy(b"beside it")]);
    assert_eq!(problems(&volumes), [problem("hd0", "E-FS-FILE-MISSING")]);
    // It is the other one that is at fault.
    let device = &volumes.devices()[0];
    assert_eq!((device.health, device.missing.len()), (Health::Ok, 1), "{:?}", device.missing);
    assert_eq!(names(&volumes), ["hd1:@", "hd1:@home"]);
}

#[test]
fn of_two_devices_that_are_the_same_member_the_first_counts() {
    let copy = |name: &[u8]| mirror(7, 0, 1, &toy(name));
    let volumes = of(&[copy(b"current"), copy(b"a copy of long ago")]);
    assert_eq!(problems(&volumes), [problem("hd1", "E-FS-FILE-DEGRADED")]);
    assert_eq!(names(&volumes), ["hd0,toy-set:@", "hd0,toy-set:@home"]);
    assert_eq!(volumes.all()[0].read(b"/name", 100).unwrap(), b"current");
}

/// A member that was last written at this time.
fn at(time: u8, mut member: Vec<u8>) -> Vec<u8> {
    member[12] = time;
    member
}

#[test]
fn copies_of_a_set_are_not_mixed() {
    let content = toy(b"both halves");
    let halves = |time| {
        [0, 1].map(|index| {
            at(time, member(7, index, 2, [&content[..1024], &content[1024..]][usize::from(index)]))
        })
    };
    let ([old0, old1], [new0, new1]) = (halves(3), halves(4));
    let left_out =
        |names: &[&str]| -> Vec<_> { names.iter().map(|name| problem(name, "E-FS-FILE-DEGRADED")).collect() };
    for (disks, out) in [
        // The complete one, in whatever order.
        (vec![&new0, &old1, &old0], vec!["hd0"]),
        (vec![&old1, &new0, &new1], vec!["hd0"]),
        // Of two complete ones the newer, in whatever order: a device that missed writes does not win.
        (vec![&old0, &new1, &new0, &old1], vec!["hd0", "hd3"]),
        (vec![&new0, &old1, &old0, &new1], vec!["hd1", "hd2"]),
        // The same disk on two paths.
        (vec![&new0, &new1, &new1], vec!["hd2"]),
    ] {
        let disks: Vec<Vec<u8>> = disks.into_iter().cloned().collect();
        let volumes = of(&disks);
        assert_eq!(problems(&volumes), left_out(&out));
        assert_eq!(volumes.all()[0].read(b"/name", 100).unwrap(), b"both halves", "{out:?}");
    }
    // Without copies, a member with another state is still a member: the format knows what to do with it.
    let volumes = of(&[old0.clone(), new1.clone()]);
    assert_eq!((problems(&volumes), volumes.all().len()), (vec![], 2));
    // The same applies if another member is reached on two paths, which is not a copy.
    for disks in [[&old0, &new1, &new1], [&new1, &new1, &old0], [&new1, &old0, &new1]] {
        let second = disks.iter().rposition(|disk| **disk == new1).unwrap();
        let volumes = of(&disks.map(Clone::clone));
        assert_eq!(problems(&volumes), left_out(&[&format!("hd{second}")]));
        let first = disks.iter().position(|disk| **disk == new1).unwrap();
        assert!(
            volumes.problems()[0]
                .cause(|id| format!("disk {}", id.0))
                .ends_with(&format!("; disk {first} is used instead"))
        );
        assert_eq!(volumes.all()[0].read(b"/name", 100).unwrap(), b"both halves");
    }
}

#[test]
fn a_member_that_was_replaced_and_comes_back_does_not_win() {
    // Only the second leg of a mirror is present, twice: in an old state and in its current one.
    let (old, new) = (at(3, mirror(7, 1, 2, &toy(b"left behind"))), at(4, mirror(7, 1, 2, &toy(b"current"))));
    for (disks, out) in [([&old, &new], "hd0"), ([&new, &old], "hd1")] {
        let volumes = of(&disks.map(Clone::clone));
        assert_eq!(problems(&volumes), [problem(out, "E-FS-FILE-DEGRADED")]);
        assert_eq!(volumes.all()[0].read(b"/name", 100).unwrap(), b"current");
    }
}

#[test]
fn a_set_borrows_members_of_others() {
    let content = toy(b"grown");
    let (seed, grown) = (lent(member(1, 0, 1, &content[..1024])), member(2, 5, 2, &content[1024..]));
    let other = lent(member(3, 0, 1, b"nobody's"));
    for disks in [[seed.clone(), other.clone(), grown.clone()], [grown, other, seed]] {
        let volumes = of(&disks);
        let grown = volumes.all().iter().find(|volume| volume.subvolume() == "@").unwrap();
        assert_eq!(grown.read(b"/name", 100).unwrap(), b"grown");
        assert_eq!(grown.home().disks, [0, 2], "the disk between them has nothing to do with it");
    }
}

#[test]
fn one_filesystem_has_a_volume_for_each_root() {
    let volumes = of(&[table(&[toy(b"many")])]);
    let [root, home] = volumes.all() else { panic!("{:?}", names(&volumes)) };
    assert_eq!((root.subvolume(), home.subvolume()), ("@", "@home"));
    assert_eq!(root.identity(), home.identity());
    assert_eq!(root.read(b"/name", 100).unwrap(), b"many");
    assert_eq!(home.read(b"/user/file", 100).unwrap(), b"home");
    // Neither `..` nor an absolute link leads from one into the other.
    for path in ["/../user/file", "/link/../../user/file", "/../@home/user/file"] {
        assert!(root.open(path.as_bytes()).is_err(), "{path}");
    }
    assert_eq!(home.read(b"/user/link", 100).unwrap(), b"home", "an absolute link starts at its own root");
    assert_eq!(root.grub_name().as_deref(), Some("hd0,gpt1"));
}

#[test]
fn a_table_in_a_partition_counts_where_nothing_else_is_known() {
    let volumes = of(&[table(&[table(&[toy(b"inner")]), vec![0x33; 4096]])]);
    assert_eq!(volumes.problems(), []);
    assert_eq!(names(&volumes), ["hd0,gpt1,gpt1:@", "hd0,gpt1,gpt1:@home"]);
    assert_eq!(volumes.all()[0].partition(), None, "its place does not count from the disk's start");
    let parents: Vec<_> = volumes.devices().iter().map(|device| device.parents.len()).collect();
    assert_eq!(parents, [0, 1, 1, 1]);
}

/// A disk on which every sector is a table of four partitions that start in the next sector, which is a table again.
struct Mirrors;

impl Mirrors {
    fn sector(number: u64) -> [u8; 512] {
        let mut sector = [0; 512];
        for entry in 0..4u8 {
            let at = 446 + 16 * usize::from(entry);
            // Within the partition that the sector is the first of.
            let length = (1u32 << 30) - 1000 * u32::try_from(number % 1000).unwrap() - u32::from(entry);
            sector[at + 4] = 0x83;
            sector[at + 8] = 1;
            sector[at + 12..at + 16].copy_from_slice(&length.to_le_bytes());
        }
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        sector
    }
}

impl BlockRead for Mirrors {
    fn size(&self) -> u64 {
        1 << 40
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        for (byte, at) in buf.iter_mut().zip(offset..) {
            *byte = Self::sector(at / 512)[(at % 512) as usize];
        }
        Ok(())
    }
}

#[test]
fn tables_within_tables_end() {
    let volumes = assemble(Assembler::new(&NoKeys), vec![Rc::new(Mirrors), Rc::new(toy(b"sound"))]);
    assert_eq!(names(&volumes), ["hd1:@", "hd1:@home"], "a sound disk beside it is read");
    let problems = problems(&volumes);
    let [(object, code)] = &problems[..] else { panic!("said once: {problems:?}") };
    assert!(object.starts_with("hd0,msdos") && code == "E-FS-MBR-UNSUPPORTED", "{object}: {code}");
    assert!(volumes.devices().len() <= 1027, "{}", volumes.devices().len());
}

/// Counts the bytes that are read from a disk.
struct Counting(Vec<u8>, RefCell<usize>);

impl BlockRead for Counting {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        *self.1.borrow_mut() += buf.len();
        self.0.read_at(offset, buf)
    }
}

#[test]
fn all_partitions_of_a_disk_share_its_cache() {
    let disk = Rc::new(Counting(table(&vec![toy(b"one of many"); 120]), RefCell::default()));
    let volumes = assemble(Assembler::new(&NoKeys), vec![Rc::clone(&disk) as Rc<dyn BlockRead>]);
    assert_eq!(volumes.all().len(), 240);
    assert!(*disk.1.borrow() < MIB, "{} bytes were read", disk.1.borrow());
}

#[test]
fn a_disk_is_read_up_to_a_limit_of_its_own() {
    const LIMIT: u64 = 64 * 1024;
    // The partition table of the first disk alone needs more than is allowed.
    let disks: Vec<Rc<dyn BlockRead>> = vec![Rc::new(Mirrors), Rc::new(toy(b"beside it"))];
    let volumes = assemble(Assembler::new(&NoKeys).with_limit(LIMIT), disks);
    assert!(volumes.read_of_disks().all(|read| read > 0 && read <= LIMIT));
    assert!(problems(&volumes).iter().any(|(_, code)| code == "E-BLOCK-LIMIT"), "{:?}", problems(&volumes));
    assert_eq!(volumes.all().first().map(|volume| volume.disk()), Some(1), "the other disk is found");
    let before = volumes.read_of_disks().max();
    volumes.lift_limit();
    let file = volumes.all().first().unwrap().list(b"/");
    assert!(file.is_ok() && volumes.read_of_disks().max() >= before);
}

#[test]
fn what_reads_all_it_may_leaves_something_to_its_neighbours() {
    const LIMIT: u64 = 1 << 20;
    let disk = table(&[toy(b"logged"), toy(b"beside it"), toy(b"logged, too")]);
    let volumes =
        assemble(Assembler::new(&NoKeys).with_limit(LIMIT), vec![Rc::new(disk) as Rc<dyn BlockRead>]);
    assert_eq!(problems(&volumes), []);
    let names: Vec<Vec<u8>> =
        volumes.all().iter().step_by(2).map(|root| root.read(b"/name", 100).unwrap()).collect();
    assert_eq!(names, [&b"logged"[..], b"beside it", b"logged, too"]);
}

#[test]
fn what_has_no_driver_is_named() {
    let mut exfat = vec![0; 65_536];
    exfat[3..11].copy_from_slice(b"EXFAT   ");
    let mut swap = vec![0; 65_536];
    (swap[1024], swap[1028]) = (1, 15);
    swap[4096 - 10..4096].copy_from_slice(b"SWAPSPACE2");
    let volumes = of(&[table(&[toy(b"known"), swap, exfat.clone()]), exfat]);
    let unread: Vec<String> = volumes.devices().iter().filter_map(|device| device.unread()).collect();
    let sentence = |name: &str| format!("{name} is exFAT, which this version does not read");
    assert_eq!(unread, [sentence("hd0,gpt3"), sentence("hd1")]);
    let contents: Vec<Option<&str>> =
        volumes.devices().iter().map(|device| device.content.map(|content| content.name)).collect();
    assert_eq!(contents, [Some("gpt"), Some("tree"), Some("swap"), Some("exfat"), Some("exfat")]);
    assert_eq!(volumes.problems(), []);
}

/// Formats for tests only: a container with a key, a set, a filesystem with two roots.
mod toys {
    use std::{cell::RefCell, rc::Rc};

    use block::{BlockRead, ReadError, Slice};
    use damage::{Format, Missing};
    use filesystem::{FileSystem, MemoryBudget};
    use oracle::Tree;
    use vfs::{Assembled, Device, Error, Keys, LAYERS, Layer, Leg, Member, Opened};

    /// Offset of the content of a container or member.
    const CONTENT: u64 = 512;

    /// The formats of the product, the image formats, and the test formats.
    pub const ALL: &[Layer] = &[
        Layer { name: "toy-lock", probe: |device| starts(device, b"TOYLOCK\0"), open: open_lock },
        Layer { name: "toy-set", probe: |device| starts(device, b"TOYSET\0\0"), open: open_member },
        Layer { name: "toy", probe: |device| starts(device, b"TOYFS\0\0\0"), open: open_toy },
        Layer {
            name: "qcow2",
            probe: |device| Ok(qcow2::probe(device)?),
            open: |device, _| Ok(Opened::Device(Rc::new(qcow2::Qcow2::open(device)?))),
        },
        Layer {
            name: "vhd",
            probe: |device| Ok(vhd::probe(device)?),
            open: |device, _| Ok(Opened::Device(Rc::new(vhd::Vhd::open(device)?))),
        },
        LAYERS[0],
        LAYERS[1],
        LAYERS[2],
        LAYERS[3],
    ];

    fn starts(device: &dyn BlockRead, magic: &[u8; 8]) -> Result<bool, Error> {
        let mut bytes = [0; 8];
        if device.size() < CONTENT {
            return Ok(false);
        }
        device.read_at(0, &mut bytes)?;
        Ok(bytes == *magic)
    }

    fn image(magic: &[u8; 8], header: &[u8], content: &[u8]) -> Vec<u8> {
        let mut bytes = [magic, header].concat();
        bytes.resize(CONTENT as usize, 0);
        bytes.extend(content);
        bytes
    }

    fn header(device: &dyn BlockRead) -> Result<[u8; 64], Error> {
        let mut bytes = [0; 64];
        device.read_at(8, &mut bytes)?;
        Ok(bytes)
    }

    fn text(header: &[u8]) -> Vec<u8> {
        header.iter().copied().take_while(|byte| *byte != 0).collect()
    }

    /// A container with this key.
    pub fn lock(key: &[u8], content: &[u8]) -> Vec<u8> {
        image(b"TOYLOCK\0", key, content)
    }

    fn open_lock(device: Rc<dyn BlockRead>, _: &MemoryBudget) -> Result<Opened, Error> {
        let stored = text(&header(&*device)?);
        Ok(Opened::Locked(Box::new(move |key| {
            if key != stored {
                return Ok(None);
            }
            let content = Slice::new(Rc::clone(&device), CONTENT, device.size() - CONTENT)?;
            Ok(Some(Rc::new(content)))
        })))
    }

    /// Keys to try, and the containers that asked for keys.
    pub struct KeyRing {
        pub keys: Vec<&'static [u8]>,
        pub asked: RefCell<Vec<String>>,
    }

    impl Keys for KeyRing {
        fn unlock(
            &self,
            container: &Device,
            attempt: &mut dyn FnMut(&[u8]) -> Result<bool, Error>,
        ) -> Result<(), Error> {
            self.asked.borrow_mut().push(container.name.clone());
            for key in &self.keys {
                if attempt(key)? {
                    break;
                }
            }
            Ok(())
        }
    }

    /// A member of a set whose content is the concatenation of its members.
    pub fn member(set: u8, index: u8, count: u8, content: &[u8]) -> Vec<u8> {
        image(b"TOYSET\0\0", &[set, index, count, 0], content)
    }

    /// A member of a set whose members all have the same content.
    pub fn mirror(set: u8, index: u8, count: u8, content: &[u8]) -> Vec<u8> {
        image(b"TOYSET\0\0", &[set, index, count, 1], content)
    }

    /// The same member, but lent: other sets may build on it.
    pub fn lent(mut member: Vec<u8>) -> Vec<u8> {
        member[13] = 1;
        member
    }

    fn open_member(device: Rc<dyn BlockRead>, _: &MemoryBudget) -> Result<Opened, Error> {
        let [set, number, count, is_mirror, time, is_lent, ..] = header(&*device)?;
        Ok(Opened::Member(Member {
            format: Format::File,
            set: set.to_string(),
            number: number.into(),
            count: count.into(),
            state: [time.into(), 0, 0, 0],
            is_lent: is_lent == 1,
            assemble: if is_mirror == 1 { assemble_mirror } else { assemble_chain },
        }))
    }

    fn content(leg: &Leg) -> Result<Rc<dyn BlockRead>, Error> {
        let device = &leg.device;
        Ok(Rc::new(Slice::new(Rc::clone(device), CONTENT, device.size() - CONTENT)?))
    }

    /// Names of the missing members, of as many as the first one states.
    fn missing(members: &[Leg]) -> Result<Vec<String>, Error> {
        let [_, _, count, ..] = header(&*members[0].device)?;
        let is_there = |number: u8| members.iter().any(|leg| leg.number == u64::from(number));
        Ok((0..count).filter(|number| !is_there(*number)).map(|number| format!("member {number}")).collect())
    }

    fn assembled(device: Rc<dyn BlockRead>, missing: Vec<String>) -> Assembled {
        Assembled { opened: Opened::Device(device), missing, borrowed: Vec::new() }
    }

    fn assemble_mirror(members: Vec<Leg>, _: Vec<Leg>, _: &MemoryBudget) -> Result<Assembled, Error> {
        Ok(assembled(content(&members[0])?, missing(&members)?))
    }

    /// Content in the order of numbers; that of number 5 comes after the content that set 1 lends.
    fn assemble_chain(members: Vec<Leg>, lent: Vec<Leg>, _: &MemoryBudget) -> Result<Assembled, Error> {
        if members[0].number == 5 {
            let is_wanted = |leg: &Leg| header(&*leg.device).is_ok_and(|[set, ..]| set == 1);
            let index = lent.iter().position(is_wanted).unwrap();
            let parts = vec![content(&lent[index])?, content(&members[0])?];
            return Ok(Assembled { borrowed: vec![index], ..assembled(Rc::new(Chain(parts)), vec![]) });
        }
        let missing = missing(&members)?;
        if !missing.is_empty() {
            return Err(Missing { format: Format::File, members: missing.join(", ").into() }.into());
        }
        let parts = members.iter().map(content);
        Ok(assembled(Rc::new(Chain(parts.collect::<Result<_, _>>()?)), missing))
    }

    /// Concatenated devices.
    struct Chain(Vec<Rc<dyn BlockRead>>);

    impl BlockRead for Chain {
        fn size(&self) -> u64 {
            self.0.iter().map(|part| part.size()).sum()
        }

        fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
            block::check_bounds(offset, buf.len(), self.size())?;
            for (byte, mut at) in buf.iter_mut().zip(offset..) {
                for part in &self.0 {
                    if at < part.size() {
                        part.read_at(at, std::slice::from_mut(byte))?;
                        break;
                    }
                    at -= part.size();
                }
            }
            Ok(())
        }
    }

    /// A filesystem with the roots `@`, whose `/name` holds this name, and `@home`.
    pub fn toy(name: &[u8]) -> Vec<u8> {
        let mut bytes = image(b"TOYFS\0\0\0", name, &[]);
        bytes.resize(4096, 0);
        bytes
    }

    fn open_toy(device: Rc<dyn BlockRead>, memory: &MemoryBudget) -> Result<Opened, Error> {
        let name = text(&header(&*device)?);
        // As a log that is too long does.
        while name.starts_with(b"logged") && device.read_at(0, &mut [0; 4096]).is_ok() {}
        let tree =
            if name.starts_with(b"ill") { Tree::new().degraded("half of it is gone") } else { Tree::new() };
        let kept = if name.starts_with(b"full") { 20 << 20 } else { 0 };
        let tree = tree.keeping(memory.claim(Format::File, kept)?);
        let tree = tree
            .uuid("toy")
            .file("/@/name", name)
            .symlink("/@/link", "/")
            .file("/@home/user/file", "home")
            .symlink("/@home/user/link", "/user/file");
        let roots = ["@", "@home"]
            .map(|name| (name.to_string(), tree.lookup(&tree.root(), name.as_bytes()).unwrap()));
        Ok(Opened::filesystem_with_roots(tree, Vec::from(roots)))
    }
}

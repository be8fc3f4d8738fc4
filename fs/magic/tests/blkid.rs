// SPDX-License-Identifier: BSD-3-Clause
//! Images made by real tools get the name that `blkid` gives them; for formats without a tool in Debian, headers are
//! built by hand. With a changed byte in the magic number, neither `blkid` nor our code recognises them.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::{fs::FileExt, process::CommandExt},
    panic::catch_unwind,
    path::{Path, PathBuf},
    process::Stdio,
    thread::sleep,
    time::{Duration, Instant},
};

use block::{BlockRead, ReadError, check_bounds};
use magic::{Found, Usage, identify, is_blank, known};
use oracle::{
    headers,
    tools::{command, output, run, work_dir},
};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * 1024;

/// An image file, and the title that we must give it.
struct Image {
    title: &'static str,
    path: PathBuf,
    /// A byte of each copy of its magic number.
    magics: Vec<u64>,
}

impl BlockRead for Image {
    fn size(&self) -> u64 {
        fs::metadata(&self.path).unwrap().len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.size())?;
        File::open(&self.path).unwrap().read_exact_at(buf, offset).unwrap();
        Ok(())
    }
}

impl Image {
    fn identify(&self) -> Option<Found> {
        identify(self).unwrap_or_else(|error| panic!("{}: {error}", self.path.display()))
    }

    /// Compares with `blkid` before and after the magic number is damaged.
    fn check(&self) {
        let Self { title, path, magics } = self;
        let found = self.identify().unwrap_or_else(|| panic!("{title} of {} has no name", path.display()));
        assert_eq!(found.title, *title, "{}", path.display());
        assert_eq!(blkid(path), Some(ours(found)), "{title}, {}", path.display());
        assert!(!magics.is_empty());
        let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
        for offset in magics {
            let mut byte = [0];
            file.read_exact_at(&mut byte, *offset).unwrap();
            file.write_all_at(&[byte[0] ^ 0x80], *offset).unwrap();
        }
        let damaged = self.identify();
        assert_ne!(
            damaged.map(|damaged| damaged.name),
            Some(found.name),
            "damaged {title}, {}",
            path.display()
        );
        assert_eq!(damaged.map(ours), blkid(path), "damaged {title}, {}", path.display());
    }
}

/// Name and usage of an image according to `blkid`.
fn blkid(path: &Path) -> Option<(String, String)> {
    let output = output("blkid", &["-p", "-o", "export", path.to_str().unwrap()]);
    assert!(matches!(output.status.code(), Some(0 | 2)), "blkid {}: {output:?}", path.display());
    let text = String::from_utf8(output.stdout).unwrap();
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::to_string);
    // Without a type, it may have found a partition table.
    Some((value("TYPE=")?, value("USAGE=")?))
}

/// Our name and usage of an image, in the terms of `blkid`, which treats members of two kinds as filesystems.
fn ours(found: Found) -> (String, String) {
    let usage = match (found.name, found.usage) {
        ("zfs_member" | "oracleasm", Usage::Member) | (_, Usage::Filesystem) => "filesystem",
        (_, Usage::Member) => "raid",
        (_, Usage::Encrypted) => "crypto",
        (_, Usage::Other) => "other",
    };
    (found.name.to_string(), usage.to_string())
}

#[test]
fn each_format_is_named_as_blkid_names_it() {
    let images: Vec<Image> = [made_by_tools(), made_by_linux(), made_by_ztest(), made_by_hand()]
        .into_iter()
        .flatten()
        .inspect(Image::check)
        .collect();
    let is_shown = |found: &Found| images.iter().any(|image| image.title == found.title);
    let missing: Vec<Found> = known().filter(|found| !is_shown(found)).collect();
    assert_eq!(missing, [], "signatures without an image");
}

#[test]
fn a_luks_header_hides_the_filesystem_before_it() {
    let dir = work_dir("hidden");
    let path = file(&dir, "btrfs", 128 * MIB);
    run("mkfs.btrfs", &["-q", path.to_str().unwrap()]);
    write(&path, 0, b"LUKS\xba\xbe\0\x01");
    Image { title: "LUKS1 container", path, magics: vec![0] }.check();
}

#[test]
fn a_device_that_was_removed_from_a_pool_is_no_member() {
    let dir = work_dir("removed");
    let named = [("name", 1), ("state", 0), ("txg", 0), ("guid", 7)];
    for (txg, is_member) in [(0, false), (4, true)] {
        let pairs = named.map(|(name, value)| (name, if name == "txg" { txg } else { value }));
        let image = image(&dir, "label", zfs(1, &pairs));
        assert_eq!(image.identify().is_some(), is_member);
        assert_eq!(blkid(&image.path), image.identify().map(ours));
    }
}

#[test]
fn an_empty_image_has_no_name_and_is_blank() {
    let path = file(&work_dir("empty"), "image", 16 * MIB);
    let image = Image { title: "", path, magics: vec![] };
    assert_eq!(image.identify(), None);
    assert_eq!(blkid(&image.path), None);
    assert!(is_blank(&image).unwrap());
}

/// Title of an image, its MiB, how it is made, and a byte of each copy of its magic number.
type Recipe<How> = (&'static str, u64, How, &'static [u64]);

/// One command each; 0 MiB if the command decides the size.
const TOOLS: &[Recipe<&str>] = &[
    (
        "LUKS1 container",
        16,
        "cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 IMAGE TREE/file",
        &[0],
    ),
    (
        "LUKS2 container",
        32,
        "cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 IMAGE TREE/file",
        &[0],
    ),
    ("dm-verity hashes", 0, "veritysetup format TREE/file IMAGE", &[0]),
    ("FAT", 2, "mkfs.vfat -F 12 IMAGE", &[0x36, 0x1fe]),
    ("FAT", 16, "mkfs.vfat -F 16 IMAGE", &[0x36, 0x1fe]),
    ("FAT", 64, "mkfs.vfat -F 32 IMAGE", &[0x52, 0x1fe]),
    ("swap", 2, "mkswap -q -p 4096 IMAGE", &[4086]),
    ("swap", 2, "mkswap -q -p 8192 IMAGE", &[8182]),
    ("swap", 2, "mkswap -q -p 16384 IMAGE", &[16374]),
    ("swap", 2, "mkswap -q -p 32768 IMAGE", &[32758]),
    ("swap", 2, "mkswap -q -p 65536 IMAGE", &[65526]),
    ("XFS", 320, "mkfs.xfs -q IMAGE", &[0]),
    ("XFS", 320, "mkfs.xfs -q -m crc=0 IMAGE", &[0]),
    ("ext2", 8, "mke2fs -q -F -t ext2 IMAGE", &[0x438]),
    ("ext3", 8, "mke2fs -q -F -t ext3 IMAGE", &[0x438]),
    ("ext4", 8, "mke2fs -q -F -t ext4 IMAGE", &[0x438]),
    ("ext4", 8, "mke2fs -q -F -t ext4 -O ^has_journal,^metadata_csum IMAGE", &[0x438]),
    ("journal of ext4", 8, "mke2fs -q -F -O journal_dev IMAGE", &[0x438]),
    ("JFS", 32, "jfs_mkfs -q IMAGE", &[0x8000]),
    ("UDF", 16, "mkfs.udf IMAGE", &[0x8001]),
    ("UDF", 16, "mkfs.udf -b 4096 IMAGE", &[0x8001]),
    ("ISO 9660", 0, "xorrisofs -quiet -o IMAGE TREE", &[0x8001]),
    ("UFS1", 0, "makefs -t ffs -B le -o version=1 -s 16m IMAGE TREE", &[8192 + 1372]),
    ("UFS1", 0, "makefs -t ffs -B be -o version=1 -s 16m IMAGE TREE", &[8192 + 1372]),
    ("UFS2", 0, "makefs -t ffs -B le -o version=2 -s 16m IMAGE TREE", &[8192 + 1372]),
    ("UFS2", 0, "makefs -t ffs -B be -o version=2 -s 16m IMAGE TREE", &[8192 + 1372]),
    ("NTFS", 16, "mkntfs -q -F -Q IMAGE", &[3]),
    ("SquashFS", 0, "mksquashfs TREE IMAGE -quiet -no-progress", &[0]),
    ("Btrfs", 128, "mkfs.btrfs -q IMAGE", &[0x10040]),
    ("Btrfs", 128, "mkfs.btrfs -q --csum blake2 IMAGE", &[0x10040]),
    ("exFAT", 16, "mkfs.exfat -q IMAGE", &[3]),
    ("F2FS", 64, "mkfs.f2fs -q IMAGE", &[1024]),
    ("APFS", 64, "mkapfs IMAGE", &[32]),
    ("EROFS", 0, "mkfs.erofs --quiet IMAGE TREE", &[1024]),
];

/// Images of programs that write files.
fn made_by_tools() -> Vec<Image> {
    let dir = work_dir("tools");
    let tree = dir.join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("file"), vec![7; 8192]).unwrap();
    let make = |(index, (title, mib, line, magics)): (usize, &Recipe<&str>)| {
        let path =
            if *mib == 0 { dir.join(index.to_string()) } else { file(&dir, &index.to_string(), mib * MIB) };
        let word = |word: &str| {
            word.replace("IMAGE", path.to_str().unwrap()).replace("TREE", tree.to_str().unwrap())
        };
        let words: Vec<String> = line.split(' ').map(word).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        run(words[0], &words[1..]);
        Image { title, path, magics: magics.to_vec() }
    };
    TOOLS.iter().enumerate().map(make).collect()
}

/// Formats that Linux makes on its disks: commands with `DISK` for the disk.
const GUEST: &[Recipe<&[&str]>] = &[
    ("Linux md member", 64, &["mdadm --create /dev/md0 RAID --metadata=0.90 DISK"], &[64 * MIB - 64 * KIB]),
    // Before its superblock there is an ext4, whose name it gets if the superblock is gone.
    (
        "Linux md member",
        64,
        &["mdadm --create /dev/md1 RAID --metadata=1.0 DISK", "mke2fs -q -t ext4 /dev/md1"],
        &[64 * MIB - 8 * KIB],
    ),
    ("Linux md member", 64, &["mdadm --create /dev/md2 RAID --metadata=1.1 DISK"], &[0]),
    ("Linux md member", 64, &["mdadm --create /dev/md3 RAID --metadata=1.2 DISK"], &[4 * KIB]),
    (
        "DDF RAID member",
        64,
        &["mdadm --create /dev/md4 --run --force --raid-devices=1 --metadata=ddf DISK"],
        &[64 * MIB - 512],
    ),
    ("LVM physical volume", 16, &["pvcreate -q --labelsector 0 LVM DISK"], &[0]),
    ("LVM physical volume", 16, &["pvcreate -q --labelsector 1 LVM DISK"], &[512]),
    ("LVM physical volume", 16, &["pvcreate -q --labelsector 2 LVM DISK"], &[1024]),
    ("LVM physical volume", 16, &["pvcreate -q --labelsector 3 LVM DISK"], &[1536]),
    ("NILFS2", 256, &["mkfs.nilfs2 -q -f DISK"], &[1024 + 6, 256 * MIB - 4 * KIB + 6]),
];
const RAID: &str = "--run --force --level=1 --raid-devices=1";
const LVM: &str = "--config devices{use_devicesfile=0}";
const GUEST_DONE: &str = "guest: everything is made";

/// Images of programs that need a block device and run in User-mode Linux.
fn made_by_linux() -> Vec<Image> {
    let dir = work_dir("linux");
    let image = |(index, (title, mib, _, magics)): (usize, &Recipe<&[&str]>)| Image {
        title,
        path: file(&dir, &index.to_string(), mib * MIB),
        magics: magics.to_vec(),
    };
    let images: Vec<Image> = GUEST.iter().enumerate().map(image).collect();
    let disk = |(index, image): (usize, &Image)| format!("ubd{index}={}", image.path.display());
    let output = command("timeout")
        .args(["--kill-after=5", "600", "linux.uml", "mem=256M", "root=/dev/root", "rootfstype=hostfs"])
        .args(["rootflags=/", "rw", "con=null", "con0=null,fd:1", "quiet", "panic=-1"])
        .args(images.iter().enumerate().map(disk))
        .arg(format!("init={}", std::env::current_exe().unwrap().display()))
        .args(["--", "guest", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        // For the file that is the guest's memory, and for its control socket.
        .env("TMPDIR", &dir)
        .env("HOME", &dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(GUEST_DONE), "{said}{}", String::from_utf8_lossy(&output.stderr));
    images
}

/// The first process of User-mode Linux, which has our root filesystem and the images as disks.
#[test]
#[ignore = "made_by_linux runs it in a guest"]
fn guest() {
    assert_eq!(std::process::id(), 1, "it mounts over the system's folders");
    if catch_unwind(make_in_guest).is_ok() {
        println!("{GUEST_DONE}");
    }
    fs::write("/proc/sysrq-trigger", "o").unwrap();
    sleep(Duration::from_secs(60));
}

fn make_in_guest() {
    for (kind, place) in
        [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/run"), ("tmpfs", "/etc")]
    {
        run("mount", &["-t", kind, kind, place]);
    }
    // mkfs.nilfs2 reads the list of mounts there.
    std::os::unix::fs::symlink("/proc/mounts", "/etc/mtab").unwrap();
    let version = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    for module in ["md-mod", "raid1"] {
        run(
            "busybox",
            &["insmod", &format!("/usr/lib/uml/modules/{}/kernel/drivers/md/{module}.ko", version.trim())],
        );
    }
    for ((_, _, lines, _), letter) in GUEST.iter().zip('a'..) {
        for line in *lines {
            let line =
                line.replace("DISK", &format!("/dev/ubd{letter}")).replace("RAID", RAID).replace("LVM", LVM);
            let words: Vec<&str> = line.split(' ').collect();
            run(words[0], &words[1..]);
        }
    }
    run("sync", &[]);
}

/// A member of a pool that ZFS's own test makes in a file; the test is stopped when the pool exists.
fn made_by_ztest() -> Vec<Image> {
    let dir = work_dir("ztest");
    let mut ztest = command("ztest")
        .args(["-s", "128M", "-v", "1", "-m", "0", "-t", "1", "-T", "30", "-f", dir.to_str().unwrap()])
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let path = dir.join("ztest.0a");
    let start = Instant::now();
    while !path.exists() || blkid(&path).is_none() {
        assert!(start.elapsed() < Duration::from_secs(600), "ztest makes no pool");
        assert!(ztest.try_wait().unwrap().is_none(), "ztest makes no pool, and ends");
        sleep(Duration::from_millis(100));
    }
    // Kills the process group: the pool runs in a child.
    run("busybox", &["kill", "-KILL", &format!("-{}", ztest.id())]);
    ztest.wait().unwrap();
    // ztest lets its files grow, too.
    let end = fs::metadata(&path).unwrap().len() / (256 * KIB) * (256 * KIB);
    let labels = [0, 256 * KIB, end - 512 * KIB, end - 256 * KIB];
    vec![Image { title: "ZFS member", path, magics: labels.map(|label| label + 16 * KIB).to_vec() }]
}

/// Headers with everything that `blkid` checks.
fn made_by_hand() -> Vec<Image> {
    let dir = work_dir("hand");
    let headers = [members(), containers(), old_filesystems(), filesystems()].into_iter().flatten();
    headers.enumerate().map(|(index, header)| image(&dir, &index.to_string(), header)).collect()
}

fn image(dir: &Path, name: &str, Header { title, parts, magics }: Header) -> Image {
    let path = file(dir, name, HAND);
    for (offset, bytes) in parts {
        write(&path, offset, &bytes);
    }
    Image { title, path, magics }
}

/// Size of an image that is made by hand: GFS has at least 32 MiB.
const HAND: u64 = 64 * MIB;

struct Header {
    title: &'static str,
    parts: Vec<(u64, Vec<u8>)>,
    magics: Vec<u64>,
}

/// A header whose first part has the magic number at its start.
fn header(title: &'static str, parts: &[(u64, &[u8])]) -> Header {
    let magics = vec![parts[0].0];
    Header { title, parts: parts.iter().map(|(offset, bytes)| (*offset, bytes.to_vec())).collect(), magics }
}

fn members() -> Vec<Header> {
    let md = HAND - 64 * KIB;
    let drbd = |version: u8| {
        let magic = [0x83, 0x74, 0x02, version];
        header("DRBD device", &[(HAND - 4096 + 60, &magic), (HAND - 4096 + 80, &4096_u32.to_be_bytes())])
    };
    vec![
        header("Linux md member", &[(md, b"\xa9\x2b\x4e\xfc"), (md + 32, &1024_u32.to_be_bytes())]),
        header("Intel RAID member", &[(HAND - 1024, b"Intel Raid ISM Cfg Sig. 1.3.00")]),
        drbd(0x6b),
        drbd(0x6c),
        drbd(0x6d),
        header("LVM1 physical volume", &[(0, b"HM\x01\0")]),
        header("LVM1 physical volume", &[(0, b"HM\x02\0")]),
        header("VMFS volume member", &[(MIB, b"\x0d\xd0\x01\xc0")]),
        stratis(512),
        stratis(9 * 512),
        // A spare and a cache have no transaction of their own.
        zfs(0, &[("state", 3), ("guid", 7)]),
        zfs(1, &[("state", 4), ("guid", 7)]),
        header("Oracle ASM disk", &[(32, b"ORCLDISK")]),
        Header { magics: vec![512], ..header("LVM physical volume", &[(512, &headers::lvm(1))]) },
    ]
}

/// The first label of a vdev.
fn zfs(order: u8, pairs: &[(&str, u64)]) -> Header {
    header("ZFS member", &[(16 * KIB, &headers::zfs(order, pairs))])
}

/// A sector with a checksum of all but the checksum.
fn stratis(place: u64) -> Header {
    let mut sector = [0; 512];
    sector[4..20].copy_from_slice(b"!Stra0tis\x86\xff\x02^\x41rh");
    let sum = sector[4..].iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg()))
    });
    sector[..4].copy_from_slice(&(!sum).to_le_bytes());
    Header { magics: vec![place + 4], ..header("Stratis pool member", &[(place, &sector)]) }
}

fn containers() -> Vec<Header> {
    let pages = |title, magic: &[u8]| {
        // Version 1 and a last page, as of real swap.
        let swap = (1024, &b"\x01\0\0\0\x09\0\0\0"[..]);
        [4, 8, 16, 32, 64].map(|kib| header(title, &[(kib * KIB - 10, magic), swap]))
    };
    let metadata = (64 * KIB, &b"-FVE-FS-"[..]);
    let place = 65536_u64.to_le_bytes();
    let suspended = "swap with a suspended system";
    let mut headers = vec![
        bcache(),
        bcachefs(4 * KIB, b"\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"),
        bcachefs(4 * KIB, headers::BCACHEFS),
        bcachefs(2 * MIB, headers::BCACHEFS),
        bcachefs(HAND - MIB, headers::BCACHEFS),
        header("Ceph BlueStore", &[(0, b"bluestore block device")]),
        header("device-mapper snapshot", &[(0, b"SnAp")]),
        header("dm-integrity device", &[(0, b"integrt\0\x01")]),
        header("VDO device", &[(0, b"dmvdo001")]),
        header("BitLocker volume", &[(0, headers::BITLOCKER)]),
        header("BitLocker volume", &[(0, b"\xeb\x58\x90-FVE-FS-"), (176, &place), metadata]),
        header("BitLocker volume", &[(0, b"\xeb\x58\x90MSWIN4.1"), (440, &place), metadata]),
        header(suspended, &[(0, b"\xed\xc3\x02\xe9\x98\x56\xe5\x0c")]),
    ];
    for magic in [&b"S1SUSPEND"[..], b"S2SUSPEND", b"ULSUSPEND", b"LINHIB0001"] {
        headers.extend(pages(suspended, magic));
    }
    headers.extend(pages("swap", b"SWAP-SPACE"));
    headers
}

/// A superblock without journal; its checksum is a CRC-64 of all but itself.
fn bcache() -> Header {
    let mut block = [0; 208];
    block[8] = 8;
    block[16] = 1;
    block[24..40].copy_from_slice(b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81");
    let sum = block[8..].iter().fold(u64::MAX, |sum, byte| {
        let shift = |sum: u64, _| (sum << 1) ^ (0x42f0_e1eb_a9ea_3693 & (sum >> 63).wrapping_neg());
        (0..8).fold(sum ^ (u64::from(*byte) << 56), shift)
    });
    block[..8].copy_from_slice(&(!sum).to_le_bytes());
    Header { magics: vec![4096 + 24], ..header("bcache device", &[(4096, &block)]) }
}

fn bcachefs(place: u64, magic: &[u8; 12]) -> Header {
    Header { magics: vec![place + 24], ..header("bcachefs", &[(place, &headers::bcachefs(place, magic))]) }
}

fn old_filesystems() -> Vec<Header> {
    let reiser = |place, field, magic: &[u8]| {
        header("ReiserFS", &[(place + field, magic), (place + 12, b"\x12\0\0\0"), (place + 44, b"\0\x10")])
    };
    // Maps of one block for inodes and zones each, and the first zone of data.
    let maps = b"\x01\0\x01\0\x05\0";
    let minix = |magic: &[u8]| {
        header(
            "Minix",
            &[(1040, magic), (1024, b"\x20\0\x40\0"), (1028, maps), (1042, b"\x01\0"), (1044, b"\x40\0")],
        )
    };
    let minix3 =
        [(1048, &b"\x5a\x4d"[..]), (1024, b"\x20\0"), (1030, maps), (1044, b"\x40\0"), (1052, b"\0\x10")];
    let (first, second) = (u32::from_be_bytes(*b"-rom"), u32::from_be_bytes(*b"1fs-"));
    let sum = 0_u32.wrapping_sub(first).wrapping_sub(second).wrapping_sub(512);
    vec![
        reiser(8 * KIB, 0x34, b"ReIsErFs"),
        reiser(8 * KIB, 20, b"ReIsErFs"),
        reiser(64 * KIB, 0x34, b"ReIsErFs"),
        reiser(64 * KIB, 0x34, b"ReIsEr2Fs"),
        reiser(64 * KIB, 0x34, b"ReIsEr3Fs"),
        header("Reiser4", &[(64 * KIB, b"ReIsEr4"), (64 * KIB + 19, &[16])]),
        header("HPFS", &[(8192, b"\x49\xe8\x95\xf9"), (8704, b"\x49\x18\x91\xf9")]),
        header("cramfs", &[(0, b"\x45\x3d\xcd\x28")]),
        header("cramfs", &[(0, b"\x28\xcd\x3d\x45")]),
        header("romfs", &[(0, b"-rom1fs-"), (8, &512_u32.to_be_bytes()), (12, &sum.to_be_bytes())]),
        minix(b"\x7f\x13"),
        minix(b"\x8f\x13"),
        minix(b"\x68\x24"),
        minix(b"\x78\x24"),
        header("Minix", &minix3),
        header("VxFS", &[(1024, b"\xf5\xfc\x01\xa5")]),
        header("VxFS", &[(8192, b"\xa5\x01\xfc\xf5")]),
        header("SquashFS of a version before 4", &[(0, b"sqsh"), (28, b"\0\x03")]),
        header("SquashFS of a version before 4", &[(0, b"hsqs"), (28, b"\x03\0")]),
        high_sierra(),
    ]
}

/// A volume descriptor, and the root folder's record of itself, whose place the descriptor knows.
fn high_sierra() -> Header {
    let mut descriptor = [0; 2048];
    descriptor[8] = 1;
    descriptor[9..14].copy_from_slice(b"CDROM");
    descriptor[136..140].copy_from_slice(b"\0\x08\x08\0");
    descriptor[182] = 20;
    descriptor[191] = 8;
    let mut root = [0; 34];
    (root[0], root[2], root[32]) = (34, 20, 1);
    Header { magics: vec![0x8009], ..header("High Sierra", &[(0x8000, &descriptor), (20 * 2048, &root)]) }
}

fn filesystems() -> Vec<Header> {
    let size = 4096_u32.to_be_bytes();
    let hfs_plus = |title, magic: &[u8]| header(title, &[(1024, magic), (1064, &size)]);
    // Blocks of 4 KiB from sector 16 on; the volume stands in block 4.
    let inner = 16 * 512 + 4 * 4096 + 1024;
    let wrapped = [
        (1024 + 124, &b"H+\0\x04"[..]),
        (1024, b"BD"),
        (1044, &size),
        (1052, b"\0\x10"),
        (inner, b"H+\0\x04"),
        (inner + 40, &size),
    ];
    let gfs = |title, format: u32, lock: u32| {
        let (format, lock) = (format.to_be_bytes(), lock.to_be_bytes());
        header(title, &[(65536, b"\x01\x16\x19\x70"), (65560, &format), (65564, &lock)])
    };
    let ufs = |title, place, magic: u32| header(title, &[(place + 1372, &magic.to_le_bytes())]);
    let mut headers = vec![
        // Sectors of 512 bytes, 4 of them in a cluster, 1 reserved, 2 tables; an old floppy does not say FAT.
        header("FAT", &[(0x1fe, b"\x55\xaa"), (11, b"\0\x02\x04\x01\0\x02\0\x02\0\x10\xf8\x03\0")]),
        hfs_plus("HFS+", b"H+\0\x04"),
        hfs_plus("HFSX", b"HX\0\x05"),
        // Without both of its magic numbers, it is not even an HFS.
        Header { magics: vec![1024 + 124, 1024], ..header("HFS+", &wrapped) },
        header("HFS", &[(1024, b"BD"), (1044, &size)]),
        header("ReFS", &[(3, b"ReFS")]),
        Header { magics: vec![KIB + 6], ..header("NILFS2", &[(KIB, &headers::nilfs2(HAND))]) },
        gfs("GFS", 1309, 1401),
        gfs("GFS2", 1801, 1900),
        header("OCFS", &[(8192, b"OracleCFS")]),
        header("VMFS", &[(2 * MIB, b"\x5e\xf1\xab\x2f")]),
    ];
    headers.extend([KIB, 2 * KIB, 4 * KIB, 8 * KIB].map(|place| header("OCFS2", &[(place, b"OCFSV2")])));
    for place in [0, 64 * KIB, 256 * KIB] {
        headers.extend([ufs("UFS1", place, 0x0001_1954), ufs("UFS2", place, 0x1954_0119)]);
    }
    headers
}

/// A new file of zeros.
fn file(dir: &Path, name: &str, size: u64) -> PathBuf {
    let path = dir.join(name);
    File::create(&path).unwrap().set_len(size).unwrap();
    path
}

fn write(path: &Path, offset: u64, bytes: &[u8]) {
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, offset).unwrap();
}

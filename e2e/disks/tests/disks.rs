// SPDX-License-Identifier: BSD-3-Clause
//! The program on stand-ins for a kernel and a root: what is on its disks, as Debian's tools read them.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const MIB: u64 = 1 << 20;
/// Start of the root on a mini disk and on a Debian disk.
const MINI_ROOT: u64 = 40 * MIB;
const DEBIAN_ROOT: u64 = 128 * MIB;
/// No multiple of a block or of tar's unit, so that padding shows.
const KERNEL_SIZE: usize = 100_001;
/// Longer than the 100 bytes that a tar header has for a name.
const LONG_NAME: &str = "usr/share/a-name-that-is-too-long-for-the-header-of-an-entry/\
                         so-that-tar-writes-it-into-a-record-of-its-own-in-front-of-the-entry";

/// A folder of one test, with the stand-ins.
struct Fixture(PathBuf);

impl Fixture {
    fn new(test: &str) -> Self {
        let base = env::var_os("TEST_TMPDIR").map_or_else(env::temp_dir, PathBuf::from);
        let folder = base.join(format!("e2e-disks-{test}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let kernel: Vec<u8> = (0..KERNEL_SIZE).map(|i| u8::try_from(i % 251).unwrap()).collect();
        fs::write(folder.join("kernel"), kernel).unwrap();
        fs::write(folder.join("version"), "6.12-test\n").unwrap();
        fs::write(folder.join("busybox"), "busybox").unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A mini disk with `options`.
    fn mini(&self, name: &str, options: &[&str]) -> PathBuf {
        let disk = self.file(name);
        let mut command = program("mini");
        for input in ["kernel", "version", "busybox"] {
            command.arg(format!("--{input}")).arg(self.file(input));
        }
        succeed(command.args(["--arch", "x86_64", "--out"]).arg(&disk).args(options));
        disk
    }

    /// A root as mmdebstrap names things, packed by zstd.
    fn root(&self, files: &[(&str, u64)]) -> PathBuf {
        let (plain, packed) = (self.file("root.tar"), self.file("root.tar.zst"));
        let mut tar = tar::Builder::new(fs::File::create(&plain).unwrap());
        for (name, owner) in files {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(if name.ends_with('/') {
                tar::EntryType::Directory
            } else {
                tar::EntryType::Regular
            });
            header.set_mode(0o755);
            header.set_uid(*owner);
            header.set_gid(*owner);
            header.set_mtime(1);
            let content = if name.ends_with('/') { "" } else { *name };
            header.set_size(content.len().try_into().unwrap());
            tar.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
        tar.finish().unwrap();
        succeed(tool("zstd").args(["-q", "-f"]).arg(&plain).arg("-o").arg(&packed));
        packed
    }

    fn debian(&self, root: &Path) -> Command {
        fs::write(self.file("grub.cfg"), "menuentry x { }\n").unwrap();
        let mut command = program("debian");
        command.args(["--arch", "x86_64", "--root"]).arg(root).arg("--grub-cfg").arg(self.file("grub.cfg"));
        command.arg("--out").arg(self.file("debian.raw"));
        command
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

fn program(subcommand: &str) -> Command {
    let path = env::var("E2E_DISKS").ok().or(option_env!("CARGO_BIN_EXE_e2e_disks").map(str::to_string));
    let mut command = tool(&path.expect("E2E_DISKS names the program"));
    command.arg(subcommand);
    command
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"))
}

/// What it wrote to its standard output.
fn succeed(command: &mut Command) -> String {
    let output = output(command);
    let [text, errors] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{command:?}: {text}{errors}");
    text
}

fn debugfs(disk: &Path, root: u64, request: &str) -> String {
    succeed(tool("debugfs").args(["-R", request]).arg(format!("{}?offset={root}", disk.display())))
}

/// Names in a folder, sorted.
fn names(disk: &Path, root: u64, folder: &str) -> Vec<String> {
    let text = debugfs(disk, root, &format!("ls -p {folder}"));
    let names = text.lines().filter_map(|line| line.split('/').nth(5));
    let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).map(str::to_string).collect();
    names.sort();
    names
}

/// Checks partition table, root and ESP with the tools that are there for it.
fn assert_sound(disk: &Path, root: u64) {
    assert!(succeed(tool("sgdisk").arg("--verify").arg(disk)).contains("No problems found"));
    succeed(tool("e2fsck").arg("-fn").arg(format!("{}?offset={root}", disk.display())));
    let esp = disk.with_extension("esp");
    let bytes = fs::read(disk).unwrap();
    let range = usize::try_from(4 * MIB).unwrap()..usize::try_from(root).unwrap();
    fs::write(&esp, &bytes[range]).unwrap();
    succeed(tool("fsck.vfat").arg("-n").arg(&esp));
}

/// Positions of the bytes in which two disks of one size differ.
fn differences(a: &Path, b: &Path) -> Vec<u64> {
    let (a, b) = (fs::read(a).unwrap(), fs::read(b).unwrap());
    assert_eq!(a.len(), b.len());
    (0..).zip(a.iter().zip(&b)).filter(|(_, (a, b))| a != b).map(|(i, _)| i).collect()
}

#[test]
fn an_artifact_has_what_a_mini_disk_starts() {
    let fixture = Fixture::new("artifact");
    let mut command = program("artifact");
    for input in ["kernel", "version", "busybox"] {
        command.arg(format!("--{input}")).arg(fixture.file(input));
    }
    succeed(command.args(["--arch", "aarch64", "--out"]).arg(fixture.file("out")));
    let read = |name: &str| fs::read(fixture.file("out").join(name)).unwrap();
    assert!(read("vmlinuz") == fs::read(fixture.file("kernel")).unwrap());
    assert!(read("initrd.img").starts_with(b"070701"));
    assert_eq!(read("cmdline.txt"), b"console=ttyAMA0,115200 mini=network\n");
}

#[test]
fn a_mini_disk_is_sound_and_the_same_twice() {
    let fixture = Fixture::new("twice");
    let disk = fixture.mini("a.raw", &[]);
    assert_sound(&disk, MINI_ROOT);
    assert_eq!(names(&disk, MINI_ROOT, "/boot"), ["grub", "initrd.img-6.12-test", "vmlinuz-6.12-test"]);
    let copy = fixture.file("copy");
    debugfs(&disk, MINI_ROOT, &format!("dump /boot/vmlinuz-6.12-test {}", copy.display()));
    assert_eq!(fs::read(copy).unwrap(), fs::read(fixture.file("kernel")).unwrap());
    assert_eq!(differences(&disk, &fixture.mini("b.raw", &[])), []);
}

#[test]
fn an_mbr_has_its_partitions_behind_empty_slots() {
    let fixture = Fixture::new("mbr");
    let disk = fixture.mini("a.raw", &["--mbr", "--shell=reconnect -r"]);
    let place = disk.to_str().unwrap();
    let probed = |offset: u64, tag: &str| {
        let offset = offset.to_string();
        succeed(tool("blkid").args(["-p", "-O", &offset, "-o", "value", "-s", tag, place]))
    };
    assert_eq!(probed(0, "PTTYPE"), "dos\n");
    assert_eq!((probed(4 * MIB, "TYPE"), probed(MINI_ROOT, "TYPE")), ("vfat\n".into(), "ext4\n".into()));
    for (slot, file) in [("msdos3", "EFI/tools/startup.nsh"), ("msdos4", "boot/grub/grub.cfg")] {
        succeed(tool("grub-fstest").arg(&disk).args(["cat", &format!("(loop0,{slot})/{file}")]));
    }
    // It cuts long paths off.
    let folder = disk.parent().unwrap();
    let listed = succeed(tool("busybox").args(["fdisk", "-l", "a.raw"]).current_dir(folder));
    assert!(!listed.contains("a.raw1 ") && !listed.contains("a.raw2 "), "{listed}");
    assert!(listed.contains("a.raw3 ") && listed.contains("a.raw4 "), "{listed}");
}

#[test]
fn grub_reads_the_mini_disk_and_its_configuration() {
    let fixture = Fixture::new("grub");
    let disk = fixture.mini("a.raw", &[]);
    let text = succeed(tool("grub-fstest").arg(&disk).args(["cat", "(loop0,gpt1)/boot/grub/grub.cfg"]));
    assert!(text.contains("linux\t/boot/vmlinuz-6.12-test root=UUID="), "{text}");
    let file = fixture.file("grub.cfg");
    fs::write(&file, text).unwrap();
    succeed(tool("grub-script-check").arg(file));
}

/// Whether e2fsck has nothing to say against the root.
fn is_root_sound(disk: &Path) -> bool {
    output(tool("e2fsck").arg("-fn").arg(format!("{}?offset={MINI_ROOT}", disk.display()))).status.success()
}

#[test]
fn a_flipped_byte_is_the_only_difference_and_is_where_it_is_asked_for() {
    let fixture = Fixture::new("flip");
    let twin = fixture.mini("a.raw", &[]);
    assert!(is_root_sound(&twin));
    let flipped = |place: &str| {
        let disk = fixture.mini("b.raw", &["--flip", place]);
        let [position] = *differences(&twin, &disk).as_slice() else { panic!("{place}") };
        (position, disk)
    };
    // s_uuid, bg_block_bitmap_lo, i_size_lo of the kernel, a name in a folder.
    let root = [
        ("superblock:104", Some(MINI_ROOT + 1024 + 104)),
        ("group:0", Some(MINI_ROOT + 4096)),
        ("inode:/boot/vmlinuz-6.12-test:4", None),
        ("content:/boot:40", None),
    ];
    for (place, expected) in root {
        let (position, disk) = flipped(place);
        assert!(position >= MINI_ROOT && expected.is_none_or(|expected| expected == position), "{place}");
        assert!(!is_root_sound(&disk), "{place}");
    }
    let end = fs::metadata(&twin).unwrap().len();
    let headers = [
        ("gpt:16", 512 + 16, "Main header: ERROR"),
        ("backup-gpt:16", end - 512 + 16, "Backup header: ERROR"),
    ];
    for (place, expected, words) in headers {
        let (position, disk) = flipped(place);
        assert_eq!(position, expected, "{place}");
        let said = output(tool("sgdisk").arg("--verify").arg(disk));
        assert!(String::from_utf8_lossy(&said.stderr).contains(words), "{place}: {said:?}");
    }
    let mut refused = program("mini");
    for input in ["kernel", "version", "busybox"] {
        refused.arg(format!("--{input}")).arg(fixture.file(input));
    }
    refused.args(["--arch", "x86_64", "--flip", "inode:/none:0", "--out"]).arg(fixture.file("c.raw"));
    let said = output(&mut refused);
    assert!(!said.status.success() && String::from_utf8_lossy(&said.stderr).contains("/none"), "{said:?}");
}

#[test]
fn a_file_on_the_esp_is_made_longer_than_it_is() {
    let fixture = Fixture::new("slot");
    let twin = fixture.mini("a.raw", &["--shape", "bls"]);
    // DIR_FileSize
    let disk = fixture.mini("b.raw", &["--shape", "bls", "--flip", "slot:INITRD:30"]);
    assert_eq!(differences(&twin, &disk).len(), 1);
    let listed = |disk: &Path| {
        succeed(tool("mdir").arg("-i").arg(format!("{}@@4M", disk.display())).arg("::mini/6.12-test"))
    };
    assert_ne!(listed(&twin), listed(&disk));
}

#[test]
fn words_and_links_are_changed_and_lines_and_entries_added() {
    let fixture = Fixture::new("changes");
    let changes = ["--edit", "/boot/@KERNEL@-@VERSION@ ", "/boot/linux ", "--link", "boot/linux", "real"];
    let more = ["--kernel-name", "real", "--long-line", "100000", "--more-entries", "2"];
    let disk = fixture.mini("a.raw", &[changes.as_slice(), &more].concat());
    assert_sound(&disk, MINI_ROOT);
    assert_eq!(names(&disk, MINI_ROOT, "/boot"), ["grub", "initrd.img-6.12-test", "linux", "real"]);
    assert!(debugfs(&disk, MINI_ROOT, "stat /boot/linux").contains("Fast link dest: \"real\""));
    let text = debugfs(&disk, MINI_ROOT, "cat /boot/grub/grub.cfg");
    assert!(text.contains("\tlinux\t/boot/linux root=") && text.contains("\tlinux /boot/gone-1\n"), "{text}");
    assert!(text.lines().next().is_some_and(|line| line.len() == 100_001));
}

#[test]
fn compressed_kernels_are_what_their_tools_unpack() {
    let fixture = Fixture::new("compressed");
    let kernel = fs::read(fixture.file("kernel")).unwrap();
    for name in ["gzip", "zstd"] {
        let disk = fixture.mini(&format!("{name}.raw"), &["--compress", name]);
        let packed = fixture.file(name);
        debugfs(&disk, MINI_ROOT, &format!("dump /boot/vmlinuz-6.12-test {}", packed.display()));
        let unpacked = output(tool(name).args(["-d", "-c"]).stdin(fs::File::open(packed).unwrap()));
        assert!(unpacked.status.success() && unpacked.stdout == kernel, "{name}");
    }
}

#[test]
fn a_journal_holds_what_is_newer_than_its_place() {
    let fixture = Fixture::new("journal");
    let disk = fixture.mini("a.raw", &["--journalled"]);
    let text = || debugfs(&disk, MINI_ROOT, "cat /boot/grub/grub.cfg");
    assert!(text().contains("mini=earlier") && !text().contains("mini=default"));
    assert!(debugfs(&disk, MINI_ROOT, "features").contains("needs_recovery"));
    let replayed = output(tool("e2fsck").arg("-fy").arg(format!("{}?offset={MINI_ROOT}", disk.display())));
    assert!(String::from_utf8_lossy(&replayed.stdout).contains("recovering journal"), "{replayed:?}");
    assert!(text().contains("mini=default") && !text().contains("mini=earlier"));
}

#[test]
fn a_disk_of_large_sectors_counts_in_them() {
    let fixture = Fixture::new("sectors");
    let disk = fixture.mini("a.raw", &["--sector-size", "4096"]);
    let bytes = fs::read(&disk).unwrap();
    let last = bytes.len() - 4096;
    assert!(bytes[4096..].starts_with(b"EFI PART") && bytes[last..].starts_with(b"EFI PART"));
    assert!(is_root_sound(&disk));
    let esp = fixture.file("esp");
    fs::write(&esp, &bytes[usize::try_from(4 * MIB).unwrap()..usize::try_from(MINI_ROOT).unwrap()]).unwrap();
    succeed(tool("fsck.vfat").arg("-n").arg(&esp));
    assert_eq!(bytes[usize::try_from(4 * MIB).unwrap() + 11..][..2], 4096u16.to_le_bytes(), "BPB_BytsPerSec");
}

#[test]
fn what_is_left_out_is_missing_and_still_named() {
    let fixture = Fixture::new("missing");
    let disk = fixture.mini("a.raw", &["--omit-initrd", "--truncate-kernel", "4096"]);
    assert_eq!(names(&disk, MINI_ROOT, "/boot"), ["grub", "vmlinuz-6.12-test"]);
    let copy = fixture.file("copy");
    debugfs(&disk, MINI_ROOT, &format!("dump /boot/vmlinuz-6.12-test {}", copy.display()));
    let kernel = fs::read(fixture.file("kernel")).unwrap();
    assert_eq!(fs::read(copy).unwrap(), kernel[..KERNEL_SIZE - 4096]);
    assert!(debugfs(&disk, MINI_ROOT, "cat /boot/grub/grub.cfg").contains("/boot/initrd.img-6.12-test"));
}

#[test]
fn a_disk_without_an_os_has_no_name_to_find() {
    let fixture = Fixture::new("none");
    let disk = fixture.mini("a.raw", &["--shape", "names", "--kernel-name", "memo-6.12-test"]);
    assert_eq!(names(&disk, MINI_ROOT, "/boot"), ["grub", "initrd.img-6.12-test", "memo-6.12-test"]);
    assert!(names(&disk, MINI_ROOT, "/boot/grub").is_empty());
}

#[test]
fn the_loader_is_where_firmware_looks_and_nothing_else_changes() {
    let fixture = Fixture::new("loader");
    let disk = fixture.mini("a.raw", &[]);
    let esp = |disk: &Path, path: &str| {
        output(tool("mtype").arg("-i").arg(format!("{}@@4M", disk.display())).arg(path))
    };
    assert!(!esp(&disk, "::EFI/BOOT/BOOTX64.EFI").status.success());
    let copy = fixture.file("b.raw");
    let mut command = program("with-loader");
    command.args(["--arch", "x86_64", "--disk"]).arg(&disk).arg("--loader").arg(fixture.file("busybox"));
    succeed(command.arg("--out").arg(&copy));
    assert_eq!(esp(&copy, "::EFI/BOOT/BOOTX64.EFI").stdout, b"busybox");
    assert_sound(&copy, MINI_ROOT);
    let changed = differences(&disk, &copy);
    assert!(changed.iter().all(|at| (4 * MIB..MINI_ROOT).contains(at)), "{changed:?}");
}

#[test]
fn a_debian_disk_is_its_root_and_grub_cfg() {
    let fixture = Fixture::new("debian");
    let root = fixture.root(&[
        ("./", 0),
        ("./boot/", 0),
        ("./boot/vmlinuz-6", 0),
        ("./boot/initrd.img-6", 0),
        ("./home/", 0),
        ("./home/user", 1000),
        ("./usr/", 0),
        ("./usr/share/", 0),
        ("./usr/share/a-name-that-is-too-long-for-the-header-of-an-entry/", 0),
        (LONG_NAME, 0),
    ]);
    succeed(&mut fixture.debian(&root));
    let disk = fixture.file("debian.raw");
    assert_sound(&disk, DEBIAN_ROOT);
    let table = succeed(tool("sgdisk").arg("-p").arg(&disk));
    assert!(table.contains("EF02") && table.contains("EF00") && table.contains("8300"), "{table}");
    assert_eq!(debugfs(&disk, DEBIAN_ROOT, &format!("cat /{LONG_NAME}")), LONG_NAME);
    assert!(debugfs(&disk, DEBIAN_ROOT, "stat /home/user").contains("User:  1000   Group:  1000"));
    assert!(debugfs(&disk, DEBIAN_ROOT, "cat /boot/grub/grub.cfg").starts_with("menuentry x { }"));
    assert!(debugfs(&disk, DEBIAN_ROOT, "stat /boot/grub/grub.cfg").contains("Mode:  0600"));
}

#[test]
fn a_root_without_a_kernel_and_a_damaged_one_are_refused() {
    let fixture = Fixture::new("refused");
    let root = fixture.root(&[("./boot/", 0), ("./boot/initrd.img-6", 0)]);
    let refused = output(&mut fixture.debian(&root));
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && text.contains("no /boot/vmlinuz-*"), "{text}");
    let bytes = fs::read(&root).unwrap();
    fs::write(&root, &bytes[..bytes.len() / 2]).unwrap();
    let refused = output(&mut fixture.debian(&root));
    assert!(!refused.status.success(), "half of a root made a disk");
}

// SPDX-License-Identifier: BSD-3-Clause
//! Disks that Linux has written, on a stand-in for a kernel: what Linux itself, GRUB and the filesystems' own tools say
//! of them.

use std::{
    env, fs,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::Command,
};

use uml::Machine;

const MIB: u64 = 1 << 20;
/// Start of what follows the ESP: /boot, or the root where that has none.
const SECOND: u64 = 40 * MIB;
/// Long enough for names in /boot that do not fit into an inode.
const VERSION: &str = "6.12.117+deb13-cloud-amd64";
/// What does not compress, on several stripes of every leg.
const KERNEL_SIZE: usize = 1_000_001;
const ENTRY: &str = "loader/entries/0123456789abcdef0123456789abcdef-6.12.117+deb13-cloud-amd64.conf";

/// A folder of one test, with the stand-ins.
struct Fixture(PathBuf);

impl Fixture {
    fn new(test: &str) -> Self {
        let base = env::var_os("TEST_TMPDIR").map_or_else(env::temp_dir, PathBuf::from);
        let folder = base.join(format!("e2e-written-{test}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            u8::try_from(state >> 24).unwrap()
        };
        fs::write(folder.join("kernel"), (0..KERNEL_SIZE).map(|_| next()).collect::<Vec<_>>()).unwrap();
        fs::write(folder.join("version"), format!("{VERSION}\n")).unwrap();
        fs::write(folder.join("busybox"), "busybox").unwrap();
        fs::write(folder.join("modules"), "modules").unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Disks of a shape, as many as there are names.
    fn written<const N: usize>(&self, names: [&str; N], shape: &str, options: &[&str]) -> [PathBuf; N] {
        let disks = names.map(|name| self.file(name));
        let mut command = tool(&program());
        command.args(["written", "--arch", "x86_64", "--shape", shape]).args(options);
        for input in ["kernel", "version", "busybox", "modules"] {
            command.arg(format!("--{input}")).arg(self.file(input));
        }
        for disk in &disks {
            command.arg("--out").arg(disk);
        }
        succeed(&mut command);
        disks
    }

    /// The second partition of a disk as an image.
    fn second(&self, disk: &Path, mib: u64) -> PathBuf {
        let image = disk.with_extension("img");
        let mut source = File::open(disk).unwrap();
        source.seek(SeekFrom::Start(SECOND)).unwrap();
        let mut bytes = Vec::new();
        source.take(mib * MIB).read_to_end(&mut bytes).unwrap();
        fs::write(&image, bytes).unwrap();
        image
    }

    /// What a script prints in a Linux whose first disk is the image; it ends with `done` if all went well.
    fn linux(&self, image: &Path, script: &str) -> String {
        let file = self.file("script");
        let script = format!(
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin; mount -t proc proc /proc; {script}; echo the end; busybox poweroff -f"
        );
        fs::write(&file, script).unwrap();
        let machine = Machine { memory: 192, disks: &[image.into()], work: &self.0 };
        machine.run(Path::new("/bin/sh"), &[file.display().to_string()], "the end").unwrap()
    }

    fn kernel(&self) -> Vec<u8> {
        fs::read(self.file("kernel")).unwrap()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn program() -> String {
    let path = env::var("E2E_DISKS").ok().or(option_env!("CARGO_BIN_EXE_e2e_disks").map(str::to_string));
    path.expect("E2E_DISKS names the program")
}

fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

/// Its status, and all that it printed.
fn output(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let [text, errors] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.success(), text + &errors)
}

fn succeed(command: &mut Command) -> String {
    let (success, text) = output(command);
    assert!(success, "{command:?}: {text}");
    text
}

/// What GRUB reads of a file on the first of some disks.
fn grub(disks: &[&PathBuf], path: &str) -> Vec<u8> {
    let mut command = tool("grub-fstest");
    command.args(["-c", &disks.len().to_string()]).args(disks).args(["cat", path]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn grub_text(disk: &PathBuf, path: &str) -> String {
    String::from_utf8(grub(&[disk], path)).unwrap()
}

#[test]
fn every_shape_is_what_grub_reads() {
    let fixture = Fixture::new("shapes");
    let cases = [
        ("rhel", "/grub2/grub.cfg", "/", "redhat"),
        ("fedora", "/grub2/grub.cfg", "/", "fedora"),
        (
            "suse",
            "/@/.snapshots/1/snapshot/boot/grub2/grub.cfg",
            "/@/.snapshots/1/snapshot/boot/",
            "opensuse",
        ),
        ("at", "/@/boot/grub/grub.cfg", "/@/boot/", "ubuntu"),
        ("plain", "/boot/grub/grub.cfg", "/boot/", "debian"),
    ];
    for (shape, configuration, boot, folder) in cases {
        let [disk] = fixture.written(["a.raw"], shape, &[]);
        assert!(succeed(tool("sgdisk").arg("--verify").arg(&disk)).contains("No problems found"), "{shape}");
        let kernel = grub(&[&disk], &format!("(loop0,gpt2){boot}vmlinuz-{VERSION}"));
        assert!(kernel == fixture.kernel(), "{shape}");
        let text = grub_text(&disk, &format!("(loop0,gpt2){configuration}"));
        let file = fixture.file("grub.cfg");
        fs::write(&file, text).unwrap();
        succeed(tool("grub-script-check").arg(&file));
        if shape == "fedora" {
            let linked = grub(&[&disk], &format!("(loop0,gpt2)/boot/vmlinuz-{VERSION}"));
            assert!(linked == kernel, "boot leads to .");
        }
        let esp = grub_text(&disk, &format!("(loop0,gpt1)/EFI/{folder}/grub.cfg"));
        assert!(esp.contains("/grub.cfg"), "{shape}: {esp}");
    }
}

#[test]
fn linux_mounts_a_snapshot_by_default_and_keeps_the_older_one() {
    let fixture = Fixture::new("snapshot");
    let [disk] = fixture.written(["a.raw"], "suse", &[]);
    let script = "mount -t btrfs -o ro /dev/ubda /mnt; grep /mnt /proc/mounts; cat /mnt/etc/marker; umount /mnt; \
                  mount -t btrfs -o ro,subvol=@/.snapshots/2/snapshot /dev/ubda /mnt; cat /mnt/etc/marker";
    let said = fixture.linux(&fixture.second(&disk, 128), script);
    for words in ["subvol=/@/.snapshots/1/snapshot", "on the root, e2e=now", "on the root, e2e=earlier"] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn a_log_holds_what_is_newer_and_linux_replays_no_spoilt_one() {
    let fixture = Fixture::new("log");
    let size = 64;
    let [disk] = fixture.written(["a.raw"], "rhel", &["--dirty-log"]);
    // GRUB replays nothing.
    let earlier = grub_text(&disk, &format!("(loop0,gpt2)/{ENTRY}"));
    assert!(earlier.contains("$kernelopts e2e=earlier"), "{earlier}");
    let mount = format!("mount -t xfs /dev/ubda /mnt && cat /mnt/{ENTRY}");
    let said = fixture.linux(&fixture.second(&disk, size), &mount);
    assert!(said.contains("$kernelopts e2e=now"), "{said}");
    let [spoilt] = fixture.written(["b.raw"], "rhel", &["--dirty-log", "--flip", "log:2:100"]);
    let said = fixture.linux(&fixture.second(&spoilt, size), &mount);
    assert!(said.contains("cannot mount") && !said.contains("$kernelopts"), "{said}");
}

/// Where the superblock of btrfs has the address of its log.
const LOG_ROOT: usize = (64 << 10) + 96;

#[test]
fn a_tree_log_holds_kernel_and_configuration() {
    let fixture = Fixture::new("tree-log");
    let [disk] = fixture.written(["a.raw"], "at", &["--dirty-log"]);
    // GRUB replays nothing.
    let earlier = grub_text(&disk, "(loop0,gpt2)/@/boot/grub/grub.cfg");
    assert!(earlier.contains("e2e=earlier") && !earlier.contains("e2e=now"), "{earlier}");
    let kernel = format!("(loop0,gpt2)/@/boot/vmlinuz-{VERSION}");
    let (success, said) = output(tool("grub-fstest").arg(&disk).args(["cat", &kernel]));
    assert!(!success && said.contains("not found"), "{said}");
    let image = fixture.second(&disk, 128);
    assert_ne!(fs::read(&image).unwrap()[LOG_ROOT..LOG_ROOT + 8], [0; 8], "a log is left");
    let script = format!(
        "mount -t btrfs -o ro,subvol=@ /dev/ubda /mnt && grep -c e2e=now /mnt/boot/grub/grub.cfg && cat /mnt/etc/marker \
         && sha256sum /mnt/boot/vmlinuz-{VERSION} {}",
        fixture.file("kernel").display()
    );
    let said = fixture.linux(&image, &script);
    assert!(said.contains("on the root, e2e=now"), "{said}");
    let sums: Vec<&str> =
        said.lines().filter_map(|line| line.split_once("  /")).map(|(sum, _)| sum).collect();
    assert!(sums.len() == 2 && sums[0] == sums[1], "{said}");
}

#[test]
fn legs_may_be_missing_as_far_as_the_profile_says() {
    let fixture = Fixture::new("legs");
    let names = ["a.raw", "b.raw", "c.raw", "d.raw", "e.raw"];
    let [_, b, _, d, e] = &fixture.written(names, "at", &["--profile", "raid6"]);
    let kernel = format!("/@/boot/vmlinuz-{VERSION}");
    assert!(grub(&[b, e, d], &format!("(loop0,gpt1){kernel}")) == fixture.kernel());
    let [a, b] = &fixture.written(["a.raw", "b.raw"], "at", &["--profile", "raid1"]);
    assert!(grub(&[a], &format!("(loop0,gpt2){kernel}")) == fixture.kernel());
    assert!(grub(&[b], &format!("(loop0,gpt1){kernel}")) == fixture.kernel());
    let [a, b] = &fixture.written(["a.raw", "b.raw"], "at", &["--profile", "raid0"]);
    assert!(grub(&[a, b], &format!("(loop0,gpt2){kernel}")) == fixture.kernel());
    let (success, _) = output(tool("grub-fstest").arg(a).args(["cat", &format!("(loop0,gpt2){kernel}")]));
    assert!(!success, "half of a raid0 was read");
}

#[test]
fn spoilt_structures_are_what_their_tools_complain_of() {
    let fixture = Fixture::new("spoilt");
    let xfs = |place: &str| {
        let [disk] = fixture.written(["a.raw"], "rhel", &["--flip", place]);
        output(tool("xfs_repair").args(["-f", "-n"]).arg(fixture.second(&disk, 64)))
    };
    for (place, words) in
        [("content:/:100", "CRC error detected at"), ("inode:/loader/entries:100", "bad CRC for inode")]
    {
        let (success, said) = xfs(place);
        assert!(!success && said.contains(words), "{place}: {said}");
    }
    let btrfs = |profile: &str| {
        let options = ["--profile", profile, "--flip", "tree:256:200"];
        let [disk] = fixture.written(["a.raw"], "at", &options);
        output(tool("btrfs").args(["check", "--readonly"]).arg(fixture.second(&disk, 128)))
    };
    let (success, said) = btrfs("single");
    assert!(!success && said.contains("checksum verify failed"), "{said}");
    let (success, said) = btrfs("dup");
    assert!(success && said.contains("checksum verify failed"), "the other copy is sound: {said}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let fixture = Fixture::new("refused");
    let refused = |options: &[&str]| {
        let mut command = tool(&program());
        command.args(["written", "--arch", "x86_64", "--out"]).arg(fixture.file("a.raw")).args(options);
        for input in ["kernel", "version", "busybox", "modules"] {
            command.arg(format!("--{input}")).arg(fixture.file(input));
        }
        let (success, said) = output(&mut command);
        assert!(!success, "{options:?}");
        said
    };
    assert!(refused(&["--shape", "suse", "--dirty-log"]).contains("only the shapes rhel and at"));
    assert!(refused(&["--shape", "plain", "--out", "b"]).contains("only btrfs can have several devices"));
    assert!(refused(&["--shape", "plain", "--flip", "tree:1:1"]).contains("not a structure of xfs"));
    assert!(refused(&["--shape", "plain", "--flip", "inode:/none:1"]).contains("/none"));
}

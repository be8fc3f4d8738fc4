// SPDX-License-Identifier: BSD-3-Clause
//! Whatever the bytes of an image: exit code 0 or 1, in bounded time and memory, with at most one line on standard
//! error.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use oracle::tools::{command, run, work_dir};

const MIB: u64 = 1 << 20;
/// Seconds of a processor's time, which the kernel counts, whatever else the machine does: no command takes more for an
/// image of a few MiB.
const MOST_SECONDS: u32 = 60;
/// Address space in KiB: the contract's 64 MiB of memory, and what program, libraries and stack take up.
const MOST_KIB: u32 = 160 * 1024;

/// Runs a command under limits of time and memory; yields its exit code and what it says on standard error.
fn call(args: &[&str]) -> (i32, String) {
    let path = env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program");
    let mut command: Command = command("sh");
    command.args(["-c", &format!("ulimit -t {MOST_SECONDS} && ulimit -v {MOST_KIB} && exec \"$@\""), "sh"]);
    command.arg(std::path::absolute(path).unwrap()).args(args);
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    // A signal ends what goes on at the limit of time: that leaves no code.
    let code = output.status.code().unwrap_or_else(|| panic!("{args:?}: {} {said}", output.status));
    (code, said)
}

/// Every command that reads images, on this one.
fn call_all(image: &str, into: &str) {
    let with_path = format!("{image}:/boot");
    let commands: [&[&str]; 12] = [
        &["inspect", image],
        &["inspect", "--json", image],
        &["fs", "ls", image],
        &["fs", "tree", image],
        &["fs", "stat", &with_path],
        &["fs", "cat", &with_path],
        &["fs", "manifest", image],
        &["fs", "cp", &with_path, into],
        &["dev", "ls", image],
        &["dev", "cat", image],
        &["nvram", "show", image],
        &["label", image],
    ];
    for args in commands {
        let (code, said) = call(args);
        assert!(matches!(code, 0 | 1), "{args:?}: {code} {said}");
        // What is wrong although something is read comes before it, in a few lines.
        let (warnings, errors): (Vec<&str>, Vec<&str>) =
            said.lines().partition(|line| line.starts_with("cloud-boot: warning: "));
        assert!(warnings.len() <= 9, "{args:?}: {said}");
        assert_eq!(errors.len(), code as usize, "{args:?}: {said}");
        assert!(errors.iter().all(|line| line.starts_with("cloud-boot: E-")), "{args:?}: {said}");
    }
    let _ = fs::remove_dir_all(into);
}

struct Random(u64);

impl Random {
    /// Xorshift (Marsaglia, 2003): the same bytes each time.
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// A disk with a filesystem on the first partition.
fn disk(dir: &Path) -> Vec<u8> {
    let path = |name: &str| dir.join(name).to_str().unwrap().to_string();
    fs::create_dir_all(dir.join("tree/boot/grub")).unwrap();
    fs::write(dir.join("tree/boot/grub/grub.cfg"), "menuentry a { linux /boot/vmlinuz }\n").unwrap();
    fs::write(dir.join("tree/boot/vmlinuz"), vec![1; 100_000]).unwrap();
    for (name, size) in [("disk", 6 * MIB), ("ext4", 4 * MIB)] {
        fs::File::create(dir.join(name)).unwrap().set_len(size).unwrap();
    }
    run("sgdisk", &["-o", "-n1:2048:10239", &path("disk")]);
    run("mke2fs", &["-q", "-F", "-t", "ext4", "-O", "^metadata_csum", "-d", &path("tree"), &path("ext4")]);
    let (mut disk, ext4) = (fs::read(path("disk")).unwrap(), fs::read(path("ext4")).unwrap());
    disk[1 << 20..][..4 << 20].copy_from_slice(&ext4);
    disk
}

#[test]
fn random_bytes_and_short_files_end() {
    let dir = work_dir("random");
    let (image, into) = (dir.join("image"), dir.join("into"));
    let (image, into) = (image.to_str().unwrap(), into.to_str().unwrap());
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for size in [0usize, 1, 511, 512, 4096, 100_003] {
        let bytes: Vec<u8> = (0..size).map(|_| random.next() as u8).collect();
        fs::write(image, bytes).unwrap();
        call_all(image, into);
    }
}

#[test]
fn truncated_and_damaged_disks_end() {
    let dir = work_dir("damaged");
    let whole = disk(&dir);
    let (image, into) = (dir.join("image"), dir.join("into"));
    let (image, into) = (image.to_str().unwrap(), into.to_str().unwrap());
    for size in [513, 1024, 17_408, 1 << 20, (1 << 20) + 1500, (1 << 20) + 40_000, 3 << 20, whole.len() - 1] {
        fs::write(image, &whole[..size]).unwrap();
        call_all(image, into);
    }
    let mut random = Random(0x0123_4567_89ab_cdef);
    for _ in 0..12 {
        let mut bytes = whole.clone();
        for _ in 0..200 {
            // The filesystem's first 100 KiB: superblock, groups, inodes, folders.
            let at = (1 << 20) + 1024 + random.next() as usize % 100_000;
            bytes[at] = random.next() as u8;
        }
        fs::write(image, bytes).unwrap();
        call_all(image, into);
    }
}

#[test]
fn a_folder_that_contains_itself_ends() {
    let dir = work_dir("loop");
    fs::create_dir_all(dir.join("tree/boot/grub")).unwrap();
    let (image, tree) = (dir.join("ext4"), dir.join("tree"));
    fs::File::create(&image).unwrap().set_len(MIB).unwrap();
    let (image, tree) = (image.to_str().unwrap(), tree.to_str().unwrap());
    run("mke2fs", &["-q", "-F", "-t", "ext4", "-O", "^has_journal", "-d", tree, image]);
    // Two names of a folder in itself: twice as many paths on every level.
    for link in ["/boot/a", "/boot/b"] {
        run("debugfs", &["-w", "-R", &format!("link /boot {link}"), image]);
    }
    for args in
        [["fs", "manifest", "--no-sum", image].as_slice(), &["fs", "tree", image], &["fs", "manifest", image]]
    {
        let (code, said) = call(args);
        assert!(
            code == 1 && said.starts_with("cloud-boot: E-CLI-LIMIT ") && said.lines().count() == 1,
            "{said}"
        );
    }
    let into = dir.join("into");
    let (code, said) = call(&["fs", "cp", &format!("{image}:/boot/grub"), into.to_str().unwrap()]);
    assert_eq!((code, said.as_str()), (0, ""));
}

#[test]
fn an_image_without_filesystem_is_told_from_an_unclear_one() {
    let dir = work_dir("nothing");
    let image = dir.join("zeros");
    fs::write(&image, vec![0; 100_000]).unwrap();
    let (code, said) = call(&["fs", "ls", image.to_str().unwrap()]);
    let expected = "cloud-boot: E-CLI-NONE zeros: no filesystem that cloud-boot can read; \
                    cloud-boot inspect shows what is on the images\n";
    assert_eq!((code, said.as_str()), (1, expected));
}

#[test]
fn a_file_of_holes_larger_than_any_disk_is_not_read() {
    let dir = work_dir("holes");
    disk(&dir);
    let image = dir.join("ext4");
    let image = image.to_str().unwrap();
    run("debugfs", &["-w", "-R", "sif /boot/vmlinuz size 8796093022208", image]);
    let (code, said) = call(&["fs", "manifest", image]);
    assert!(code == 1 && said.starts_with("cloud-boot: E-FS-"), "{said}");
    let into = dir.join("into");
    let (code, said) = call(&["fs", "cp", &format!("{image}:/boot"), into.to_str().unwrap()]);
    assert!(code == 1 && said.starts_with("cloud-boot: E-FS-"), "{said}");
    assert!(!into.join("vmlinuz").exists() && into.join("grub/grub.cfg").exists());
}

#[test]
fn what_is_no_image_is_said() {
    let dir = work_dir("none");
    let path = |name: &str| dir.join(name).to_str().unwrap().to_string();
    let missing = path("gone");
    let (code, said) = call(&["inspect", &missing]);
    let expected = format!(
        "cloud-boot: E-CLI-IMAGE {missing}: No such file or directory (os error 2); \
         name a raw, qcow2 or VHD image or a block device that you may read, and name each only once\n"
    );
    assert_eq!((code, said), (1, expected));
    run("mkfifo", &[&path("pipe")]);
    for (args, cause) in [
        (["inspect", &path("pipe")].as_slice(), "not a file or block device"),
        (&["inspect", dir.to_str().unwrap()], "not a file or block device"),
        (&["inspect", "/dev/null"], "not a file or block device"),
        (&["inspect", &path("same"), &path("same")], "given twice"),
    ] {
        fs::write(path("same"), "").unwrap();
        let (code, said) = call(args);
        assert!(code == 1 && said.contains(cause) && said.contains("E-CLI-IMAGE"), "{said}");
    }
}

#[test]
fn files_without_an_end_fill_no_memory() {
    let dir = work_dir("endless");
    let path = |name: &str| dir.join(name).to_str().unwrap().to_string();
    let (out, large) = (path("out"), path("large"));
    let file = fs::File::create(&large).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"MZ", 0).unwrap();
    file.set_len((1 << 30) + 1).unwrap();
    let disk = path("disk.raw");
    fs::write(&disk, vec![0; 100_000]).unwrap();
    let none = "E-CLI-PROGRAM /dev/zero: not a UEFI program: it has no PE header; ";
    for (args, expected) in [
        (
            ["config", "explain", "--file", "/dev/zero"].as_slice(),
            "E-CLI-FILE /dev/zero: more than 65536 bytes, ",
        ),
        (&["iso", "--uki", "linux/amd64=/dev/zero", "--out", &out], none),
        (&["run", "--arch", "x86_64", "--loader", "/dev/zero", "--print", &disk], none),
        (
            &["iso", "--uki", &format!("linux/amd64={large}"), "--out", &out],
            &format!("E-CLI-FILE {large}: more than 1073741824 bytes, "),
        ),
    ] {
        let (code, said) = call(args);
        assert_eq!((code, said.lines().count()), (1, 1), "{args:?}: {said}");
        assert!(said.starts_with(&format!("cloud-boot: {expected}")), "{args:?}: {said}");
    }
}

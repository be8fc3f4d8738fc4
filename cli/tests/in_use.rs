// SPDX-License-Identifier: BSD-3-Clause
//! `iso --out DEVICE --force`: a block device that is mounted is refused, and keeps what is on it; one that nobody uses
//! is written. In User-mode Linux, since a block device of the build machine is nobody's to mount.

use std::{
    env,
    fs::{self, File},
    io::Read,
    panic::catch_unwind,
    path::Path,
    process::{Command, Output, Stdio},
    thread::sleep,
    time::Duration,
};

use oracle::tools::{command, run, work_dir};

const DISK: &str = "/dev/ubda";
const MOUNTED: &str = "/run/mounted";
const DONE: &str = "guest: a device in use is refused, and another is written";

#[test]
fn a_device_that_is_mounted_is_not_written() {
    let dir = work_dir("in-use");
    let image = dir.join("disk");
    File::create(&image).unwrap().set_len(64 << 20).unwrap();
    // The header of a program for x86_64.
    let mut program = vec![0; 4096];
    program[..2].copy_from_slice(b"MZ");
    program[0x3c] = 0x40;
    program[0x40..0x46].copy_from_slice(b"PE\0\0\x64\x86");
    fs::write(dir.join("program.efi"), program).unwrap();
    let ours = env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program");
    let output = command("timeout")
        .args(["--kill-after=5", "600", "linux.uml", "mem=256M", "root=/dev/root", "rootfstype=hostfs"])
        .args(["rootflags=/", "rw", "con=null", "con0=null,fd:1", "quiet", "panic=-1"])
        .arg(format!("ubd0={}", image.display()))
        // What the kernel does not know becomes the environment of its first process.
        .arg(format!("CLOUD_BOOT={}", std::path::absolute(ours).unwrap().display()))
        .arg(format!("FOLDER={}", dir.display()))
        .arg(format!("init={}", env::current_exe().unwrap().display()))
        .args(["--", "guest", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        // For the file that is the guest's memory, and for its control socket.
        .env("TMPDIR", &dir)
        .env("HOME", &dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(DONE), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

/// The first process of User-mode Linux, whose root is ours.
#[test]
#[ignore = "a_device_that_is_mounted_is_not_written runs it in a guest"]
fn guest() {
    assert_eq!(std::process::id(), 1, "it mounts over the system's folders");
    if catch_unwind(in_guest).is_ok() {
        println!("{DONE}");
    }
    fs::write("/proc/sysrq-trigger", "o").unwrap();
    sleep(Duration::from_secs(60));
}

fn in_guest() {
    for (kind, place) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/run")] {
        run("mount", &["-t", kind, kind, place]);
    }
    run("mke2fs", &["-q", "-F", "-t", "ext4", DISK]);
    fs::create_dir(MOUNTED).unwrap();
    run("mount", &["-t", "ext4", DISK, MOUNTED]);
    fs::write(Path::new(MOUNTED).join("file"), "kept").unwrap();

    let refused = iso();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("E-CLI-TARGET /dev/ubda: ") && said.contains("that is not in use"), "{said}");
    assert_eq!(&start()[0x438..0x43a], b"\x53\xef", "the filesystem is there");

    run("umount", &[MOUNTED]);
    run("mount", &["-t", "ext4", DISK, MOUNTED]);
    assert_eq!(fs::read(Path::new(MOUNTED).join("file")).unwrap(), b"kept");
    run("umount", &[MOUNTED]);

    let written = iso();
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    assert_eq!(&start()[0x8001..0x8006], b"CD001");
}

/// Writes a boot image over the disk.
fn iso() -> Output {
    let program = env::var("CLOUD_BOOT").unwrap();
    let uki = format!("linux/amd64={}/program.efi", env::var("FOLDER").unwrap());
    Command::new(program)
        .args(["iso", "--uki", &uki, "--out", DISK, "--force"])
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The first bytes of the disk.
fn start() -> Vec<u8> {
    let mut bytes = vec![0; 64 << 10];
    File::open(DISK).unwrap().read_exact(&mut bytes).unwrap();
    bytes
}

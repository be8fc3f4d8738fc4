// SPDX-License-Identifier: BSD-3-Clause
//! The static programs of all four architectures: each does what the one of this machine does. Those for other
//! machines run under QEMU's user emulation.

use std::{env, fs, path::Path, process::Command};

use oracle::tools::{run, work_dir};

const MIB: u64 = 1 << 20;

/// The built programs with their architectures.
fn programs() -> Vec<(String, String)> {
    let list = env::var("CLOUD_BOOT_PROGRAMS").expect("CLOUD_BOOT_PROGRAMS names the programs");
    let programs = list.split_whitespace().map(|path| {
        let arch = path.rsplit_once("cloud-boot-").expect("cloud-boot-ARCH").1;
        (arch.to_string(), std::path::absolute(path).unwrap().to_str().unwrap().to_string())
    });
    programs.collect()
}

/// What a program prints on standard output and standard error, and its exit code.
fn outcome(arch: &str, program: &str, args: &[&str]) -> (Vec<u8>, String, Option<i32>) {
    let mut command = if arch == env::consts::ARCH {
        Command::new(program)
    } else {
        let mut command = Command::new(format!("qemu-{arch}"));
        command.arg(program);
        command
    };
    let output = command.args(args).output().unwrap_or_else(|error| panic!("{arch}: {error}"));
    (output.stdout, String::from_utf8(output.stderr).unwrap(), output.status.code())
}

/// A disk of 32 MiB with a kernel's name on an ext4 of 16 MiB, as qcow2.
fn disk(work: &Path) -> String {
    let path = |name: &str| work.join(name).to_str().unwrap().to_string();
    fs::create_dir_all(work.join("tree/boot")).unwrap();
    fs::write(work.join("tree/boot/vmlinuz-6.12"), vec![0x5a; 3_000_000]).unwrap();
    fs::write(work.join("tree/boot/initrd.img-6.12"), vec![0xa5; 300_000]).unwrap();
    let (raw, qcow2, tree) = (path("disk.raw"), path("disk.qcow2"), path("tree"));
    fs::File::create(&raw).unwrap().set_len(32 * MIB).unwrap();
    run("sgdisk", &["-o", "-n", "1:2048:+16M", "-t", "1:8300", &raw]);
    let place = "offset=1048576,hash_seed=11111111-2222-4333-8444-555555555555";
    run("mke2fs", &["-q", "-F", "-t", "ext4", "-b", "4096", "-E", place, "-d", &tree, &raw, "4096"]);
    run("qemu-img", &["convert", "-c", "-O", "qcow2", &raw, &qcow2]);
    qcow2
}

#[test]
fn every_architecture_says_the_same() {
    let disk = disk(&work_dir("every_architecture"));
    let volume = format!("{disk}:/boot/vmlinuz-6.12");
    let missing = format!("{disk}:/none");
    let calls: [&[&str]; 6] = [
        &["--version"],
        &["inspect", "--json", &disk],
        &["fs", "manifest", &disk],
        &["fs", "cat", &volume],
        &["dev", "ls", "--json", &disk],
        &["fs", "cat", &missing],
    ];
    let programs = programs();
    assert_eq!(programs.len(), 4, "{programs:?}");
    let own = programs.iter().find(|(arch, _)| arch == env::consts::ARCH).expect("one is of this machine");
    for args in calls {
        let expected = outcome(&own.0, &own.1, args);
        assert_eq!(expected.2, Some(i32::from(args.contains(&missing.as_str()))), "{args:?} {}", expected.1);
        for (arch, program) in &programs {
            assert_eq!(outcome(arch, program, args), expected, "{arch}: {args:?}");
        }
    }
}

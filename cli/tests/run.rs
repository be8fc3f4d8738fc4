// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot run` without a machine: command lines, and what it refuses. `//e2e` has the boots.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use oracle::tools::{run, work_dir};

fn call<S: AsRef<OsStr>>(folder: &Path, args: &[S]) -> Output {
    let path = env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program");
    let mut command = Command::new(std::path::absolute(path).unwrap());
    command.arg("run").args(args).current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

/// A folder with an empty disk and files in the place of firmware.
fn folder(name: &str) -> PathBuf {
    let folder = work_dir(name);
    fs::write(folder.join("disk.raw"), vec![0; 1 << 20]).unwrap();
    fs::write(folder.join("code.fd"), "").unwrap();
    fs::write(folder.join("vars.fd"), "").unwrap();
    folder
}

/// What makes a line of an empty disk.
const LINE: [&str; 8] = [
    "--print",
    "--no-loader",
    "--accel=tcg",
    "--arch",
    "x86_64",
    "--firmware=code.fd",
    "--firmware-vars",
    "vars.fd",
];

/// The printed line, with `.` for the folder.
fn line(folder: &Path, args: &[OsString]) -> String {
    let all = [LINE.map(OsString::from).as_slice(), args].concat();
    let output = call(folder, &all);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim_end().replace(folder.to_str().unwrap(), ".")
}

#[test]
fn the_command_line_as_it_is_without_options() {
    let folder = folder("run-line");
    assert_eq!(
        line(&folder, &["disk.raw".into()]),
        "qemu-system-x86_64 -machine q35 -cpu qemu64 -accel tcg -smp 1 -m 1024 -nodefaults -no-user-config \
         -no-reboot -display none -nic none -serial stdio -boot menu=on,splash-time=0 -device virtio-rng-pci \
         -drive if=pflash,unit=0,format=raw,readonly=on,file=./code.fd \
         -drive if=pflash,unit=1,format=raw,snapshot=on,file=./vars.fd \
         -fw_cfg name=opt/org.cloudboot/cmdline,string=cloudboot.console=ttyS0,,115200 \
         -drive if=none,id=disk0,format=raw,snapshot=on,cache=unsafe,werror=report,file=./disk.raw \
         -device virtio-blk-pci,id=slot0,drive=disk0,bootindex=1"
    );
}

#[test]
fn options_are_where_qemu_looks_for_them() {
    let folder = folder("run-options");
    let disk = folder.join("disk.raw");
    let other = |format: &str, name: &str| {
        run(
            "qemu-img",
            &["convert", "-O", format, disk.to_str().unwrap(), folder.join(name).to_str().unwrap()],
        );
    };
    other("qcow2", "b.qcow2");
    other("vpc", "c.vhd");
    let words = "disk.raw b.qcow2 c.vhd --writable --memory 256 --cpus 3 --net --cmdline";
    let mut args: Vec<OsString> = words.split(' ').map(OsString::from).collect();
    args.extend(["cloudboot.menu=always it's", "--", "-cpu", "max"].map(OsString::from));
    let line = line(&folder, &args);
    for part in [
        "-smp 3 -m 256",
        "-netdev user,id=network -device virtio-net-pci,netdev=network,romfile= -serial",
        "string=cloudboot.console=ttyS0,,115200 cloudboot.menu=always it'\\''s'",
        "id=disk0,format=raw,cache=writeback,werror=report,file=./disk.raw",
        "id=disk1,format=qcow2,cache=writeback,werror=report,file.filename=./b.qcow2,file=json:{\"backing\":null}",
        "id=disk2,format=vpc,force_size_calc=current_size,cache=writeback,werror=report,file=./c.vhd",
        "unit=1,format=raw,snapshot=on,file=./vars.fd",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(line.ends_with(",bootindex=3 -cpu max"), "{line}");
}

#[test]
fn any_name_of_a_file_reaches_qemu_as_it_is() {
    let folder = folder("run-names");
    let names: [&[u8]; 4] = [b"nbd:a,b c", b"-x'\"$(y)", b"\xff\n", "ü".as_bytes()];
    for name in names {
        let name = OsString::from_vec(name.to_vec());
        fs::copy(folder.join("disk.raw"), folder.join(&name)).unwrap();
        let mut path = OsString::from("./");
        path.push(&name);
        let line = line(&folder, &[path]);
        let output = Command::new("bash").args(["-c", &format!("printf '%s\\0' {line}")]).output().unwrap();
        let word = output.stdout.split(|byte| *byte == 0).find(|word| word.starts_with(b"if=none,id=disk0"));
        let wanted = String::from_utf8_lossy(name.as_bytes()).replace(',', ",,");
        let word = String::from_utf8_lossy(word.unwrap()).into_owned();
        assert!(word.ends_with(&format!("file=./{wanted}")), "{word}");
    }
}

#[test]
fn the_loader_is_in_a_cd_drive_of_the_line() {
    let folder = folder("run-loader");
    let output = call(
        &folder,
        &[
            "disk.raw",
            "--print",
            "--arch=riscv64",
            "--accel=tcg",
            "--firmware=code.fd",
            "--firmware-vars=vars.fd",
        ],
    );
    let (line, note) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(line.starts_with("qemu-system-riscv64 -machine virt,acpi=off -cpu rv64 -accel tcg "), "{line}");
    assert!(line.contains("media=cdrom,readonly=on,file=boot.iso -device virtio-scsi-pci "), "{line}");
    assert_eq!(note, "cloud-boot: make boot.iso with `cloud-boot iso --out boot.iso`\n");
}

#[test]
fn what_cannot_be_booted_is_said() {
    let folder = folder("run-refused");
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    write("packed.xz", b"\xfd7zXZ\0\0\x04");
    write("text", b"no program");
    let backed = ["create", "-q", "-f", "qcow2", "-b", "disk.raw", "-F", "raw", "backed.qcow2"];
    assert!(Command::new("qemu-img").args(backed).current_dir(&folder).status().unwrap().success());
    let (line, one) = (["--arch=x86_64", "--accel=tcg"], "disk.raw");
    let cases: [(&[&str], &str); 7] = [
        (&[one], "E-CLI-ARCH disk.raw: nothing bootable on it shows its architecture; use --arch"),
        (&["packed.xz"], "E-CLI-IMAGE packed.xz: it is xz, not a disk image; convert it: unxz; "),
        (&["gone"], "E-CLI-IMAGE gone: No such file"),
        (
            &["backed.qcow2"],
            "E-CLI-BACKING backed.qcow2: an overlay of \"disk.raw\", which was not given; give --backing FILE",
        ),
        (&["--loader=text", one, "--print"], "E-CLI-PROGRAM text: not a UEFI program"),
        (&["--firmware=gone", "--firmware-vars=vars.fd", one, "--no-loader", "--print"], "E-CLI-FILE gone: "),
        (&["--accel=kvm", "--arch=sparc", one], "invalid value 'sparc'"),
    ];
    for (args, said) in cases {
        let is_free = args.len() == 1 || said.contains("sparc");
        let output = call(&folder, &[args, if is_free { &[] } else { &line }].concat());
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(said), "{args:?}: {error}");
    }
}

/// A running program is what nobody may write to, root neither.
#[test]
fn what_cannot_be_written_to_is_refused_before_a_machine_starts() {
    let folder = folder("run-busy");
    fs::copy("/usr/bin/sleep", folder.join("sleep")).unwrap();
    let mut busy = Command::new(folder.join("sleep")).arg("60").spawn().unwrap();
    let line =
        "sleep --writable --arch=x86_64 --accel=tcg --no-loader --firmware=code.fd --firmware-vars=vars.fd";
    let line: Vec<&str> = line.split(' ').collect();
    let refused = call(&folder, &line);
    let printed = call(&folder, &[line.as_slice(), &["--print"]].concat());
    busy.kill().unwrap();
    busy.wait().unwrap();
    let error = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        error.starts_with("cloud-boot: E-CLI-IMAGE sleep: Text file busy") && error.lines().count() == 1,
        "{error}"
    );
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
}

#[test]
fn a_missing_qemu_is_named_with_its_package() {
    let folder = folder("run-no-qemu");
    let path = std::path::absolute(env::var_os("CLOUD_BOOT").unwrap()).unwrap();
    let mut command = Command::new(path);
    command.args(["run", "disk.raw", "--arch=aarch64"]).current_dir(&folder).env("PATH", &folder);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "cloud-boot: E-CLI-QEMU qemu-system-aarch64: not found; install it (Debian: qemu-system-arm)\n"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn options_that_make_no_sense_are_wrong_usage() {
    let folder = folder("run-usage");
    let cases: [(&[&str], &str); 7] = [
        (&[], "<IMAGE>"),
        (&["disk.raw", "--until", "*"], "matches every line"),
        (&["disk.raw", "--timeout", "0"], "0 is not in 1.."),
        (&["disk.raw", "--memory", "1"], "1 is not in 64.."),
        (&["disk.raw", "--firmware", "code.fd"], "--firmware-vars <FILE>"),
        (&["disk.raw", "--no-loader", "--loader", "x.efi"], "cannot be used with"),
        (&["disk.raw", "-m", "1"], "unexpected argument '-m'"),
    ];
    for (args, said) in cases {
        let output = call(&folder, args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
        assert!(error.contains(said), "{args:?}: {error}");
    }
}

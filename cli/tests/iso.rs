// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot iso`: what is on its images, byte for byte, and what it refuses.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use oracle::tools::work_dir;

fn call<S: AsRef<OsStr>>(args: &[S]) -> Output {
    let path = env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program");
    let mut command = Command::new(std::path::absolute(path).unwrap());
    command.args(args).stdin(Stdio::null()).output().unwrap()
}

/// Standard output of a call that succeeds.
fn said<S: AsRef<OsStr>>(args: &[S]) -> Vec<u8> {
    let output = call(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Exit code and standard error of a call that does not.
fn refused<S: AsRef<OsStr>>(args: &[S]) -> (Option<i32>, String) {
    let output = call(args);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// A PE header for a machine, and bytes that differ from place to place.
fn program(folder: &Path, name: &str, machine: u16) -> PathBuf {
    let mut bytes: Vec<u8> =
        (0..70_001u32).map(|i| (i.wrapping_mul(31) ^ (i >> 8)).to_le_bytes()[0]).collect();
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c..0x40].copy_from_slice(&0x40u32.to_le_bytes());
    bytes[0x40..0x44].copy_from_slice(b"PE\0\0");
    bytes[0x44..0x46].copy_from_slice(&machine.to_le_bytes());
    fs::write(folder.join(name), bytes).unwrap();
    folder.join(name)
}

/// `PLATFORM=FILE`.
fn uki(platform: &str, file: &Path) -> OsString {
    let mut word = OsString::from(platform);
    word.push("=");
    word.push(file);
    word
}

#[test]
fn without_programs_it_is_the_image_that_bazel_builds() {
    let wanted = fs::read(env::var_os("BOOT_ISO").expect("BOOT_ISO names //iso:boot")).unwrap();
    let out = work_dir("iso-loaders").join("boot.iso");
    let line = said(&["iso".as_ref(), "--out".as_ref(), out.as_os_str()]);
    assert!(fs::read(&out).unwrap() == wanted, "not the bytes of //iso:boot");
    let line = String::from_utf8(line).unwrap();
    // Cut off, not rounded.
    let (whole, tenth) = (wanted.len() >> 20, ((wanted.len() * 10) >> 20) % 10);
    let end = format!("boot.iso: {whole}.{tenth} MiB for x86_64, aarch64, riscv64, loongarch64\n");
    assert!(line.ends_with(&end), "{line}");
}

#[test]
fn programs_of_the_users_own_are_where_firmware_looks() {
    let folder = work_dir("iso-programs");
    let x86 = program(&folder, "x = 1.efi", 0x8664);
    let loong = folder.join(OsString::from_vec(b"loong\xff.efi".to_vec()));
    fs::rename(program(&folder, "loong", 0x6264), &loong).unwrap();
    let out = folder.join("a:b,c.iso");
    let words = ["iso".into(), "--json".into(), "--uki".into(), uki("linux/amd64", &x86), "--uki".into()];
    let end = [uki("loongarch64", &loong), "--out".into(), out.clone().into()];
    let json = String::from_utf8(said(&[words.as_slice(), &end].concat())).unwrap();
    for part in ["\"platform\":\"linux/loong64\"", "\"path\":\"EFI/BOOT/BOOTX64.EFI\"", "\"size\":70001"] {
        assert!(json.contains(part), "{part} in {json}");
    }
    for (name, file) in [("BOOTX64.EFI", &x86), ("BOOTLOONGARCH64.EFI", &loong)] {
        let path = format!("/EFI/BOOT/{name}");
        // The ISO 9660 volume is the whole image, the FAT volume its partition.
        for volume in ["a:b,c.iso", "a:b,c.iso#1"] {
            let args = ["fs", "cat", "--volume", volume, "--path", &path].map(OsString::from);
            let held = said(&[args.as_slice(), &[out.clone().into()]].concat());
            assert!(held == fs::read(file).unwrap(), "{name} on {volume}");
        }
    }
    let again = [words.as_slice(), &end].concat();
    let before = fs::read(&out).unwrap();
    let (code, error) = refused(&again);
    assert!(
        code == Some(1) && error.ends_with("it already exists; choose another name, or use --force\n"),
        "{error}"
    );
    assert!(fs::read(&out).unwrap() == before);
    fs::write(&out, "old").unwrap();
    said(&[again.as_slice(), &["--force".into()]].concat());
    assert!(fs::read(&out).unwrap() == before, "the same programs give the same bytes");
}

#[test]
fn what_cannot_be_is_said_and_not_written() {
    let folder = work_dir("iso-refused");
    let (x86, text) = (program(&folder, "x.efi", 0x8664), folder.join("text"));
    fs::write(&text, "no program").unwrap();
    let out = folder.join("out.iso");
    let cases = [
        (uki("linux/arm64", &x86), 1, "E-CLI-PROGRAM", "a program for x86_64, not for aarch64"),
        (uki("linux/amd64", &text), 1, "E-CLI-PROGRAM", "not a UEFI program: it has no PE header"),
        (uki("linux/amd64", &folder.join("gone")), 1, "E-CLI-FILE", "No such file"),
        (uki("linux/386", &x86), 2, "--uki", "unknown platform: linux/386"),
        ("x.efi".into(), 2, "--uki", "expected PLATFORM=FILE"),
    ];
    for (word, code, token, cause) in cases {
        let (status, error) =
            refused(&["iso".into(), "--out".into(), out.clone().into(), "--uki".into(), word]);
        assert_eq!(status, Some(code), "{error}");
        assert!(error.contains(token) && error.contains(cause), "{cause}: {error}");
        assert!(!out.exists(), "{cause}");
    }
    let twice = uki("linux/amd64", &x86);
    let words =
        ["iso".into(), "--uki".into(), twice.clone(), "--uki".into(), twice, "--out".into(), out.into()];
    let (code, error) = refused(&words);
    assert!(code == Some(2) && error.contains("--uki linux/amd64 is given twice"), "{error}");
    let nowhere = ["iso", "--uki", "x86_64=x.efi", "--out", "/nowhere/boot.iso"].map(OsString::from);
    let output = Command::new(std::path::absolute(env::var_os("CLOUD_BOOT").unwrap()).unwrap())
        .args(nowhere)
        .current_dir(&folder)
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.starts_with("cloud-boot: E-CLI-TARGET /nowhere/boot.iso: No such file"), "{error}");
}

/// A certificate of nobody's, which says that it is an authority.
fn authority(folder: &Path) -> PathBuf {
    let pem = folder.join("ca.pem");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-subj", "/CN=test", "-keyout"])
        .arg(folder.join("key.pem"))
        .arg("-out")
        .arg(&pem)
        .output()
        .expect("openssl, of the toolbox");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    pem
}

#[test]
fn settings_stand_beside_the_loaders() {
    let folder = work_dir("iso-settings");
    let (out, pem) = (folder.join("boot.iso"), authority(&folder));
    let words = "cloudboot.debug=1 cloudboot.net.wait=7";
    let uki = uki("linux/amd64", &program(&folder, "x.efi", 0x8664));
    let args = ["iso", "--cmdline", words, "--ca"].map(OsStr::new);
    let more = ["--uki".as_ref(), uki.as_os_str(), "--out".as_ref(), out.as_os_str()];
    said(&[args.as_slice(), &[pem.as_os_str()], &more].concat());
    let read = |volume: &str, path: &str| {
        said(&[
            "fs".as_ref(),
            "cat".as_ref(),
            out.as_os_str(),
            "--volume".as_ref(),
            volume.as_ref(),
            "--path".as_ref(),
            path.as_ref(),
        ])
    };
    // The disk's EFI system partition, and the CD.
    for volume in ["hd0,gpt1", "hd0"] {
        assert_eq!(
            String::from_utf8(read(volume, "/cloudboot/cmdline")).unwrap(),
            format!("cloudboot.ca=/cloudboot/ca.pem {words}"),
            "{volume}"
        );
        assert_eq!(read(volume, "/cloudboot/ca.pem"), fs::read(&pem).unwrap(), "{volume}");
    }
}

#[test]
fn settings_that_the_loader_would_refuse_are_refused() {
    let folder = work_dir("iso-wrong-settings");
    let out = folder.join("boot.iso");
    let with = |name: &str, value: &OsStr| {
        let args = ["iso".as_ref(), name.as_ref(), value, "--out".as_ref(), out.as_os_str()];
        let (code, line) = refused(&args);
        assert!(!out.exists());
        (code, line)
    };
    let (code, line) = with("--cmdline", "cloudboot.tarket=x".as_ref());
    assert!(code == Some(2) && line.contains("E-CONFIG-UNKNOWN cloudboot.tarket"), "{code:?} {line}");
    let file = folder.join("text");
    fs::write(&file, "no certificate\n").unwrap();
    let (code, line) = with("--ca", file.as_os_str());
    assert!(code == Some(1) && line.contains("no CERTIFICATE section"), "{code:?} {line}");
}

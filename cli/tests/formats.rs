// SPDX-License-Identifier: BSD-3-Clause
//! What images are taken for, and by which names they are called.

use std::{
    env,
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::Path,
    process::{Command, Output, Stdio},
};

use oracle::tools::{run, work_dir};

const MIB: u64 = 1 << 20;

fn call(args: &[impl AsRef<OsStr>]) -> Output {
    let path = env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program");
    let mut command = Command::new(std::path::absolute(path).unwrap());
    command.args(args).stdin(Stdio::null()).output().unwrap()
}

/// What it says on standard error, with that exit code and in one line.
fn said(code: i32, args: &[impl AsRef<OsStr>]) -> String {
    let output = call(args);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), errors.lines().count()), (Some(code), 1), "{errors}");
    errors.trim_end().into()
}

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).to_str().unwrap().into()
}

#[test]
fn internal_snapshots_are_ignored_with_a_line() {
    let dir = work_dir("snapshots");
    let image = path(&dir, "disk.qcow2");
    run("qemu-img", &["create", "-q", "-f", "qcow2", &image, "1M"]);
    assert_eq!(String::from_utf8(call(&["dev", "ls", &image]).stderr).unwrap(), "");
    run("qemu-img", &["snapshot", "-c", "one", &image]);
    run("qemu-img", &["snapshot", "-c", "two", &image]);
    for args in [&["inspect", &image][..], &["inspect", "--json", &image], &["dev", "ls", &image]] {
        assert_eq!(said(0, args), format!("cloud-boot: {image}: its internal snapshots are ignored (2)"));
    }
}

#[test]
fn formats_that_are_not_read_are_named() {
    let dir = work_dir("others");
    let raw = path(&dir, "disk.raw");
    fs::File::create(&raw).unwrap().set_len(MIB).unwrap();
    for (format, name) in [("vmdk", "VMDK"), ("vhdx", "VHDX"), ("vdi", "VDI"), ("qed", "QED")] {
        let image = path(&dir, format);
        run("qemu-img", &["convert", "-f", "raw", "-O", format, &raw, &image]);
        for args in [&["inspect", &image][..], &["dev", "cat", &image]] {
            let said = said(1, args);
            let expected = format!(
                "cloud-boot: E-CLI-IMAGE {image}: it is {name}, not a disk image; convert it: qemu-img convert -O qcow2; "
            );
            assert!(said.starts_with(&expected), "{said}");
        }
    }
}

#[test]
fn what_qcow2_has_and_is_not_read_has_a_way_out() {
    let dir = work_dir("features");
    let (image, data) = (path(&dir, "disk.qcow2"), path(&dir, "data"));
    run(
        "qemu-img",
        &["create", "-q", "-f", "qcow2", "-o", &format!("data_file={data}"), image.as_str(), "1M"],
    );
    let said = said(1, &["inspect", &image]);
    assert!(said.starts_with(&format!("cloud-boot: E-FS-QCOW2-UNSUPPORTED {image}: ")), "{said}");
    assert!(said.ends_with("; qemu-img convert -O raw makes an image without it"), "{said}");
}

#[test]
fn one_file_is_one_disk_whatever_it_is_called() {
    let dir = work_dir("same");
    let (image, link, hard) = (path(&dir, "disk"), path(&dir, "link"), path(&dir, "hard"));
    fs::File::create(&image).unwrap().set_len(MIB).unwrap();
    symlink(&image, &link).unwrap();
    fs::hard_link(&image, &hard).unwrap();
    for other in [&link, &hard, &format!("{}/./disk", dir.display())] {
        let said = said(1, &["inspect", &image, other]);
        assert!(said.starts_with(&format!("cloud-boot: E-CLI-IMAGE {other}: given twice; ")), "{said}");
    }
    fs::copy(&image, path(&dir, "copy")).unwrap();
    assert!(call(&["inspect", &image, &path(&dir, "copy")]).status.success());
}

#[test]
fn a_claim_of_any_size_is_not_printed_unasked() {
    let dir = work_dir("claim");
    let image = path(&dir, "disk.qcow2");
    run("qemu-img", &["create", "-q", "-f", "qcow2", "-o", "cluster_size=2M", &image, "8P"]);
    let refused = said(1, &["dev", "cat", &image]);
    let expected = "cloud-boot: E-CLI-RANGE disk.qcow2: it claims to have 8.0 PiB; \
                    more than 16.0 TiB only with --length";
    assert_eq!(refused, expected);
    let some = call(&["dev", "cat", "--offset", "4096", "--length", "8", &image]);
    assert_eq!((some.status.code(), some.stdout), (Some(0), vec![0; 8]));
}

#[test]
fn devices_and_volumes_of_any_name_are_taken_as_they_are_shown() {
    let dir = work_dir("names");
    let (plain, image) = (path(&dir, "plain"), dir.join(OsStr::from_bytes(b"a\xff \\ b.img")));
    fs::File::create(&plain).unwrap().set_len(4 * MIB).unwrap();
    run("mke2fs", &["-q", "-F", "-t", "ext4", "-L", "root", &plain]);
    fs::rename(&plain, &image).unwrap();
    let report: serde_json::Value =
        serde_json::from_slice(&call(&["inspect".as_ref(), "--json".as_ref(), image.as_os_str()]).stdout)
            .unwrap();
    let shown = r"a\xff \\ b.img";
    assert_eq!((&report["devices"][0]["id"], &report["volumes"][0]["id"]), (&shown.into(), &shown.into()));
    let on = |words: &[&str], name: &OsStr| {
        let words = words.iter().map(OsStr::new).chain([name, image.as_os_str()]);
        words.map(OsStr::to_os_string).collect::<Vec<_>>()
    };
    let commands: [(&[&str], &str); 2] = [
        (&["fs", "ls", "--path", "/", "--volume"], "E-CLI-VOLUME none: no such volume"),
        (&["dev", "cat", "--length", "1", "--device"], "E-CLI-DEVICE none: no such device"),
    ];
    for (words, complaint) in commands {
        for name in [OsStr::new(shown), OsStr::from_bytes(b"a\xff \\ b.img")] {
            let output = call(&on(words, name));
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let said = said(1, &on(words, OsStr::new("none")));
        assert!(said.starts_with(&format!("cloud-boot: {complaint}; available: {shown}")), "{said}");
    }
}

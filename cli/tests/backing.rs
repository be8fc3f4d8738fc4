// SPDX-License-Identifier: BSD-3-Clause
//! Overlays of qcow2 with the backing files that `--backing` names: their bytes are what `qemu-img convert` makes of
//! them.

use std::{
    env,
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::FileExt},
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use oracle::tools::{run, work_dir};

const KIB: usize = 1024;
/// Bytes of the lowest disks.
const SIZE: usize = 1024 * KIB;

fn call(args: &[impl AsRef<OsStr>]) -> Output {
    let path = env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program");
    let mut command = Command::new(std::path::absolute(path).unwrap());
    command.args(args).stdin(Stdio::null()).output().unwrap()
}

/// What it prints when it succeeds.
fn printed(args: &[impl AsRef<OsStr>]) -> Vec<u8> {
    let output = call(args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{:?} {errors}", output.status);
    output.stdout
}

/// The one line that it says when it fails.
fn failed(args: &[impl AsRef<OsStr>]) -> String {
    let output = call(args);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), errors.lines().count()), (Some(1), 1), "{errors}");
    errors.trim_end().into()
}

/// Files of one test.
struct Work(PathBuf);

impl Work {
    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().into()
    }

    /// A raw file of these bytes, other ones for another seed.
    fn raw(&self, name: &str, seed: usize) -> String {
        let bytes: Vec<u8> = (0..SIZE).map(|i| (i * 7 / 13 + i / 4096 * seed) as u8).collect();
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// An overlay with bytes of its own at these places.
    fn overlay(&self, name: &str, below: &str, format: &str, size: usize, writes: &[&str]) -> String {
        let path = self.path(name);
        run(
            "qemu-img",
            &["create", "-q", "-f", "qcow2", "-b", below, "-F", format, &path, &size.to_string()],
        );
        for write in writes {
            run("qemu-io", &["-f", "qcow2", "-c", write, &path]);
        }
        path
    }

    /// The disk, as QEMU reads it, which follows all names.
    fn converted(&self, overlay: &str) -> Vec<u8> {
        let made = self.path("converted");
        run("qemu-img", &["convert", "-f", "qcow2", "-O", "raw", overlay, &made]);
        fs::read(made).unwrap()
    }
}

#[test]
fn disks_are_those_of_qemu() {
    let work = Work(work_dir("disks"));
    let base = work.raw("base.raw", 3);
    let packed = work.path("packed.qcow2");
    run("qemu-img", &["convert", "-c", "-f", "raw", "-O", "qcow2", &base, &packed]);
    for (base, format) in [(&base, "raw"), (&packed, "qcow2")] {
        // Larger than what is below it: zeros behind that.
        let middle =
            work.overlay("middle", base, format, 2 * SIZE, &["write -P 0x11 64k 5k", "write -z 192k 64k"]);
        let options = ["dev", "cat", &middle, "--backing", base];
        assert!(printed(&options) == work.converted(&middle), "{format}");
        let top =
            work.overlay("top", &middle, "qcow2", 2 * SIZE, &["write -P 0x22 66k 100", "discard 320k 64k"]);
        let options = ["dev", "cat", &top, "--backing", &middle, "--backing", base];
        assert!(printed(&options) == work.converted(&top), "{format}");
    }
}

#[test]
fn a_file_that_is_called_raw_is_raw_whatever_is_in_it() {
    let work = Work(work_dir("raw"));
    let hidden = work.path("hidden");
    run("qemu-img", &["create", "-q", "-f", "qcow2", &hidden, "1M"]);
    let overlay = work.overlay("overlay", &hidden, "raw", SIZE, &[]);
    let disk = printed(&["dev", "cat", &overlay, "--backing", &hidden]);
    assert!(disk.starts_with(b"QFI\xfb") && disk == work.converted(&overlay));
}

#[test]
fn without_the_option_nothing_is_followed() {
    let work = Work(work_dir("none"));
    let base = work.raw("base.raw", 3);
    let middle = work.overlay("middle", &base, "raw", SIZE, &[]);
    let top = work.overlay("top", &middle, "qcow2", SIZE, &[]);
    let advice = "give --backing FILE for each backing file that an overlay needs, and for no others";
    let said = |overlay: &str, name: &str| {
        format!(
            "cloud-boot: E-CLI-BACKING {overlay}: an overlay of \"{name}\", which was not given; {advice}"
        )
    };
    let path = format!("{middle}:/boot");
    for command in
        [["inspect", &middle].as_slice(), &["fs", "ls", &path], &["dev", "ls", &middle], &["label", &middle]]
    {
        assert_eq!(failed(command), said(&middle, &base));
    }
    // The name is whatever the image says.
    assert_eq!(failed(&["inspect", &top, "--backing", &middle]), said(&middle, &base));
    let at = fs::read(&top).unwrap().windows(7).position(|bytes| bytes == b"/middle").unwrap();
    fs::File::options().write(true).open(&top).unwrap().write_all_at(b"\x1b[31m\n\"", at as u64).unwrap();
    assert!(failed(&["inspect", &top]).contains("\\x1b[31m\\n\""));
    assert_eq!(
        failed(&["inspect", &middle, "--backing", &base, "--backing", &base]),
        format!("cloud-boot: E-CLI-BACKING {base}: no image needs this backing file; {advice}")
    );
    assert!(failed(&["inspect", &base, "--backing", &base]).contains("E-CLI-BACKING"));
    let gone = failed(&["inspect", &middle, "--backing", "/gone"]);
    assert!(gone.starts_with("cloud-boot: E-CLI-IMAGE /gone: No such file"), "{gone}");
}

#[test]
fn every_command_takes_it_and_files_have_any_name() {
    let work = Work(work_dir("names"));
    let (base, tree) = (work.path("fs.raw"), work.path("tree"));
    fs::create_dir(&tree).unwrap();
    fs::write(work.0.join("tree/file"), "content").unwrap();
    fs::File::create(&base).unwrap().set_len(SIZE as u64).unwrap();
    run("mke2fs", &["-q", "-F", "-t", "ext2", "-L", "below", "-d", &tree, &base]);
    let overlay = work.overlay("overlay", &base, "raw", SIZE, &[]);
    let file = format!("{overlay}:/file");
    for name in [b"with space: and:colon".as_slice(), b"latin-\xe9", b"--json"] {
        let copy = work.0.join(OsStr::from_bytes(name));
        fs::copy(&base, &copy).unwrap();
        for (command, shown) in [
            (["fs", "cat", &file].as_slice(), "content"),
            (&["fs", "ls", &overlay], " file\n"),
            (&["fs", "tree", &overlay], "  file\n"),
            (&["fs", "stat", &file], "size      7\n"),
            (&["fs", "manifest", &overlay], "\"path\":\"/file\""),
            (&["inspect", &overlay], "label below"),
            (&["dev", "ls", &overlay], "qcow2"),
            (&["label", &overlay], "below\n"),
        ] {
            let mut option = b"--backing=".to_vec();
            option.extend(copy.as_os_str().as_bytes());
            let args: Vec<&OsStr> =
                command.iter().map(OsStr::new).chain([OsStr::from_bytes(&option)]).collect();
            let output = String::from_utf8(printed(&args)).unwrap();
            assert!(output.contains(shown), "{command:?}: {output}");
        }
    }
    // Two overlays, in the order of the images.
    let other = work.raw("other.raw", 5);
    let second = work.overlay("second", &other, "raw", SIZE, &[]);
    let both =
        ["dev", "cat", &overlay, &second, "--device", "second", "--backing", &base, "--backing", &other];
    assert!(printed(&both) == fs::read(&other).unwrap());
    let into = work.path("into");
    assert!(printed(&["fs", "cp", &file, &into, "--backing", &base]).is_empty());
    assert_eq!(fs::read(into).unwrap(), b"content");
}

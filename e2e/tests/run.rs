// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot run` with a real QEMU: a mini disk boots by the loader in the command, and is written to only if the
//! user says so.

use std::{
    env,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Seconds for a mini disk on a busy machine (thirteen on a quiet one).
const PATIENT: &str = "240";

/// For a program that is to end.
const ENDS: Duration = Duration::from_secs(100);

/// How the loader's first line starts.
const FIRST_LINE: &str = concat!("cloud-boot ", env!("CARGO_PKG_VERSION"));

/// What mini's /init prints last.
const UNTIL: &str = "mini: cmdline ";

/// What the loader prints last: before it, it counts the entry's tries by renaming its file.
const STARTED: &str = "^start \"Debian";

/// One QEMU at once.
static QEMU: Mutex<()> = Mutex::new(());

fn file(variable: &str) -> PathBuf {
    let path = env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set"));
    std::path::absolute(path).unwrap()
}

/// A folder of its own for a test.
fn folder(name: &str) -> PathBuf {
    let folder = env::var_os("TEST_TMPDIR").map_or_else(env::temp_dir, PathBuf::from).join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Calls it from `folder`, with emulation: no test needs KVM.
fn run(folder: &Path, args: &[impl AsRef<OsStr>]) -> Output {
    let _turn = QEMU.lock().unwrap_or_else(PoisonError::into_inner);
    command(folder, args).output().unwrap()
}

fn command(folder: &Path, args: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(file("CLOUD_BOOT"));
    command.args(["run", "--accel", "tcg"]).args(args).current_dir(folder).stdin(Stdio::null());
    command
}

/// The console's lines and the last one.
fn booted(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}\n{text}");
    let starts = |start: &str| text.lines().any(|line| line.starts_with(start));
    for start in [
        format!("{FIRST_LINE} x86_64").as_str(),
        "choose \"Mini\"",
        "start \"Mini\"",
        "mini: userspace on x86_64",
        UNTIL,
    ] {
        assert!(starts(start), "no {start:?} in:\n{text}");
    }
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("phases: firmware ") && last.contains(", userspace "), "{last}");
    text
}

/// With the firmware that is installed, which the command finds.
#[test]
fn a_raw_image_boots_and_is_not_changed() {
    let folder = folder("run raw, with: marks");
    fs::copy(file("DISK"), folder.join("a:b,c.raw")).unwrap();
    let before = fs::read(folder.join("a:b,c.raw")).unwrap();
    booted(&run(&folder, &["a:b,c.raw", "--until", UNTIL, "--timeout", PATIENT]));
    assert!(fs::read(folder.join("a:b,c.raw")).unwrap() == before, "the image was written to");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "a file was left behind");
}

#[test]
fn a_qcow2_image_boots_with_firmware_and_settings_of_the_users_own_and_is_not_changed() {
    let folder = folder("run-qcow2");
    let image = folder.join("mini.qcow2");
    let convert = ["convert", "-c", "-O", "qcow2"];
    let converted = Command::new("qemu-img").args(convert).arg(file("DISK")).arg(&image).status().unwrap();
    assert!(converted.success());
    let before = fs::read(&image).unwrap();
    let (code, vars) = (file("FIRMWARE_CODE"), file("FIRMWARE_VARS"));
    let (code, vars) = (code.to_str().unwrap(), vars.to_str().unwrap());
    let firmware =
        ["--firmware", code, "--firmware-vars", vars, "--cmdline", "cloudboot.cmdline.extra=by.run=1"];
    let args = ["mini.qcow2", "--until", "mini: cmdline *by.run=1", "--timeout", PATIENT];
    let text = booted(&run(&folder, &[args.as_slice(), &firmware].concat()));
    assert!(text.contains("by.run=1"), "{text}");
    assert!(fs::read(&image).unwrap() == before, "the image was written to");
}

#[test]
fn a_console_that_does_not_show_it_is_a_failure() {
    let folder = folder("run-late");
    fs::copy(file("DISK"), folder.join("mini.raw")).unwrap();
    let output = run(&folder, &["mini.raw", "--until", "no such line", "--timeout", "3"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    let line = error.lines().last().unwrap();
    assert!(line.starts_with("cloud-boot: E-CLI-RUN mini.raw: failed in the "), "{error}");
    assert!(line.contains("timed out after ") && line.contains("waiting for \"no such line\""), "{error}");
}

/// An image whose default entry has three tries left.
fn counted(path: &Path) {
    // Not with the permissions of what Bazel made.
    fs::write(path, fs::read(file("COUNTED_DISK")).unwrap()).unwrap();
}

/// The name of that entry's file.
fn entry(folder: &Path, image: &[u8], backing: &[&OsStr]) -> String {
    let place = [image, b":/loader/entries"].concat();
    let partition = [image, b"#15"].concat();
    let mut list = Command::new(file("CLOUD_BOOT"));
    list.args(["fs", "ls"])
        .args([place, b"--volume".into(), partition].map(|arg| OsStr::from_bytes(&arg).to_owned()));
    for file in backing {
        list.arg("--backing").arg(file);
    }
    let output = list.current_dir(folder).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let names = text.lines().filter_map(|line| line.split(' ').next_back());
    let counted = names.filter(|name| name.contains('+') && !name.contains("1.0")).collect::<Vec<_>>();
    assert_eq!(counted.len(), 1, "{text}{}", String::from_utf8_lossy(&output.stderr));
    counted[0].into()
}

/// Boots until the loader starts a kernel.
fn start(folder: &Path, args: &[&OsStr]) {
    let until = ["--until", STARTED, "--timeout", PATIENT].map(OsStr::new);
    let output = run(folder, &[args, &until].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}\n{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn what_the_machine_writes_is_kept_only_if_the_user_says_so() {
    let folder = folder("run-writable");
    let image = folder.join("counted.raw");
    counted(&image);
    let before = fs::read(&image).unwrap();
    let three = entry(&folder, b"counted.raw", &[]);
    assert!(three.ends_with("+3.conf"), "{three}");
    start(&folder, &["counted.raw".as_ref()]);
    assert!(fs::read(&image).unwrap() == before, "the image was written to");
    start(&folder, &["counted.raw".as_ref(), "--writable".as_ref()]);
    assert_eq!(entry(&folder, b"counted.raw", &[]), three.replace("+3", "+2-1"));
    start(&folder, &["counted.raw".as_ref(), "--writable".as_ref()]);
    assert_eq!(entry(&folder, b"counted.raw", &[]), three.replace("+3", "+1-2"));
}

/// The files that the overlays name do not exist, so that one that is followed is a failure.
#[test]
fn an_overlay_boots_on_what_is_named_and_alone_is_written_to() {
    let folder = folder("run-overlay");
    let [top, middle, base] =
        [b"top, a%20b".as_slice(), b"middle: \xe9\"", b"base,1.raw"].map(OsStr::from_bytes);
    counted(&folder.join(base));
    let size = fs::metadata(folder.join(base)).unwrap().len().to_string();
    for (name, format) in [(top, "qcow2"), (middle, "raw")] {
        let made = folder.join("made");
        let options = ["create", "-q", "-u", "-f", "qcow2", "-b", "/nowhere", "-F", format];
        let status = Command::new("qemu-img").args(options).arg(&made).arg(&size).status().unwrap();
        assert!(status.success());
        fs::rename(made, folder.join(name)).unwrap();
    }
    let read = || [top, middle, base].map(|name| fs::read(folder.join(name)).unwrap());
    let (before, backing) = (read(), [middle, base]);
    let option = OsStr::new("--backing");
    let all = [top, option, middle, option, base];

    for (few, what) in [(&all[..1], top), (&all[..3], middle)] {
        let refused = run(&folder, few);
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        let name = what.to_string_lossy().split([',', ':']).next().unwrap().to_owned();
        assert!(error.starts_with(&format!("cloud-boot: E-CLI-BACKING {name}")), "{error}");
        assert!(error.lines().count() == 1 && refused.stdout.is_empty(), "QEMU was started: {error}");
    }
    start(&folder, &all);
    assert!(read() == before, "a file was written to");
    start(&folder, &[all.as_slice(), &[OsStr::new("--writable")]].concat());
    let name = entry(&folder, top.as_bytes(), &backing);
    assert!(name.ends_with("+2-1.conf"), "{name}");
    assert!(read()[1..] == before[1..], "a backing file was written to");
}

/// Processes that have `folder` on their command line.
fn machines(folder: &Path) -> usize {
    let has_folder = |line: Vec<u8>| String::from_utf8_lossy(&line).contains(folder.to_str().unwrap());
    let lines = fs::read_dir("/proc").unwrap().flatten().map(|entry| fs::read(entry.path().join("cmdline")));
    lines.flatten().filter(|line| has_folder(line.clone())).count()
}

/// Reads its console up to a line that has `last`, and goes away.
fn read_until(child: &mut Child, last: &str) {
    let lines = BufReader::new(child.stdout.take().unwrap()).split(b'\n').map(Result::unwrap);
    let mut lines = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
    assert!(lines.any(|line| line.contains(last)), "no {last:?}");
}

/// A machine that speaks on, and firmware that has said that nothing can be booted and waits for a key.
#[test]
fn a_reader_that_goes_away_ends_the_machine() {
    let folder = folder("run-unread");
    counted(&folder.join("disk.raw"));
    let cases: [(&[&str], &str, i32); 3] = [
        (&["disk.raw"], FIRST_LINE, 0),
        (&["disk.raw", "--no-loader", "--memory", "256"], "BdsDxe: Press any key", 0),
        // A test that has not been passed.
        (&["disk.raw", "--until", "no such line"], FIRST_LINE, 1),
    ];
    for (args, last, status) in cases {
        let turn = QEMU.lock().unwrap_or_else(PoisonError::into_inner);
        let mut command = command(&folder, args);
        command.env("TEST_TMPDIR", &folder).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        read_until(&mut child, last);
        let since = Instant::now();
        while child.try_wait().unwrap().is_none() && since.elapsed() < ENDS {
            thread::sleep(Duration::from_millis(50));
        }
        let ended = child.try_wait().unwrap().is_some();
        // It is ours, and takes its QEMU with it.
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        drop(turn);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(ended, "{args:?}: still there");
        assert_eq!(output.status.code(), Some(status), "{args:?}: {error}");
        assert_eq!(error.contains("E-CLI-RUN"), status == 1, "{args:?}: {error}");
        assert_eq!(machines(&folder), 0, "{args:?}: QEMU was left behind");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "{args:?}: a file was left behind");
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot run` with a real QEMU: a mini disk boots by the loader in the command, and is not written to.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Mutex, PoisonError},
};

/// Seconds for a mini disk on a busy machine (thirteen on a quiet one).
const PATIENT: &str = "120";

/// What mini's /init prints last.
const UNTIL: &str = "mini: cmdline ";

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
fn run(folder: &Path, args: &[&str]) -> Output {
    let _turn = QEMU.lock().unwrap_or_else(PoisonError::into_inner);
    let mut command = Command::new(file("CLOUD_BOOT"));
    command.args(["run", "--accel", "tcg"]).args(args).current_dir(folder).stdin(Stdio::null());
    command.output().unwrap()
}

/// The console's lines and the last one.
fn booted(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}\n{text}");
    let starts = |start: &str| text.lines().any(|line| line.starts_with(start));
    for start in
        ["cloud-boot 0.0.1 x86_64", "choose \"Mini\"", "start \"Mini\"", "mini: userspace on x86_64", UNTIL]
    {
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
    assert!(line.contains("the time is over (3.") && line.contains("awaited: \"no such line\""), "{error}");
}

// SPDX-License-Identifier: BSD-3-Clause
//! `qemu_test` with a real QEMU: OVMF without any disk says so within seconds and then waits for a key. That
//! is enough of a machine for every way in which a run ends.

use std::{
    env, fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// What OVMF prints, in this order, when nothing can be booted.
const NOTHING_TO_BOOT: &str = "^BdsDxe: No bootable option or device was found";
const PRESS_A_KEY: &str = "^BdsDxe: Press any key";

/// Enough for OVMF on a busy machine (two seconds on a quiet one), and for processes to start and end.
const PATIENT: u64 = 100;

/// One QEMU at once.
static QEMU: Mutex<()> = Mutex::new(());

/// A folder of its own for a test, and the specification in it.
struct Trial {
    folder: PathBuf,
    vars: PathBuf,
    expect: Vec<&'static str>,
    forbid: Vec<&'static str>,
    seconds: u64,
    quiet_after: u64,
    options: Vec<&'static str>,
    _turn: MutexGuard<'static, ()>,
}

impl Trial {
    fn new(name: &str) -> Self {
        let turn = QEMU.lock().unwrap_or_else(PoisonError::into_inner);
        let base = env::var_os("TEST_TMPDIR").map_or_else(env::temp_dir, PathBuf::from);
        let folder = base.join(format!("e2e_runner-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        // QEMU takes commas for its own.
        let vars = folder.join("va,rs.fd");
        fs::copy(firmware("vars"), &vars).unwrap();
        Self {
            folder,
            vars,
            expect: vec![NOTHING_TO_BOOT],
            forbid: vec![],
            seconds: PATIENT,
            quiet_after: 0,
            options: vec![],
            _turn: turn,
        }
    }

    fn command(&self) -> Command {
        let spec = serde_json::json!({
            "arch": "x86_64", "code": firmware("code").to_str(), "vars": self.vars.to_str(), "medium": "none", "boot": null,
            "disks": [], "expect": self.expect, "forbid": self.forbid, "seconds": self.seconds, "loader_seconds": null,
            "quiet_after": self.quiet_after, "memory": 256, "bus": "virtio", "block_size": 512,
            "in_boot_order": true, "read_only": false, "read_error": null, "qemu_options": self.options,
        });
        let file = self.folder.join("spec.json");
        fs::write(&file, spec.to_string()).unwrap();
        let mut command = Command::new(program());
        command.env("E2E_SPEC", file).env("TEST_UNDECLARED_OUTPUTS_DIR", &self.folder);
        command.env_remove("TEST_TIMEOUT").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs to the end; nothing may be left of it.
    fn run(&self) -> Output {
        let output = self.command().output().unwrap();
        assert_eq!(self.machines(), Vec::<u32>::new(), "QEMU was left behind");
        output
    }

    /// Starts, and comes back when the machine speaks.
    fn start(&self) -> Child {
        let child = self.command().spawn().unwrap();
        let speaks = || self.read("console.raw").contains("BdsDxe");
        assert!(within(Duration::from_secs(PATIENT), speaks), "the machine says nothing");
        assert_eq!(self.machines().len(), 1, "one QEMU runs");
        child
    }

    /// Processes that have this trial's folder on their command line.
    fn machines(&self) -> Vec<u32> {
        let marker = self.folder.to_str().unwrap();
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        ids.filter(|id| {
            let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(marker)
        })
        .collect()
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.join(name)).unwrap_or_default()).into_owned()
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Bazel names the files; cargo builds the program beside the test, and the firmware is Debian's.
fn program() -> PathBuf {
    env::var_os("QEMU_TEST")
        .or_else(|| option_env!("CARGO_BIN_EXE_qemu_test").map(Into::into))
        .map(|path| std::path::absolute(PathBuf::from(path)).unwrap())
        .expect("QEMU_TEST names the program")
}

fn firmware(part: &str) -> PathBuf {
    let installed = match part {
        "code" => "/usr/share/OVMF/OVMF_CODE_4M.fd",
        _ => "/usr/share/OVMF/OVMF_VARS_4M.fd",
    };
    let path =
        env::var_os(format!("FIRMWARE_{}", part.to_uppercase())).map_or(installed.into(), PathBuf::from);
    assert!(path.is_file(), "{} is missing (package ovmf)", path.display());
    std::path::absolute(path).unwrap()
}

fn within(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let since = Instant::now();
    while since.elapsed() < limit {
        if done() {
            return true;
        }
        thread::sleep(Duration::from_millis(50));
    }
    false
}

fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn passes_when_all_patterns_were_seen_and_keeps_the_console() {
    let mut trial = Trial::new("passes");
    trial.expect.push(PRESS_A_KEY);
    let output = trial.run();
    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
    assert!(printed(&output).contains("passed: 2 patterns in "), "{}", printed(&output));
    assert!(printed(&output).contains("phases: none completed"), "the loader never ran");
    assert!(trial.read("console.raw").contains("\x1b["), "the bytes as they came");
    let log = trial.read("console.log");
    assert!(log.contains("] BdsDxe: No bootable option") && !log.contains('\x1b'), "{log}");
    let before = fs::read(firmware("vars")).unwrap();
    assert!(fs::read(&trial.vars).unwrap() == before, "the variable store was written to");
}

#[test]
fn a_missing_pattern_fails_at_the_limit_with_the_end_of_the_console() {
    let mut trial = Trial::new("missing");
    // How long this machine takes just now, and several times as long.
    trial.expect = vec![PRESS_A_KEY];
    let since = Instant::now();
    assert_eq!(trial.run().status.code(), Some(0));
    trial.seconds = since.elapsed().as_secs() * 4 + 4;
    trial.expect = vec![NOTHING_TO_BOOT, "login:"];
    let since = Instant::now();
    let output = trial.run();
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(since.elapsed() >= Duration::from_secs(trial.seconds), "before the limit");
    assert!(text.contains("failed in the firmware phase: timed out after "), "{text}");
    assert!(text.contains("waiting for \"login:\" (2 of 2)"), "{text}");
    assert!(text.contains("] BdsDxe: Press any key"), "{text}");
}

#[test]
fn a_forbidden_pattern_fails_at_once() {
    let mut trial = Trial::new("forbidden");
    trial.expect = vec!["login:"];
    trial.forbid = vec![NOTHING_TO_BOOT];
    trial.seconds = 2 * PATIENT;
    let since = Instant::now();
    let output = trial.run();
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(since.elapsed() < Duration::from_secs(PATIENT), "waited for the limit");
    assert!(
        text.contains("forbidden \"^BdsDxe: No bootable option or device was found\" seen after"),
        "{text}"
    );
}

#[test]
fn a_forbidden_pattern_after_the_last_awaited_one_fails_only_while_it_must_be_quiet() {
    let mut trial = Trial::new("quiet");
    trial.forbid = vec!["login:"];
    trial.quiet_after = 2;
    let since = Instant::now();
    let output = trial.run();
    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
    assert!(since.elapsed() >= Duration::from_secs(2), "did not stay to watch");

    trial.forbid = vec![PRESS_A_KEY];
    trial.quiet_after = PATIENT;
    let output = trial.run();
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
    assert!(printed(&output).contains("forbidden \"^BdsDxe: Press any key\""), "{}", printed(&output));
}

#[test]
fn a_qemu_that_does_not_start_fails_at_once() {
    let mut trial = Trial::new("early");
    trial.options = vec!["-device", "no-such-device"];
    let output = trial.run();
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("'no-such-device' is not a valid device model name"), "QEMU's own words: {text}");
    assert!(text.contains("QEMU exited with status 1"), "{text}");
}

#[test]
fn no_qemu_outlives_its_killed_runner() {
    for signal in [Signal::TERM, Signal::KILL] {
        let mut trial = Trial::new("killed");
        trial.expect = vec!["login:"];
        let mut runner = trial.start();
        let id = Pid::from_raw(i32::try_from(runner.id()).unwrap()).unwrap();
        kill_process(id, signal).unwrap();
        runner.wait().unwrap();
        assert!(
            within(Duration::from_secs(PATIENT), || trial.machines().is_empty()),
            "QEMU outlived {signal:?}"
        );
        assert!(trial.read("console.raw").contains("BdsDxe"), "the console is kept");
    }
}

#[test]
fn a_specification_that_asks_for_a_missing_file_fails() {
    let mut trial = Trial::new("spec");
    trial.vars = Path::new("/nowhere/vars.fd").into();
    let mut child = trial.command().spawn().unwrap();
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(text, "qemu_test: /nowhere/vars.fd is missing\n");
}

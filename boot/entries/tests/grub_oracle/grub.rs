// SPDX-License-Identifier: BSD-3-Clause
//! GRUB in a machine, and what it says about a menu.
//!
//! GRUB is made by grub-mkimage without the commands that start something; `driver.cfg` defines functions of their names,
//! which GRUB calls where there is no such command. QEMU counts instructions as time (`-icount`): GRUB waits 2.5 seconds
//! before each entry, and these pass in a tenth of one.

use std::{
    env, fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use oracle::tools;

/// For everything: the machine's firmware on a busy processor takes ten seconds.
const DEADLINE: Duration = Duration::from_secs(800);
/// How often the time is looked at.
const TICK: Duration = Duration::from_millis(300);
/// How often one GRUB can be asked.
const MOST_PATHS: usize = 100;
/// Modules of GRUB: what configurations load and what driver.cfg needs, but for `linux`, `linux16` and
/// `chain`, and for `minicmd`, which has `exit`.
const MODULES: &str = "all_video bli blsuki configfile echo efinet eval ext2 fat font gzio loadenv memdisk normal \
    part_gpt part_msdos probe read regexp search search_fs_file search_fs_uuid search_label serial sleep tar terminal \
    terminfo test tr true";
/// Where Debian has them.
const FOLDER: &str = "/usr/lib/grub/x86_64-efi";

/// A machine with a GRUB on its first disk.
pub struct Grub {
    qemu: Child,
    keys: ChildStdin,
    output: Receiver<Vec<u8>>,
    console: Vec<u8>,
    /// Of the console: what was looked at.
    seen: usize,
    started: Instant,
}

impl Drop for Grub {
    fn drop(&mut self) {
        if let Some(outputs) = env::var_os("TEST_UNDECLARED_OUTPUTS_DIR") {
            let _ = fs::write(Path::new(&outputs).join("console.raw"), &self.console);
        }
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

impl Grub {
    /// Starts a machine with these disks: the first of them is GRUB's `hd1`.
    pub fn start(dir: &Path, disks: &[PathBuf]) -> Self {
        let esp = esp(dir);
        let mut command = tools::command("qemu-system-x86_64");
        command.args("-machine q35 -accel tcg -icount shift=5,sleep=off -m 2048 -smp 1".split(' '));
        command
            .args("-nodefaults -no-user-config -no-reboot -display none -nic none -serial stdio".split(' '));
        command.args("-run-with exit-with-parent=on -boot menu=on,splash-time=0".split(' '));
        for (unit, name) in ["FIRMWARE_CODE", "FIRMWARE_VARS"].iter().enumerate() {
            let file = env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run this by bazel"));
            let drive = format!("if=pflash,unit={unit},format=raw,snapshot=on,file={file}");
            command.args(["-drive", &drive]);
        }
        command.args(["-device", "virtio-scsi-pci,id=scsi"]);
        for (i, disk) in [&esp].into_iter().chain(disks).enumerate() {
            let drive = format!("if=none,id=d{i},format=raw,snapshot=on,file={}", disk.display());
            // The firmware connects what it may boot, and nothing else.
            let device = format!("scsi-hd,bus=scsi.0,scsi-id={i},drive=d{i},bootindex={i}");
            command.args(["-drive", &drive, "-device", &device]);
        }
        // Where QEMU keeps what is written to its snapshots.
        command.env("TMPDIR", dir);
        let mut qemu = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("qemu starts");
        let (sender, output) = channel();
        let mut console = qemu.stdout.take().expect("standard output is piped");
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = console.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        let keys = qemu.stdin.take().expect("standard input is piped");
        Self { qemu, keys, output, console: Vec::new(), seen: 0, started: Instant::now() }
    }

    /// Gives GRUB a configuration: that of `folder` on `device`.
    pub fn open(&mut self, device: &str, folder: &str) {
        self.answer("@device?", device);
        self.answer("@folder?", folder);
    }

    /// Boots the entry that `default=path` means, or the default of the configuration.
    pub fn choose(&mut self, path: Option<&str>, inner: &str) -> Run {
        self.answer("@path?", path.unwrap_or("default"));
        self.answer("@inner?", inner);
        // The answer's own line first.
        let text = self.until("@path?");
        self.seen -= "@path?".len();
        Run::parse(&text)
    }

    /// Ends this GRUB and starts a fresh one.
    pub fn next(&mut self) {
        self.answer("@path?", "next");
        self.answer("@inner?", "");
    }

    fn answer(&mut self, question: &str, line: &str) {
        self.until(question);
        self.keys.write_all(format!("{line}\r").as_bytes()).expect("the machine reads its console");
    }

    /// What is printed up to a question. Where a menu of its own is in the way, it is left.
    fn until(&mut self, question: &str) -> String {
        let (mut looked, mut has_failed) = (self.seen, false);
        loop {
            // With the end of what was looked at: a text may come in pieces.
            let new = |text: &str| {
                let from = (looked + 1).saturating_sub(text.len()).max(self.seen);
                find(&self.console[from..], text).map(|at| from + at)
            };
            if let Some(at) = new(question) {
                let text = String::from_utf8_lossy(&self.console[self.seen..at]).into_owned();
                self.seen = at + question.len();
                return text;
            }
            has_failed |= new(FAILED).is_some();
            let is_paused = new(PAUSE).is_some();
            looked = self.console.len();
            if is_paused {
                self.press(b" ");
            }
            // The firmware waits for what follows an escape: the space, which nobody else takes.
            if is_paused && core::mem::take(&mut has_failed) {
                self.press(b"\x1b ");
            }
            assert!(self.started.elapsed() < DEADLINE, "no {question} from GRUB");
            match self.output.recv_timeout(TICK) {
                Ok(bytes) => {
                    self.console.extend(self.output.try_iter().fold(bytes, |all, more| [all, more].concat()))
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => panic!("the machine ended"),
            }
        }
    }

    fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).expect("the machine reads its console");
    }
}

/// What GRUB says when an entry of a menu that was not opened by driver.cfg has ended.
const FAILED: &str = "Failed to boot both default and fallback entries.";

/// What it says behind an error, before it waits ten seconds for a key.
const PAUSE: &str = "Press any key to continue...";

fn find(text: &[u8], what: &str) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what.as_bytes())
}

/// A volume that the firmware boots GRUB from.
fn esp(dir: &Path) -> PathBuf {
    let memory = dir.join("memory");
    fs::create_dir_all(memory.join("boot/grub")).unwrap();
    let numbers: Vec<String> = (1..MOST_PATHS).map(|number| number.to_string()).collect();
    let driver = include_str!("driver.cfg").replace("@NUMBERS@", &numbers.join(" "));
    fs::write(memory.join("boot/grub/grub.cfg"), driver).unwrap();
    fs::copy(format!("{FOLDER}/chain.mod"), memory.join("chain.mod")).expect("GRUB's modules are installed");
    let path = |name: &str| dir.join(name).to_str().unwrap().to_string();
    let (tar, program, image) = (path("memory.tar"), path("grub.efi"), path("esp"));
    tools::run("tar", &["-C", &path("memory"), "-cf", &tar, "boot", "chain.mod"]);
    let mut arguments = vec!["-O", "x86_64-efi", "-m", &tar, "-o", &program];
    arguments.extend(MODULES.split_whitespace());
    tools::run("grub-mkimage", &arguments);
    tools::run("mkfs.vfat", &["-F", "16", "-s", "1", "-C", &image, "8192"]);
    tools::run("mmd", &["-i", &image, "::/EFI", "::/EFI/BOOT"]);
    tools::run("mcopy", &["-i", &image, &program, "::/EFI/BOOT/BOOTX64.EFI"]);
    image.into()
}

/// What GRUB did when it booted an entry.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Run {
    /// The titles on the way: of submenus, and of the entry.
    pub titles: Vec<String>,
    pub calls: Vec<Call>,
    /// `timeout` and `timeout_style` of the menu.
    pub timeout: (String, String),
    /// A menu was shown that the entry opened.
    pub is_nested: bool,
}

/// A command that starts something, and what it was given.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Call {
    pub command: String,
    pub arguments: Vec<String>,
    /// `root` then.
    pub root: String,
    /// `chosen`: identifiers on the way.
    pub chosen: String,
}

impl Run {
    /// # Panics
    /// When a call is not whole.
    pub fn parse(text: &str) -> Self {
        let mut run = Self::default();
        let mut open = false;
        for line in text.lines().map(|line| line.trim_matches('\r')) {
            if let Some(title) = line.strip_prefix("  Booting `").and_then(|line| line.strip_suffix('\'')) {
                run.titles.push(title.into());
            }
            run.is_nested |= line.contains(FAILED);
            let Some(line) = line.strip_prefix('@') else { continue };
            let Some((name, value)) = line.split_once('<') else {
                assert!(!open, "a call has no end:\n{text}");
                run.calls.push(Call { command: line.into(), ..Call::default() });
                open = true;
                continue;
            };
            let value = value.strip_suffix('>').unwrap_or_else(|| panic!("a line has no end: {line}"));
            if name == "timeout" {
                let (timeout, style) = value.split_once("><").expect("a time and a style");
                run.timeout = (timeout.into(), style.into());
                continue;
            }
            let Some(call) = run.calls.last_mut().filter(|_| open) else { continue };
            match name {
                "argument" => call.arguments.push(value.into()),
                "root" => call.root = value.into(),
                "chosen" => call.chosen = value.trim_start_matches("@path").trim_start_matches('>').into(),
                "count" => {
                    assert_eq!(call.arguments.len().to_string(), value, "arguments are missing:\n{text}");
                    open = false;
                }
                name => panic!("a line that driver.cfg does not print: @{name}"),
            }
        }
        assert!(!open, "a call has no end:\n{text}");
        run
    }
}

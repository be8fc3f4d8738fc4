// SPDX-License-Identifier: BSD-3-Clause
//! One boot in QEMU, and what the kernel says of it.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use bench_guest::words;
use qemu::{
    machine::{self, Firmware, Machine},
    process::{Got, Messages, Qemu},
};

use super::{
    Files,
    disk::{Disk, OPTIONS},
};

/// From QEMU's start to its end; the slowest architecture needs a tenth on a quiet machine.
const LIMIT: Duration = Duration::from_secs(300);
/// How long is waited for output at once.
const TICK: Duration = Duration::from_millis(500);
/// MiB of memory.
const MEMORY: u32 = 512;
/// All of it is there from the beginning, as in a real machine: otherwise the host finds and clears each page when the
/// boot loader first touches it, which takes longer, and less evenly, than all that is measured.
const PREALLOCATED: [&str; 4] =
    ["-object", "memory-backend-ram,id=ram,size=512M,prealloc=on", "-machine", "memory-backend=ram"];
/// Characters of the console that are repeated when it failed.
const TAIL: usize = 2000;

/// A machine with one of the disks.
pub struct Boot<'a> {
    /// Its firmware.
    pub files: &'a Files,
    /// What is on the disk.
    pub disk: &'a Disk<'a>,
    /// The disk.
    pub image: PathBuf,
    /// The console is shown.
    pub is_verbose: bool,
}

impl Boot<'_> {
    /// Boots it; seconds from the boot loader's start to the kernel's.
    ///
    /// # Errors
    /// When the kernel was not started, or not given what it should have been.
    pub fn run(&self) -> Result<f64> {
        let console = console(&machine(self.files, &self.image))?;
        if self.is_verbose {
            eprintln!("{}", console.escape_debug().to_string().replace("\\n", "\n").replace("\\r", ""));
        }
        judge(&console, &self.disk.kernel, &self.disk.initrd).with_context(|| {
            let start = console.char_indices().rev().nth(TAIL).map_or(0, |(at, _)| at);
            format!("the console ends with {:?}", &console[start..])
        })
    }
}

fn machine(files: &Files, image: &Path) -> Machine {
    Machine {
        memory: MEMORY,
        disks: vec![machine::Disk::raw(image)],
        options: PREALLOCATED.map(Into::into).into(),
        ..Machine::new(files.arch, Firmware::raw(files.code.clone(), files.vars.clone()))
    }
}

/// QEMU's command line, with the names of files alone.
pub fn line(files: &Files, image: &Path) -> String {
    let name = |path: &Path| PathBuf::from(path.file_name().unwrap_or_default());
    let machine = machine(files, image);
    let firmware = Firmware::raw(name(&machine.firmware.code), name(&machine.firmware.vars));
    let machine = Machine { firmware, disks: vec![machine::Disk::raw(name(image))], ..machine };
    let words = machine.arguments().into_iter().map(|word| word.to_string_lossy().into_owned());
    [files.arch.emulator().to_owned()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

/// Everything that the machine prints until it switches itself off.
fn console(machine: &Machine) -> Result<String> {
    let started = Instant::now();
    let mut qemu = Qemu::start(machine, Messages::Shown)?;
    let (mut console, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        match qemu.read(&mut buffer, TICK, None).context("the console of QEMU")? {
            Got::Bytes(length) => console.extend(&buffer[..length]),
            Got::Nothing => {}
            Got::End => break,
        }
        if started.elapsed() > LIMIT {
            bail!("not done in {} s: {}", LIMIT.as_secs(), String::from_utf8_lossy(&console));
        }
    }
    let status = qemu.exit_status()?;
    ensure!(status.success(), "QEMU {status}: {}", String::from_utf8_lossy(&console));
    Ok(String::from_utf8_lossy(&console).into_owned())
}

/// Seconds, if the kernel was given what it should be.
fn judge(console: &str, kernel: &str, initrd: &str) -> Result<f64> {
    let word = |name: &str| words(console).find(|(found, _)| *found == name).map(|(_, value)| value);
    if let Some(why) = word("failed") {
        bail!("the boot loader was not started, or came back: {why}");
    }
    let number = |name: &str| -> Result<u64> {
        Ok(word(name).with_context(|| format!("the kernel did not tell its {name}"))?.parse()?)
    };
    let (start, entry, rate) = (number("start")?, number("entry")?, number("rate")?);
    ensure!(
        start > 0 && rate > 0 && entry > start,
        "the counter went from {start} to {entry}, {rate} in a second"
    );
    for (name, expected) in [("kernel", kernel), ("initrd", initrd)] {
        ensure!(word(name) == Some(expected), "{name} is {:?} and should be {expected}", word(name));
    }
    let options = word("options").unwrap_or_default();
    // GRUB puts the kernel's name in front, and its buffer may have more than one end.
    let own =
        options.split_once(' ').filter(|(first, _)| first.starts_with("BOOT_IMAGE=")).map(|(_, rest)| rest);
    ensure!(own.unwrap_or(options).trim_end() == OPTIONS, "the command line is {options:?}");
    #[expect(clippy::cast_precision_loss, reason = "a boot takes less than 2^52 ticks")]
    let seconds = (entry - start) as f64 / rate as f64;
    Ok(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console(edit: impl Fn(String) -> String) -> Result<f64> {
        let text = edit(format!(
            "\x1b[2J  Booting `bench'\r\n\r\nbench:start=100;\r\nbench:entry=350;\r\nbench:rate=100;\r\n\
             bench:kernel=ab;\r\nbench:initrd=8:cd;\r\nbench:options=BOOT_IMAGE=/boot/vmlinuz {OPTIONS};\r\n"
        ));
        judge(&text, "ab", "8:cd")
    }

    #[test]
    fn seconds_are_ticks_by_their_rate() {
        assert_eq!(console(|text| text).unwrap(), 2.5);
        assert_eq!(console(|text| text.replace("BOOT_IMAGE=/boot/vmlinuz ", "")).unwrap(), 2.5);
    }

    #[test]
    fn other_bytes_and_missing_words_are_errors() {
        let cases = [
            ("kernel=ab", "kernel=ac", "kernel is"),
            ("initrd=8:cd", "initrd=NOT_FOUND", "initrd is"),
            (" ro", " rw", "command line"),
            ("entry=350", "entry=50", "counter"),
            ("bench:entry=350;", "", "its entry"),
            ("rate=100", "rate=0", "counter"),
            ("bench:start", "bench:failed=Err;bench:start", "not started"),
        ];
        for (from, to, expected) in cases {
            let why = console(|text| text.replace(from, to)).unwrap_err();
            assert!(format!("{why:#}").contains(expected), "{from}: {why:#}");
        }
    }
}

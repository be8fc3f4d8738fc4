// SPDX-License-Identifier: BSD-3-Clause
//! One boot in QEMU, and the times of its parts.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail, ensure};
use arch::Arch;
use bench_guest::words;
use qemu::{
    machine::{Disk, Firmware, Machine},
    process::{Messages, Qemu, ReadOutcome},
};

use super::{Content, Files, Server, Side, log};
use crate::scratch::Scratch;

/// Time limit of a run of QEMU; the slowest side needs a tenth on a quiet machine.
const LIMIT: Duration = Duration::from_secs(900);
/// Longest wait for output before the clock is checked.
const TICK: Duration = Duration::from_millis(500);
/// MiB of memory: for 76 MiB, twice with iPXE and the firmware.
const MEMORY: u32 = 1024;
/// The kernel's first output.
const STARTED: &str = "bench:entry=";
/// Characters of the console to show on failure.
const TAIL: usize = 2000;

/// The times, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// From the first request for the bytes to the last byte.
    pub transfer: f64,
    /// From the network's start to the first request: driver, link, DHCP, connection.
    pub first: f64,
    /// From QEMU's start to the kernel's first output.
    pub whole: f64,
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transfer, first, whole } = self;
        write!(f, "{transfer:.3} s for the bytes, {first:.3} s to the first request, {whole:.3} s in all")
    }
}

/// A boot.
pub struct Boot<'a> {
    /// The side that boots.
    pub side: Side,
    /// The machine's line.
    pub files: &'a Files,
    /// What is loaded.
    pub content: &'a Content,
    /// Folder for disks and variables.
    pub scratch: &'a Scratch,
    /// Whether to show the console.
    pub is_verbose: bool,
}

impl Boot<'_> {
    /// Boots once, and ends the server.
    ///
    /// # Errors
    /// The kernel was not started, or got wrong data.
    pub fn run(&self, server: Server) -> Result<Times> {
        let Self { side, files, content, scratch, .. } = self;
        let vars = side.variables(files, &server, scratch)?;
        let machine = Machine {
            memory: MEMORY,
            disks: side.disk((files, content), &server, scratch)?.into_iter().map(Disk::raw).collect(),
            settings: side.settings(content, &server).into(),
            options: server.card.iter().map(Into::into).collect(),
            ..Machine::new(Arch::X86_64, Firmware::raw(files.code.clone(), vars))
        };
        let watched = watch(&machine, side.begins())?;
        if self.is_verbose {
            let shown = watched.console.escape_debug().to_string();
            eprintln!("{}", shown.replace("\\n", "\n").replace("\\r", ""));
        }
        let answers = server.end()?;
        self.judge(&watched, &answers).with_context(|| {
            let console = &watched.console;
            let start = console.char_indices().rev().nth(TAIL).map_or(0, |(at, _)| at);
            format!("the console ends with {:?}", &console[start..])
        })
    }

    /// The times, if the kernel got the right bytes.
    fn judge(&self, watched: &Watched, answers: &[log::Answer]) -> Result<Times> {
        let word =
            |name: &str| words(&watched.console).find(|(found, _)| *found == name).map(|(_, value)| value);
        let content = self.content;
        let kernel = if self.side == Side::Transport { &content.kernel_file } else { &content.kernel };
        ensure!(word("kernel") == Some(kernel), "the kernel is {:?}", word("kernel"));
        // The firmware loads no initrd.
        if self.side != Side::Firmware {
            ensure!(word("initrd") == Some(&content.initrd), "the initrd is {:?}", word("initrd"));
        }
        let least = ["kernel", "initrd"].iter().try_fold(0, |sum, name| {
            Ok::<_, anyhow::Error>(sum + content.folder.join(name).metadata()?.len())
        })?;
        let transfer = log::span(answers, |path| self.side.is_payload(content, path), least)?;
        let begun = watched.begun.with_context(|| format!("no {:?} on the console", self.side.begins()))?;
        let started = watched.started.context("the kernel did not print its start")?;
        let first = answers.iter().map(|answer| answer.start).reduce(f64::min).context("no request")?;
        Ok(Times { transfer, first: first - begun, whole: started - watched.switched_on })
    }
}

/// The console, and when its marks appeared, in seconds of the time of day.
#[derive(Debug)]
struct Watched {
    console: String,
    switched_on: f64,
    begun: Option<f64>,
    started: Option<f64>,
}

/// Runs a machine until it switches itself off.
fn watch(machine: &Machine, begins: &str) -> Result<Watched> {
    let switched_on = now()?;
    let mut qemu = Qemu::start(machine, Messages::Shown)?;
    let mut watched = Watched { console: String::new(), switched_on, begun: None, started: None };
    let mut buffer = vec![0; 1 << 16];
    loop {
        match qemu.read(&mut buffer, TICK, None).context("cannot read QEMU's console")? {
            ReadOutcome::Bytes(length) => watched.take(&buffer[..length], begins)?,
            ReadOutcome::Nothing => {}
            ReadOutcome::End => break,
        }
        if now()? - switched_on > LIMIT.as_secs_f64() {
            bail!("timed out after {} s: {}", LIMIT.as_secs(), watched.console);
        }
    }
    let status = qemu.exit_status()?;
    ensure!(status.success(), "QEMU {status}: {}", watched.console);
    Ok(watched)
}

impl Watched {
    fn take(&mut self, bytes: &[u8], begins: &str) -> Result<()> {
        // The marks are ASCII: lossy decoding of split characters does not matter.
        self.console.push_str(&String::from_utf8_lossy(bytes));
        for (mark, time) in [(begins, &mut self.begun), (STARTED, &mut self.started)] {
            if time.is_none() && self.console.contains(mark) {
                *time = Some(now()?);
            }
        }
        Ok(())
    }
}

/// The time of day, as nginx logs it.
fn now() -> Result<f64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_seen_when_they_are_complete() {
        let mut watched = Watched { console: String::new(), switched_on: 0.0, begun: None, started: None };
        for (bytes, begun, started) in
            [("\x1b[2Jcho", false, false), ("ose \"x\"", true, false), ("\r\nbench:entry=1;", true, true)]
        {
            watched.take(bytes.as_bytes(), "choose \"").unwrap();
            assert_eq!((watched.begun.is_some(), watched.started.is_some()), (begun, started), "{bytes}");
        }
        assert!(watched.begun <= watched.started);
    }
}

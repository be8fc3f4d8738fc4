// SPDX-License-Identifier: BSD-3-Clause
//! One start of a disk's own kernel in QEMU, which loads it itself.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{arch::Arch, scratch::Scratch};

/// An emulated machine needs minutes at most; so many at once that it takes half an hour are not expected.
const DEADLINE: Duration = Duration::from_secs(1800);
const STEP: Duration = Duration::from_millis(100);
/// Lines of the console in a message.
const TAIL: usize = 40;

/// A start: what QEMU hands to the machine.
#[derive(Debug)]
pub struct Start<'a> {
    /// Its architecture.
    pub arch: Arch,
    /// Linux.
    pub kernel: &'a Path,
    /// Its first root.
    pub initrd: &'a Path,
    /// A raw image, which the machine may write.
    pub disk: &'a Path,
    /// Linux's command line, but for the console.
    pub command_line: &'a str,
}

impl Start<'_> {
    /// Runs the machine until it switches itself off, and yields what it printed.
    ///
    /// # Errors
    /// When QEMU fails, or the machine still runs after half an hour; the message has its last lines.
    pub fn run(&self, scratch: &Scratch) -> Result<String> {
        let log = scratch.file("console");
        let file = File::create(&log)?;
        let mut command = self.command();
        command.stdin(Stdio::null()).stderr(file.try_clone()?).stdout(file);
        let mut child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if start.elapsed() > DEADLINE {
                child.kill()?;
                child.wait()?;
                break None;
            }
            thread::sleep(STEP);
        };
        let console = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        match status {
            Some(status) if status.success() => Ok(console),
            Some(status) => bail!("QEMU: {status}: {command:?}\n{}", tail(&console)),
            None => bail!("the machine did not switch itself off:\n{}", tail(&console)),
        }
    }

    fn command(&self) -> Command {
        let [machine, processor] = self.arch.machine();
        let mut command = Command::new(format!("qemu-system-{}", self.arch.name()));
        // Never KVM: what passes here must pass on every machine.
        command.args(["-accel", "tcg", "-machine", machine, "-cpu", processor, "-smp", "1", "-m", "1024"]);
        command.args([
            "-display",
            "none",
            "-nodefaults",
            "-no-reboot",
            "-serial",
            "stdio",
            "-monitor",
            "none",
        ]);
        command.args(["-run-with", "exit-with-parent=on", "-device", "virtio-rng-pci"]);
        // In a file's name QEMU wants each comma twice.
        let file = self.disk.display().to_string().replace(',', ",,");
        command.arg("-drive").arg(format!("if=none,id=disk,format=raw,cache=unsafe,file={file}"));
        command.args(["-device", "virtio-blk-pci,drive=disk"]);
        command.args(self.arch.firmware().map(|file| ["-bios", file]).into_iter().flatten());
        command.arg("-kernel").arg(self.kernel).arg("-initrd").arg(self.initrd);
        let line = format!("console={} panic=-1 {}", self.arch.console(), self.command_line);
        command.arg("-append").arg(line);
        command
    }
}

/// The last lines of a console.
pub fn tail(console: &str) -> String {
    let lines: Vec<&str> = console.lines().map(str::trim_end).collect();
    lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_last_lines() {
        let console: Vec<String> = (0..100).map(|i| format!("{i}\r")).collect();
        let tail = tail(&console.join("\n"));
        assert!(tail.starts_with("60\n") && tail.ends_with("\n99"), "{tail}");
        assert_eq!(super::tail("one"), "one");
    }
}

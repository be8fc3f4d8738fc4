// SPDX-License-Identifier: BSD-3-Clause
//! Boots a disk's kernel in QEMU directly, without a boot loader.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use arch::Arch;

use crate::scratch::Scratch;

/// Time limit: an emulated machine needs minutes at most, even if many run at once.
const DEADLINE: Duration = Duration::from_secs(1800);
const STEP: Duration = Duration::from_millis(100);
/// Lines of the console in an error.
const TAIL: usize = 40;

/// What QEMU starts.
#[derive(Debug)]
pub struct Start<'a> {
    /// Its architecture.
    pub arch: Arch,
    /// The kernel image.
    pub kernel: &'a Path,
    /// Its initrd.
    pub initrd: &'a Path,
    /// A raw image, which the machine may write to.
    pub disk: &'a Path,
    /// Linux's command line, but for the console.
    pub command_line: &'a str,
}

impl Start<'_> {
    /// Runs the machine until it switches itself off, and returns its output.
    ///
    /// # Errors
    /// When QEMU fails, or the machine still runs after half an hour; the error has its last lines.
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
        let [machine, processor] = machine(self.arch);
        let mut command = Command::new(format!("qemu-system-{}", self.arch.name()));
        // Never KVM: the result must be the same on every host.
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
        // In a QEMU file name, commas are doubled.
        let file = self.disk.display().to_string().replace(',', ",,");
        command.arg("-drive").arg(format!("if=none,id=disk,format=raw,cache=unsafe,file={file}"));
        command.args(["-device", "virtio-blk-pci,drive=disk"]);
        command.args(firmware(self.arch).map(|file| ["-bios", file]).into_iter().flatten());
        command.arg("-kernel").arg(self.kernel).arg("-initrd").arg(self.initrd);
        let line = format!("console={} panic=-1 {}", self.arch.console(), self.command_line);
        command.arg("-append").arg(line);
        command
    }
}

/// QEMU's machine and a plain processor for it: `max` is slower under TCG.
const fn machine(arch: Arch) -> [&'static str; 2] {
    match arch {
        Arch::X86_64 => ["q35", "qemu64"],
        Arch::Aarch64 => ["virt", "neoverse-n1"],
        Arch::Riscv64 => ["virt", "rv64"],
        Arch::Loongarch64 => ["virt", "la464"],
    }
}

/// Firmware that QEMU needs to start Linux: the loongarch64 kernel only boots fully from UEFI.
const fn firmware(arch: Arch) -> Option<&'static str> {
    match arch {
        Arch::Loongarch64 => Some("/usr/share/qemu-efi-loongarch64/QEMU_EFI.fd"),
        Arch::X86_64 | Arch::Aarch64 | Arch::Riscv64 => None,
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

// SPDX-License-Identifier: BSD-3-Clause
//! User-mode Linux: its drivers write what no mkfs can, on several disks or into holes.
//!
//! Its root is that of the host, and its only program is this one, as process 1.

use std::{
    env,
    ffi::CString,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use rustix::{
    fs::sync,
    mount::{MountFlags, UnmountFlags, mount, unmount},
    system::{RebootCommand, reboot},
};

use super::{
    image::{Content, Disks, FILE},
    many,
    xfs::SMALL_FILES,
};
use crate::{machine, scratch::Scratch};

/// First argument of the program if it runs in the guest.
pub const OPTION: &str = "--guest";
/// Ends the arguments: User-mode Linux appends some of its own.
const END: &str = "end";
/// Printed when everything is done.
const DONE: &str = "guest: done";
/// Mount point of the filesystem: a folder that every root has and nothing else uses.
const PLACE: &str = "/mnt";
/// Time limit in seconds: some ten times of what it takes.
const DEADLINE: &str = "600";
/// Memory: a quarter of it is too little for parity of a file of 256 MiB.
const MEMORY: &str = "mem=1024M";
/// Bytes of a piece that [`Work::Rewrite`] rewrites, and how many pieces at a time.
const PIECE: usize = 64 << 10;
const TOGETHER: usize = 32;

/// What is done to an empty filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// The file is written.
    Copy,
    /// Many files are written instead of the large one.
    Crowd,
    /// Small files are written and half of them removed, then the large file is written.
    Holes,
    /// The file is written, then every second piece of it is rewritten, in random order.
    Rewrite,
}

impl Work {
    const ALL: [(&'static str, Self); 4] =
        [("copy", Self::Copy), ("crowd", Self::Crowd), ("holes", Self::Holes), ("rewrite", Self::Rewrite)];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, work)| *work == self).map_or("", |(name, _)| name)
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, work)| *work)
    }
}

/// Runs Linux to mount the disks with `driver` and fill them.
///
/// # Errors
/// When it fails, with its output.
pub fn change(
    scratch: &Scratch,
    disks: &Disks,
    driver: &str,
    work: Work,
    content: Option<&Content>,
) -> Result<()> {
    let program = env::current_exe().context("cannot find the path of this program")?;
    let parameters =
        disks.paths().iter().enumerate().map(|(number, disk)| format!("ubd{number}={}", disk.display()));
    let mut command = Command::new("timeout");
    command
        .args(["--kill-after=5", DEADLINE, "linux.uml", MEMORY, "root=/dev/root", "rootfstype=hostfs"])
        .args(["rootflags=/", "rw", "con=null", "con0=null,fd:1", "quiet", "panic=-1"])
        .args(parameters)
        .arg(format!("init={}", program.display()))
        .args(["--", OPTION, driver, work.name(), &disks.paths().len().to_string()])
        .arg(content.map_or_else(|| "none".into(), Content::path))
        .arg(END)
        // For its control socket.
        .env("HOME", scratch.path(""))
        .stdin(Stdio::null());
    let output = command.output().context("cannot start timeout")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(said.contains(DONE), "{command:?}: {}\n{said}{errors}", output.status);
    Ok(())
}

/// Its version.
///
/// # Errors
/// When it is missing.
pub fn describe() -> Result<String> {
    Ok(format!("User-mode Linux {}", machine::version("linux.uml", "--version")?))
}

/// Performs the task of the arguments after [`OPTION`], as process 1, and ends the machine.
pub fn run(arguments: &[String]) -> ! {
    match perform(arguments) {
        Ok(()) => println!("{DONE}"),
        Err(why) => println!("guest: {why:#}"),
    }
    let failed = reboot(RebootCommand::PowerOff);
    panic!("cannot power off the machine: {failed:?}");
}

fn perform(arguments: &[String]) -> Result<()> {
    let task = Task::parse(arguments).with_context(|| format!("{arguments:?}"))?;
    task.mount().context("mount")?;
    let place = Path::new(PLACE);
    match task.work {
        Work::Copy => copy(&task.source, place)?,
        Work::Crowd => many::fill(place)?,
        Work::Holes => {
            SMALL_FILES.write(place)?;
            sync();
            SMALL_FILES
                .removed()
                .try_for_each(|name| fs::remove_file(place.join(name)))
                .context("removing")?;
            sync();
            copy(&task.source, place)?;
        }
        Work::Rewrite => {
            copy(&task.source, place)?;
            sync();
            rewrite(&place.join(&FILE[1..])).context("rewriting")?;
        }
    }
    unmount(PLACE, UnmountFlags::empty()).context("umount")
}

#[derive(Debug, PartialEq)]
struct Task {
    driver: String,
    work: Work,
    disks: usize,
    source: PathBuf,
}

impl Task {
    fn parse(arguments: &[String]) -> Option<Self> {
        let [driver, work, disks, source, end, ..] = arguments else { return None };
        let (work, disks) = (Work::named(work)?, disks.parse().ok()?);
        (end == END).then(|| Self { driver: driver.clone(), work, disks, source: source.into() })
    }

    fn mount(&self) -> io::Result<()> {
        let others = ('b'..='z').take(self.disks.saturating_sub(1));
        let options: Vec<String> = others.map(|letter| format!("device=/dev/ubd{letter}")).collect();
        let options = CString::new(options.join(","))?;
        let flags = MountFlags::NOATIME;
        Ok(mount("/dev/ubda", PLACE, self.driver.as_str(), flags, Some(options.as_c_str()))?)
    }
}

fn copy(source: &Path, place: &Path) -> Result<()> {
    let to = place.join(&FILE[1..]);
    fs::copy(source, &to).with_context(|| format!("writing {}", to.display()))?;
    Ok(())
}

/// Rewrites every second piece.
fn rewrite(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut buffer = vec![0; PIECE];
    let pieces = file.metadata()?.len() / PIECE as u64 / 2;
    for number in 0..pieces {
        // Visits each piece once: 1031 is prime, and not a factor of their number.
        let offset = (number * 1031 % pieces * 2 + 1) * PIECE as u64;
        file.read_exact_at(&mut buffer, offset)?;
        file.write_all_at(&buffer, offset)?;
        if number % TOGETHER as u64 == 0 {
            File::sync_data(&file)?;
        }
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_read_as_they_are_written() {
        let words = |text: &str| text.split(' ').map(str::to_string).collect::<Vec<_>>();
        for (name, work) in Work::ALL {
            assert_eq!(work.name(), name);
            let task = Task { driver: "btrfs".into(), work, disks: 4, source: "/a/data".into() };
            assert_eq!(Task::parse(&words(&format!("btrfs {name} 4 /a/data end console=tty0"))), Some(task));
        }
        assert_eq!(Task::parse(&words("btrfs copy 4 /a/data")), None);
        assert_eq!(Task::parse(&words("btrfs sing 4 /a/data end")), None);
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! The guest's side: process 1 of a Linux whose disks are the image.

use std::{
    ffi::CString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use filesystem::{FileType, Timestamp};
use oracle::{
    manifest::{self, Record},
    tools,
};
use rustix::{
    mount::{MountFlags, UnmountFlags, mount, unmount},
    system::{RebootCommand, finit_module, reboot, uname},
    time::{ClockId, Timespec, clock_settime},
};

use crate::{
    driver::Driver,
    life::Life,
    options::{Ageing, Options},
    storm, subvolumes,
};

/// Printed when everything is done.
pub const DONE: &str = "ager: done";
/// The mount point of the image: a folder that every system has and nothing else needs.
pub const PLACE: &str = "/mnt";
/// Ends the arguments: User-mode Linux appends some of its own.
const END: &str = "end";
/// 2026-01-02: images do not depend on the time of their making.
const NOW: i64 = 1_767_323_045;
/// The inode of the empty folder that a snapshot has in place of a nested subvolume
/// (`BTRFS_EMPTY_SUBVOL_DIR_OBJECTID`).
const PLACEHOLDER: u64 = 2;

/// The guest's task.
pub struct Task {
    /// The file of options.
    pub options: PathBuf,
    /// The folder for the lists of what Linux reads; if `None`, the image is aged instead.
    pub listing: Option<PathBuf>,
}

impl Task {
    /// The task as arguments of process 1, none of which is empty or contains a space: the kernel splits them there.
    pub fn to_arguments(&self) -> Vec<String> {
        let paths = [Some(&self.options), self.listing.as_ref()];
        let paths = paths.into_iter().flatten().map(|path| path.display().to_string());
        paths.chain([END.to_string()]).collect()
    }

    fn from_arguments(arguments: &[String]) -> Option<Self> {
        let ours = arguments.split(|argument| argument == END).next()?;
        let (options, rest) = ours.split_first()?;
        Some(Self { options: options.into(), listing: rest.first().map(PathBuf::from) })
    }
}

/// Performs the task in the arguments, and powers off the machine.
pub fn run(arguments: &[String]) -> ! {
    let done = std::panic::catch_unwind(|| perform(arguments));
    match done {
        Ok(Ok(())) => println!("{DONE}"),
        Ok(Err(error)) => println!("ager: {error}"),
        Err(_) => println!("ager: a panic"),
    }
    power_off()
}

/// Powers off without a sync, like a power failure.
fn power_off() -> ! {
    let failed = reboot(RebootCommand::PowerOff);
    panic!("the machine does not end: {failed:?}");
}

fn perform(arguments: &[String]) -> io::Result<()> {
    let task = Task::from_arguments(arguments).ok_or_else(|| io::Error::other(format!("{arguments:?}")))?;
    let text = fs::read_to_string(&task.options)?;
    let options = Options::from_text(&text).ok_or_else(|| io::Error::other(text))?;
    clock_settime(ClockId::Realtime, Timespec { tv_sec: NOW, tv_nsec: 0 })?;
    let driver = options.driver().map_err(io::Error::other)?;
    modules(driver.modules())?;
    let disks = disks(options.disks().map_err(io::Error::other)?.len());
    match task.listing {
        Some(folder) => list(driver, &disks, &folder),
        None => age(driver, &disks, &options.ageing().map_err(io::Error::other)?),
    }
}

/// Device names of this many disks.
fn disks(count: usize) -> Vec<String> {
    ('a'..='z').take(count).map(|letter| format!("/dev/ubd{letter}")).collect()
}

fn age(driver: Driver, disks: &[String], ageing: &Ageing) -> io::Result<()> {
    for (kind, place) in [(c"proc", c"/proc"), (c"sysfs", c"/sys")] {
        mount(c"none", place, kind, MountFlags::empty(), None)?;
    }
    mount_image(driver, disks, MountFlags::NOATIME, &ageing.options)?;
    let mut life = Life::new(Path::new(PLACE), ageing.seed, driver)?;
    life.live(ageing)?;
    match (ageing.crash, driver.is_modern()) {
        (false, _) => {
            drop(life);
            unmount(PLACE, UnmountFlags::empty())?;
        }
        // Deleted files stay open.
        (true, false) => std::mem::forget(life),
        (true, true) => {
            storm::run_until_power_fails(life, ageing)?;
            println!("{DONE}");
            power_off()
        }
    }
    Ok(())
}

fn list(driver: Driver, disks: &[String], folder: &Path) -> io::Result<()> {
    let is_btrfs = driver == Driver::Btrfs;
    let top = if is_btrfs { subvolumes::TOP } else { driver.reading() };
    mount_image(driver, disks, MountFlags::RDONLY, top)?;
    fs::write(folder.join("manifest"), manifest::to_text(&records(driver)?))?;
    if is_btrfs {
        fs::write(folder.join("subvolumes"), subvolumes::list(Path::new(PLACE))?)?;
        unmount(PLACE, UnmountFlags::empty())?;
        mount_image(driver, disks, MountFlags::RDONLY, "")?;
        fs::write(folder.join("default.manifest"), manifest::to_text(&records(driver)?))?;
    }
    Ok(())
}

fn mount_image(driver: Driver, disks: &[String], flags: MountFlags, options: &str) -> io::Result<()> {
    // The last one: with a seed and its sprout, the first disk is only the seed.
    let disk = disks.iter().rev().find(|disk| driver != Driver::Btrfs || subvolumes::is_part(disk));
    let disk = disk.ok_or(io::ErrorKind::NotFound)?;
    let parts = disks.iter().filter(|disk| driver == Driver::Btrfs && subvolumes::is_part(disk));
    let mut all: Vec<String> = parts.map(|disk| format!("device={disk}")).collect();
    all.extend((!options.is_empty()).then(|| options.to_string()));
    let options = CString::new(all.join(","))?;
    mount(disk, PLACE, driver.name(), flags, Some(options.as_c_str()))
        .map_err(|error| io::Error::other(format!("mount -o {options:?}: {error}")))
}

/// Everything that Linux reads.
fn records(driver: Driver) -> io::Result<Vec<Record>> {
    let mut records = manifest::of_directory(PLACE)?;
    for record in records.iter_mut().filter(|record| record.kind == FileType::Directory) {
        if driver == Driver::Btrfs && subvolumes::inode(record)? == PLACEHOLDER {
            // This is the time of the listing.
            record.modified = Timestamp::default();
        }
    }
    Ok(records)
}

fn modules(names: &[&str]) -> io::Result<()> {
    let version = uname().release().to_string_lossy().into_owned();
    for module in names {
        let path = format!("/usr/lib/uml/modules/{version}/kernel/fs/{module}.ko");
        let file = File::open(&path).map_err(|error| io::Error::other(format!("{path}: {error}")))?;
        finit_module(&file, c"", 0)?;
    }
    Ok(())
}

/// A command without arguments, for a program of this machine.
pub fn command(name: &str) -> Command {
    let mut command = tools::command(name);
    command.stdin(Stdio::null());
    command
}

/// Runs a program of this machine in the guest and returns its output.
///
/// # Errors
/// If it fails, with its output.
pub fn program(name: &str, configure: impl FnOnce(&mut Command)) -> io::Result<String> {
    let mut command = command(name);
    configure(&mut command);
    let output = command.output().map_err(|error| io::Error::other(format!("{name}: {error}")))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{command:?}: {}: {said}{errors}", output.status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_as_they_were_written() {
        for listing in [None, Some("/a/b".into())] {
            let task = Task { options: "/a/options".into(), listing };
            let mut arguments = task.to_arguments();
            arguments.push("console=tty0".into());
            let read = Task::from_arguments(&arguments).unwrap();
            assert_eq!((read.options, read.listing), (task.options, task.listing));
        }
        assert!(Task::from_arguments(&[]).is_none());
        assert_eq!(disks(2), ["/dev/ubda", "/dev/ubdb"]);
    }
}

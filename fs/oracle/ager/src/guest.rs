// SPDX-License-Identifier: BSD-3-Clause
//! The guest's side: process 1 of a Linux whose first disk is the image.

use std::{
    ffi::CString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use oracle::manifest;
use rustix::{
    mount::{MountFlags, UnmountFlags, mount, unmount},
    system::{RebootCommand, finit_module, reboot, uname},
    time::{ClockId, Timespec, clock_settime},
};

use crate::life::Life;

/// What is printed when everything was done.
pub const DONE: &str = "ager: done";
/// Where the image is mounted: a folder that every root has and nothing else needs.
const PLACE: &str = "/mnt";
const DISK: &str = "/dev/ubda";
/// Ends the arguments: User-mode Linux appends some of its own.
const END: &str = "end";
/// 2026-01-02: images do not depend on when they were made.
const NOW: i64 = 1_767_323_045;
/// What FAT needs.
const FAT: [&str; 6] =
    ["nls/nls_cp437", "nls/nls_iso8859-1", "nls/nls_ascii", "nls/nls_utf8", "fat/fat", "fat/vfat"];
/// What ext4, which is built in, needs for quotas.
const EXT4: [&str; 2] = ["quota/quota_tree", "quota/quota_v2"];

/// What the guest does.
pub struct Task {
    /// As mount(2) calls it.
    pub filesystem: String,
    /// Ages the image; else it is only listed.
    pub ageing: Option<Ageing>,
    /// Where the list of what was read goes.
    pub manifest: PathBuf,
}

/// How an image is aged.
pub struct Ageing {
    /// Of the mount.
    pub options: String,
    pub seed: u64,
    pub operations: usize,
    /// Most names that one operation gives a folder.
    pub names: usize,
    /// Most names in all.
    pub most: usize,
    /// Power fails while the image is mounted.
    pub crash: bool,
}

impl Task {
    /// As arguments of process 1. None of them is empty, nor contains a space: the kernel parts them there.
    pub fn to_arguments(&self) -> Vec<String> {
        let mut arguments = vec![self.filesystem.clone(), self.manifest.display().to_string()];
        if let Some(Ageing { options, seed, operations, names, most, crash }) = &self.ageing {
            arguments.extend([options.clone(), seed.to_string(), operations.to_string()]);
            arguments.extend([names.to_string(), most.to_string(), crash.to_string()]);
        }
        arguments.push(END.to_string());
        arguments
    }

    fn from_arguments(arguments: &[String]) -> Option<Self> {
        let ours = arguments.split(|argument| argument == END).next()?;
        let (filesystem, rest) = ours.split_first()?;
        let (manifest, rest) = rest.split_first()?;
        let ageing = match rest {
            [] => None,
            [options, seed, operations, names, most, crash] => Some(Ageing {
                options: options.clone(),
                seed: seed.parse().ok()?,
                operations: operations.parse().ok()?,
                names: names.parse().ok()?,
                most: most.parse().ok()?,
                crash: crash == "true",
            }),
            _ => return None,
        };
        Some(Self { filesystem: filesystem.clone(), ageing, manifest: manifest.into() })
    }
}

/// Does what the arguments say, and ends the machine.
pub fn run(arguments: &[String]) -> ! {
    let done = std::panic::catch_unwind(|| perform(arguments));
    match done {
        Ok(Ok(())) => println!("{DONE}"),
        Ok(Err(error)) => println!("ager: {error}"),
        Err(_) => println!("ager: a panic"),
    }
    // Without a sync, as power fails.
    let failed = reboot(RebootCommand::PowerOff);
    panic!("the machine does not end: {failed:?}");
}

fn perform(arguments: &[String]) -> io::Result<()> {
    let task = Task::from_arguments(arguments).ok_or_else(|| io::Error::other(format!("{arguments:?}")))?;
    clock_settime(ClockId::Realtime, Timespec { tv_sec: NOW, tv_nsec: 0 })?;
    modules(if is_fat(&task.filesystem) { &FAT } else { &EXT4 })?;
    match task.ageing {
        Some(ageing) => age(&task.filesystem, &ageing),
        None => list(&task),
    }
}

fn age(filesystem: &str, ageing: &Ageing) -> io::Result<()> {
    let options = CString::new(ageing.options.as_str())?;
    mount(DISK, PLACE, filesystem, MountFlags::NOATIME, Some(options.as_c_str()))?;
    let mut life = Life::new(Path::new(PLACE), ageing.seed, !is_fat(filesystem))?;
    life.live(ageing)?;
    if !ageing.crash {
        drop(life);
        unmount(PLACE, UnmountFlags::empty())?;
    } else {
        // Files that are open and deleted stay so.
        std::mem::forget(life);
    }
    Ok(())
}

fn list(task: &Task) -> io::Result<()> {
    // Without the features that only writing needs, as a mount for writing would ask for them.
    let options = if is_fat(&task.filesystem) { c"utf8=1,tz=UTC" } else { c"" };
    mount(DISK, PLACE, task.filesystem.as_str(), MountFlags::RDONLY, Some(options))?;
    fs::write(&task.manifest, manifest::to_text(&manifest::of_directory(PLACE)?))
}

fn is_fat(filesystem: &str) -> bool {
    filesystem == "vfat"
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_asks_for_is_what_the_guest_does() {
        let ageing = Ageing {
            options: "utf8=1".into(),
            seed: u64::MAX,
            operations: 2,
            names: 3,
            most: 4,
            crash: true,
        };
        let task = Task { filesystem: "vfat".into(), ageing: Some(ageing), manifest: "/a/b".into() };
        let mut arguments = task.to_arguments();
        assert!(arguments.iter().all(|argument| !argument.is_empty() && !argument.contains(' ')));
        arguments.push("console=tty0".into());
        let read = Task::from_arguments(&arguments).unwrap();
        assert_eq!(read.to_arguments(), task.to_arguments());
        let Some(Ageing { seed, operations, names, most, crash, .. }) = read.ageing else { panic!() };
        assert_eq!((seed, operations, names, most, crash), (u64::MAX, 2, 3, 4, true));
        let list = Task { ageing: None, ..task };
        assert!(Task::from_arguments(&list.to_arguments()).unwrap().ageing.is_none());
        assert!(Task::from_arguments(&arguments[..4]).is_none());
    }
}

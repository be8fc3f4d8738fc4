// SPDX-License-Identifier: BSD-3-Clause
//! The last moments before a power failure: several threads work at once, and often flush their changes to the disk.
//!
//! So the remaining log has entries that sequential work would never leave: half of an operation with several
//! transactions, files that were flushed before their folders, and names that were removed in between.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, symlink},
    },
    path::{Path, PathBuf},
    process::Stdio,
    sync::mpsc,
    thread,
    time::Duration,
};

use oracle::random::Random;
use rustix::fs::{FallocateFlags, XattrFlags, fallocate, fsync, lsetxattr, sync};

use crate::{
    driver::Driver,
    guest::{command, program},
    life::Life,
    options::Ageing,
};

/// Number of worker threads.
const WORKERS: usize = 4;
/// With fewer names than this, only half of the workers are used.
const FEW: usize = 100;
/// Number of flushes until power fails, and the pause between them.
const LINES: usize = 80;
const PAUSE: Duration = Duration::from_millis(2);
/// Power fails after this time at the latest: if a small ext3 journal is full, Linux 7.2 may write empty transactions
/// for ever, and nothing reaches the disk.
const LONGEST: Duration = Duration::from_secs(30);
/// Number of extents of a file that takes long to delete.
const PIECES: usize = 300;
/// Number of names of each worker.
const NAMES: usize = 60;
/// Number of files that are made before and changed at the end.
const FILES: usize = 12;
/// Bytes of one of them.
const SIZE: usize = 30_000;
/// Target of a symbolic link.
const TARGET: &str = "some/where/else";

/// Works up to the power failure, which the caller must cause.
///
/// # Errors
/// Errors of the preparation; later errors are those of a full disk and are ignored.
pub fn run_until_power_fails(mut life: Life, ageing: &Ageing) -> io::Result<()> {
    let root = life.folders[0].clone();
    life.make_room();
    let workers = if ageing.most < FEW { 2 } else { WORKERS };
    let folders: Vec<PathBuf> = (0..workers).map(|number| root.join(format!("storm-{number}"))).collect();
    for (number, folder) in folders.iter().enumerate() {
        prepare(folder, life.driver == Driver::Btrfs && number % 2 == 0, &mut life.random)?;
    }
    let pair = match life.driver {
        Driver::Xfs => Some(pair(&root, life.block, PIECES.min(ageing.pieces))?),
        _ => None,
    };
    // Earlier changes are not part of the log.
    sync();
    for (number, folder) in folders.iter().enumerate() {
        let (most, pieces) = (NAMES.min(ageing.most / workers), PIECES.min(ageing.pieces));
        let worker = Life::new(folder, ageing.seed.wrapping_add(1 + number as u64), life.driver)?;
        let is_long = life.driver == Driver::Xfs && number % 2 == 0;
        thread::spawn(
            move || if is_long { run_long_operations(worker, most, pieces) } else { work(worker, most) },
        );
    }
    if let Some(pair) = pair {
        exchange(&pair)?;
    }
    let (done, end) = mpsc::channel();
    thread::spawn(move || {
        flush_repeatedly(&folders);
        // Fails if the main thread has stopped waiting.
        let _ = done.send(());
    });
    // Power fails when it ends, or after the maximum time.
    let _ = end.recv_timeout(LONGEST);
    // Deleted files stay open.
    std::mem::forget(life);
    Ok(())
}

/// Writes to a log file and flushes it again and again, then changes files.
fn flush_repeatedly(folders: &[PathBuf]) {
    for number in 0..LINES {
        // Fails on a full disk.
        let _ = append_and_flush(&folders[number % folders.len()].join("log"), number);
        thread::sleep(PAUSE);
    }
    // Fails if a worker was faster or filled the disk.
    for folder in folders {
        let _ = change(folder);
    }
    for folder in folders {
        let _ = append_and_flush(&folder.join("last"), LINES);
    }
}

fn prepare(folder: &Path, is_subvolume: bool, random: &mut Random) -> io::Result<()> {
    if is_subvolume {
        program("btrfs", |command| {
            command.args(["-q", "subvolume", "create"]).arg(folder);
        })?;
    } else {
        fs::create_dir(folder)?;
    }
    for number in 0..FILES {
        let bytes: Vec<u8> = (0..SIZE).map(|_| random.below(64) as u8).collect();
        fs::write(folder.join(format!("file-{number}")), bytes)?;
    }
    Ok(())
}

fn work(mut worker: Life, most: usize) {
    worker.limit(most, most);
    loop {
        // Failures are ignored, as during ageing.
        let _ = worker.step();
        if worker.random.below(4) == 0 {
            let _ = worker.fsync_any();
        }
    }
}

/// Operations with many XFS transactions each, so that most log forces come between two of them.
fn run_long_operations(mut worker: Life, most: usize, pieces: usize) {
    worker.limit(most, most);
    loop {
        let _ = worker.pieces(pieces);
        for _ in 0..4 {
            let _ = worker.clone_file();
            let _ = worker.clone_range();
            let _ = worker.overwrite();
            let _ = worker.attributes();
            let _ = worker.links();
            let _ = worker.delete();
        }
    }
}

/// Two fragmented files with different content.
fn pair(root: &Path, block: usize, pieces: usize) -> io::Result<[PathBuf; 2]> {
    let paths = ["one", "other"].map(|name| root.join(name));
    for path in &paths {
        let file = File::create_new(path)?;
        for number in 0..pieces {
            file.write_all_at(path.as_os_str().as_bytes(), (2 * number * block) as u64)?;
        }
    }
    Ok(paths)
}

/// Exchanges the blocks of the two files again and again, if XFS supports that here.
fn exchange(pair: &[PathBuf; 2]) -> io::Result<()> {
    let script = r#"while xfs_io -c "exchangerange $1" "$0"; do :; done"#;
    let mut shell = command("sh");
    shell.args(["-c", script]).args(pair).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map(drop)
}

/// Appends a line to a file and flushes it.
fn append_and_flush(path: &Path, number: usize) -> io::Result<()> {
    let mut file = File::options().create(true).append(true).open(path)?;
    writeln!(file, "line {number}")?;
    Ok(fsync(&file)?)
}

/// Changes files as careful programs do, and some carelessly.
fn change(folder: &Path) -> io::Result<()> {
    let file = |number: usize| folder.join(format!("file-{number}"));
    let synchronise = |path: &Path| -> io::Result<()> { Ok(fsync(File::open(path)?)?) };
    fs::remove_file(file(0))?;
    fs::hard_link(file(1), folder.join("link"))?;
    fs::rename(file(2), folder.join("renamed"))?;
    fs::create_dir(folder.join("folder"))?;
    fs::rename(file(3), folder.join("folder/moved"))?;
    symlink(TARGET, folder.join("symlink"))?;
    synchronise(folder)?;
    synchronise(&folder.join("renamed"))?;
    synchronise(&folder.join("folder"))?;
    // Replaces a file atomically under its own name.
    fs::write(folder.join("new"), "all is new")?;
    synchronise(&folder.join("new"))?;
    fs::rename(folder.join("new"), file(4))?;
    synchronise(folder)?;
    let open = |number| File::options().write(true).open(file(number));
    open(5)?.set_len(5000)?;
    synchronise(&file(5))?;
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    fallocate(open(6)?, hole, 4096, 8192)?;
    synchronise(&file(6))?;
    lsetxattr(file(7), "user.late", &[b'x'; 300], XattrFlags::empty())?;
    open(7)?.write_all_at(b"in the middle", 10_000)?;
    open(7)?.write_all_at(b"behind the end", 60_000)?;
    synchronise(&file(7))?;
    fallocate(open(8)?, FallocateFlags::KEEP_SIZE, 0, 100_000)?;
    synchronise(&file(8))?;
    // These are not flushed.
    open(9)?.write_all_at(b"forgotten", 0)?;
    fs::rename(file(10), folder.join("forgotten"))?;
    fs::remove_file(file(11))
}

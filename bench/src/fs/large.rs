// SPDX-License-Identifier: BSD-3-Clause
//! The large file, compared with GRUB, with a loop of pread and, with disks missing, with itself (S1, S2, S3, S5).

use std::{
    cell::RefCell,
    path::PathBuf,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use sha2::{Digest as _, Sha256};

use super::{
    MIB, Run, S5, grub,
    image::{FILE, Image, SIZE},
    read::{self, CHUNK},
};
use crate::{
    pairs::{self, Pair},
    report::{Budget, Ratio, Row},
};

/// Budgets S1 and S2: our speed divided by that of grub-fstest, and by that of pread.
struct Limits {
    grub: f64,
    /// None if the image has fewer bytes than the file.
    plain: Option<f64>,
}

/// If the filesystem has no checksums of data.
const UNVERIFIED: Limits = Limits { grub: 2.0, plain: Some(0.5) };
/// If it has, and we verify them. GRUB does not.
const VERIFIED: Limits = Limits { grub: 1.0, plain: Some(0.25) };
/// Budget S3: speed with disks missing divided by that with all disks.
const REBUILT: f64 = 0.25;
/// Indexes of the missing disks.
const MISSING: [usize; 2] = [1, 3];

/// Data without checksums.
///
/// # Errors
/// When it cannot be read, or a side reads wrong bytes.
pub fn unverified(run: &Run, name: &str, image: &Image) -> Result<Vec<Row>> {
    measure(run, name, image, &UNVERIFIED)
}

/// Data with checksums.
///
/// # Errors
/// As [`unverified`].
pub fn verified(run: &Run, name: &str, image: &Image) -> Result<Vec<Row>> {
    measure(run, name, image, &VERIFIED)
}

/// Compressed data with checksums.
///
/// # Errors
/// As [`unverified`].
pub fn compressed(run: &Run, name: &str, image: &Image) -> Result<Vec<Row>> {
    measure(run, name, image, &Limits { plain: None, ..VERIFIED })
}

/// Data with checksums, with all disks and without two of them.
///
/// # Errors
/// As [`unverified`].
pub fn rebuilt(run: &Run, name: &str, image: &Image) -> Result<Vec<Row>> {
    let mut rows = measure(run, name, image, &VERIFIED)?;
    let kept = image.disks.paths().iter().enumerate().filter(|(index, _)| !MISSING.contains(index));
    let kept: Vec<PathBuf> = kept.map(|(_, disk)| disk.clone()).collect();
    check(&kept, &image.sha256)?;
    let buffer = RefCell::new(vec![0; CHUNK]);
    let side = |disks: &[PathBuf]| timed(|| read::file(disks, FILE, &mut buffer.borrow_mut(), |_| ()));
    let pairs = pairs::run(run.pairs, || side(&kept), || side(image.disks.paths()))?;
    let subject = format!("reading 256 MiB, {name} without two, beside all");
    let budget = Budget::NotBelow(REBUILT);
    rows.extend(Row::of_pairs("S3", subject, (&pairs, "s"), Ratio::Speed, budget));
    rows.push(peak(run, &format!("{name} without two"), &kept)?);
    Ok(rows)
}

fn measure(run: &Run, name: &str, image: &Image, limits: &Limits) -> Result<Vec<Row>> {
    check(image.disks.paths(), &image.sha256)?;
    ensure!(
        grub::sha256(image.disks.paths(), FILE)? == image.sha256,
        "{} reads other bytes than were written",
        grub::NAME
    );
    let row = |row, peer: &str, pairs: &[Pair], least| {
        let subject = format!("reading 256 MiB, {name}, beside {peer}");
        Row::of_pairs(row, subject, (pairs, "s"), Ratio::Speed, Budget::NotBelow(least)).context("no pair")
    };
    let pairs = pairs::run(
        run.pairs,
        || process(Command::new(&run.program).arg("--stream").args(image.disks.paths())),
        || process(&mut grub::cat(image.disks.paths(), FILE)),
    )?;
    let mut rows = vec![row("S1", grub::NAME, &pairs, limits.grub)?];
    if let Some(least) = limits.plain {
        rows.push(row("S2", "pread", &plain(run, image.disks.paths())?, least)?);
    }
    rows.push(peak(run, name, image.disks.paths())?);
    Ok(rows)
}

/// Checks that our reader gets the bytes that were written; also fills the page cache.
fn check(disks: &[PathBuf], expected: &[u8]) -> Result<()> {
    let mut sum = Sha256::new();
    read::file(disks, FILE, &mut vec![0; CHUNK], |bytes| sum.update(bytes))?;
    ensure!(sum.finalize()[..] == *expected, "our reader got other bytes than were written to {FILE}");
    Ok(())
}

/// Compares with pread: both in this process, into the same buffer.
fn plain(run: &Run, disks: &[PathBuf]) -> Result<Vec<Pair>> {
    let buffer = RefCell::new(vec![0; CHUNK]);
    pairs::run(
        run.pairs,
        || timed(|| read::file(disks, FILE, &mut buffer.borrow_mut(), |_| ())),
        || timed(|| read::plain(disks, &mut buffer.borrow_mut(), SIZE as u64)),
    )
}

/// Seconds that reading the file takes.
fn timed(read: impl FnOnce() -> Result<u64>) -> Result<f64> {
    let started = Instant::now();
    let bytes = read()?;
    let took = started.elapsed().as_secs_f64();
    ensure!(bytes == SIZE as u64, "{bytes} bytes were read, expected {SIZE}");
    Ok(took)
}

/// Seconds from the start of a process to its end.
fn process(command: &mut Command) -> Result<f64> {
    let started = Instant::now();
    let status = command.stdout(Stdio::null()).status().with_context(|| format!("starting {command:?}"))?;
    let took = started.elapsed().as_secs_f64();
    ensure!(status.success(), "{command:?}: {status}");
    Ok(took)
}

/// What the reader allocates beyond its caller's buffer.
fn peak(run: &Run, name: &str, disks: &[PathBuf]) -> Result<Row> {
    let mut buffer = vec![0; CHUNK];
    let before = (run.heap.start)();
    read::file(disks, FILE, &mut buffer, |_| ())?;
    let peak = (run.heap.peak)().saturating_sub(before);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let mib = peak as f64 / MIB;
    Ok(Row::of_value("S5", format!("memory beyond the buffer, {name}"), (mib, None), "MiB", Some(S5)))
}

// SPDX-License-Identifier: BSD-3-Clause
//! Corruption campaigns: a reader must survive any damage to an image.
//!
//! [`run`] notes which bytes of an image a walk over its metadata reads, damages them in many ways, and has
//! the reader read each mutant. In every second one the checksums are made right again, so that the parser
//! behind them is reached, too. A mutant fails the campaign when the reader panics, overflows its stack,
//! takes longer than [`TIME`] or has more than [`MEMORY`] bytes allocated.
//!
//! The limits are the kernel's: the mutants are read by the test program itself, started once more for the
//! same test. Whatever the test does before it calls [`run`] is thus done again there (a folder of
//! [`crate::tools::work_dir`] is made afresh); the image is handed over, not made again.

mod child;
mod mutate;
mod parent;
mod record;
mod report;
mod visit;

use std::{env, rc::Rc, time::Duration};

use block::BlockRead;

pub use report::{Failure, Layer, Report};
pub use visit::{Visited, visit};

/// Processor time that one mutant may take.
pub const TIME: Duration = Duration::from_secs(2);
/// Bytes that a reader may have allocated at any moment, the image not counted.
pub const MEMORY: u64 = 64 * 1024 * 1024;
/// Bytes of stack: eight times what firmware guarantees, as unoptimised code needs more.
pub const STACK: usize = 1024 * 1024;
/// Overrides [`Plan::mutants`].
const MUTANTS: &str = "CLOUD_BOOT_MUTANTS";

/// How much a reader reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Depth {
    /// Structures only. A read of one byte of a file does not count as data: it leads the reader through the file's
    /// map, and the campaign does not count the byte as read.
    Metadata,
    /// The files' bytes as well.
    All,
}

/// A campaign.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// What reports call it; one test has no two of the same name.
    pub name: &'a str,
    /// The sound image: at most 4 MiB, so that a mutant costs little. Its files are small: a reader that
    /// caches pages reads bytes of files with the structures beside them, and those are damaged in vain.
    pub image: &'a [u8],
    /// What a reader gets through, first to last: `superblock`, `root`, `walk`, `data`.
    pub layers: &'a [&'a str],
    /// Reads an image, sound or not, and returns how many of the layers it got through.
    pub read: fn(Rc<dyn BlockRead>, Depth) -> usize,
    /// Makes the checksums right that cover the byte at this offset of a damaged image. Called for every
    /// 16 bytes that were damaged, so that calls for one structure repeat.
    pub repair: fn(&mut [u8], usize),
    /// How many mutants; `CLOUD_BOOT_MUTANTS` in the environment overrides it in [`run`].
    pub mutants: usize,
    /// Other mutants for another seed, the same for the same.
    pub seed: u64,
}

impl Plan<'_> {
    /// The mutant of this number, as the campaign reads it, and what was done to it: for a closer look at a
    /// failure. Even numbers are plain, odd ones repaired.
    pub fn mutant(&self, number: usize) -> (Vec<u8>, String) {
        let mutant = mutate::Mutator::new(self, record::reads(self)).mutant(number);
        let mut image = self.image.to_vec();
        mutant.apply(&mut image, self.repair);
        (image, mutant.to_string())
    }
}

/// Runs a campaign and prints its report.
///
/// # Panics
/// When a mutant fails, when none gets through some layer with its checksums repaired, or when the sound
/// image does not get through all.
pub fn run(plan: Plan<'_>) -> Report {
    let mutants = env::var(MUTANTS).ok().map(|count| match count.parse() {
        Ok(count) => count,
        Err(error) => panic!("{MUTANTS}={count}: {error}"),
    });
    let report = survey(Plan { mutants: mutants.unwrap_or(plan.mutants), ..plan });
    println!("{report}");
    report.check();
    report
}

/// Runs a campaign of exactly [`Plan::mutants`] without judging it.
///
/// # Panics
/// When the sound image does not get through all layers, or outside of a test's own thread.
pub fn survey(plan: Plan<'_>) -> Report {
    match child::Task::from_environment() {
        Some(task) if task.name == plan.name => child::run(plan, task),
        // Another campaign of the same test: not what this process is for.
        Some(_) => Report::new(Plan { mutants: 0, ..plan }),
        None => parent::run(plan),
    }
}

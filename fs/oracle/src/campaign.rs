// SPDX-License-Identifier: BSD-3-Clause
//! Corruption campaigns: a reader must survive any damage to an image.
//!
//! [`run`] records which bytes of an image a walk over its metadata reads, damages them in many ways, and has the
//! reader read each mutant. In every second mutant the checksums are repaired, so that the parser after them is tested,
//! too. A mutant fails the campaign if the reader panics, overflows its stack, takes longer than [`TIME`] or has more
//! than
//! [`MEMORY`] bytes allocated.
//!
//! The kernel enforces the limits: the mutants are read by another process of the same test program, for the same test.
//! Whatever the test does before it calls [`run`] is therefore repeated there (a folder of [`crate::tools::work_dir`]
//! is made again); the image is passed on, not made again.

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
/// Bytes that a reader may have allocated at any time, not counting the image.
pub const MEMORY: u64 = 64 * 1024 * 1024;
/// Bytes of stack: eight times what firmware guarantees, as unoptimised code needs more.
pub const STACK: usize = 1024 * 1024;
/// Overrides [`Plan::mutants`].
const MUTANTS: &str = "CLOUD_BOOT_MUTANTS";

/// How much a reader should read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Depth {
    /// Structures only. Single bytes of files may be read, to lead the reader through the files' maps: the campaign
    /// does not record reads of one byte.
    Metadata,
    /// The files' bytes as well.
    All,
}

/// A campaign.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// Its name in reports, unique within a test.
    pub name: &'a str,
    /// The sound image: at most 4 MiB, so that a mutant costs little. Its files should be small: a reader with a page
    /// cache also reads file content near structures, and damage there tests nothing.
    pub image: &'a [u8],
    /// The layers that a reader passes, in order: `superblock`, `root`, `walk`, `data`.
    pub layers: &'a [&'a str],
    /// Reads an image, sound or not, and returns how many of the layers it passed.
    pub read: fn(Rc<dyn BlockRead>, Depth) -> usize,
    /// Repairs the checksums that cover the byte at this offset of a damaged image. Called for every 16 damaged bytes,
    /// so repeatedly for one structure.
    pub repair: fn(&mut [u8], usize),
    /// Number of mutants; `CLOUD_BOOT_MUTANTS` in the environment overrides it in [`run`].
    pub mutants: usize,
    /// The seed, which determines the mutants.
    pub seed: u64,
}

impl Plan<'_> {
    /// The mutant with this number, as the campaign reads it, and a description of its damage: to analyse a failure.
    /// Even numbers are plain, odd ones repaired.
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
/// If a mutant fails, if no repaired mutant passes some layer, or if the sound image does not pass all layers.
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

/// Runs a campaign of exactly [`Plan::mutants`] without checking the result.
///
/// # Panics
/// If the sound image does not pass all layers, or outside of a test's own thread.
pub fn survey(plan: Plan<'_>) -> Report {
    match child::Task::from_environment() {
        Some(task) if task.name == plan.name => child::run(plan, task),
        // Another campaign of the same test, for which this process was not started.
        Some(_) => Report::new(Plan { mutants: 0, ..plan }),
        None => parent::run(plan),
    }
}

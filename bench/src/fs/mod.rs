// SPDX-License-Identifier: BSD-3-Clause
//! `//bench:fs`: reads a large file, and one of many, from images of ext4, XFS and btrfs (budgets S1 to S5).

mod btrfs;
mod cases;
mod ext4;
mod grub;
pub mod guest;
mod holes;
mod image;
mod large;
mod many;
mod read;
mod xfs;

use std::{env, path::PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Parser;

use crate::{
    machine,
    options::Output,
    report::{Fact, Report},
    scratch::Scratch,
};
use cases::CASES;
use read::CHUNK;

/// Reads a file of 256 MiB from images of ext4, XFS and btrfs, from opening the image to the last byte: with
/// cloud-boot's reader, with grub-fstest, and with a plain loop of pread over as many bytes of the image. For btrfs,
/// also compares a set with two disks missing with the complete set, and reads one path of 100 000.
///
/// Exit status: 0 when every budget is met, 1 when one is missed, 2 when the measurement failed.
#[derive(Debug, Parser)]
#[command(
    bin_name = "tools/bazel run //bench:fs --",
    after_help = "Examples:\n  tools/bazel run //bench:fs\n  tools/bazel run //bench:fs -- --json\n  \
                  tools/bazel run //bench:fs -- --only 'XFS in' --only raid6\n  \
                  tools/bazel run //bench:fs -- --pairs 15 --update"
)]
pub struct Options {
    #[command(flatten)]
    output: Output,
    /// How often each side runs
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(5..))]
    pairs: u16,
    /// Only the images whose name contains this; may be given several times
    #[arg(long, value_name = "TEXT", conflicts_with = "update")]
    only: Vec<String>,
    /// Only read the file of these disks: our side as a process, as grub-fstest is one
    #[arg(long, value_name = "DISK", num_args = 1.., hide = true)]
    stream: Vec<PathBuf>,
}

/// Functions of the counting allocator.
#[derive(Clone, Copy, Debug)]
pub struct Heap {
    /// Resets the peak, and returns the bytes in use.
    pub start: fn() -> usize,
    /// The peak of bytes in use since then.
    pub peak: fn() -> usize,
}

/// The common context of all measurements.
struct Run {
    pairs: usize,
    heap: Heap,
    /// This program.
    program: PathBuf,
}

/// Budget S5, MiB.
const S5: f64 = 16.0;
const MIB: f64 = 1_048_576.0;

impl Options {
    /// The form of the report.
    pub fn output(&self) -> Output {
        self.output
    }

    /// Measures; returns no report from a process that only reads.
    ///
    /// # Errors
    /// When a tool is missing or fails, or a side reads wrong bytes.
    pub fn run(&self, heap: Heap) -> Result<Option<Report>> {
        if !self.stream.is_empty() {
            read::file(&self.stream, image::FILE, &mut vec![0; CHUNK], |_| ())?;
            return Ok(None);
        }
        let scratch = Scratch::new("fs")?;
        let program = env::current_exe().context("cannot find the path of this program")?;
        let run = Run { pairs: usize::from(self.pairs), heap, program };
        let (mut rows, mut setup) = (Vec::new(), setup(run.pairs)?);
        let is_wanted = |name: &str| self.only.is_empty() || self.only.iter().any(|text| name.contains(text));
        for case in CASES.iter().filter(|case| is_wanted(case.name)) {
            eprintln!("fs: making {}", case.name);
            let image = (case.make)(&scratch).with_context(|| case.name)?;
            setup.push(Fact::new(case.name, image.facts.clone()));
            eprintln!("fs: reading it");
            rows.extend((case.measure)(&run, case.name, &image).with_context(|| case.name)?);
        }
        ensure!(!rows.is_empty(), "--only matches none of: {}", CASES.map(|case| case.name).join(", "));
        Ok(Some(Report { bench: "fs", machine: machine::describe(), setup, rows, parts: None }))
    }
}

fn setup(pairs: usize) -> Result<Vec<Fact>> {
    let chunk = CHUNK >> 20;
    Ok(vec![
        Fact::new(
            "ours",
            format!(
                "through fs/vfs, in a process of its own beside {}; volumes found, path opened, file read in pieces \
                 of {chunk} MiB (as `cloud-boot fs cat` does) into one buffer; checksums of metadata and, of btrfs, of \
                 data verified",
                grub::NAME
            ),
        ),
        Fact::new(
            "theirs",
            format!(
                "{}, `{} IMAGE cat {}` (with `-c N -r loop0` before N images) and its output to /dev/null, which verifies no \
                 checksum of data; pread of {chunk} MiB each from the image's first byte on, of several images in turn",
                machine::version(grub::NAME, "--version")?,
                grub::NAME,
                image::FILE
            ),
        ),
        Fact::new(
            "pairs",
            format!("{pairs}, in turn; the page cache is warm on both sides; sha256 checked before"),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_sound() {
        <Options as clap::CommandFactory>::command().debug_assert();
        assert!(Options::try_parse_from(["fs", "--json", "--pairs", "7"]).is_ok_and(|o| o.pairs == 7));
        assert!(Options::try_parse_from(["fs", "--pairs", "4"]).is_err(), "too few for a median");
        assert!(Options::try_parse_from(["fs", "--fast"]).is_err());
        assert!(
            Options::try_parse_from(["fs", "--only", "XFS", "--update"]).is_err(),
            "the table would lack rows"
        );
        let stream =
            Options::try_parse_from(["fs", "--stream", "a", "b"]).map(|options| options.stream.len());
        assert_eq!(stream.ok(), Some(2));
    }

    #[test]
    fn names_are_unique() {
        for case in &CASES {
            assert_eq!(CASES.iter().filter(|other| other.name == case.name).count(), 1, "{}", case.name);
        }
    }
}

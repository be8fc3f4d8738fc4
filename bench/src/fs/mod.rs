// SPDX-License-Identifier: BSD-3-Clause
//! `//bench:fs`: a large file out of an ext4 image (budgets S1, S2, S5).

mod image;
mod read;

use std::{
    env,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use sha2::{Digest as _, Sha256};

use crate::{
    machine,
    options::Output,
    pairs::{self, Pair},
    report::{Budget, Fact, Ratio, Report, Row},
    scratch::Scratch,
};
use image::{Image, Shape};
use read::CHUNK;

/// Reads a file of 256 MiB out of ext4 images that mke2fs made, from opening the image to the last byte: by
/// cloud-boot's reader, by grub-fstest, and by a plain loop of pread over as many bytes of the image.
///
/// Exit status: 0 when every budget is met, 1 when one is missed, 2 when it could not be measured.
#[derive(Debug, Parser)]
#[command(
    bin_name = "tools/bazel run //bench:fs --",
    after_help = "Examples:\n  tools/bazel run //bench:fs\n  tools/bazel run //bench:fs -- --json\n  \
                  tools/bazel run //bench:fs -- --pairs 15 --update"
)]
pub struct Options {
    #[command(flatten)]
    output: Output,
    /// How often each side runs
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(5..))]
    pairs: u16,
    /// Only read the file of this image: our side beside grub-fstest, which is a process, too
    #[arg(long, value_name = "IMAGE", hide = true)]
    stream: Option<PathBuf>,
}

/// Counts what the program has allocated.
#[derive(Clone, Copy, Debug)]
pub struct Heap {
    /// Forgets the highest number of bytes so far, and returns the number in use.
    pub start: fn() -> usize,
    /// The highest number of bytes in use since then.
    pub peak: fn() -> usize,
}

/// Budget S1: our speed by grub-fstest's.
const S1: Budget = Budget::NotBelow(2.0);
/// Budget S2: our speed by that of pread.
const S2: Budget = Budget::NotBelow(0.5);
/// Budget S5, MiB.
const S5: f64 = 16.0;
const MIB: f64 = 1_048_576.0;
const PEER: &str = "grub-fstest";

impl Options {
    /// How the report is given.
    pub fn output(&self) -> Output {
        self.output
    }

    /// Measures; nothing is reported by a process that only reads.
    ///
    /// # Errors
    /// When a tool is missing or fails, and when a side reads other bytes.
    pub fn run(&self, heap: Heap) -> Result<Option<Report>> {
        if let Some(image) = &self.stream {
            read::file(image, &mut vec![0; CHUNK], |_| ())?;
            return Ok(None);
        }
        let scratch = Scratch::new("fs")?;
        let pairs = usize::from(self.pairs);
        let (mut rows, mut setup) = (Vec::new(), setup(pairs)?);
        for shape in Shape::ALL {
            eprintln!("fs: making the image with the file {shape}");
            let image = image::make(&scratch, shape)?;
            setup.push(Fact::new(format!("image {shape}"), image.facts.clone()));
            eprintln!("fs: reading it");
            rows.extend(measure(&image, shape, pairs, heap)?);
        }
        Ok(Some(Report { bench: "fs", machine: machine::describe(), setup, rows, parts: None }))
    }
}

fn setup(pairs: usize) -> Result<Vec<Fact>> {
    let chunk = CHUNK >> 20;
    Ok(vec![
        Fact::new(
            "ours",
            format!(
                "fs/ext4 through fs/vfs, in a process of its own beside {PEER}; volumes found, path opened, file read \
                 in pieces of {chunk} MiB (as `cloud-boot fs cat` does) into one buffer"
            ),
        ),
        Fact::new(
            "theirs",
            format!(
                "{}, `{PEER} IMAGE cat {}` with its output to /dev/null; pread of {chunk} MiB each from the image's \
                 first byte on",
                machine::version(PEER, "--version")?,
                image::FILE
            ),
        ),
        Fact::new(
            "pairs",
            format!("{pairs}, in turn; the page cache is warm on both sides; sha256 checked before"),
        ),
    ])
}

fn measure(image: &Image, shape: Shape, pairs: usize, heap: Heap) -> Result<Vec<Row>> {
    check(image)?;
    let mut buffer = vec![0; CHUNK];
    let before = (heap.start)();
    read::file(&image.path, &mut buffer, |_| ())?;
    let peak = (heap.peak)().saturating_sub(before);

    let program = env::current_exe().context("our own program")?;
    let grub = pairs::run(
        pairs,
        || process(Command::new(&program).arg("--stream").arg(&image.path)),
        || process(Command::new(PEER).arg(&image.path).args(["cat", image::FILE])),
    )?;
    let plain = plain(image, &mut buffer, pairs)?;

    let subject = |peer: &str| format!("256 MiB {shape}, beside {peer}");
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let peak = Row::of_value(
        "S5",
        format!("memory beyond the buffer, {shape}"),
        (peak as f64 / MIB, None),
        "MiB",
        Some(S5),
    );
    let s1 = Row::of_pairs("S1", subject(PEER), (&grub, "s"), Ratio::Speed, S1).context("no pair")?;
    let s2 = Row::of_pairs("S2", subject("pread"), (&plain, "s"), Ratio::Speed, S2).context("no pair")?;
    Ok(vec![s1, s2, peak])
}

/// Both in this process, into the same buffer.
fn plain(image: &Image, buffer: &mut [u8], pairs: usize) -> Result<Vec<Pair>> {
    let buffer = std::cell::RefCell::new(buffer);
    let timed = |read: &dyn Fn(&mut [u8]) -> Result<u64>| {
        let started = Instant::now();
        let bytes = read(&mut buffer.borrow_mut())?;
        let took = started.elapsed().as_secs_f64();
        ensure!(bytes == image::SIZE, "{bytes} bytes were read");
        Ok(took)
    };
    let ours = |buffer: &mut [u8]| read::file(&image.path, buffer, |_| ());
    let theirs = |buffer: &mut [u8]| read::plain(&image.path, buffer, image::SIZE);
    pairs::run(pairs, || timed(&ours), || timed(&theirs))
}

/// Seconds from the start of a process to its end.
fn process(command: &mut Command) -> Result<f64> {
    let started = Instant::now();
    let status = command.stdout(Stdio::null()).status().with_context(|| format!("starting {command:?}"))?;
    let took = started.elapsed().as_secs_f64();
    ensure!(status.success(), "{command:?}: {status}");
    Ok(took)
}

/// Both sides read the bytes that were written; that also fills the page cache.
fn check(image: &Image) -> Result<()> {
    let mut sum = Sha256::new();
    read::file(&image.path, &mut vec![0; CHUNK], |bytes| sum.update(bytes))?;
    ensure!(sum.finalize()[..] == image.sha256, "we read other bytes than were written to {}", image::FILE);
    ensure!(grub_sum(&image.path)? == image.sha256, "{PEER} reads other bytes than were written");
    Ok(())
}

fn grub_sum(image: &Path) -> Result<Vec<u8>> {
    let mut command = Command::new(PEER);
    command.arg(image).args(["cat", image::FILE]).stdout(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("starting {PEER}"))?;
    let mut sum = Sha256::new();
    let mut output = child.stdout.take().context("it has no output")?;
    let mut buffer = vec![0; 1 << 16];
    let read = loop {
        match output.read(&mut buffer) {
            Ok(length @ 1..) => sum.update(&buffer[..length]),
            end => break end,
        }
    };
    let status = child.wait()?;
    read.with_context(|| format!("reading what {PEER} prints"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(sum.finalize().to_vec())
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
    }
}

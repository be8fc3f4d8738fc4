// SPDX-License-Identifier: BSD-3-Clause
//! One path among many (budget S4).

use std::{path::Path, time::Instant};

use anyhow::{Context, Result, ensure};

use super::{MIB, Run, S5, image::Image, read};
use crate::{pairs::Spread, report::Row, scratch};

/// Files of the folder.
pub const FILES: usize = 100_000;
/// Budget S4, milliseconds.
const S4: f64 = 20.0;
/// Larger than any small file.
const SMALL: usize = 4096;

/// Fills a filesystem: each file contains its own number.
///
/// # Errors
/// When a file cannot be written.
pub fn fill(root: &Path) -> Result<()> {
    (0..FILES)
        .try_for_each(|number| scratch::write(&root.join(&path(number)[1..]), number.to_string().as_bytes()))
}

fn path(number: usize) -> String {
    format!("/folder/{number}.conf")
}

/// Time from opening the image to the bytes of a small file, a different one each time, and its memory use.
///
/// # Errors
/// When one cannot be read, or has wrong bytes.
pub fn one_path(run: &Run, name: &str, image: &Image) -> Result<Vec<Row>> {
    let mut buffer = vec![0; SMALL];
    let (mut times, mut peak) = (Vec::new(), 0);
    // The first one warms the page cache.
    for turn in 0..=run.pairs {
        let number = FILES * turn / (run.pairs + 1);
        let (path, expected) = (path(number), number.to_string());
        let mut found = Vec::with_capacity(SMALL);
        let before = (run.heap.start)();
        let started = Instant::now();
        read::file(image.disks.paths(), &path, &mut buffer, |bytes| found.extend_from_slice(bytes))?;
        times.push(started.elapsed().as_secs_f64() * 1000.0);
        peak = (run.heap.peak)().saturating_sub(before).max(peak);
        ensure!(found == expected.as_bytes(), "{path} has other bytes than were written");
    }
    let median = Spread::of(times.into_iter().skip(1)).context("no measurement")?.median;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let mib = peak as f64 / MIB;
    Ok(vec![
        Row::of_value("S4", format!("opening one path, {name}"), (median, None), "ms", Some(S4)),
        Row::of_value("S5", format!("memory beyond the buffer, {name}"), (mib, None), "MiB", Some(S5)),
    ])
}

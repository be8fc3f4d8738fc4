// SPDX-License-Identifier: BSD-3-Clause
//! How much scripts may do. Real menus stay far below the limits, and no script can hang the machine or exhaust its
//! memory.

use alloc::string::String;
use core::cell::Cell;

use crate::{
    Error,
    budget::{Share, number},
    sizes::total,
};

/// Copying this many bytes takes about as long as running a small command.
const BYTES_PER_STEP: usize = 64;
/// Cost of one access to a disk, in steps.
const STEPS_PER_LOOKUP: usize = 100;
/// Cost of finding a name: a folder without an index is read up to that name. Bytes per step.
const FOLDER_BYTES_PER_STEP: u64 = 16;
/// Most words and parts of words in one script with its includes: each takes some hundred bytes of memory.
const MOST_PARTS: u64 = 65_536;
/// Most bytes of one script with its includes: files and arguments of `eval`.
pub const MOST_SCRIPT: u64 = 1024 * 1024;

/// What one script has used. Steps are charged to its disk: one for each command, for each part of its words, and for
/// each [`BYTES_PER_STEP`] of their values.
pub struct Budget<'a> {
    share: &'a Share,
    parts: Cell<u64>,
    script: Cell<u64>,
}

impl<'a> Budget<'a> {
    /// The budget of a script that has not run yet.
    pub fn new(share: &'a Share) -> Self {
        Self { share, parts: Cell::new(0), script: Cell::new(0) }
    }

    /// Charges for a command whose words expanded to this many arguments and bytes.
    pub fn command(&self, line: u32, arguments: usize, bytes: usize) -> Result<(), Error> {
        let steps = bytes.checked_div(BYTES_PER_STEP).unwrap_or(0);
        let steps = total([steps, arguments, 1]);
        self.share.steps.charge(steps).map_err(|error| in_line(error, line, "steps"))
    }

    /// Charges for copying this many bytes.
    pub fn copy(&self, line: u32, bytes: usize) -> Result<(), Error> {
        self.command(line, 0, bytes)
    }

    /// Charges for one access to a disk; if it returns false, [`check`](Self::check) fails from now on.
    pub fn lookup(&self) -> bool {
        self.share.steps.charge(STEPS_PER_LOOKUP).is_ok()
    }

    /// The same for a name in a folder of this many bytes.
    pub fn lookup_in(&self, folder: u64) -> bool {
        let steps = folder.checked_div(FOLDER_BYTES_PER_STEP).unwrap_or(0);
        self.share.steps.charge(usize::try_from(steps).unwrap_or(usize::MAX)).is_ok() && self.lookup()
    }

    /// # Errors
    /// [`Error::Limit`] when the steps are used up.
    pub fn check(&self, line: u32) -> Result<(), Error> {
        self.share.steps.fits(1).map_err(|error| in_line(error, line, "steps"))
    }

    /// Charges for a word, or part of one.
    pub fn part(&self, line: u32) -> Result<(), Error> {
        add(&self.parts, 1, line, "words in scripts", MOST_PARTS)
    }

    /// Charges for a script of this many bytes.
    pub fn script(&self, line: u32, bytes: usize) -> Result<(), Error> {
        self.copy(line, bytes)?;
        add(&self.script, number(bytes), line, "bytes of scripts", MOST_SCRIPT)
    }

    /// Charges for bytes that stay until all menus of the disk are complete: titles, arguments, command lines,
    /// variables.
    pub fn menu(&self, line: u32, bytes: usize) -> Result<(), Error> {
        self.share.menus.charge(bytes).map_err(|error| in_line(error, line, "bytes of a menu"))
    }
}

/// Turns a limit of the disk into one of this line.
fn in_line(error: Error, line: u32, what: &'static str) -> Error {
    match error {
        Error::Budget { limit, .. } => Error::Limit { line, what, limit },
        other => other,
    }
}

/// Makes room for that many bytes more.
///
/// # Errors
/// [`Error::Limit`] where memory has none.
pub fn reserve(text: &mut String, line: u32, bytes: usize) -> Result<(), Error> {
    let limit = number(text.len());
    text.try_reserve(bytes).map_err(|_| Error::Limit { line, what: "bytes of memory", limit })
}

fn add(cell: &Cell<u64>, amount: u64, line: u32, what: &'static str, limit: u64) -> Result<(), Error> {
    // May saturate: a count beyond the limit is as good as any other.
    cell.set(cell.get().saturating_add(amount));
    if cell.get() > limit { Err(Error::Limit { line, what, limit }) } else { Ok(()) }
}

// SPDX-License-Identifier: BSD-3-Clause
//! How much the scripts of one volume may do: no honest menu comes near, and no other can hang the machine or
//! fill its memory.

use core::cell::Cell;

use crate::Error;

/// Steps: a command is one, and so is each part of its words and each [`BYTES_PER_STEP`] of their values.
pub const MOST_STEPS: u64 = 1_000_000;
/// Copying this many bytes takes about as long as running a small command.
const BYTES_PER_STEP: u64 = 64;
/// A look at a disk, in steps: at most 10,000 of them.
const STEPS_PER_LOOKUP: u64 = 100;
/// Words and their parts in all scripts: some hundred bytes of memory each.
const MOST_PARTS: u64 = 65_536;
/// Bytes of all scripts, files and arguments of `eval`.
pub const MOST_SCRIPT: u64 = 1024 * 1024;
/// Bytes of everything that the menu keeps: titles, arguments, command lines.
const MOST_MENU: u64 = 1024 * 1024;

/// What was used so far.
#[derive(Debug, Default)]
pub struct Budget {
    steps: Cell<u64>,
    parts: Cell<u64>,
    script: Cell<u64>,
    menu: Cell<u64>,
}

impl Budget {
    /// One command whose words became this many arguments with these bytes.
    pub fn command(&self, line: u32, arguments: usize, bytes: usize) -> Result<(), Error> {
        let steps = number(bytes).checked_div(BYTES_PER_STEP).unwrap_or(0);
        self.step(steps.saturating_add(number(arguments)).saturating_add(1));
        self.check(line)
    }

    /// Copying this many bytes.
    pub fn copy(&self, line: u32, bytes: usize) -> Result<(), Error> {
        self.command(line, 0, bytes)
    }

    /// Whether a disk may be looked at once more; if not, [`check`](Self::check) fails from now on.
    pub fn lookup(&self) -> bool {
        self.step(STEPS_PER_LOOKUP);
        self.steps.get() <= MOST_STEPS
    }

    /// # Errors
    /// [`Error::Limit`] when the steps are used up.
    pub fn check(&self, line: u32) -> Result<(), Error> {
        let is_over = self.steps.get() > MOST_STEPS;
        if is_over { Err(Error::Limit { line, what: "steps", limit: MOST_STEPS }) } else { Ok(()) }
    }

    /// One more word, or part of one.
    pub fn part(&self, line: u32) -> Result<(), Error> {
        add(&self.parts, 1, line, "words in scripts", MOST_PARTS)
    }

    /// A script of this many bytes.
    pub fn script(&self, line: u32, bytes: usize) -> Result<(), Error> {
        add(&self.script, number(bytes), line, "bytes of scripts", MOST_SCRIPT)
    }

    /// This many bytes that stay until the menu is complete.
    pub fn menu(&self, line: u32, bytes: usize) -> Result<(), Error> {
        add(&self.menu, number(bytes), line, "bytes of a menu", MOST_MENU)
    }

    fn step(&self, steps: u64) {
        self.steps.set(self.steps.get().saturating_add(steps));
    }
}

fn add(cell: &Cell<u64>, amount: u64, line: u32, what: &'static str, limit: u64) -> Result<(), Error> {
    cell.set(cell.get().saturating_add(amount));
    if cell.get() > limit { Err(Error::Limit { line, what, limit }) } else { Ok(()) }
}

fn number(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

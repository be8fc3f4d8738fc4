// SPDX-License-Identifier: BSD-3-Clause
//! How much scripts may do: no honest menu comes near, and no other can hang the machine or fill its memory.

use alloc::{rc::Rc, string::String};
use core::cell::Cell;

use crate::{Error, budget::Share};

/// Copying this many bytes takes about as long as running a small command.
const BYTES_PER_STEP: u64 = 64;
/// A look at a disk, in steps: at most 10,000 of them.
const STEPS_PER_LOOKUP: u64 = 100;
/// A folder without an index is read up to the name that is looked for: bytes that take a step.
const FOLDER_BYTES_PER_STEP: u64 = 16;
/// Words and their parts in one script with those it includes: some hundred bytes of memory each.
const MOST_PARTS: u64 = 65_536;
/// Bytes of one script with those it includes, files and arguments of `eval`.
pub const MOST_SCRIPT: u64 = 1024 * 1024;

/// What one script did, and its disk's.
pub struct Budget {
    share: Rc<Share>,
    parts: Cell<u64>,
    script: Cell<u64>,
}

impl Budget {
    /// Of a script that was not run yet.
    pub fn new(share: Rc<Share>) -> Self {
        Self { share, parts: Cell::new(0), script: Cell::new(0) }
    }

    /// What the disk of the script may use.
    pub fn share(&self) -> &Share {
        &self.share
    }

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
        !self.share.steps.is_used_up()
    }

    /// The same for a name in a folder of this many bytes.
    pub fn lookup_in(&self, folder: u64) -> bool {
        self.step(folder.checked_div(FOLDER_BYTES_PER_STEP).unwrap_or(0));
        self.lookup()
    }

    /// # Errors
    /// [`Error::Limit`] when the steps are used up.
    pub fn check(&self, line: u32) -> Result<(), Error> {
        let (limit, is_used_up) = (self.share.steps.most(), self.share.steps.is_used_up());
        if is_used_up { Err(Error::Limit { line, what: "steps", limit }) } else { Ok(()) }
    }

    /// One more word, or part of one.
    pub fn part(&self, line: u32) -> Result<(), Error> {
        add(&self.parts, 1, line, "words in scripts", MOST_PARTS)
    }

    /// A script of this many bytes.
    pub fn script(&self, line: u32, bytes: usize) -> Result<(), Error> {
        self.copy(line, bytes)?;
        add(&self.script, number(bytes), line, "bytes of scripts", MOST_SCRIPT)
    }

    /// This many bytes that stay until the menu is complete.
    pub fn menu(&self, line: u32, bytes: usize) -> Result<(), Error> {
        let limit = self.share.menus.most();
        self.share.menus.charge(bytes).map_err(|_| Error::Limit { line, what: "bytes of a menu", limit })
    }

    /// That they are used up is said by [`check`](Self::check).
    fn step(&self, steps: u64) {
        let _ = self.share.steps.add(steps);
    }
}

#[cfg(test)]
impl Default for Budget {
    fn default() -> Self {
        Self::new(Rc::clone(crate::budget::Budget::new(&vfs::Volumes::default()).disk(0)))
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
    // A count beyond the limit is as good as any other.
    cell.set(cell.get().saturating_add(amount));
    if cell.get() > limit { Err(Error::Limit { line, what, limit }) } else { Ok(()) }
}

fn number(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

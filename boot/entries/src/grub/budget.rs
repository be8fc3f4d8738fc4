// SPDX-License-Identifier: BSD-3-Clause
//! How much scripts may do: no honest menu comes near, and no other can hang the machine or fill its memory.

use alloc::{rc::Rc, string::String, vec::Vec};
use core::cell::Cell;

use crate::Error;

/// Steps of all scripts of a disk: a command is one, and so is each part of its words and each [`BYTES_PER_STEP`] of
/// their values.
pub const MOST_STEPS: u64 = 1_000_000;
/// Steps of all disks. A disk gets no more than half of what is left: however many waste theirs, another still boots.
const MOST_STEPS_OF_ALL: u64 = 4_000_000;
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
/// Bytes of everything that the menus of a disk keep: titles, arguments, command lines, variables.
const MOST_MENU: u64 = 1024 * 1024;

/// What the scripts of all disks may do.
#[derive(Debug)]
pub struct Purse {
    left: u64,
    disks: Vec<(usize, Rc<Account>)>,
}

impl Default for Purse {
    fn default() -> Self {
        Self { left: MOST_STEPS_OF_ALL, disks: Vec::new() }
    }
}

impl Purse {
    /// What the scripts of this disk may still do.
    pub fn account(&mut self, disk: usize) -> Rc<Account> {
        if let Some((_, account)) = self.disks.iter().find(|(known, _)| *known == disk) {
            return Rc::clone(account);
        }
        let limit = MOST_STEPS.min(self.left.checked_div(2).unwrap_or(0));
        self.left = self.left.saturating_sub(limit);
        let account = Rc::new(Account { limit, steps: Cell::new(0), menu: Cell::new(0) });
        self.disks.push((disk, Rc::clone(&account)));
        account
    }
}

/// What the scripts of one disk did.
#[derive(Debug)]
pub struct Account {
    limit: u64,
    steps: Cell<u64>,
    menu: Cell<u64>,
}

impl Account {
    /// Whether nothing is left.
    pub fn is_used_up(&self) -> bool {
        self.steps.get() > self.limit
    }

    fn step(&self, steps: u64) {
        // A count beyond the limit is as good as any other.
        self.steps.set(self.steps.get().saturating_add(steps));
    }
}

/// What one script did, and its disk's.
#[derive(Debug)]
pub struct Budget {
    account: Rc<Account>,
    parts: Cell<u64>,
    script: Cell<u64>,
}

impl Budget {
    /// Of a script that was not run yet.
    pub fn new(account: Rc<Account>) -> Self {
        Self { account, parts: Cell::new(0), script: Cell::new(0) }
    }

    /// One command whose words became this many arguments with these bytes.
    pub fn command(&self, line: u32, arguments: usize, bytes: usize) -> Result<(), Error> {
        let steps = number(bytes).checked_div(BYTES_PER_STEP).unwrap_or(0);
        self.account.step(steps.saturating_add(number(arguments)).saturating_add(1));
        self.check(line)
    }

    /// Copying this many bytes.
    pub fn copy(&self, line: u32, bytes: usize) -> Result<(), Error> {
        self.command(line, 0, bytes)
    }

    /// Whether a disk may be looked at once more; if not, [`check`](Self::check) fails from now on.
    pub fn lookup(&self) -> bool {
        self.account.step(STEPS_PER_LOOKUP);
        !self.account.is_used_up()
    }

    /// The same for a name in a folder of this many bytes.
    pub fn lookup_in(&self, folder: u64) -> bool {
        self.account.step(folder.checked_div(FOLDER_BYTES_PER_STEP).unwrap_or(0));
        self.lookup()
    }

    /// # Errors
    /// [`Error::Limit`] when the steps are used up.
    pub fn check(&self, line: u32) -> Result<(), Error> {
        let limit = self.account.limit;
        if self.account.is_used_up() { Err(Error::Limit { line, what: "steps", limit }) } else { Ok(()) }
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
        add(&self.account.menu, number(bytes), line, "bytes of a menu", MOST_MENU)
    }
}

#[cfg(test)]
impl Default for Budget {
    fn default() -> Self {
        Self::new(Purse::default().account(0))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_wastes_its_steps_leaves_some_for_others() {
        let mut purse = Purse::default();
        let first = purse.account(0);
        first.step(MOST_STEPS + 1);
        assert!(first.is_used_up() && purse.account(0).is_used_up(), "one account for all scripts of a disk");
        for disk in 1..8 {
            assert!(purse.account(disk).limit > 20_000, "disk {disk}");
        }
        let all: u64 = (0..100).map(|disk| purse.account(disk).limit).sum();
        assert!(all <= MOST_STEPS_OF_ALL);
    }
}

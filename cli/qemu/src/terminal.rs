// SPDX-License-Identifier: BSD-3-Clause
//! The user's terminal, every key passed on as it is typed.

use std::{
    io::{self, IsTerminal},
    os::fd::{AsFd, BorrowedFd},
};

use anyhow::{Context, Result};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// Bytes that one read takes: what a pipe that is ready takes without waiting (PIPE_BUF, POSIX's least).
const CHUNK: usize = 512;

/// Standard input in raw mode; drop restores the previous mode.
#[derive(Debug)]
pub struct Terminal {
    input: io::Stdin,
    before: Termios,
    buffer: Vec<u8>,
    ended: bool,
}

impl Terminal {
    /// Whether standard input is a terminal.
    pub fn is_there() -> bool {
        io::stdin().is_terminal()
    }

    /// Switches the terminal to raw mode.
    ///
    /// # Errors
    /// When standard input is not a terminal.
    pub fn raw() -> Result<Self> {
        let input = io::stdin();
        let before = tcgetattr(&input).context("cannot read the terminal's settings")?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&input, OptionalActions::Now, &raw).context("cannot set the terminal to raw mode")?;
        Ok(Self { input, before, buffer: vec![0; CHUNK], ended: false })
    }

    /// Whether it was hung up.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// What was typed; blocks if there is nothing.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&mut self) -> io::Result<&[u8]> {
        // Unbuffered: poll does not see data in a buffer.
        let length = match rustix::io::read(&self.input, &mut self.buffer) {
            Ok(length) => length,
            Err(rustix::io::Errno::INTR) => return Ok(&[]),
            Err(why) => return Err(why.into()),
        };
        self.ended = length == 0;
        Ok(self.buffer.get(..length).unwrap_or_default())
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Best effort: the terminal may be gone.
        let _ = tcsetattr(&self.input, OptionalActions::Now, &self.before);
    }
}

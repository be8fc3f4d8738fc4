// SPDX-License-Identifier: BSD-3-Clause
//! Progress of long work, on standard error if it is a terminal.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::printer::text;

/// Bytes from which on progress is shown: less is done before anyone could read it.
const LONG: u64 = 64 << 20;

/// A progress line: bytes done, rate, and the remaining time if the total is known. Removed when dropped.
pub struct Progress {
    bar: ProgressBar,
    total: Option<u64>,
    done: u64,
    /// Whether it is shown: output to the same terminal would mix with it.
    is_wanted: bool,
}

impl Progress {
    /// For work that prints nothing. `total` in bytes.
    pub fn new(total: Option<u64>) -> Self {
        let template = match total {
            Some(_) => {
                "{binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}  ETA {eta}  {wide_msg}"
            }
            None => "{binary_bytes}  {binary_bytes_per_sec}  {wide_msg}",
        };
        // Without colours.
        let style = ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden()).with_style(style);
        Self { bar, total, done: 0, is_wanted: true }
    }

    /// For work whose result is printed.
    pub fn beside_output(total: Option<u64>) -> Self {
        let mut progress = Self::new(total);
        progress.is_wanted = !io::stdout().is_terminal();
        progress
    }

    /// Adds bytes that are done, of this file or device.
    pub fn add(&mut self, name: &[u8], bytes: usize) {
        if !self.is_wanted {
            return;
        }
        self.done = self.done.saturating_add(bytes as u64);
        if self.bar.is_hidden() && self.total.unwrap_or(self.done) >= LONG {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            // Not a terminal, or a dumb one.
            self.is_wanted = !self.bar.is_hidden();
        }
        self.bar.set_message(text(name));
        self.bar.set_position(self.done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

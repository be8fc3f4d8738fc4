// SPDX-License-Identifier: BSD-3-Clause
//! How far long work is, on standard error where that is a terminal.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::printer::text;

/// Bytes from which on work is long: less is done before anybody has read a line.
const LONG: u64 = 64 << 20;

/// Bytes done, their rate, and where the total is known how long the rest will take. Gone when it is dropped.
pub struct Progress {
    bar: ProgressBar,
    total: Option<u64>,
    done: u64,
    /// Whether there is room for it: what is printed to the same terminal would run into it.
    is_wanted: bool,
}

impl Progress {
    /// Of work that prints nothing. `total` in bytes.
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

    /// Of work whose result is printed.
    pub fn beside_output(total: Option<u64>) -> Self {
        let mut progress = Self::new(total);
        progress.is_wanted = !io::stdout().is_terminal();
        progress
    }

    /// So many bytes more are done, of this file or device.
    pub fn add(&mut self, name: &[u8], bytes: usize) {
        if !self.is_wanted {
            return;
        }
        self.done = self.done.saturating_add(bytes as u64);
        if self.bar.is_hidden() && self.total.unwrap_or(self.done) >= LONG {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            // No terminal, or one that can show none.
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

// SPDX-License-Identifier: BSD-3-Clause
//! The firmware's text console: ConOut only (a serial console is one of its outputs), plain ASCII.

use core::{
    fmt::{self, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use alloc::{format, string::String};

use uefi::system;

/// Prints lines to ConOut.
pub struct Console;

/// Columns of a progress line, so that it does not wrap.
const COLUMNS: usize = 79;
/// A progress line is shown, and the cursor is at its end.
static HAS_PROGRESS: AtomicBool = AtomicBool::new(false);

impl flow::Console for Console {
    fn progress(&self, text: fmt::Arguments<'_>) {
        let text: String = format!("{text}").chars().take(COLUMNS).collect();
        HAS_PROGRESS.store(true, Ordering::Relaxed);
        system::with_stdout(|out| {
            let _ = out.write_str("\r");
            let _ = Ascii(out).write_fmt(format_args!("{text:COLUMNS$}"));
        });
    }

    fn line(&self, text: fmt::Arguments<'_>) {
        system::with_stdout(|out| {
            if HAS_PROGRESS.swap(false, Ordering::Relaxed) {
                let _ = write!(out, "\r{:COLUMNS$}\r", "");
            }
            // If the console fails, there is nothing to do and nowhere to report it.
            let _ = Ascii(out).write_fmt(text);
            let _ = out.write_str("\n");
        });
    }
}

/// Passes ASCII on and replaces everything else by `?`: firmware fonts hold little more, and control characters in a
/// title must not move the cursor.
struct Ascii<'a>(&'a mut uefi::proto::console::text::Output);

impl fmt::Write for Ascii<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let printable = |c: char| c.is_ascii_graphic() || c == ' ';
        for chunk in text.split_inclusive(|c| !printable(c)) {
            match chunk.char_indices().next_back() {
                Some((at, last)) if !printable(last) => {
                    self.0.write_str(chunk.get(..at).unwrap_or_default())?;
                    self.0.write_str("?")?;
                }
                _ => self.0.write_str(chunk)?,
            }
        }
        Ok(())
    }
}

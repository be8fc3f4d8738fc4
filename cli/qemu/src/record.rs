// SPDX-License-Identifier: BSD-3-Clause
//! The record of a console: two files, and the last lines in memory.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Write},
    path::Path,
};

use anyhow::{Context, Result};

use crate::console::Line;

/// Lines kept for the report of a failure.
pub const TAIL: usize = 40;

/// Size limit of a file, bytes: a guest that prints endlessly must not fill the disk. A Debian boot
/// prints 100 KiB.
const MAX_FILE: u64 = 32 << 20;

/// Writes `console.raw` (the raw bytes) and `console.log` (lines with their times), unbuffered, so that
/// both are complete however the run ends.
#[derive(Debug)]
pub struct Record {
    files: Option<Files>,
    tail: VecDeque<String>,
}

#[derive(Debug)]
struct Files {
    raw: Capped<File>,
    log: Capped<File>,
}

impl Record {
    /// Keeps the files in `folder`, or only the last lines if there is none.
    ///
    /// # Errors
    /// When a file cannot be made.
    pub fn new(folder: Option<&Path>) -> Result<Self> {
        let create = |folder: &Path, name: &str| -> Result<Capped<File>> {
            let path = folder.join(name);
            let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
            Ok(Capped { to: file, left: MAX_FILE })
        };
        let files = folder
            .map(|f| -> Result<Files> {
                Ok(Files { raw: create(f, "console.raw")?, log: create(f, "console.log")? })
            })
            .transpose()?;
        Ok(Self { files, tail: VecDeque::new() })
    }

    /// Records raw bytes.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.files.as_mut().map_or(Ok(()), |files| files.raw.write(bytes))
    }

    /// Records a line; an unfinished one must be the last.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn line(&mut self, line: &Line) -> io::Result<()> {
        let text = format!("[{:8.3}] {}", line.at.as_secs_f64(), String::from_utf8_lossy(&line.text));
        let written =
            self.files.as_mut().map_or(Ok(()), |files| files.log.write(format!("{text}\n").as_bytes()));
        if self.tail.len() >= TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(text);
        written
    }

    /// The last lines, at most [`TAIL`], with their times.
    pub fn tail(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.tail.iter().map(String::as_str)
    }
}

/// A writer that takes `left` more bytes, marks the cut once, and drops the rest.
#[derive(Debug)]
struct Capped<W> {
    to: W,
    left: u64,
}

impl<W: Write> Capped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.left == 0 {
            return Ok(());
        }
        let fits = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        let (kept, dropped) = bytes.split_at_checked(fits).unwrap_or((bytes, &[]));
        self.left = self.left.saturating_sub(u64::try_from(kept.len()).unwrap_or(u64::MAX));
        self.to.write_all(kept)?;
        if !dropped.is_empty() {
            self.to.write_all(b"\n[the console goes on, but this file ends here]\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_tail_holds_the_last_lines() {
        let mut record = Record::new(None).unwrap();
        for n in 0..=TAIL {
            let at = Duration::from_millis(u64::try_from(n).unwrap() * 100);
            record.line(&Line { at, text: format!("line {n}").into_bytes() }).unwrap();
        }
        let tail: Vec<_> = record.tail().collect();
        assert_eq!(tail.len(), TAIL);
        assert_eq!(tail.first(), Some(&"[   0.100] line 1"));
        assert_eq!(tail.last(), Some(&"[   4.000] line 40"));
    }

    #[test]
    fn a_file_ends_at_its_limit_and_says_so() {
        let mut capped = Capped { to: Vec::new(), left: 5 };
        for bytes in [b"abc", b"def", b"ghi"] {
            capped.write(bytes).unwrap();
        }
        assert_eq!(capped.to, b"abcde\n[the console goes on, but this file ends here]\n");
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! The log: every line that the console showed, with its time.

use alloc::{collections::VecDeque, string::String, vec::Vec};
use core::{cell::RefCell, fmt, time::Duration};

use crate::{Clock, Console};

/// Most bytes of text that are kept.
const MOST: usize = 16 * 1024;

/// A console that keeps its lines. When it is full, the oldest lines are dropped.
pub struct Journal<'a> {
    console: &'a dyn Console,
    clock: &'a dyn Clock,
    kept: RefCell<Kept>,
}

#[derive(Default)]
struct Kept {
    lines: VecDeque<Line>,
    bytes: usize,
}

/// A line of the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// Time since the program started.
    pub time: Duration,
    /// What was shown.
    pub text: String,
}

impl<'a> Journal<'a> {
    /// An empty journal of what `console` will show.
    pub fn new(console: &'a dyn Console, clock: &'a dyn Clock) -> Self {
        Self { console, clock, kept: RefCell::default() }
    }

    /// The lines that are kept, oldest first.
    pub fn lines(&self) -> Vec<Line> {
        self.kept.borrow().lines.iter().cloned().collect()
    }
}

impl Console for Journal<'_> {
    fn progress(&self, text: fmt::Arguments<'_>) {
        self.console.progress(text);
    }

    fn line(&self, text: fmt::Arguments<'_>) {
        self.console.line(text);
        let mut line = Line { time: self.clock.now(), text: String::new() };
        // Writing to a string does not fail.
        let _ = fmt::write(&mut line.text, text);
        let mut kept = self.kept.borrow_mut();
        // Neither can saturate: these are the bytes of the lines that are kept.
        kept.bytes = kept.bytes.saturating_add(line.text.len());
        kept.lines.push_back(line);
        while kept.bytes > MOST {
            let Some(oldest) = kept.lines.pop_front() else { break };
            kept.bytes = kept.bytes.saturating_sub(oldest.text.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Console for Nothing {
        fn line(&self, _: fmt::Arguments<'_>) {}

        fn progress(&self, _: fmt::Arguments<'_>) {}
    }

    impl Clock for Nothing {
        fn now(&self) -> Duration {
            Duration::from_secs(1)
        }

        fn since_power_on(&self) -> Duration {
            self.now()
        }
    }

    #[test]
    fn the_oldest_lines_are_forgotten() {
        let journal = Journal::new(&Nothing, &Nothing);
        let long = "x".repeat(MOST / 2);
        for start in ["a", "b", "c"] {
            journal.line(format_args!("{start}"));
            journal.line(format_args!("{long}"));
        }
        let texts: Vec<String> = journal.lines().into_iter().map(|line| line.text).collect();
        assert_eq!(texts, ["c".into(), long]);
    }
}

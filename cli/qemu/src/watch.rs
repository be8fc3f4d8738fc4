// SPDX-License-Identifier: BSD-3-Clause
//! One run of a machine, from its start to the verdict.

use std::{
    io::{self, Write},
    os::fd::AsFd,
    process::ExitStatus,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{
    characters::Characters,
    console::{Console, Line},
    machine::Machine,
    pattern::Pattern,
    phases::Phases,
    process::{Messages, Qemu, ReadOutcome},
    record::Record,
    script::Script,
    terminal::Terminal,
};

/// How long a run may take, and what ends it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Time limit for all expected patterns; none for no limit.
    pub time: Option<Duration>,
    /// What happens after the last pattern.
    pub after: After,
}

/// What happens after the last pattern was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum After {
    /// The run ends.
    #[default]
    Stop,
    /// The run goes on for this time, in which no forbidden pattern may appear.
    Quiet(Duration),
    /// The machine runs on until it ends or the time limit.
    Stay,
}

/// Who sees the console while the machine runs.
#[derive(Debug)]
pub enum View {
    /// Nobody.
    Hidden,
    /// Lines go to standard output.
    Lines,
    /// The user's terminal is connected to the machine.
    Terminal(Terminal),
}

/// What ended a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// All patterns were seen, and nothing forbidden.
    Seen,
    /// This forbidden pattern matched this line.
    Forbidden(Pattern, Line),
    /// QEMU exited.
    Exited(ExitStatus),
    /// The time limit was reached.
    Late,
    /// The console could not be shown: standard output is closed or fails.
    Unshown(io::ErrorKind),
}

/// One run, and its results.
#[derive(Debug)]
pub struct Watch {
    /// The expected and forbidden patterns.
    pub script: Script,
    /// When the phases ended.
    pub phases: Phases,
    /// The console.
    pub record: Record,
    /// How long the run took.
    pub took: Duration,
    characters: Characters,
    console: Console,
    view: View,
    /// Why writing to standard output failed.
    unshown: Option<io::ErrorKind>,
}

/// Bytes of one read.
const CHUNK: usize = 16 << 10;

/// Longest wait for output before the clock is checked.
const TICK: Duration = Duration::from_millis(200);

impl Watch {
    /// A run that has not begun.
    pub fn new(script: Script, record: Record, view: View) -> Self {
        let (characters, console) = (Characters::default(), Console::default());
        let phases = Phases::default();
        Self { script, phases, record, took: Duration::ZERO, characters, console, view, unshown: None }
    }

    /// Starts `machine`, checks its console, and ends it.
    ///
    /// # Errors
    /// When the machine cannot be started, or its console cannot be read or recorded; a failed test is not an
    /// error.
    pub fn run(&mut self, machine: &Machine, limits: Limits) -> Result<End> {
        self.run_with(machine, limits, Messages::Shown)
    }

    /// The same, for a machine that may fail to start: QEMU's messages are not shown.
    ///
    /// # Errors
    /// As of [`Watch::run`].
    pub fn try_run(&mut self, machine: &Machine, limits: Limits) -> Result<End> {
        self.run_with(machine, limits, Messages::Hidden)
    }

    fn run_with(&mut self, machine: &Machine, limits: Limits, messages: Messages) -> Result<End> {
        let started = Instant::now();
        let mut qemu = Qemu::start(machine, messages)?;
        let end = self.follow(&mut qemu, limits, started);
        self.took = started.elapsed();
        let rest = self.console.partial().clone();
        if !rest.text.is_empty() {
            self.keep(&rest).context("cannot write the console record")?;
        }
        // Gives the terminal back to the user.
        self.view = View::Hidden;
        end
    }

    fn follow(&mut self, qemu: &mut Qemu, limits: Limits, started: Instant) -> Result<End> {
        let mut buffer = vec![0; CHUNK];
        loop {
            let now = started.elapsed();
            let deadline = match (self.phases.end, limits.after) {
                (Some(_), After::Stop) => return Ok(End::Seen),
                (Some(end), After::Quiet(time)) => Some(end.saturating_add(time)),
                (Some(_), After::Stay) | (None, _) => limits.time,
            };
            if deadline.is_some_and(|deadline| now >= deadline) {
                let is_over = self.phases.end.is_some() && limits.after != After::Stay;
                return Ok(if is_over { End::Seen } else { End::Late });
            }
            if let Some(why) = self.unshown() {
                return Ok(End::Unshown(why));
            }
            let terminal = match &mut self.view {
                View::Terminal(terminal) => Some(terminal),
                _ => None,
            };
            match qemu.read(&mut buffer, TICK, terminal).context("cannot read QEMU's console")? {
                ReadOutcome::Nothing => {}
                ReadOutcome::Bytes(length) => {
                    let bytes = buffer.get(..length).unwrap_or_default();
                    if let Err(end) = self
                        .take(bytes, started.elapsed(), limits.after)
                        .context("cannot write the console record")?
                    {
                        return Ok(end);
                    }
                    qemu.type_keys(&self.script.take_keys());
                }
                ReadOutcome::End if self.phases.end.is_some() && limits.after != After::Stay => {
                    return Ok(End::Seen);
                }
                ReadOutcome::End => {
                    return qemu.exit_status().map(End::Exited).context("cannot wait for QEMU");
                }
            }
        }
    }

    /// Takes console output; an inner `Err` ends the run.
    fn take(&mut self, bytes: &[u8], now: Duration, after: After) -> io::Result<Result<(), End>> {
        self.record.bytes(bytes)?;
        let text = self.characters.push(bytes);
        if let View::Terminal(_) = self.view {
            self.show(text.as_bytes());
        }
        for c in text.chars() {
            let Some(line) = self.console.push(c, now) else { continue };
            self.keep(&line)?;
            if let Err(end) = self.judge(&line, now) {
                return Ok(Err(end));
            }
            self.script.end_line();
            // Ignore what follows the end in the same read: it could as well have arrived later.
            if after == After::Stop && self.phases.end.is_some() {
                return Ok(Ok(()));
            }
        }
        let partial = self.console.partial().clone();
        Ok(self.judge(&partial, now))
    }

    fn judge(&mut self, line: &Line, now: Duration) -> Result<(), End> {
        self.phases.see(&line.text, line.at);
        self.script.look(&line.text).map_err(|pattern| End::Forbidden(pattern, line.clone()))?;
        if self.script.awaited().is_none() {
            self.phases.end.get_or_insert(now);
        }
        Ok(())
    }

    fn keep(&mut self, line: &Line) -> io::Result<()> {
        if let View::Lines = self.view {
            self.show(&[&line.text, b"\n".as_slice()].concat());
        }
        self.record.line(line)
    }

    /// Writes to standard output without buffering.
    fn show(&mut self, bytes: &[u8]) {
        let mut out = io::stdout().lock();
        if let Err(why) = out.write_all(bytes).and_then(|()| out.flush()) {
            self.unshown.get_or_insert(why.kind());
        }
    }

    /// Why the console cannot be shown any more. Also detects a reader that has gone while the machine prints
    /// nothing.
    fn unshown(&self) -> Option<io::ErrorKind> {
        let is_hidden = matches!(self.view, View::Hidden);
        self.unshown.or_else(|| (!is_hidden && is_unread(io::stdout())).then_some(io::ErrorKind::BrokenPipe))
    }
}

/// Whether the other end of a pipe, socket or terminal is closed.
fn is_unread(output: impl AsFd) -> bool {
    // HUP and ERR are always reported.
    let mut fds = [PollFd::new(&output, PollFlags::empty())];
    let is_known = poll(&mut fds, Some(&Timespec::default())).is_ok();
    is_known && fds.iter().any(|fd| fd.revents().intersects(PollFlags::ERR | PollFlags::HUP))
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::PathBuf, process};

    use super::*;
    use crate::report;

    fn watch(expect: &[&str], forbid: &[&str]) -> Watch {
        let owned = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        let script = Script::new(&owned(expect), &owned(forbid)).unwrap();
        Watch::new(script, Record::new(None).unwrap(), View::Hidden)
    }

    fn take(watch: &mut Watch, bytes: &[u8], second: u64) -> Result<(), End> {
        watch.take(bytes, Duration::from_secs(second), After::Stop).unwrap()
    }

    #[test]
    fn a_boot_to_the_prompt_in_pieces_of_any_size() {
        let console = b"\x1b[2Jcloud-boot 0.0.1 x86_64, EDK II\r\nstart \"Debian\": ro (0.1 s)\r\n\
            [    0.0] Linux version\r\n[ 1.0] systemd[1]: hello\r\n\r\ndebian login: ";
        for size in 1..=console.len() {
            let mut watch = watch(&["^start \"", "Linux version", "login:"], &["GRUB"]);
            for (second, piece) in (1..).zip(console.chunks(size)) {
                assert_eq!(take(&mut watch, piece, second), Ok(()));
            }
            assert_eq!(watch.script.awaited(), None, "in pieces of {size}");
            assert_eq!(watch.phases.durations().len(), 4, "in pieces of {size}");
            assert_eq!(watch.phases.title.as_deref(), Some("Debian"));
        }
    }

    #[test]
    fn a_forbidden_line_ends_the_run_before_what_follows_in_the_same_piece() {
        let mut watch = watch(&["login:"], &["GNU GRUB"]);
        let end = take(&mut watch, b"x\r\n GNU GRUB 2.14\r\nlogin:\r\n", 7);
        let line = Line { at: Duration::from_secs(7), text: b" GNU GRUB 2.14".to_vec() };
        assert_eq!(end, Err(End::Forbidden(Pattern::new("GNU GRUB").unwrap(), line)));
        assert_eq!(watch.script.seen(), 0);
        assert_eq!(watch.record.tail().last(), Some("[   7.000]  GNU GRUB 2.14"));
    }

    #[test]
    fn what_follows_the_last_pattern_counts_only_while_it_must_be_quiet() {
        let console = b"failed: no entry\r\nLinux version 6\r\n";
        for (after, passes) in [(After::Stop, true), (After::Quiet(Duration::from_secs(1)), false)] {
            let mut watch = watch(&["^failed: "], &["Linux version"]);
            let end = watch.take(console, Duration::ZERO, after).unwrap();
            assert_eq!(end.is_ok(), passes, "{after:?}");
        }
    }

    #[test]
    fn whoever_reads_a_run_gets_no_c1_control_and_the_raw_record_has_the_bytes() {
        let folder = env::var_os("TEST_TMPDIR").map_or_else(env::temp_dir, PathBuf::from);
        let folder = folder.join(format!("qemu-{}-c1", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut watch = watch(&["^never"], &["panic"]);
        watch.record = Record::new(Some(&folder)).unwrap();
        let console = b"cloud-boot 0\r\nstart \"\xc2\x9b2JD\x9bb\": ro\r\npanic \xc2\x85\r\n";
        let end = take(&mut watch, console, 1).unwrap_err();
        assert_eq!(watch.phases.title.as_deref(), Some("\u{fffd}2JD\u{fffd}b"));
        assert!(report::failure(&watch, &end).unwrap().contains("panic \u{fffd}"));
        assert_eq!(watch.record.tail().last(), Some("[   1.000] panic \u{fffd}"));
        assert_eq!(fs::read(folder.join("console.raw")).unwrap(), console);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_forbidden_text_without_line_end_ends_the_run() {
        let mut watch = watch(&["login:"], &["^(initramfs)"]);
        assert!(take(&mut watch, b"ALERT!\r\n(initramfs) ", 1).is_err());
    }
}

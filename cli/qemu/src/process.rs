// SPDX-License-Identifier: BSD-3-Clause
//! QEMU as a child process that cannot outlive us.
//!
//! Three things end it: [`Qemu`]'s drop on every way out of a function; the kernel, by a parent-death signal,
//! when we are killed; its own exit. The signal is asked for between fork and exec, where only unsafe code may
//! run: so our own program is started once more, asks for the signal and becomes QEMU ([`become_child`]).

use std::{
    env,
    ffi::OsString,
    io::{self, Read, Write},
    os::{
        fd::AsFd,
        unix::process::{CommandExt, ExitStatusExt},
    },
    process::{Child, ChildStdin, ChildStdout, Command, ExitCode, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, Signal, getppid, kill_process_group, set_parent_process_death_signal},
};

use crate::{
    machine::{Machine, Serial},
    terminal::Terminal,
};

/// First argument of a program that is to become another one.
const BECOME: &str = "--become-child-of";

/// Exit status of what could not become QEMU, as shells have it.
const NOT_STARTED: u8 = 127;

/// How long QEMU may take to exit after it has closed its output, or was asked to: what it holds back of an image may be
/// much, and the machine busy.
const EXIT_GRACE: Duration = Duration::from_secs(30);

/// Every program that uses [`Qemu`] calls this first: if it was started to become QEMU, it does so and never
/// returns, or returns the status of its failure.
pub fn become_child() -> Option<ExitCode> {
    let mut args = env::args_os().skip(1);
    if args.next()? != BECOME {
        return None;
    }
    let why = match become_program(args) {
        Ok(never) => match never {},
        Err(why) => why,
    };
    eprintln!("{why:#}");
    Some(ExitCode::from(NOT_STARTED))
}

fn become_program(mut args: impl Iterator<Item = OsString>) -> Result<std::convert::Infallible> {
    let parent = args.next().and_then(|id| id.to_str()?.parse().ok()).and_then(Pid::from_raw);
    let program = args.next().context("no program to become")?;
    set_parent_process_death_signal(Some(Signal::KILL)).context("no parent-death signal")?;
    // A parent that died before the signal was asked for sends none.
    if parent.is_none() || getppid() != parent {
        bail!("the parent is gone");
    }
    let why = Command::new(&program).args(args).exec();
    bail!("cannot start {}: {why} (is it installed?)", program.display());
}

/// What came from the console, or did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Got {
    /// This many bytes.
    Bytes(usize),
    /// Nothing in the time given.
    Nothing,
    /// QEMU has closed its output: it exits.
    End,
}

/// What becomes of QEMU's own messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Messages {
    /// They stand on our standard error.
    Shown,
    /// Nobody sees them.
    Hidden,
}

/// A running QEMU, in a process group of its own. Dropped, it is ended and reaped.
#[derive(Debug)]
pub struct Qemu {
    child: Child,
    group: Pid,
    output: ChildStdout,
    input: Option<ChildStdin>,
    /// It holds back what belongs into images: tables of qcow2, above all.
    writes: bool,
}

impl Qemu {
    /// Starts `machine`. Its console can be typed into unless it is plain.
    ///
    /// The thread that calls it must live as long as the machine: the parent-death signal comes with the
    /// thread's end.
    ///
    /// # Errors
    /// When no process can be started. A missing QEMU shows as an early exit.
    pub fn start(machine: &Machine, messages: Messages) -> Result<Self> {
        let interactive = machine.serial != Serial::Plain;
        let mut child = Command::new(env::current_exe().context("cannot find our own program")?)
            .args([BECOME, &std::process::id().to_string(), machine.arch.emulator()])
            .args(machine.arguments())
            // Where snapshots keep what the guest writes; QEMU's default is outside of a test's sandbox.
            .env("TMPDIR", env::var_os("TEST_TMPDIR").unwrap_or_else(|| env::temp_dir().into()))
            .stdin(if interactive { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(if messages == Messages::Shown { Stdio::inherit() } else { Stdio::null() })
            .process_group(0)
            .spawn()
            .context("cannot start a process")?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("no process id")?;
        let output = child.stdout.take().context("no output")?;
        let input = child.stdin.take();
        let writes = machine.disks.iter().any(|disk| disk.writable);
        Ok(Self { child, group, output, input, writes })
    }

    /// Types `keys`. A machine that has just ended takes no more.
    pub fn type_keys(&mut self, keys: &[u8]) {
        if let Some(input) = &mut self.input {
            let _ = input.write_all(keys).and_then(|()| input.flush());
        }
    }

    /// Waits for output, at most `limit`, and passes on what is typed at `terminal` meanwhile.
    ///
    /// # Errors
    /// When a pipe or the terminal fails.
    pub fn read(
        &mut self,
        buffer: &mut [u8],
        limit: Duration,
        terminal: Option<&mut Terminal>,
    ) -> io::Result<Got> {
        let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
        let mut terminal = terminal.filter(|t| !t.ended());
        let mut fds = vec![PollFd::new(&self.output, PollFlags::IN)];
        if let (Some(terminal), Some(input)) = (&terminal, &self.input) {
            fds.push(PollFd::from_borrowed_fd(terminal.as_fd(), PollFlags::IN));
            // Only what fits is written, so that neither side waits for the other.
            fds.push(PollFd::new(input, PollFlags::OUT));
        }
        match poll(&mut fds, Some(&limit)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(why) => return Err(why.into()),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        match (ready.get(1), ready.get(2), terminal.as_mut(), &mut self.input) {
            (Some(true), Some(true), Some(terminal), Some(input)) => {
                // A machine that has just ended takes no more keys.
                let _ = input.write_all(terminal.read()?);
            }
            // The guest does not read what was typed: the keys wait, and so do we.
            (Some(true), Some(false), ..) => thread::sleep(Duration::from_millis(5)),
            _ => {}
        }
        if ready.first() != Some(&true) {
            return Ok(Got::Nothing);
        }
        match self.output.read(buffer) {
            Ok(0) => Ok(Got::End),
            Ok(length) => Ok(Got::Bytes(length)),
            Err(why) if why.kind() == io::ErrorKind::Interrupted => Ok(Got::Nothing),
            Err(why) => Err(why),
        }
    }

    /// Its status after it has closed its output, or was asked to end; killed if it does not exit then.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn exit_status(&mut self) -> io::Result<ExitStatus> {
        let since = Instant::now();
        while since.elapsed() < EXIT_GRACE {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.signal(Signal::KILL);
        self.child.wait()
    }

    fn signal(&mut self, signal: Signal) {
        // It fails only when the group is gone already.
        let _ = kill_process_group(self.group, signal);
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        // Once reaped, the number may be another's.
        if let Ok(None) = self.child.try_wait() {
            // Asked to, it writes what it holds back, and then exits; what is not kept needs no time.
            if self.writes {
                self.signal(Signal::TERM);
                let _ = self.exit_status();
            } else {
                self.signal(Signal::KILL);
                let _ = self.child.wait();
            }
        }
    }
}

/// `exited with status 1` or `was ended by signal 9`.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".into(),
    }
}

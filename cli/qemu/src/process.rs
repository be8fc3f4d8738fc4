// SPDX-License-Identifier: BSD-3-Clause
//! QEMU as a child process that cannot outlive this one.
//!
//! Three things end it: [`Qemu`]'s drop; the kernel, by a parent-death signal, if this process is killed; its own
//! exit. The signal must be requested between fork and exec, which takes unsafe code: so this program is started once
//! more, requests the signal and executes QEMU ([`become_child`]).

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
    emulated::Emulated,
    machine::{Machine, Serial},
    terminal::Terminal,
};

/// First argument of this program when it is to execute another one.
const BECOME: &str = "--become-child-of";

/// Exit status if QEMU cannot be executed, as in shells.
const NOT_STARTED: u8 = 127;

/// How long QEMU may take to exit after it has closed its output, or was asked to: it may have much to write back on a
/// busy machine.
const EXIT_GRACE: Duration = Duration::from_secs(30);

/// Every program that uses [`Qemu`] calls this first: if it was started to become QEMU, it executes QEMU and never
/// returns, or returns an exit status on failure.
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
    let program = args.next().context("no program to run")?;
    set_parent_process_death_signal(Some(Signal::KILL)).context("cannot set the parent-death signal")?;
    // If the parent died before the signal was requested, none is sent.
    if parent.is_none() || getppid() != parent {
        bail!("the parent process has exited");
    }
    let why = Command::new(&program).args(args).exec();
    bail!("cannot start {}: {why} (is it installed?)", program.display());
}

/// Result of reading the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadOutcome {
    /// This many bytes.
    Bytes(usize),
    /// Nothing within the time limit.
    Nothing,
    /// QEMU has closed its output: it is exiting.
    End,
}

/// What happens to QEMU's own messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Messages {
    /// They go to standard error.
    Shown,
    /// They are discarded.
    Hidden,
}

/// A running QEMU, in its own process group; ended and reaped on drop.
#[derive(Debug)]
pub struct Qemu {
    child: Child,
    group: Pid,
    output: ChildStdout,
    input: Option<ChildStdin>,
    /// Whether it caches writes to images, such as tables of qcow2.
    writes: bool,
}

impl Qemu {
    /// Starts `machine`. Its console can be typed into unless it is plain.
    ///
    /// The calling thread must live as long as the machine: the parent-death signal is sent when the
    /// thread ends.
    ///
    /// # Errors
    /// When no process can be started. A missing QEMU shows as an early exit.
    pub fn start(machine: &Machine, messages: Messages) -> Result<Self> {
        let interactive = machine.serial != Serial::Plain;
        let mut child = Command::new(env::current_exe().context("cannot find the path of this program")?)
            .args([BECOME, &std::process::id().to_string(), machine.arch.emulator()])
            .args(machine.arguments())
            // Snapshots keep the guest's writes there; QEMU's default is outside of a test's sandbox.
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

    /// Types `keys`. If the machine has just ended, they are lost.
    pub fn type_keys(&mut self, keys: &[u8]) {
        if let Some(input) = &mut self.input {
            let _ = input.write_all(keys).and_then(|()| input.flush());
        }
    }

    /// Waits for output, at most `limit`, and meanwhile passes on what is typed at `terminal`.
    ///
    /// # Errors
    /// When a pipe or the terminal fails.
    pub fn read(
        &mut self,
        buffer: &mut [u8],
        limit: Duration,
        terminal: Option<&mut Terminal>,
    ) -> io::Result<ReadOutcome> {
        let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
        let mut terminal = terminal.filter(|t| !t.ended());
        let mut fds = vec![PollFd::new(&self.output, PollFlags::IN)];
        if let (Some(terminal), Some(input)) = (&terminal, &self.input) {
            fds.push(PollFd::from_borrowed_fd(terminal.as_fd(), PollFlags::IN));
            // Writes only as much as the pipe takes, so that neither side blocks the other.
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
                // If the machine has just ended, the keys are lost.
                let _ = input.write_all(terminal.read()?);
            }
            // The guest does not read: the keys stay queued.
            (Some(true), Some(false), ..) => thread::sleep(Duration::from_millis(5)),
            _ => {}
        }
        if ready.first() != Some(&true) {
            return Ok(ReadOutcome::Nothing);
        }
        match self.output.read(buffer) {
            Ok(0) => Ok(ReadOutcome::End),
            Ok(length) => Ok(ReadOutcome::Bytes(length)),
            Err(why) if why.kind() == io::ErrorKind::Interrupted => Ok(ReadOutcome::Nothing),
            Err(why) => Err(why),
        }
    }

    /// Its exit status after it has closed its output or was asked to end; kills it if it does not exit in time.
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
        // Fails only if the group is already gone.
        let _ = kill_process_group(self.group, signal);
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        // Once reaped, the process id may be reused.
        if let Ok(None) = self.child.try_wait() {
            // On SIGTERM it writes back its caches and exits; if nothing is kept, it is killed at once.
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

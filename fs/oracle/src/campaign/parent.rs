// SPDX-License-Identifier: BSD-3-Clause
//! The process that supervises the one that reads mutants.

use std::{
    env, fs,
    fs::File,
    io::{BufRead, BufReader},
    ops::Range,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use super::{Failure, Plan, Report, TIME, child};
use crate::tools;

/// Wall-clock limit for one mutant. It is long, since the machine may be busy: it only ends a reader that waits for
/// something.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Interval at which the processor time of a silent child is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Maximum number of failures, each of which costs another start of the child.
const MOST_FAILURES: usize = 20;

/// Files in the campaign's folder: the image, and the child's standard error.
const IMAGE: &str = "image";
const ERRORS: &str = "stderr";

/// Runs the mutants in child processes; a new one is started after each that a mutant ended.
pub fn run(plan: Plan<'_>) -> Report {
    let test = thread::current().name().unwrap_or("main").to_string();
    assert_ne!(test, "main", "a campaign runs on its test's own thread");
    let dir = tools::work_dir(&format!("campaign-{test}-{}", plan.name));
    fs::write(dir.join(IMAGE), plan.image).expect("the folder was just made");
    let mut report = Report::new(plan);
    let mut next = 0;
    while next < plan.mutants {
        if report.failures.len() >= MOST_FAILURES {
            (report.is_given_up, report.mutants) = (true, next);
            break;
        }
        let child = start(plan, &test, next..plan.mutants, &dir);
        next = watch(plan, child, &dir.join(ERRORS), &mut report).map_or(plan.mutants, |failed| failed + 1);
    }
    report
}

/// Starts this program again, for the same test.
fn start(plan: Plan<'_>, test: &str, numbers: Range<usize>, dir: &Path) -> Child {
    let program = env::current_exe().expect("a test program has a path");
    let errors = File::create(dir.join(ERRORS)).expect("the folder was just made");
    Command::new(program)
        .args([test, "--exact", "--nocapture", "--include-ignored", "--test-threads=1"])
        .env(child::NAME, plan.name)
        .env(child::IMAGE, dir.join(IMAGE))
        .env(child::NUMBERS, format!("{}..{}", numbers.start, numbers.end))
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors)
        .spawn()
        .expect("the test program starts")
}

/// The mutant that the child is reading.
struct Current {
    number: usize,
    mutant: String,
}

/// Reads what the child says until it ends; returns the mutant that ended it, if one did.
fn watch(plan: Plan<'_>, mut child: Child, errors: &Path, report: &mut Report) -> Option<usize> {
    let lines = lines(&mut child);
    let mut current: Option<Current> = None;
    let mut is_sound = false;
    let cause = loop {
        // At first, the child reads the whole sound image and makes mutants, which takes longer but is not a hang.
        let most = if current.is_some() { TIME } else { TIME * 10 };
        match next(&lines, &mut child, most) {
            Event::Line(line) => match line.splitn(3, '\t').collect::<Vec<_>>()[..] {
                [child::CLEAN, _, layers] => {
                    let all = plan.layers.len().to_string();
                    assert_eq!(layers, all, "{}: layers that the sound image passes", plan.name);
                    is_sound = true;
                }
                [child::BEGIN, number, mutant] => {
                    current = Some(Current { number: parse(number), mutant: mutant.to_string() });
                }
                [child::PASSED, number, layers] => {
                    report.passed(parse(number), parse(layers));
                    current = None;
                }
                [child::PANICKED, _, text] => fail(report, current.take(), text.to_string()),
                // The harness's own lines.
                _ => {}
            },
            Event::Ended(status) => {
                let text = fs::read_to_string(errors).unwrap_or_default();
                assert!(is_sound, "{}: {status} before the first mutant\n{text}", plan.name);
                if status.success() && current.is_none() {
                    return None;
                }
                let said: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(3).collect();
                break format!("{status}: {}", said.join(" "));
            }
            Event::Hangs(time) => {
                // It may have just ended by itself: then there is nothing to kill.
                let _ = child.kill();
                let _ = child.wait();
                break format!("hangs: no answer after {time:?}");
            }
        }
    };
    let number = current.as_ref().map(|current| current.number);
    assert!(number.is_some(), "{}: {cause}, outside of any mutant", plan.name);
    fail(report, current, cause);
    number
}

fn parse(number: &str) -> usize {
    number.parse().expect("the child writes numbers")
}

fn fail(report: &mut Report, current: Option<Current>, cause: String) {
    let Current { number, mutant } = current.expect("a mutant that fails was begun");
    report.failures.push(Failure { number, mutant, cause });
}

enum Event {
    Line(String),
    Ended(ExitStatus),
    Hangs(Duration),
}

/// The child's lines; the channel ends with its standard output.
fn lines(child: &mut Child) -> Receiver<String> {
    let out = child.stdout.take().expect("standard output is piped");
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        // Lossy: a line that the reader under test prints may be anything.
        for line in BufReader::new(out).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The next event of the child, or that it took too long.
fn next(lines: &Receiver<String>, child: &mut Child, most: Duration) -> Event {
    let (start, used) = (Instant::now(), processor_time(child.id()));
    loop {
        match lines.recv_timeout(POLL_INTERVAL) {
            Ok(line) => return Event::Line(line),
            Err(RecvTimeoutError::Disconnected) => {
                return Event::Ended(child.wait().expect("it was started"));
            }
            Err(RecvTimeoutError::Timeout) => {
                // Saturates at zero if the child is gone, and its time with it.
                let time = processor_time(child.id()).saturating_sub(used);
                if time > most || start.elapsed() > TIMEOUT {
                    return Event::Hangs(time);
                }
            }
        }
    }
}

/// Processor time of a process so far: fields 14 and 15 of /proc/PID/stat, proc_pid_stat(5); zero if it has ended.
fn processor_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name, field 2, is in parentheses and may contain anything.
    let (_, fields) = stat.rsplit_once(')').unwrap_or_default();
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second()).unwrap_or(100)
}

// SPDX-License-Identifier: BSD-3-Clause
//! The process that reads mutants, under kernel limits.
//!
//! It prints two lines for each mutant on standard output: one at its start, and one with the result.

use std::{
    env, fs,
    io::{self, Write},
    ops::Range,
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    process,
    rc::Rc,
    sync::{Arc, Mutex},
    thread,
};

use block::BlockRead;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{
    Depth, MEMORY, Plan, Report, STACK,
    mutate::{Mutant, Mutator},
    record,
};

pub const NAME: &str = "CLOUD_BOOT_CAMPAIGN";
pub const IMAGE: &str = "CLOUD_BOOT_CAMPAIGN_IMAGE";
pub const NUMBERS: &str = "CLOUD_BOOT_CAMPAIGN_NUMBERS";

/// Prefixes of the lines; a tab follows, then the number, another tab, and text.
pub const CLEAN: &str = "campaign-clean";
pub const BEGIN: &str = "campaign-begin";
pub const PASSED: &str = "campaign-passed";
pub const PANICKED: &str = "campaign-panicked";

/// The task from the parent process.
pub struct Task {
    pub name: String,
    image: PathBuf,
    numbers: Range<usize>,
}

impl Task {
    /// The task, if this process was started for one.
    pub fn from_environment() -> Option<Self> {
        let variable = |name: &str| env::var(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let name = env::var(NAME).ok()?;
        let (numbers, image) = (variable(NUMBERS), PathBuf::from(variable(IMAGE)));
        let numbers = numbers.split_once("..").expect("a range");
        let bound = |text: &str| text.parse::<usize>().expect("a number");
        Some(Self { name, image, numbers: bound(numbers.0)..bound(numbers.1) })
    }
}

/// Reads the mutants and ends the process.
pub fn run(plan: Plan<'_>, task: Task) -> Report {
    let image = fs::read(&task.image).unwrap_or_else(|error| panic!("{}: {error}", task.image.display()));
    let plan = Plan { image: &image, ..plan };
    thread::scope(|scope| {
        let work = || work(plan, task.numbers.clone());
        thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).expect("a thread");
    });
    process::exit(0)
}

fn work(plan: Plan<'_>, numbers: Range<usize>) {
    limit(plan.image.len() as u64);
    say(format_args!("{CLEAN}\t0\t{}", (plan.read)(Rc::new(plan.image.to_vec()), Depth::All)));
    let mutator = Mutator::new(&plan, record::reads(&plan));
    let message = keep_panics();
    for number in numbers {
        let mutant = mutator.mutant(number);
        say(format_args!("{BEGIN}\t{number}\t{mutant}"));
        match panic::catch_unwind(AssertUnwindSafe(|| read(plan, &mutant))) {
            Ok(layers) => say(format_args!("{PASSED}\t{number}\t{layers}")),
            Err(_) => {
                let text = message.lock().map(|text| text.replace(['\n', '\t'], " ")).unwrap_or_default();
                say(format_args!("{PANICKED}\t{number}\t{text}"));
            }
        }
    }
}

fn read(plan: Plan<'_>, mutant: &Mutant) -> usize {
    let mut image = plan.image.to_vec();
    mutant.apply(&mut image, plan.repair);
    let image: Rc<dyn BlockRead> = Rc::new(image);
    (plan.read)(image, Depth::All)
}

/// Keeps the text of the last panic instead of printing it.
fn keep_panics() -> Arc<Mutex<String>> {
    let message = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&message);
    panic::set_hook(Box::new(move |info| {
        if let Ok(mut text) = kept.lock() {
            *text = info.to_string();
        }
    }));
    message
}

/// Limits memory to what the process has now, plus the image twice (sound and damaged) and [`MEMORY`].
fn limit(image: u64) {
    let status = fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let now = |key: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).expect(key);
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect(key) * 1024
    };
    for (resource, key) in [(Resource::As, "VmSize"), (Resource::Data, "VmData")] {
        let current = Some(now(key) + 2 * image + MEMORY);
        let maximum = getrlimit(resource).maximum;
        setrlimit(resource, Rlimit { current, maximum }).expect("a limit may be lowered");
    }
}

/// Prints a line directly, because the test harness captures `println`; it starts on a new line.
fn say(line: std::fmt::Arguments<'_>) {
    let mut out = io::stdout().lock();
    writeln!(out, "\n{line}").and_then(|()| out.flush()).expect("the parent reads");
}

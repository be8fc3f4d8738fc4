// SPDX-License-Identifier: BSD-3-Clause
//! The machine that a benchmark runs on.

use std::{fs, num::NonZero, process::Command, thread};

use anyhow::{Context, Result, ensure};

use crate::report::Fact;

/// Processor, cores, memory and kernel of this machine.
pub fn describe() -> Vec<Fact> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cores = thread::available_parallelism().map_or(0, NonZero::get);
    let processor = field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown".into());
    let is_guest = read("/proc/cpuinfo").lines().any(|line| is_flag(line, "hypervisor"));
    let guest = if is_guest { ", a virtual machine" } else { "" };
    let memory = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_else(|| "unknown".into());
    let kernel = read("/proc/sys/kernel/osrelease");
    vec![Fact::new(
        "machine",
        format!("{processor}, {cores} cores, {memory} of memory, Linux {}{guest}", kernel.trim()),
    )]
}

/// The first line that a program prints when it is asked for its version.
///
/// # Errors
/// When it is missing or fails.
pub fn version(program: &str, option: &str) -> Result<String> {
    let output = Command::new(program)
        .arg(option)
        .output()
        .with_context(|| format!("cannot start {program}; run it with tools/bazel run"))?;
    ensure!(output.status.success(), "{program} {option}: {}", output.status);
    // Some print it to standard error.
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    Ok(String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned())
}

/// The first value of that name in one of the kernel's `name: value` files.
fn field(text: &str, name: &str) -> Option<String> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
}

fn is_flag(line: &str, flag: &str) -> bool {
    line.split_once(':').is_some_and(|(key, flags)| {
        key.trim() == "flags" && flags.split_ascii_whitespace().any(|word| word == flag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_flags_of_the_kernels_files() {
        let text = "processor\t: 0\nmodel name\t: A 1\nflags\t\t: fpu hypervisor\nmodel name\t: B 2\n";
        assert_eq!(field(text, "model name").as_deref(), Some("A 1"));
        assert_eq!(field(text, "model"), None);
        assert!(text.lines().any(|line| is_flag(line, "hypervisor")));
        assert!(!text.lines().any(|line| is_flag(line, "hyper")));
    }

    #[test]
    fn this_machine_has_a_kernel() {
        assert!(describe()[0].value.contains(" cores, "), "{:?}", describe());
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let why = version("no-such-program", "--version").unwrap_err();
        assert!(format!("{why:#}").contains("no-such-program"), "{why:#}");
    }
}

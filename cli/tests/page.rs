// SPDX-License-Identifier: BSD-3-Clause
//! The commands of docs/broken-disk.md, as they stand there: each prints what the page shows.
//!
//! A fenced block whose first line begins with `$ ` is a session: each such line is a command of bash, and the lines
//! below it are what it prints, standard error included. `...` in a line stands for any text, alone on a line for any
//! number of lines. A command fails if and only if the last line that it prints is an error of `cloud-boot`.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Stdio,
};

use oracle::{
    aged,
    tools::{command, work_dir},
};

const PROMPT: &str = "$ ";
/// Stands for what differs from one machine to the next.
const ANY: &str = "...";
/// The disks of the page, which are those of an array that Linux has written.
const DISKS: [&str; 3] = ["a.raw", "b.raw", "c.raw"];

/// A command of the page.
#[derive(Debug, PartialEq)]
struct Step<'p> {
    command: &'p str,
    expected: Vec<&'p str>,
}

fn page() -> String {
    let path = env::var("BROKEN_DISK").unwrap_or_else(|_| "../docs/broken-disk.md".into());
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The commands of all sessions.
fn steps(page: &str) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let blocks = page.split("```\n").skip(1).step_by(2);
    for line in blocks.filter(|block| block.starts_with(PROMPT)).flat_map(str::lines) {
        match line.strip_prefix(PROMPT) {
            Some(command) => steps.push(Step { command, expected: Vec::new() }),
            None => steps.last_mut().expect("a session begins with a command").expected.push(line),
        }
    }
    steps
}

/// Whether a line is the expected one.
fn fits(expected: &str, line: &str) -> bool {
    let mut parts = expected.split(ANY);
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    true
}

/// Whether the lines are the expected ones.
fn all_fit(expected: &[&str], lines: &[&str]) -> bool {
    match (expected, lines) {
        ([], lines) => lines.is_empty(),
        ([ANY, rest @ ..], lines) => (0..=lines.len()).any(|skipped| all_fit(rest, &lines[skipped..])),
        ([first, rest @ ..], [line, behind @ ..]) => fits(first, line) && all_fit(rest, behind),
        (_, []) => false,
    }
}

/// A folder with the disks, and with the program where bash finds it.
fn machine() -> (PathBuf, String) {
    let dir = work_dir("page");
    let aged = aged::image("raid5");
    assert_eq!(aged.disks().count(), DISKS.len());
    for (name, bytes) in DISKS.iter().zip(aged.disks()) {
        fs::write(dir.join(name), bytes).unwrap();
    }
    let programs = dir.join(".bin");
    fs::create_dir(&programs).unwrap();
    let program = env::var_os("CLOUD_BOOT").expect("CLOUD_BOOT names the program");
    symlink(std::path::absolute(program).unwrap(), programs.join("cloud-boot")).unwrap();
    (dir, format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", programs.display()))
}

/// What a command prints, and whether it succeeds.
fn run(dir: &Path, path: &str, script: &str) -> (String, bool) {
    let mut bash = command("bash");
    bash.args(["-c", &format!("exec 2>&1\n{script}")]).current_dir(dir).env("PATH", path);
    let output = bash.stdin(Stdio::null()).output().unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())
}

#[test]
fn every_command_prints_what_the_page_shows() {
    let page = page();
    let (dir, path) = machine();
    let steps = steps(&page);
    assert!(steps.len() > 10, "{} commands", steps.len());
    for Step { command, expected } in steps {
        let (printed, succeeds) = run(&dir, &path, command);
        let lines: Vec<&str> = printed.lines().collect();
        assert!(all_fit(&expected, &lines), "$ {command}\n{printed}\nin the page:\n{}", expected.join("\n"));
        let is_error = lines.last().is_some_and(|line| line.starts_with("cloud-boot: E-"));
        assert_eq!(succeeds, !is_error, "$ {command}\n{printed}");
    }
}

#[test]
fn no_command_of_the_page_is_left_out() {
    let page = page();
    let of_sessions = steps(&page).iter().filter(|step| step.command.contains("cloud-boot ")).count();
    let blocks = page.split("```\n").skip(1).step_by(2);
    let all = blocks.flat_map(str::lines).map(|line| line.trim_start_matches(PROMPT));
    assert_eq!(all.filter(|line| line.starts_with("cloud-boot ")).count(), of_sessions);
}

#[test]
fn a_line_of_the_page_is_read_as_it_is_meant() {
    let text = "x\n```\n$ a b\n1\n...\n$ c\n```\ny\n```\nno session\n```\n";
    let expected =
        [Step { command: "a b", expected: vec!["1", "..."] }, Step { command: "c", expected: vec![] }];
    assert_eq!(steps(text), expected);
    assert!(fits("a", "a") && fits("a...", "a") && fits("a...d", "a b c d") && fits("...b...", "abc"));
    assert!(
        !fits("a", "ab") && !fits("a...d", "a b c") && !fits("a...b...c", "acb") && !fits("ab...ba", "aba")
    );
    assert!(all_fit(&["a", "...", "c"], &["a", "c"]) && all_fit(&["...", "c"], &["a", "b", "c"]));
    assert!(!all_fit(&["a"], &["a", "b"]) && !all_fit(&["...", "c"], &["a", "b"]) && !all_fit(&["a"], &[]));
}

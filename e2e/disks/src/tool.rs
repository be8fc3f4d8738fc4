// SPDX-License-Identifier: BSD-3-Clause
//! Runs other programs: silent if they succeed, with all their output if they fail.

use std::{
    io::{self, BufWriter, Write},
    process::{Child, ChildStdin, Command, Output, Stdio},
};

use anyhow::{Context, Result, anyhow, bail};

/// Runs `command` to its end, without input, and returns its standard output.
///
/// # Errors
/// When it is missing or exits with anything but 0; the error has all its output.
pub fn run(command: &mut Command) -> Result<String> {
    let output = start(command.stdin(Stdio::null()))?.wait_with_output().context("waiting")?;
    finish(command, output)
}

/// Runs `command` with what `input` writes as its standard input.
///
/// # Errors
/// As [`run`], and when `input` fails.
pub fn feed(
    command: &mut Command,
    input: impl FnOnce(&mut BufWriter<ChildStdin>) -> Result<()>,
) -> Result<String> {
    let mut child = start(command.stdin(Stdio::piped()))?;
    let mut pipe = BufWriter::new(child.stdin.take().context("no pipe to the program")?);
    let written = input(&mut pipe).and_then(|()| Ok(pipe.flush()?));
    drop(pipe); // its end is what the program waits for
    let output = child.wait_with_output().context("waiting")?;
    match written {
        // A program that fails closes the pipe: its output says why.
        Err(error) if !is_broken_pipe(&error) => Err(error),
        _ => finish(command, output),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
}

fn start(command: &mut Command) -> Result<Child> {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| anyhow!("{}: {e}", command.get_program().display()))
}

fn finish(command: &Command, output: Output) -> Result<String> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    bail!("{}: {command:?}\n{}{}", output.status, text, errors.trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_yields_the_output() {
        assert_eq!(run(Command::new("echo").arg("x")).unwrap(), "x\n");
    }

    #[test]
    fn a_failure_has_the_words_of_the_tool() {
        let error = run(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.ends_with("why"), "{error}");
        let error = run(&mut Command::new("/no/such/tool")).unwrap_err().to_string();
        assert!(error.starts_with("/no/such/tool: "), "{error}");
    }

    #[test]
    fn feed_gives_the_input() {
        let output = feed(&mut Command::new("cat"), |w| Ok(w.write_all(b"in")?)).unwrap();
        assert_eq!(output, "in");
    }

    #[test]
    fn a_tool_that_stops_reading_is_asked_why() {
        // More than a pipe holds (64 KiB), so that the writer meets the closed end.
        let error = feed(Command::new("sh").args(["-c", "echo full >&2; exit 1"]), |w| {
            Ok(w.write_all(&[0; 1 << 20])?)
        });
        assert!(error.unwrap_err().to_string().ends_with("full"));
    }
}

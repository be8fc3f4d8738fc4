// SPDX-License-Identifier: BSD-3-Clause
//! The real programs that make and check formats.

use std::{
    env, fs,
    io::{ErrorKind, Write},
    path::PathBuf,
    process::{Command, Output, Stdio},
};

/// Where the programs are.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// A command without arguments: found in the system's folders, with English messages, in UTC.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", PATH).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    command
}

/// Runs a program and returns its standard output.
///
/// # Panics
/// If the program fails, with its output; if it is missing, with its name.
pub fn run(program: &str, args: &[&str]) -> Vec<u8> {
    succeeded(program, args, output(program, args))
}

/// Runs a program with `input` as its standard input and returns its standard output.
///
/// # Panics
/// As [`run`].
pub fn run_with_input(program: &str, args: &[&str], input: &[u8]) -> Vec<u8> {
    succeeded(program, args, output_with_input(program, args, input))
}

/// Runs a program and returns its status and output, whether or not it succeeds.
///
/// # Panics
/// If it is missing.
pub fn output(program: &str, args: &[&str]) -> Output {
    started(program, command(program).args(args).stdin(Stdio::null()).output())
}

/// Runs a program with `input` as its standard input and returns its status and output, whether or not it succeeds.
///
/// # Panics
/// If it is missing.
pub fn output_with_input(program: &str, args: &[&str], input: &[u8]) -> Output {
    let pipes = |command: &mut Command| {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    };
    let mut child = started(program, pipes(command(program).args(args)));
    let mut stdin = child.stdin.take().expect("standard input is piped");
    std::thread::scope(|scope| {
        // On its own thread: a program that prints before it has read all its input would block both sides.
        scope.spawn(move || match stdin.write_all(input) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => panic!("{program}: {error}"),
            _ => {}
        });
        child.wait_with_output().unwrap_or_else(|error| panic!("{program}: {error}"))
    })
}

/// The first line that a program prints on either output, such as its version.
///
/// # Panics
/// If it is missing or prints nothing.
pub fn first_line(program: &str, args: &[&str]) -> String {
    let Output { stdout, stderr, .. } = output(program, args);
    let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    said.lines().next().unwrap_or_else(|| panic!("{program} {args:?} prints nothing")).trim().to_string()
}

fn started<T>(program: &str, result: std::io::Result<T>) -> T {
    result.unwrap_or_else(|error| match error.kind() {
        ErrorKind::NotFound => panic!("{program} is not installed in {PATH}: this test needs it"),
        _ => panic!("{program}: {error}"),
    })
}

fn succeeded(program: &str, args: &[&str], output: Output) -> Vec<u8> {
    assert!(
        output.status.success(),
        "{program} {}: {}\n{}{}",
        args.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    output.stdout
}

/// An empty folder with this name for the files of one test: in Bazel's `TEST_TMPDIR`, otherwise in the system's folder
/// for temporary files, under the name of the test program. Another call empties it.
///
/// # Panics
/// If it cannot be made.
pub fn work_dir(name: &str) -> PathBuf {
    let base = match env::var_os("TEST_TMPDIR") {
        Some(dir) => PathBuf::from(dir),
        None => {
            let program = env::current_exe().expect("a test program has a path");
            env::temp_dir().join("cloud-boot-tests").join(program.file_name().expect("and a name"))
        }
    };
    let dir = base.join(name);
    match fs::remove_dir_all(&dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => panic!("{}: {error}", dir.display()),
        _ => {}
    }
    fs::create_dir_all(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    dir
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    fn message(test: fn()) -> String {
        *catch_unwind(test).unwrap_err().downcast::<String>().unwrap()
    }

    #[test]
    fn a_missing_or_failing_program_is_named() {
        assert!(message(|| drop(run("no-such-tool", &[]))).contains("no-such-tool is not installed"));
        let failing = message(|| drop(run("sh", &["-c", "echo why >&2; exit 3"])));
        assert!(failing.contains("exit status: 3") && failing.contains("why"), "{failing}");
    }

    #[test]
    fn output_and_input_pass_whole() {
        // More than the 64 KiB of a pipe, so that both directions must move at once.
        let input: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
        assert!(run_with_input("cat", &[], &input) == input);
        assert_eq!(run("printf", &["%s", "text"]), b"text");
        assert_eq!(output("false", &[]).status.code(), Some(1));
        assert_eq!(first_line("sh", &["-c", "echo one >&2; echo two >&2"]), "one");
    }

    #[test]
    fn a_work_dir_is_empty_each_time() {
        fs::write(work_dir("tools").join("file"), "x").unwrap();
        assert_eq!(fs::read_dir(work_dir("tools")).unwrap().count(), 0);
    }
}

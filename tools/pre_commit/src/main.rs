// SPDX-License-Identifier: BSD-3-Clause
//! `tools/bazel run //tools:pre-commit [-- --help]`: the checks that take seconds, and the hook that runs them.
//!
//! It uses only the standard library, so that the hook builds quickly.

mod hook;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Instant,
};

const USAGE: &str = "usage: tools/bazel run //tools:pre-commit [-- OPTION]

Checks style and pages of the whole checkout, and spelling and format of the files that differ from the last commit, or
of all files if none differs. With an option:

  --install      installs this as git's hook, which checks what is committed, not the rest of the checkout
  --hook         prints that hook
  --all          checks spelling and format of all files
  TREE CHANGED   checks a copy of a checkout, as the hook does; the file CHANGED has the names of the files that differ

The program itself takes LINT DOCS RUSTFMT NAMES before these: two programs, rustfmt, the names of //e2e's targets.";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [lint, docs, rustfmt, names, rest @ ..] = words.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let tools = Tools { lint, docs, rustfmt, names };
    let outcome = match rest {
        ["--help" | "-h"] => Ok(format!("{USAGE}\n")),
        ["--hook"] => Ok(hook::TEXT.to_owned()),
        ["--install"] => workspace().and_then(|root| hook::install(&root)).map(|said| said + "\n"),
        [] => workspace().and_then(|root| check(&tools, &root, &hook::changed(&root).unwrap_or_default())),
        ["--all"] => workspace().and_then(|root| check(&tools, &root, "")),
        [tree, changed] if !tree.starts_with('-') => fs::read_to_string(changed)
            .map_err(|e| format!("{changed}: {e}"))
            .and_then(|changed| check(&tools, Path::new(tree), &changed)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(said) => {
            print!("{said}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("pre-commit: {why}");
            ExitCode::FAILURE
        }
    }
}

struct Tools<'a> {
    lint: &'a str,
    docs: &'a str,
    rustfmt: &'a str,
    names: &'a str,
}

fn workspace() -> Result<PathBuf, String> {
    let root = env::var_os("BUILD_WORKSPACE_DIRECTORY").ok_or("run it with tools/bazel run")?;
    Ok(root.into())
}

/// Runs all checks, even after one fails, and prints the result of each. Style and pages need all files, because these
/// depend on each other; the slower checks only take the changed ones.
fn check(tools: &Tools<'_>, root: &Path, changed: &str) -> Result<String, String> {
    let module = root.join("MODULE.bazel").display().to_string();
    let changed: Vec<&str> = changed.split_terminator('\0').collect();
    let checks: [(&str, &str, &[&str]); 4] = [
        ("style", tools.lint, &["style", &module]),
        ("spelling", tools.lint, &[&["spelling", &module], changed.as_slice()].concat()),
        ("format", tools.lint, &[&["formatted", tools.rustfmt, &module], changed.as_slice()].concat()),
        ("pages", tools.docs, &["check", &module, tools.names]),
    ];
    let mut failed = Vec::new();
    for (name, program, arguments) in checks {
        let start = Instant::now();
        let output =
            Command::new(program).args(arguments).output().map_err(|e| format!("{name}: {program}: {e}"))?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        if output.status.success() {
            println!("{name}: {} ({:.1} s)", said.trim(), start.elapsed().as_secs_f32());
        } else {
            println!("{name}: failed\n{}", said.trim_end());
            failed.push(name);
        }
    }
    if failed.is_empty() { Ok(String::new()) } else { Err(format!("{} failed", failed.join(", "))) }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Writes the matrix of formats, `docs/formats.md`, from the results of tests, and checks that page.

mod matrix;
mod page;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use oracle::compared::{Compared, FILE};

const USAGE: &str =
    "usage: formats                    prints the matrix of the last results of tests, in bazel-testlogs
       formats --update           writes it to docs/formats.md
       formats check PAGE KINDS   whether the page has one; KINDS: a file with `FORMAT KIND`, one a line";
/// The variable with the checkout, set by `bazel run`.
const CHECKOUT: &str = "BUILD_WORKSPACE_DIRECTORY";
/// Bazel's link to the outputs of tests, and the page, relative to the checkout.
const LOGS: &str = "bazel-testlogs";
const PAGE: &str = "docs/formats.md";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        [] => checkout().and_then(|root| matrix(&root)),
        ["--update"] => checkout().and_then(|root| update(&root)),
        ["check", page, kinds] => check(Path::new(page), Path::new(kinds)),
        _ => Err(USAGE.into()),
    };
    match outcome {
        Ok(said) => {
            println!("{}", said.trim_end());
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("formats: {why}");
            ExitCode::FAILURE
        }
    }
}

fn checkout() -> Result<PathBuf, String> {
    env::var_os(CHECKOUT).map(PathBuf::from).ok_or("run it with tools/bazel run //docs:formats".into())
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The matrix of all results.
fn matrix(root: &Path) -> Result<String, String> {
    let logs = root.join(LOGS);
    let (mut files, mut folders) = (Vec::new(), vec![logs.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))? {
            let entry = entry.map_err(|error| format!("{}: {error}", folder.display()))?;
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ if entry.file_name() == FILE => files.push(entry.path()),
                _ => {}
            }
        }
    }
    let mut lines = Vec::new();
    for file in files {
        for line in read(&file)?.lines() {
            let parsed: Result<Compared, _> = serde_json::from_str(line);
            lines.push(parsed.map_err(|error| format!("{}: {error}: {line}", file.display()))?);
        }
    }
    if lines.is_empty() {
        return Err(format!(
            "{} has no {FILE}: run tools/bazel test //fs/... and perhaps //fs:matrix",
            logs.display()
        ));
    }
    Ok(matrix::markdown(lines))
}

fn update(root: &Path) -> Result<String, String> {
    let path = root.join(PAGE);
    let text = page::replace(&read(&path)?, &matrix(root)?)?;
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(format!("written: {}", path.display()))
}

fn check(page: &Path, kinds: &Path) -> Result<String, String> {
    let kinds = read(kinds)?;
    let kinds: Vec<(&str, &str)> = kinds.lines().filter_map(|line| line.split_once(' ')).collect();
    let rows = page::check(&read(page)?, &kinds)?;
    Ok(format!("{rows} rows"))
}

// SPDX-License-Identifier: BSD-3-Clause
//! The style checks that are test targets, and the formatter behind `tools/bazel run //tools:format`.
//!
//! It uses only the standard library: the tests of every other package depend on this program.

mod matrix;
mod style;

use std::{
    collections::HashSet,
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

const USAGE: &str = "usage: lint format RUSTFMT CONFIG EDITION FILE...   rustfmt --check
       lint formatted RUSTFMT MODULE.bazel FILE...
                                                  rustfmt --check of these files of the checkout that contains
                                                  MODULE.bazel; of every Rust file if none is named
       lint style MODULE.bazel                    checks the house rules for the checkout that contains MODULE.bazel
       lint matrix README ARCH,ARCH WORD...       checks the README's table of what works
       lint spelling MODULE.bazel FILE...         codespell, for the same files as `formatted`
       lint write RUSTFMT                         formats every Rust file of the checkout";

/// The Rust edition of all files.
const EDITION: &str = "2024";

/// The configuration file of rustfmt.
const CONFIGURATION: &str = "rustfmt.toml";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["format", rustfmt, config, edition, files @ ..] => format(rustfmt, config, edition, files),
        ["matrix", readme, arches, rest @ ..] => matrix::check(Path::new(readme), arches, rest),
        ["formatted", rustfmt, module, names @ ..] => formatted(rustfmt, Path::new(module), names),
        ["style", module] => check_style(Path::new(module)),
        ["spelling", module, names @ ..] => spelling(Path::new(module), names),
        ["write", rustfmt] => write(rustfmt),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("lint: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|e| format!("{}: {e}", command.get_program().display()))?;
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", command.get_program().display())) }
}

fn format(rustfmt: &str, config: &str, edition: &str, files: &[&str]) -> Result<(), String> {
    run(Command::new(rustfmt).args(["--check", "--config-path", config, "--edition", edition]).args(files))
        .map_err(|why| format!("{why}; fix it with tools/bazel run //tools:format"))
}

/// The checkout that contains MODULE.bazel: the file is a link into it, even in a sandbox.
fn checkout(module: &Path) -> Result<PathBuf, String> {
    let module = module.canonicalize().map_err(|e| format!("{}: {e}", module.display()))?;
    Ok(module.parent().ok_or("MODULE.bazel has no folder")?.to_path_buf())
}

fn check_style(module: &Path) -> Result<(), String> {
    let root = checkout(module)?;
    let files = style::files(&root)?;
    let faults = style::check(&root, &files);
    faults.iter().for_each(|fault| eprintln!("{fault}"));
    match faults.len() {
        0 => Ok(println!("{} files", files.len())),
        n => Err(format!("{n} faults")),
    }
}

/// The files with these names, relative to the top of the checkout; all files if no name is given.
fn named(root: &Path, files: Vec<PathBuf>, names: &[&str]) -> Vec<PathBuf> {
    if names.is_empty() {
        return files;
    }
    let names: HashSet<PathBuf> = names.iter().map(|name| root.join(name)).collect();
    files.into_iter().filter(|file| names.contains(file)).collect()
}

/// Runs codespell. Generated files are left out: their spelling is not ours.
fn spelling(module: &Path, names: &[&str]) -> Result<(), String> {
    let root = checkout(module)?;
    let generated =
        |file: &PathBuf| file.ends_with("Cargo.lock") || file.starts_with(root.join("third_party"));
    let files = style::files(&root)?.into_iter().filter(|file| !generated(file)).collect();
    let files = named(&root, files, names);
    // Without a file, codespell checks the current folder.
    if !files.is_empty() {
        // `bu` and `bui` are XFS log items (`XFS_LI_BUI`).
        run(Command::new("codespell").args(["--ignore-words-list", "bu,bui,intoto"]).args(&files))?;
    }
    println!("{} files", files.len());
    Ok(())
}

/// Every Rust file of a checkout.
fn rust(root: &Path) -> Result<Vec<PathBuf>, String> {
    let files = style::files(root)?.into_iter();
    Ok(files.filter(|file| file.extension().is_some_and(|end| end == "rs")).collect())
}

fn formatted(rustfmt: &str, module: &Path, names: &[&str]) -> Result<(), String> {
    let root = checkout(module)?;
    // A change of the rules affects every file.
    let names = if names.contains(&CONFIGURATION) { &[] } else { names };
    let files = named(&root, rust(&root)?, names);
    let words: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // Without a file, rustfmt reads the standard input.
    if !files.is_empty() {
        format(rustfmt, &root.join(CONFIGURATION).display().to_string(), EDITION, &words)?;
    }
    println!("{} files", files.len());
    Ok(())
}

fn write(rustfmt: &str) -> Result<(), String> {
    let root = env::var("BUILD_WORKSPACE_DIRECTORY").map_err(|_| "run it with tools/bazel run")?;
    let root = PathBuf::from(root);
    let rust = rust(&root)?;
    println!("formatting {} files", rust.len());
    let config = root.join(CONFIGURATION);
    run(Command::new(rustfmt).arg("--config-path").arg(config).args(["--edition", EDITION]).args(rust))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_is_looked_at() {
        let files = || vec![PathBuf::from("/r/a.rs"), PathBuf::from("/r/b/a.rs")];
        let named = |names: &[&str]| named(Path::new("/r"), files(), names);
        assert_eq!(named(&[]), files());
        assert_eq!(named(&["b/a.rs", "gone.rs"]), [Path::new("/r/b/a.rs")]);
        assert_eq!(named(&["README.md"]), [] as [&Path; 0]);
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! `tools/bazel run //tools:new-crate -- fs/NAME`: makes a new library in the house style.
//!
//! It uses only the standard library, so that it builds without waiting for other crates.

mod manifest;
mod name;
mod template;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use name::Name;

const USAGE: &str = "usage: tools/bazel run //tools:new-crate -- FOLDER/NAME

Makes the library FOLDER/NAME; FOLDER is fs, boot or net.

  tools/bazel run //tools:new-crate -- fs/xfs       a filesystem
  tools/bazel run //tools:new-crate -- boot/fdt     something that a boot needs

The program itself: new_crate make FOLDER/NAME
                    new_crate files FOLDER/NAME OUT   its files only, below OUT";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["make", "--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        ["make", path] => make(path),
        ["files", path, out] => files(path, Path::new(out)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("new-crate: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Makes a crate. All checks come before anything is written.
fn make(path: &str) -> Result<String, String> {
    let root = env::var("BUILD_WORKSPACE_DIRECTORY").map_err(|_| "run it with tools/bazel run")?;
    let root = PathBuf::from(root);
    let name = Name::parse(path)?;
    if root.join(name.path()).exists() {
        return Err(format!("{path} already exists"));
    }
    let cargo = root.join("Cargo.toml");
    let manifest = manifest::with(&read(&cargo)?, &name)?;
    let files = template::files(&name);
    write_all(&root.join(name.path()), &files)?;
    fs::write(&cargo, manifest).map_err(|e| format!("{}: {e}", cargo.display()))?;
    Ok(next(&root, &name))
}

fn files(path: &str, out: &Path) -> Result<String, String> {
    let files = template::files(&Name::parse(path)?);
    write_all(out, &files)?;
    Ok(format!("{} files", files.len()))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn write_all(folder: &Path, files: &[(&str, String)]) -> Result<(), String> {
    for (file, text) in files {
        let path = folder.join(file);
        let fault = |e| format!("{}: {e}", path.display());
        fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(fault)?;
        fs::write(&path, text).map_err(fault)?;
    }
    Ok(())
}

/// The next steps for the user.
fn next(root: &Path, name: &Name) -> String {
    let (path, folder) = (name.path(), name.folder);
    let readme = if root.join(folder).join("README.md").exists() {
        format!("{folder}/README.md: add a line about the crate")
    } else {
        format!("{folder}/README.md: write it, and say what belongs in {folder} and what does not")
    };
    format!(
        "made {path}, and its lines in Cargo.toml. Next:
  tools/bazel run //third_party:repin     adds the crate to Cargo.lock
  tools/bazel test //{path}/...
  {path}/src/lib.rs: replace the example header with the real parser
  {path}/README.md: say what the crate is, and what it does not support
  {readme}
Error codes are rows of {path}/src/codes.rs; docs/extending.md describes all steps."
    )
}

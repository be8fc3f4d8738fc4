// SPDX-License-Identifier: BSD-3-Clause
//! `//release:verify`: compares a folder with the release of the checkout.

use std::{
    env, fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;

use crate::{compare, provenance, rebuild::Rebuilt};

/// Largest provenance, in bytes.
const LONGEST: u64 = 1 << 24;

#[derive(Args)]
#[command(after_help = "Examples:
  tools/bazel run //release:verify -- ~/Downloads/cloud-boot-0.0.1
      rebuilds everything without caches, and compares
  tools/bazel run //release:verify -- ~/Downloads/cloud-boot-0.0.1 --with ~/other/bazel-bin/release/cloud-boot-0.0.1
      compares with a release that somebody has built

A line for each file: `same`, `differs at byte N`, `missing`, `unknown`. Exit codes: 0 all the same, 1 otherwise.")]
pub struct Arguments {
    /// The folder of the release: the files beside its SHA256SUMS
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Compare with this folder, and build nothing
    #[arg(long, value_name = "DIR")]
    with: Option<PathBuf>,
}

/// Prints the lines; returns whether everything is the same.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let dir = from_caller(&arguments.dir);
    ensure!(
        dir.is_dir(),
        "{}: no such folder (only your home, /tmp and the checkout are visible)",
        dir.display()
    );
    let rebuilt = match &arguments.with {
        Some(_) => None,
        None => Some(Rebuilt::new()?),
    };
    let release = match (&rebuilt, &arguments.with) {
        (Some(rebuilt), _) => rebuilt.release()?,
        (None, with) => from_caller(with.as_deref().unwrap_or(Path::new("."))),
    };
    let lines = compare::folders(&dir, &release)?;
    for line in &lines {
        println!("{line}");
    }
    if lines.iter().any(compare::Line::is_other) {
        reasons(&dir, &release)?;
    }
    Ok(lines.iter().all(compare::Line::is_good))
}

/// A path relative to where `bazel run` was called: it starts programs elsewhere.
fn from_caller(path: &Path) -> PathBuf {
    env::var_os("BUILD_WORKING_DIRECTORY").map_or_else(PathBuf::new, PathBuf::from).join(path)
}

/// Prints differences of the provenances, as reasons for other bytes.
fn reasons(dir: &Path, release: &Path) -> Result<()> {
    let ours = provenance_in(release)?.context("the rebuilt release has no provenance")?;
    let Some(theirs) = provenance_in(dir)? else {
        println!("no reason known: the folder has no readable provenance");
        return Ok(());
    };
    for (name, what) in [(provenance::SOURCE, "commit"), (provenance::TOOLBOX, "toolbox")] {
        let digest = |statement| provenance::digest_of(statement, name).unwrap_or_else(|| "unknown".into());
        let (theirs, ours) = (digest(&theirs), digest(&ours));
        if theirs != ours {
            println!(
                "a reason: the {what} of the folder is {}, of this checkout {ours}",
                theirs.escape_debug()
            );
        }
    }
    Ok(())
}

/// The file `*.provenance.json` of a folder; none if it is missing or not JSON.
fn provenance_in(dir: &Path) -> Result<Option<Value>> {
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".provenance.json") && path.symlink_metadata()?.is_file() {
            let mut bytes = Vec::new();
            fs::File::open(&path)?.take(LONGEST).read_to_end(&mut bytes)?;
            return Ok(serde_json::from_slice(&bytes).ok());
        }
    }
    Ok(None)
}

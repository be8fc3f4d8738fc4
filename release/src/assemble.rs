// SPDX-License-Identifier: BSD-3-Clause
//! The folder of a release: programs, SPDX document, checksums.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    graph::Graph,
    packages,
    sbom::{self, Inputs},
    sums::{self, Sums},
};

#[derive(Args)]
pub struct Arguments {
    /// Version of the release
    #[arg(long)]
    version: String,
    /// The files of the release and the crates in them, as JSON
    #[arg(long, value_name = "FILE")]
    graph: String,
    /// Cargo.lock
    #[arg(long, value_name = "FILE")]
    lock: String,
    /// The packages of the toolbox
    #[arg(long, value_name = "FILE")]
    toolbox: String,
    /// The folder to fill
    #[arg(long, value_name = "DIR")]
    out: String,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let graph = Graph::read(&arguments.graph)?;
    let lock = fs::read_to_string(&arguments.lock).with_context(|| arguments.lock.clone())?;
    let mut files = BTreeMap::new();
    for artifact in &graph.artifacts {
        let bytes = fs::read(&artifact.path).with_context(|| artifact.path.clone())?;
        files.insert(artifact.name.clone(), bytes);
    }
    let document = sbom::document(&Inputs {
        version: &arguments.version,
        graph: &graph,
        crates: &packages::of_lock(&lock),
        toolbox: &packages::of_toolbox(&arguments.toolbox)?,
        files: &files,
    })?;
    let name = format!("cloud-boot-{}.spdx.json", arguments.version);
    files.insert(name, format!("{document:#}\n").into_bytes());
    let sums = Sums(files.iter().map(|(name, bytes)| (name.clone(), sums::sha256(bytes))).collect());
    files.insert(sums::NAME.into(), sums.text().into_bytes());
    for (name, bytes) in &files {
        let path = Path::new(&arguments.out).join(name);
        fs::write(&path, bytes).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

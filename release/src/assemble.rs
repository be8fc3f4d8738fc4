// SPDX-License-Identifier: BSD-3-Clause
//! The folder of a release: programs, SPDX document, checksums.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    graph::{Graph, Kind},
    packages,
    sbom::{self, Parts},
    sums::{self, Sums},
};

#[derive(Args)]
pub struct Arguments {
    /// Version of the release
    #[arg(long)]
    version: String,
    /// What is released, and the crates in it, as JSON
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
    let out = Path::new(&arguments.out);
    let mut created = None;
    let mut sums = Sums::default();
    let mut add = |name: &str, bytes: &[u8]| {
        sums.0.insert(name.to_owned(), sums::sha256(bytes));
        fs::write(out.join(name), bytes).with_context(|| format!("{}: cannot write {name}", out.display()))
    };
    for artifact in &graph.artifacts {
        let bytes = fs::read(&artifact.path).with_context(|| artifact.path.clone())?;
        if artifact.kind == Kind::Image {
            created = Some(sbom::created(&bytes).with_context(|| artifact.path.clone())?);
        }
        add(&artifact.name, &bytes)?;
    }
    let lock = fs::read_to_string(&arguments.lock).with_context(|| arguments.lock.clone())?;
    let document = sbom::document(&Parts {
        version: &arguments.version,
        created: &created.context("no image is released")?,
        graph: &graph,
        crates: &packages::of_lock(&lock),
        toolbox: &packages::of_toolbox(&arguments.toolbox)?,
        sums: &sums,
    })?;
    let name = format!("cloud-boot-{}.spdx.json", arguments.version);
    let document = format!("{document:#}\n");
    sums.0.insert(name.clone(), sums::sha256(document.as_bytes()));
    fs::write(out.join(&name), document).context(name)?;
    fs::write(out.join(sums::NAME), sums.text()).context(sums::NAME)
}

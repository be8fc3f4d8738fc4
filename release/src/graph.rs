// SPDX-License-Identifier: BSD-3-Clause
//! The files and crates of a release, as Bazel's rules know them (`defs.bzl` writes them as JSON).

use std::fs;

use anyhow::{Context, Result};
use serde::Deserialize;

/// The programs and all crates that are linked into one of them.
#[derive(Deserialize)]
pub struct Graph {
    pub artifacts: Vec<Artifact>,
    pub crates: Vec<Crate>,
}

/// A file of the release.
#[derive(Deserialize)]
pub struct Artifact {
    /// Its name in the release's folder.
    pub name: String,
    /// Its path in Bazel's output.
    pub path: String,
    pub kind: Kind,
    /// The architecture, as in `//platforms:defs.bzl`; none for the image.
    pub arch: Option<String>,
    /// Keys of all crates that are linked into it.
    pub crates: Vec<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A static Linux program.
    Command,
    /// The boot image: all loaders.
    Image,
    /// A UEFI program.
    Loader,
}

#[derive(Deserialize)]
pub struct Crate {
    /// `NAME-VERSION` of a package of Cargo.lock, or the folder of a crate of this workspace.
    pub key: String,
    /// The `Cargo.toml` of a package of Cargo.lock; none for a crate of this workspace.
    pub manifest: Option<String>,
    /// Keys of the crates that it depends on.
    pub deps: Vec<String>,
}

impl Graph {
    /// Reads a file.
    pub fn read(path: &str) -> Result<Self> {
        let text = fs::read(path).with_context(|| path.to_owned())?;
        serde_json::from_slice(&text).with_context(|| path.to_owned())
    }
}

/// What a crate's manifest says of its licence, as an SPDX expression.
///
/// Manifests in registries are written by cargo: one key a line. `/` for OR is an old way to write it.
pub fn licence(manifest: &str) -> Option<String> {
    let package =
        manifest.split("\n[").find(|table| table.trim_start_matches('[').starts_with("package]"))?;
    let line = package.lines().find_map(|line| line.strip_prefix("license = \""))?;
    let expression = line.strip_suffix('"')?;
    Some(expression.split('/').map(str::trim).collect::<Vec<_>>().join(" OR "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_of_manifests() {
        let manifest =
            "# by cargo\n[package]\nname = \"a\"\nlicense = \"MIT OR Apache-2.0\"\n\n[lib]\nname = \"a\"\n";
        assert_eq!(licence(manifest).as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!(licence("[package]\nlicense = \"MIT/Apache-2.0\"").as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!(licence("[package]\nlicense-file = \"LICENSE\"\n[x]\nlicense = \"MIT\""), None);
        assert_eq!(licence(""), None);
    }

    #[test]
    fn a_graph_as_the_rule_writes_it() {
        let text = r#"{"artifacts":[{"name":"a.iso","path":"p","kind":"image","arch":null,"crates":[]}],
            "crates":[{"key":"fs/ext4","manifest":null,"deps":["crc-3.4.0"]}]}"#;
        let graph: Graph = serde_json::from_str(text).unwrap();
        assert!(graph.artifacts[0].kind == Kind::Image && graph.artifacts[0].arch.is_none());
        assert_eq!(graph.crates[0].deps, ["crc-3.4.0"]);
        assert!(serde_json::from_str::<Graph>("{}").is_err());
    }
}

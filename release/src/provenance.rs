// SPDX-License-Identifier: BSD-3-Clause
//! The provenance of a release: an in-toto Statement with SLSA provenance, not signed.
//!
//! It has no times and no host name: the same commit in the same toolbox gives the same bytes.
//! Spec: in-toto Attestation Framework 1.0, Statement; SLSA 1.0, provenance.

use std::fs;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::{
    packages::{self, Package},
    sums::{Sums, sha256},
};

/// Names of dependencies, which `//release:verify` also compares.
pub const SOURCE: &str = "cloud-boot";
pub const TOOLBOX: &str = "toolbox";

#[derive(Args)]
pub struct Arguments {
    /// SHA256SUMS of the release
    #[arg(long, value_name = "FILE")]
    sums: String,
    /// Cargo.lock
    #[arg(long, value_name = "FILE")]
    lock: String,
    /// The packages of the toolbox
    #[arg(long, value_name = "FILE")]
    toolbox: String,
    /// tools/toolbox/toolbox.lock
    #[arg(long, value_name = "FILE")]
    toolbox_lock: String,
    /// The output of .bazelrc's --workspace_status_command
    #[arg(long, value_name = "FILE")]
    status: String,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: String,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let read = |path: &String| fs::read_to_string(path).with_context(|| path.clone());
    let toolbox = Toolbox {
        list: read(&arguments.toolbox)?,
        packages: packages::of_toolbox(&arguments.toolbox)?,
        lock: read(&arguments.toolbox_lock)?,
    };
    let sums = Sums::parse(read(&arguments.sums)?.as_bytes())?;
    let source = Source::parse(&read(&arguments.status)?)?;
    let statement = statement(&sums, &source, &read(&arguments.lock)?, &toolbox);
    fs::write(&arguments.out, format!("{statement:#}\n")).with_context(|| arguments.out.clone())
}

struct Toolbox {
    list: String,
    packages: Vec<Package>,
    lock: String,
}

impl Toolbox {
    /// Whether it matches the lock exactly; `tools/bazel --strict` requires it.
    fn is_locked(&self) -> bool {
        self.lock.lines().filter(|line| !line.starts_with('#')).eq(self.list.lines())
    }
}

/// The checkout.
#[derive(Debug, PartialEq)]
struct Source {
    /// 40 or 64 digits; none without git, as in an unpacked archive.
    commit: Option<String>,
    is_changed: bool,
}

impl Source {
    /// From Bazel's stable-status.txt: a line `KEY VALUE` for each fact.
    fn parse(status: &str) -> Result<Self> {
        let value = |key: &str| {
            let found = status.lines().find_map(|line| line.strip_prefix(key));
            found.map(str::trim).with_context(|| format!("no {key} in the workspace status"))
        };
        let commit = value("STABLE_CLOUD_BOOT_COMMIT")?;
        let is_changed = value("STABLE_CLOUD_BOOT_CHANGES")? != "0";
        if commit.is_empty() {
            return Ok(Self { commit: None, is_changed });
        }
        if ![40, 64].contains(&commit.len()) || !commit.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            bail!("not a commit in the workspace status: {commit:?}");
        }
        Ok(Self { commit: Some(commit.to_owned()), is_changed })
    }

    fn descriptor(&self) -> Value {
        let mut descriptor = json!({"name": SOURCE, "annotations": {"uncommittedChanges": self.is_changed}});
        if let Some(commit) = &self.commit {
            descriptor["digest"] = json!({"gitCommit": commit});
        }
        descriptor
    }
}

fn statement(sums: &Sums, source: &Source, lock: &str, toolbox: &Toolbox) -> Value {
    let subjects = sums.0.iter().map(|(name, sum)| json!({"name": name, "digest": {"sha256": sum}}));
    let of_text =
        |name: &str, text: &str| json!({"name": name, "digest": {"sha256": sha256(text.as_bytes())}});
    let mut dependencies = vec![
        source.descriptor(),
        of_text(TOOLBOX, &toolbox.list),
        of_text("tools/toolbox/toolbox.lock", &toolbox.lock),
        of_text("Cargo.lock", lock),
    ];
    let of_rust = |package: &&Package| {
        matches!(&*package.name, "rustc" | "cargo" | "rust-src" | "libstd-rust-dev" | "lld")
    };
    let crates = packages::of_lock(lock);
    for package in toolbox.packages.iter().filter(of_rust).chain(&crates) {
        dependencies.push(json!({"uri": package.purl(), "digest": {"sha256": package.sha256}}));
    }
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects.collect::<Vec<_>>(),
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:cloud-boot:bazel-in-toolbox:1",
                "externalParameters": {"target": "//release:all"},
                "internalParameters": {"toolboxIsAsLocked": toolbox.is_locked()},
                "resolvedDependencies": dependencies,
            },
            "runDetails": {"builder": {"id": "urn:cloud-boot:whoever-ran-tools-bazel"}},
        },
    })
}

/// The digest of a dependency in a statement, as text.
pub fn digest_of(statement: &Value, name: &str) -> Option<String> {
    let dependencies = statement["predicate"]["buildDefinition"]["resolvedDependencies"].as_array()?;
    let found = dependencies.iter().find(|dependency| dependency["name"] == name)?;
    let digest = found["digest"].as_object()?.values().next()?.as_str()?;
    let is_changed = found["annotations"]["uncommittedChanges"] == true;
    Some(format!("{digest}{}", if is_changed { ", with uncommitted changes" } else { "" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn status(commit: &str, changes: &str) -> String {
        format!("BUILD_USER x\nSTABLE_CLOUD_BOOT_CHANGES {changes}\nSTABLE_CLOUD_BOOT_COMMIT {commit}\n")
    }

    fn made(status: &str) -> Value {
        let list = "rustc:amd64 1 aa\nbash:amd64 1 bb\n";
        let packages = vec![
            Package {
                name: "rustc".into(),
                version: "1".into(),
                arch: Some("amd64".into()),
                sha256: "aa".into(),
            },
            Package {
                name: "bash".into(),
                version: "1".into(),
                arch: Some("amd64".into()),
                sha256: "bb".into(),
            },
        ];
        let toolbox = Toolbox { list: list.into(), packages, lock: format!("# comment\n{list}") };
        let sums = Sums::parse(format!("{}  a.iso\n", "0".repeat(64)).as_bytes()).unwrap();
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"ff\"\n";
        statement(&sums, &Source::parse(status).unwrap(), lock, &toolbox)
    }

    #[test]
    fn subjects_and_dependencies() {
        let made = made(&status(COMMIT, "0"));
        assert_eq!(made["subject"], json!([{"name": "a.iso", "digest": {"sha256": "0".repeat(64)}}]));
        assert_eq!(digest_of(&made, SOURCE).as_deref(), Some(COMMIT));
        assert_eq!(digest_of(&made, TOOLBOX), Some(sha256(b"rustc:amd64 1 aa\nbash:amd64 1 bb\n")));
        assert_eq!(made["predicate"]["buildDefinition"]["internalParameters"]["toolboxIsAsLocked"], true);
        let text = made.to_string();
        assert!(text.contains("pkg:cargo/a@1.0.0") && text.contains("pkg:deb/debian/rustc@1?arch=amd64"));
        assert!(!text.contains("bash"), "the toolbox's digest stands for the rest");
    }

    #[test]
    fn uncommitted_changes_and_no_git_are_said() {
        assert_eq!(
            digest_of(&made(&status(COMMIT, "2")), SOURCE).unwrap(),
            format!("{COMMIT}, with uncommitted changes")
        );
        assert_eq!(digest_of(&made(&status("", "0")), SOURCE), None);
        assert!(Source::parse("STABLE_CLOUD_BOOT_CHANGES 0\n").is_err());
        assert!(Source::parse(&status("HEAD", "0")).unwrap_err().to_string().contains("HEAD"));
    }

    #[test]
    fn other_json_has_no_digest() {
        for text in [
            "null",
            "[]",
            "{\"predicate\":1}",
            "{\"predicate\":{\"buildDefinition\":{\"resolvedDependencies\":[1]}}}",
        ] {
            assert_eq!(digest_of(&serde_json::from_str(text).unwrap(), TOOLBOX), None);
        }
    }
}

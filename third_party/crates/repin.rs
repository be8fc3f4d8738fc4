// SPDX-License-Identifier: BSD-3-Clause
//! `tools/bazel run //third_party:repin [-- --update]`: writes third_party/crates/gen/ anew from the
//! workspace's Cargo.toml and Cargo.lock, with crate_universe's cargo-bazel.
//!
//! Needed only when a dependency changes: builds read the checked-in files. Only the standard library,
//! because no crate can be built before this has run.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

type Outcome<T> = Result<T, String>;

const HERE: &str = "third_party/crates";

fn main() -> ExitCode {
    match repin() {
        Ok(files) => {
            println!("{files} files in {HERE}/gen");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("repin: {why}");
            ExitCode::FAILURE
        }
    }
}

fn repin() -> Outcome<usize> {
    let root = PathBuf::from(variable("BUILD_WORKSPACE_DIRECTORY")?);
    let cargo_bazel = fs::canonicalize(variable("CARGO_BAZEL")?).map_err(|e| format!("cargo-bazel: {e}"))?;
    let manifest = root.join("Cargo.toml");
    if env::args().any(|a| a == "--update") {
        run(Command::new("cargo").arg("update").arg("--manifest-path").arg(&manifest))?;
    }
    run(Command::new("cargo").arg("fetch").arg("--manifest-path").arg(&manifest))?;
    link_index()?;

    let work = env::temp_dir().join(format!("repin-{}", std::process::id()));
    make_dir(&work)?;
    let made = generate(&root, &cargo_bazel, &work);
    let removed = fs::remove_dir_all(&work).map_err(|e| format!("{}: {e}", work.display()));
    made.and_then(|files| removed.map(|()| files))
}

/// cargo-bazel of rules_rust 0.54.1 looks for the sparse index under the name that cargo used before 1.85
/// (its crates-index 3.2.0 hashes the address the old way).
fn link_index() -> Outcome<()> {
    const NEW: &str = "-1949cf8c6b5b557f";
    const OLD: &str = "-6f17d22bba15001f";
    let home = env::var("CARGO_HOME").or_else(|_| variable("HOME").map(|h| h + "/.cargo"))?;
    let folder = Path::new(&home).join("registry/index");
    for entry in fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(stem) = name.strip_suffix(NEW) {
            // It stands there already after the first time.
            let _ = symlink(entry.path(), folder.join(format!("{stem}{OLD}")));
        }
    }
    Ok(())
}

fn generate(root: &Path, cargo_bazel: &Path, work: &Path) -> Outcome<usize> {
    let config = work.join("config.json");
    write(&config, &configuration(root)?)?;
    let splicing = work.join("splice.json");
    write(&splicing, &splicing_manifest(root)?)?;
    let lockfile = work.join("lock.json");
    write(&lockfile, "")?;

    let command = |name: &str| {
        let mut command = Command::new(cargo_bazel);
        command.arg(name).args(["--cargo", "/usr/bin/cargo", "--rustc", "/usr/bin/rustc"]);
        command.arg("--config").arg(&config).arg("--splicing-manifest").arg(&splicing);
        command.arg("--cargo-lockfile").arg(root.join("Cargo.lock"));
        command
    };
    run(command("splice").arg("--output-dir").arg(work.join("splice")))?;
    run(command("generate")
        .arg("--repository-dir")
        .arg(work.join("out"))
        .arg("--metadata")
        .arg(work.join("splice/metadata.json"))
        .arg("--repin")
        .arg("--lockfile")
        .arg(&lockfile))?;
    install(&work.join("out"), &root.join(HERE).join("gen"))
}

/// Puts the BUILD files in place, and their names in INDEX, which Bazel watches.
fn install(from: &Path, to: &Path) -> Outcome<usize> {
    if to.exists() {
        fs::remove_dir_all(to).map_err(|e| format!("{}: {e}", to.display()))?;
    }
    make_dir(to)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(from).map_err(|e| format!("{}: {e}", from.display()))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("BUILD") && name.ends_with(".bazel") {
            let name = if name == "BUILD.bazel" { "HUB.bazel".to_string() } else { name };
            fs::copy(entry.path(), to.join(&name)).map_err(|e| format!("{name}: {e}"))?;
            names.push(name);
        }
    }
    names.sort();
    write(&to.join("INDEX"), &(names.join("\n") + "\n"))?;
    Ok(names.len())
}

fn configuration(root: &Path) -> Outcome<String> {
    let annotations = read(&root.join(HERE).join("annotations.json"))?;
    let platforms = read(&root.join("platforms/defs.bzl"))?;
    let mut triples: Vec<&str> = platforms
        .lines()
        .filter_map(|line| line.trim().strip_prefix("uefi = ").or(line.trim().strip_prefix("linux = ")))
        .map(|value| value.trim_end_matches(','))
        .collect();
    triples.sort_unstable();
    Ok(format!(
        r#"{{
  "generate_binaries": false,
  "generate_build_scripts": true,
  "annotations": {annotations},
  "cargo_config": null,
  "rendering": {{
    "repository_name": "crates",
    "build_file_template": "//:BUILD.{{name}}-{{version}}.bazel",
    "crate_label_template": "@crates//{{name}}-{{version}}:{{target}}",
    "crates_module_template": "//:{{file}}",
    "platforms_template": "@cloud_boot//platforms/triples:{{triple}}",
    "regen_command": "tools/bazel run //third_party:repin",
    "default_alias_rule": "alias",
    "generate_target_compatible_with": true
  }},
  "supported_platform_triples": [{}]
}}
"#,
        triples.join(", ")
    ))
}

/// The workspace's root and every member.
fn splicing_manifest(root: &Path) -> Outcome<String> {
    let text = read(&root.join("Cargo.toml"))?;
    let members = text.split("members = [").nth(1).and_then(|t| t.split(']').next());
    let members = members.ok_or("Cargo.toml has no members")?.split('"').skip(1).step_by(2);
    let entry = |folder: &str| {
        let path = root.join(folder).join("Cargo.toml");
        format!("\"{}\": \"@@//{folder}:Cargo.toml\"", path.display())
    };
    let manifests: Vec<String> = [entry("")].into_iter().chain(members.map(entry)).collect();
    let manifests = manifests.join(", ");
    Ok(format!(
        r#"{{"cargo_config": null, "direct_packages": {{}}, "resolver_version": "2", "manifests": {{{manifests}}}}}"#
    ))
}

fn variable(name: &str) -> Outcome<String> {
    env::var(name).map_err(|_| format!("{name} is not set: tools/bazel run //third_party:repin"))
}

fn run(command: &mut Command) -> Outcome<()> {
    let status = command.status().map_err(|e| format!("{command:?}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}

fn read(path: &Path) -> Outcome<String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn write(path: &Path, text: &str) -> Outcome<()> {
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

fn make_dir(path: &Path) -> Outcome<()> {
    fs::create_dir_all(path).map_err(|e| format!("{}: {e}", path.display()))
}

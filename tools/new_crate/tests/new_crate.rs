// SPDX-License-Identifier: BSD-3-Clause
//! A crate is made in a checkout and accepted by cargo; if it cannot be made, nothing is written.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const MANIFEST: &str = "[workspace]\nmembers = [\n    \"fs/block\",\n]\nresolver = \"2\"\n\n\
    [workspace.package]\nversion = \"0.0.1\"\nedition = \"2024\"\nlicense = \"BSD-3-Clause\"\npublish = false\n\n\
    [workspace.dependencies]\n# our own\nblock = { path = \"fs/block\" }\n# others\n\
    proptest = { version = \"1\" }\nthiserror = { version = \"2\", default-features = false }\n";
const BLOCK: &str = "[package]\nname = \"block\"\nversion.workspace = true\nedition.workspace = true\n";

fn given(variable: &str, file: Option<&str>) -> PathBuf {
    let path = env::var_os(variable).map(PathBuf::from).or(file.map(PathBuf::from));
    let path = path.unwrap_or_else(|| panic!("{variable} names a file"));
    path.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A checkout with one crate, as far as the program looks.
fn checkout(name: &str) -> PathBuf {
    let base = env::var_os("TEST_TMPDIR").map_or_else(env::temp_dir, Into::into);
    let root = base.join(format!("new-crate-{name}-{}", std::process::id()));
    fs::create_dir_all(root.join("fs/block/src")).unwrap();
    fs::write(root.join("Cargo.toml"), MANIFEST).unwrap();
    fs::write(root.join("fs/block/Cargo.toml"), BLOCK).unwrap();
    fs::write(root.join("fs/block/src/lib.rs"), "").unwrap();
    root
}

fn make(root: &Path, path: &str) -> Output {
    let program = given("NEW_CRATE", option_env!("CARGO_BIN_EXE_new_crate"));
    Command::new(program).args(["make", path]).env("BUILD_WORKSPACE_DIRECTORY", root).output().unwrap()
}

#[test]
fn a_crate_is_a_member_for_cargo() {
    let root = checkout("made");
    let output = make(&root, "fs/xfs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("tools/bazel test //fs/xfs/..."));
    let metadata = Command::new("cargo")
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(&root)
        .output()
        .expect("cargo");
    let said = String::from_utf8_lossy(&metadata.stdout);
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    for part in
        ["\"name\":\"xfs\"", "\"name\":\"thiserror\"", "\"kind\":\"dev\"", "properties.rs", "BSD-3-Clause"]
    {
        assert!(said.contains(part), "{part} in {said}");
    }
    for file in ["README.md", "BUILD.bazel", "src/fuzz.rs"] {
        assert!(root.join("fs/xfs").join(file).is_file(), "{file}");
    }
    let again = make(&root, "fs/xfs");
    assert!(String::from_utf8_lossy(&again.stderr).contains("already exists"));
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn where_it_cannot_be_made_nothing_is_written() {
    let root = checkout("refused");
    for (path, why) in [
        ("fs/block", "already exists"),
        ("boot/block", "already has a crate block"),
        ("fs/proptest", "already has a crate proptest"),
        ("fs/Xfs", "lower-case letters"),
        ("tools/xfs", "libraries are in"),
    ] {
        let output = make(&root, path);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.contains(why)), (Some(1), true), "{path}: {said}");
    }
    assert_eq!(fs::read_to_string(root.join("Cargo.toml")).unwrap(), MANIFEST);
    assert_eq!(fs::read_dir(root.join("fs")).unwrap().count(), 1);
    fs::remove_dir_all(root).unwrap();
}

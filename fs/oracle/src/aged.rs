// SPDX-License-Identifier: BSD-3-Clause
//! Images that Linux's own drivers have written and aged, with what Linux reads from them.
//!
//! The rule `aged_image` (ager/defs.bzl) makes them. A test gets a folder of them by the environment.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{
    manifest::{self, Record},
    tools,
};

/// Names the folder, relative to where the test runs.
const FOLDER: &str = "AGED";

/// An aged image.
pub struct Aged {
    /// What it is called: how it was made, in a word or two.
    pub name: String,
    /// The image.
    pub bytes: Vec<u8>,
    /// What Linux reads from it, mounted read-only, its journal replayed.
    pub records: Vec<Record>,
}

/// The images of the folder, one after the other.
///
/// # Panics
/// Without a folder, and for an empty one.
pub fn images() -> impl Iterator<Item = Aged> {
    let folder = folder();
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".zst")?.to_string()))
        .collect();
    assert!(!names.is_empty(), "{} has no aged image", folder.display());
    names.sort();
    names.into_iter().map(move |name| load(&folder, name))
}

/// The image of this name.
///
/// # Panics
/// When there is none.
pub fn image(name: &str) -> Aged {
    load(&folder(), name.to_string())
}

fn folder() -> PathBuf {
    let folder = env::var_os(FOLDER);
    folder
        .unwrap_or_else(|| panic!("{FOLDER} names no folder of aged images: run this test with tools/bazel"))
        .into()
}

fn load(folder: &Path, name: String) -> Aged {
    let path = folder.join(&name);
    let path = path.to_str().expect("Bazel's paths are text");
    let records = format!("{path}.manifest");
    let text = fs::read_to_string(&records).unwrap_or_else(|error| panic!("{records}: {error}"));
    let bytes = tools::run("zstd", &["-qdfc", &format!("{path}.zst")]);
    Aged { name, bytes, records: manifest::from_text(&text) }
}

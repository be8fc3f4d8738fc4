// SPDX-License-Identifier: BSD-3-Clause
//! How an image was made, as a file beside it says.

use serde::{Deserialize, Serialize};

/// How an image was made. As text: one line of JSON.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Recipe {
    /// The command that made the filesystem, without the names of its disks.
    pub mkfs: Vec<String>,
    /// What its program says of its version.
    pub version: String,
    /// The version of the Linux that aged it.
    pub linux: String,
    /// Options of the mount.
    pub mount: String,
    /// Random operations.
    pub operations: usize,
    /// Commands that were run after half of them.
    pub halfway: Vec<String>,
    /// Power failed while it was mounted.
    pub crash: bool,
}

impl Recipe {
    /// As text.
    ///
    /// # Panics
    /// Never: all of it is text and numbers.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("text and numbers") + "\n"
    }

    /// Of a text.
    ///
    /// # Panics
    /// With the text that is no recipe.
    pub fn from_text(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("no recipe: {error}: {text}"))
    }
}

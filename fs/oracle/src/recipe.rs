// SPDX-License-Identifier: BSD-3-Clause
//! How an image was made, stored in a file beside it.

use serde::{Deserialize, Serialize};

/// How an image was made. Its text form is one line of JSON.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Recipe {
    /// The command that made the filesystem, without the names of its disks.
    pub mkfs: Vec<String>,
    /// The version that its program prints.
    pub version: String,
    /// The version of the Linux that aged it.
    pub linux: String,
    /// Mount options.
    pub mount: String,
    /// Number of random operations.
    pub operations: usize,
    /// Commands that were run after half of the operations.
    pub halfway: Vec<String>,
    /// Power failed while it was mounted.
    pub crash: bool,
}

impl Recipe {
    /// The text form.
    ///
    /// # Panics
    /// Never: all of it is text and numbers.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("text and numbers") + "\n"
    }

    /// Parses the text form.
    ///
    /// # Panics
    /// If the text is not a recipe; the message contains it.
    pub fn from_text(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("not a recipe: {error}: {text}"))
    }
}

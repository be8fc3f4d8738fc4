// SPDX-License-Identifier: BSD-3-Clause
//! Entry point for fuzzing.

use config::{Config, Origin, Text, Trust};

use crate::Wishes;

/// Any bytes as settings: they give wishes, or an error in one line.
///
/// # Panics
/// When the error is not one line.
pub fn fuzz(data: &[u8]) {
    let config = Config::resolve(&[Text::new(Origin::File, data)], Trust::Open);
    if let Err(error) = Wishes::of(&config) {
        let line = alloc::format!("{error}");
        assert!(!line.contains(char::is_control), "one line: {line:?}");
    }
}

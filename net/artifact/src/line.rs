// SPDX-License-Identifier: BSD-3-Clause
//! The command line of an artifact.

use alloc::{borrow::ToOwned, string::String};
use core::str;

use crate::Cause;

/// The longest command line in bytes: the same limit as for settings.
pub(crate) const LONGEST: u64 = 64 << 10;

/// The bytes as one line, without trailing line ends and zeros.
pub(crate) fn line(bytes: &[u8]) -> Result<String, Cause> {
    let failed = |why, offset| Cause::Line { why, offset };
    let text = str::from_utf8(bytes).map_err(|error| failed("not UTF-8", error.valid_up_to()))?;
    let line = text.trim_end_matches(['\0', '\r', '\n']);
    match line.char_indices().find(|(_, c)| c.is_control()) {
        Some((offset, '\n')) => Err(failed("more than one line", offset)),
        Some((offset, _)) => Err(failed("a control character", offset)),
        None => Ok(line.trim_matches(' ').to_owned()),
    }
}

/// The line with the words appended.
pub(crate) fn with_words(mut line: String, words: &[&str]) -> String {
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

// SPDX-License-Identifier: BSD-3-Clause
//! GRUB's environment block: variables in a file.
//!
//! Source: GRUB manual, "Environment block".

use alloc::string::String;

const SIGNATURE: &str = "# GRUB Environment Block\n";

/// Whether a file is one.
pub fn is_block(text: &str) -> bool {
    text.starts_with(SIGNATURE)
}

/// The variables of a file, in order; empty if it is not an environment block.
pub fn variables(text: &str) -> impl Iterator<Item = (&str, String)> {
    let lines = text.strip_prefix(SIGNATURE).unwrap_or_default().lines();
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.filter(|(name, _)| is_name(name)).map(|(name, value)| (name, value.replace("\\\\", "\\")))
}

/// Whether GRUB accepts this as the name of a variable.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

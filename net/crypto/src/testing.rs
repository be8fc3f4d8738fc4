// SPDX-License-Identifier: BSD-3-Clause
//! Helpers for the tests of several modules.
use std::vec::Vec;

/// The bytes that hexadecimal digits stand for.
pub fn bytes(digits: &str) -> Vec<u8> {
    assert!(digits.len().is_multiple_of(2), "pairs of digits");
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("a digit"))
        .collect()
}

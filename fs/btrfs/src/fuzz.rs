// SPDX-License-Identifier: BSD-3-Clause
//! The fuzz entry point.

use crate::Header;

/// Fuzz entry point: any bytes give a value or an error.
pub fn fuzz(data: &[u8]) {
    let _ = Header::parse(data);
}

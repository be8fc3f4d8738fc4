// SPDX-License-Identifier: BSD-3-Clause
//! The fuzz entry point.

use crate::{identify, is_blank};

/// Fuzz entry point: any bytes have a name or not, and are blank or not.
///
/// # Panics
/// If a read from memory fails, which means a read past the end, or if blank bytes have a name.
pub fn fuzz(data: &[u8]) {
    let (found, blank) = (identify(&data), is_blank(&data));
    assert!(!(matches!(found, Ok(Some(_))) && data.iter().all(|byte| *byte == 0)), "{found:?}");
    assert!(found.is_ok() && blank.is_ok(), "{found:?} {blank:?}");
}

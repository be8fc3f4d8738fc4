// SPDX-License-Identifier: BSD-3-Clause
//! Entry point for fuzzing.

use alloc::vec::Vec;

use crate::{Kind, Object, Value};

/// Levels that are visited; deeper ones are skipped.
const DEEPEST: usize = 16;

/// Any bytes: every accessor on every value.
pub fn fuzz(data: &[u8]) {
    let Ok(object) = Object::parse(data) else { return };
    let mut left: Vec<(Value<'_>, usize)> = Vec::from([(object.value, 0)]);
    while let Some((value, depth)) = left.pop() {
        assert!(!value.written().is_empty(), "a value is something");
        let _ = (value.text(), value.scalar(), value.number(), value.texts(8), value.list(8));
        if depth >= DEEPEST {
            continue;
        }
        // Cannot saturate: it is less than `DEEPEST`.
        let below = depth.saturating_add(1);
        left.extend(value.list(usize::MAX).unwrap_or_default().into_iter().map(|value| (value, below)));
        let Ok(object) = value.object() else {
            assert_ne!(value.kind(), Kind::Object, "an object is one");
            continue;
        };
        let _ = object.members(["a", "b"]);
        left.extend(object.entries().flatten().map(|(_, value)| (value, below)));
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Which entries are tried, in which order.

use alloc::{format, vec::Vec};

use entries::Entry;

use crate::{Failure, Phase};

/// The entries to try: the one that is asked for or is the default, then the others as they are listed.
///
/// With `target`, an entry's id or title (ASCII case does not matter), only that entry is tried: whoever asks
/// for one system by name is not served another.
///
/// # Errors
/// A [`Failure`] when there is no entry at all, or none that `target` names.
pub fn choose<'a>(entries: &'a [Entry], target: Option<&str>) -> Result<Vec<&'a Entry>, Failure> {
    if entries.is_empty() {
        let cause = "no disk holds a boot entry that this program can start";
        return Err(Failure::new(Phase::Choose, "entries", "E-CHOOSE-NONE", &cause));
    }
    if let Some(target) = target {
        let named = |entry: &&Entry| {
            entry.id.eq_ignore_ascii_case(target) || entry.title.eq_ignore_ascii_case(target)
        };
        let found: Vec<&Entry> = entries.iter().filter(named).take(1).collect();
        if found.is_empty() {
            let titles: Vec<&str> = entries.iter().map(|e| e.title.as_str()).take(8).collect();
            let cause = format!("no entry has this id or title; there are: {}", titles.join(", "));
            return Err(Failure::new(Phase::Choose, target, "E-CHOOSE-TARGET", &cause));
        }
        return Ok(found);
    }
    let default = entries.iter().filter(|entry| entry.default).take(1);
    let first = default.clone().next();
    let others = entries.iter().filter(|entry| !first.is_some_and(|first| core::ptr::eq(first, *entry)));
    Ok(default.chain(others).collect())
}

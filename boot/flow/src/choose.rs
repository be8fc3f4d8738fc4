// SPDX-License-Identifier: BSD-3-Clause
//! Which entries are tried, in which order.

use alloc::{format, vec::Vec};

use entries::Entry;

use crate::{Failure, Phase, codes};

/// The entries to try: the one that is asked for or is the default, then the others as they are listed.
///
/// With `target`, an entry's id or title (ASCII case does not matter) or the name of an operating system, only that
/// entry is tried: whoever asks for one system by name is not served another. `preferred` is the identifier of the
/// default that the booted system has set; one that is gone does not count.
///
/// # Errors
/// A [`Failure`] when there is no entry at all, or none that `target` names.
pub fn choose<'a>(
    entries: &'a [Entry],
    target: Option<&str>,
    preferred: Option<&str>,
) -> Result<Vec<&'a Entry>, Failure> {
    if entries.is_empty() {
        let cause = "no disk holds a boot entry that this program can start";
        return Err(Failure::new(Phase::Choose, "entries", codes::CHOOSE_NONE, &cause));
    }
    if let Some(target) = target {
        let named = |entry: &&Entry| {
            entry.id.eq_ignore_ascii_case(target) || entry.title.eq_ignore_ascii_case(target)
        };
        let of_system = |entry: &&Entry| entry.os().is_some_and(|os| os.eq_ignore_ascii_case(target));
        let found = entries.iter().find(named).or_else(|| entries.iter().find(of_system));
        return match found {
            Some(entry) => Ok([entry].into()),
            None => {
                let titles: Vec<&str> = entries.iter().map(|e| e.title.as_str()).take(8).collect();
                let cause = format!("no entry has this id or title; there are: {}", titles.join(", "));
                Err(Failure::new(Phase::Choose, target, codes::CHOOSE_TARGET, &cause))
            }
        };
    }
    let preferred = preferred.and_then(|id| entries.iter().find(|entry| entry.id == id));
    let first = preferred.or_else(|| entries.iter().find(|entry| entry.default));
    let others = entries.iter().filter(|entry| !first.is_some_and(|first| core::ptr::eq(first, *entry)));
    Ok(first.into_iter().chain(others).collect())
}

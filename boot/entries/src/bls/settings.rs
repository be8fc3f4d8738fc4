// SPDX-License-Identifier: BSD-3-Clause
//! `/loader/loader.conf`: what systemd-boot is told.
//!
//! Source: loader.conf(5) of systemd 262. Only what chooses an entry counts here.

use alloc::string::String;

use menu::Wait;
use vfs::{Volume, Volumes};

use super::Candidate;
use crate::Found;

/// Bytes of the file.
const LARGEST: u64 = 64 * 1024;

/// Takes `timeout` over where no other configuration has set one, and returns the index of the default.
pub fn apply(volumes: &Volumes, disk: usize, candidates: &[Candidate], found: &mut Found) -> Option<usize> {
    let on_disk = volumes.all().iter().filter(|volume| volume.disk() == disk);
    let read = |volume: &Volume| volume.read(b"/loader/loader.conf", LARGEST).ok();
    let text = on_disk.filter_map(read).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).next()?;
    let value = |key: &str| {
        let lines = text.lines().map(str::trim_ascii).filter(|line| !line.starts_with('#'));
        let words = lines.filter_map(|line| line.split_once([' ', '\t']));
        words.filter(|(name, _)| *name == key).map(|(_, value)| value.trim_ascii()).next_back()
    };
    if found.entries.is_empty() && found.wait.is_none() {
        found.wait = match value("timeout") {
            Some("menu-hidden" | "menu-disabled") => Some(Wait::Hidden),
            Some(seconds) => seconds.parse().ok().map(Wait::Seconds),
            None => None,
        };
    }
    let pattern = value("default")?.to_ascii_lowercase();
    candidates.iter().position(|candidate| {
        let id = candidate.name.id.to_ascii_lowercase();
        fits(pattern.as_bytes(), id.as_bytes())
            || id.rsplit_once('.').is_some_and(|(stem, _)| stem == pattern)
    })
}

/// fnmatch with `*` and `?`. Work is at most the product of the lengths.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut pattern, mut name) = (pattern, name);
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), name.split_first()) {
            (Some((b'*', rest)), _) => {
                star = Some((rest, name));
                pattern = rest;
            }
            (Some((wanted, rest)), Some((found, behind))) if *wanted == b'?' || wanted == found => {
                (pattern, name) = (rest, behind);
            }
            (None, None) => return true,
            _ => {
                // The last star takes one character more.
                let Some((rest, tried)) = star else { return false };
                let Some((_, behind)) = tried.split_first() else { return false };
                star = Some((rest, behind));
                (pattern, name) = (rest, behind);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_names() {
        let cases = [
            ("debian.conf", "debian.conf", true),
            ("debian*", "debian.conf", true),
            ("*.conf", "debian.conf", true),
            ("*b?a*f", "debian.conf", true),
            ("debian", "debian.conf", false),
            ("*x*", "debian.conf", false),
            ("", "a", false),
            ("*", "", true),
        ];
        for (pattern, name, does_fit) in cases {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), does_fit, "{pattern} {name}");
        }
    }
}

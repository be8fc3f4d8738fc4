// SPDX-License-Identifier: BSD-3-Clause
//! `/loader/loader.conf`: the settings of systemd-boot.
//!
//! Source: loader.conf(5) of systemd 262. Only what chooses an entry counts here.

use alloc::format;

use efi::pattern;
use menu::Wait;
use vfs::Volume;

use super::{Candidate, LARGEST, conf::unquoted};
use crate::{merge::Menu, search::Search};

/// Its path.
const PATH: &str = "/loader/loader.conf";
/// Means the entry that was booted last, which only the program that boots knows.
const SAVED: &str = "@saved";

/// The menu settings of a disk's loader.conf, without the entries themselves.
pub fn read(search: &Search<'_>, volumes: &[&Volume], candidates: &[Candidate]) -> Menu {
    let read = |volume: &Volume| search.share(volume).text(volume, PATH.as_bytes(), LARGEST);
    let found = volumes.iter().find_map(|volume| Some((volume.name(), read(volume)?)));
    let Some((volume, text)) = found else { return Menu::default() };
    let settings = Settings::parse(&text);
    let is_default = |candidate: &Candidate| is_meant(settings.default, &candidate.name.id);
    let default = candidates.iter().position(is_default);
    let lock = || format!("{volume} {PATH}: editor no");
    Menu {
        default,
        of_others: default.is_none().then(|| settings.default.into()),
        starts_last: settings.default == SAVED,
        wait: settings.wait,
        locks: settings.is_locked.then(lock).into_iter().collect(),
        ..Menu::default()
    }
}

/// The content of the file; the last value of a repeated key counts.
#[derive(Debug, Default, Eq, PartialEq)]
struct Settings<'a> {
    default: &'a str,
    wait: Option<Wait>,
    is_locked: bool,
}

impl<'a> Settings<'a> {
    fn parse(text: &'a str) -> Self {
        let mut settings = Self::default();
        let lines = text.lines().map(str::trim_ascii).filter(|line| !line.starts_with('#'));
        for (key, value) in lines.filter_map(|line| line.split_once([' ', '\t'])) {
            let value = unquoted(value.trim_ascii());
            match key {
                "default" => settings.default = value,
                "timeout" => settings.wait = Wait::parse(value).or(settings.wait),
                "editor" => settings.is_locked = is_no(value),
                _ => {}
            }
        }
        settings
    }
}

/// systemd's words for no.
fn is_no(value: &str) -> bool {
    ["0", "no", "n", "false", "f", "off"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Whether a pattern matches an identifier, with or without its suffix.
pub fn is_meant(pattern: &str, id: &str) -> bool {
    pattern::fits(pattern, id)
        || id.rsplit_once('.').is_some_and(|(stem, _)| stem.eq_ignore_ascii_case(pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_its_meaning() {
        let of = |text| Settings::parse(text);
        let waits = [
            ("timeout 3", Some(Wait::Seconds(3))),
            ("timeout 0", Some(Wait::Hidden)),
            ("timeout menu-force", Some(Wait::Forever)),
            ("timeout 3\ntimeout -1", Some(Wait::Seconds(3))),
            ("timeout soon", None),
            ("#timeout 3", None),
        ];
        for (text, wait) in waits {
            assert_eq!(of(text).wait, wait, "{text}");
        }
        assert!(of("editor \"no\"").is_locked && of("timeout '5'").wait == Some(Wait::Seconds(5)));
        assert_eq!(of("default \"debian-*\"").default, "debian-*");
        assert!(of("editor no").is_locked && of("editor 0").is_locked && !of("editor yes").is_locked);
        assert_eq!(of("default a\ndefault  b*\n").default, "b*");
        assert!(is_meant("debian", "debian.conf") && !is_meant("debian", "debian-1.conf"));
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Whether the menu is shown at all: one decision for every program.

use core::time::Duration;

/// Seconds that a menu waits if no source sets a time.
const SECONDS: u32 = 5;

/// How a boot begins: with or without the menu.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Opening {
    /// The menu is shown; after this time the default is booted.
    Shown(Option<Duration>),
    /// The default is booted; the menu is shown if a key was pressed before.
    Hidden,
    /// The default is booted.
    Never,
}

/// How long the menu waits, according to one source.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wait {
    /// A number of seconds; 0 hides the menu.
    Seconds(u32),
    /// Until a choice is made.
    Forever,
    /// It is hidden.
    Hidden,
    /// It is never shown.
    Never,
}

impl Wait {
    /// Parses the text as systemd-boot does in `LoaderConfigTimeout` and loader.conf; none if it is invalid.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "menu-force" => Some(Self::Forever),
            "menu-hidden" => Some(Self::Hidden),
            "menu-disabled" => Some(Self::Never),
            digits if digits.starts_with('+') => None,
            digits => digits.parse().ok().map(|seconds| match seconds {
                0 => Self::Hidden,
                // The number that bootctl writes for `menu-force`.
                u32::MAX => Self::Forever,
                seconds => Self::Seconds(seconds),
            }),
        }
    }
}

/// The settings of all sources.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Wishes {
    /// `cloudboot.menu=always`.
    pub is_always_shown: bool,
    /// `cloudboot.menu=hidden`.
    pub is_hidden: bool,
    /// For this boot only (`LoaderConfigTimeoutOneShot`).
    pub once: Option<Wait>,
    /// `cloudboot.timeout`.
    pub timeout: Option<u32>,
    /// Of the booted system (`LoaderConfigTimeout`).
    pub lasting: Option<Wait>,
    /// Of the image's configuration (grub.cfg, loader.conf, extlinux.conf).
    pub image: Option<Wait>,
    /// Number of entries.
    pub entries: usize,
}

impl Opening {
    /// Decides. The first source that says something counts: the request for this boot, `cloudboot.menu`, then, for the
    /// time, `cloudboot.timeout`, the booted system, the image's configuration. If none does, a menu with more than one
    /// entry is shown for five seconds.
    pub fn decide(wishes: &Wishes) -> Self {
        let timeout = wishes.timeout.map(Wait::Seconds);
        let asked = wishes.once.or(timeout).or(wishes.lasting);
        let (wait, is_of_image) = (asked.or(wishes.image), asked.is_none());
        if wishes.entries == 0 {
            return Self::Never;
        }
        if wishes.once.is_none() && wishes.is_hidden {
            return Self::Hidden;
        }
        let shown = |seconds: u32| Self::Shown(Some(Duration::from_secs(seconds.into())));
        if wishes.once.is_none() && wishes.is_always_shown {
            return match wait {
                Some(Wait::Seconds(seconds)) if seconds > 0 => shown(seconds),
                _ => Self::Shown(None),
            };
        }
        match wait {
            Some(Wait::Seconds(0) | Wait::Hidden) => Self::Hidden,
            Some(Wait::Seconds(seconds)) => shown(seconds),
            // A menu of one entry is not worth waiting for, unless the operator or the booted system asked for it.
            Some(Wait::Forever) if wishes.entries == 1 && is_of_image => Self::Hidden,
            Some(Wait::Forever) => Self::Shown(None),
            Some(Wait::Never) => Self::Never,
            None if wishes.entries == 1 => Self::Hidden,
            None => shown(SECONDS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_numbers_or_words() {
        let cases = [
            ("5", Some(Wait::Seconds(5))),
            ("0", Some(Wait::Hidden)),
            ("menu-force", Some(Wait::Forever)),
            ("4294967295", Some(Wait::Forever)),
            ("menu-hidden", Some(Wait::Hidden)),
            ("menu-disabled", Some(Wait::Never)),
            ("+5", None),
            ("-1", None),
            ("soon", None),
            ("", None),
            ("4294967296", None),
        ];
        for (text, wait) in cases {
            assert_eq!(Wait::parse(text), wait, "{text}");
        }
    }

    const FIVE: Opening = Opening::Shown(Some(Duration::from_secs(5)));

    #[test]
    fn the_first_that_speaks_decides() {
        let nothing = Wishes { entries: 2, ..Wishes::default() };
        let cases = [
            (nothing, FIVE),
            (Wishes { entries: 1, ..nothing }, Opening::Hidden),
            (Wishes { entries: 0, is_always_shown: true, ..nothing }, Opening::Never),
            (Wishes { image: Some(Wait::Seconds(0)), ..nothing }, Opening::Hidden),
            (Wishes { image: Some(Wait::Hidden), timeout: Some(5), ..nothing }, FIVE),
            (Wishes { lasting: Some(Wait::Never), image: Some(Wait::Seconds(3)), ..nothing }, Opening::Never),
            (Wishes { image: Some(Wait::Forever), ..nothing }, Opening::Shown(None)),
            (Wishes { image: Some(Wait::Forever), timeout: Some(5), ..nothing }, FIVE),
            (Wishes { image: Some(Wait::Forever), timeout: Some(0), ..nothing }, Opening::Hidden),
            (Wishes { image: Some(Wait::Forever), entries: 1, ..nothing }, Opening::Hidden),
            (Wishes { lasting: Some(Wait::Forever), entries: 1, ..nothing }, Opening::Shown(None)),
            (
                Wishes { lasting: Some(Wait::Forever), image: Some(Wait::Forever), entries: 1, ..nothing },
                Opening::Shown(None),
            ),
            (Wishes { once: Some(Wait::Forever), is_hidden: true, ..nothing }, Opening::Shown(None)),
            (Wishes { is_hidden: true, timeout: Some(5), ..nothing }, Opening::Hidden),
            (
                Wishes { is_always_shown: true, image: Some(Wait::Seconds(0)), ..nothing },
                Opening::Shown(None),
            ),
            (Wishes { is_always_shown: true, timeout: Some(5), entries: 1, ..nothing }, FIVE),
        ];
        for (wishes, opening) in cases {
            assert_eq!(Opening::decide(&wishes), opening, "{wishes:?}");
        }
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! What comes after a failure: decided only here, and the same value words it.

use alloc::{borrow::Cow, format};

use config::{Config, OnFailure};

/// How a boot that started nothing ended. The console has shown why; the program only acts on it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// The program ends: there was nothing to start.
    NothingFound,
    /// The program ends: everything that was tried failed.
    AllFailed,
    /// The machine is reset.
    Reset,
    /// The machine is reset into its firmware setup.
    Setup,
}

/// The next step after a failure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// The next entry of the queue is tried.
    Entry,
    /// The menu is shown.
    Menu,
    /// The whole boot is tried again.
    Retry {
        /// Number of this retry, from 1.
        number: u32,
        /// Number of retries allowed.
        of: u32,
    },
    /// The boot has ended.
    End(Ended),
}

/// The inputs of the decision, besides the settings.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// The queue has more entries.
    pub has_more: bool,
    /// The operator chose what failed.
    pub is_chosen: bool,
    /// At least one candidate was tried.
    pub has_tried: bool,
    /// The first candidate does not start unattended (password, or leads to another disk): that is no failure.
    pub is_held_back: bool,
    /// The menu would have at least one entry.
    pub has_entries: bool,
    /// The menu was shown in this round.
    pub is_menu_shown: bool,
    /// Retries so far.
    pub retries: u32,
}

impl Next {
    /// Decides what comes next.
    pub fn after(situation: Situation, config: &Config) -> Self {
        let Situation { has_more, is_chosen, has_tried, is_held_back, has_entries, is_menu_shown, retries } =
            situation;
        if has_more {
            return Self::Entry;
        }
        if is_chosen {
            return Self::Menu;
        }
        if let Some(number) = retries.checked_add(1).filter(|number| *number <= config.retry()) {
            return Self::Retry { number, of: config.retry() };
        }
        // An operator who was shown the menu may still choose an entry that does not start unattended.
        let is_left_to_operator = is_held_back && is_menu_shown;
        match config.failure() {
            OnFailure::Menu if has_entries => Self::Menu,
            OnFailure::Reboot => Self::End(Ended::Reset),
            _ if has_entries && is_left_to_operator => Self::Menu,
            _ if has_tried => Self::End(Ended::AllFailed),
            _ => Self::End(Ended::NothingFound),
        }
    }

    /// The decision in words, the end of a `failed:` line; `exit` words what ending the program means.
    pub fn words<'a>(&self, exit: &'a str) -> Cow<'a, str> {
        match self {
            Self::Entry => "trying the next entry".into(),
            Self::Menu => "back to the menu".into(),
            Self::Retry { number, of } => format!("retry {number} of {of}").into(),
            Self::End(Ended::Reset) => "resetting the machine".into(),
            Self::End(Ended::Setup) => "opening the machine's setup".into(),
            Self::End(Ended::NothingFound | Ended::AllFailed) => exit.into(),
        }
    }
}

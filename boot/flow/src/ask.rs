// SPDX-License-Identifier: BSD-3-Clause
//! Asking the operator: when the menu is shown, and what comes of it.

use alloc::{format, string::String};
use core::time::Duration;

use config::{Config, Menu as Setting};
use entries::{Entry, Found};
use menu::{Menu, Opening, Outcome, Wishes};

use crate::{Failure, Operator, password, queue::Queue};

/// The menu as it is shown once.
#[derive(Debug, Default)]
pub struct Offer<'a> {
    /// What the cursor stands on.
    pub cursor: Option<&'a Entry>,
    /// After this time the queue is started.
    pub timeout: Option<Duration>,
    /// Why the menu is shown again.
    pub message: String,
}

impl<'a> Offer<'a> {
    /// The menu at the start of a boot; none where it is not shown.
    pub fn opening(
        queue: &Queue<'a>,
        wishes: &Wishes,
        config: &Config,
        operator: &dyn Operator,
    ) -> Option<Self> {
        let opening = Opening::decide(wishes);
        if !queue.starts_unattended() {
            // A countdown would lead nowhere: the menu waits for somebody who may start what does not start by itself.
            let is_shown =
                opening != Opening::Never && config.menu() != Setting::Hidden && queue.is_held_back();
            return is_shown.then(|| Self { cursor: queue.head, ..Self::default() });
        }
        let timeout = match opening {
            Opening::Shown(timeout) => timeout,
            Opening::Hidden if operator.is_asking() => None,
            Opening::Hidden | Opening::Never => return None,
        };
        Some(Self { cursor: queue.head, timeout, message: String::new() })
    }

    /// The menu after a failure.
    pub fn after(failure: &Failure, cursor: Option<&'a Entry>) -> Self {
        Self { cursor, timeout: None, message: format!("{failure}") }
    }
}

/// What the operator chose.
pub enum Choice<'a> {
    /// An entry, and the command line where it was edited.
    Entry(&'a Entry, Option<String>),
    /// The machine's setup.
    Setup,
    /// Nothing, in all the time that there was.
    Nothing,
}

/// Shows the menu until an entry is chosen that whoever chose it may start.
pub fn ask<'a>(
    operator: &dyn Operator,
    menu: &dyn Fn(&Offer<'a>) -> Menu,
    mut offer: Offer<'a>,
    found: &'a Found,
) -> Choice<'a> {
    loop {
        let (item, options, login) = match operator.choose(&mut menu(&offer)) {
            Some(Outcome::Boot { item, options, login }) => (item, options, login),
            Some(Outcome::FirmwareSetup) => return Choice::Setup,
            Some(Outcome::Stay) | None => return Choice::Nothing,
        };
        let Some(entry) = found.entries.get(item) else { return Choice::Nothing };
        if password::admits(&entry.access, login.as_ref()) {
            return Choice::Entry(entry, options);
        }
        let message = "The user or the password is wrong.".into();
        offer = Offer { cursor: Some(entry), timeout: None, message };
    }
}

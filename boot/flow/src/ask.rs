// SPDX-License-Identifier: BSD-3-Clause
//! Asks the operator: when the menu is shown, and what the operator chose.

use alloc::{format, string::String};
use core::time::Duration;

use config::{Config, Menu as Setting};
use entries::Access;
use menu::{Menu, Opening, Outcome, Wishes};

use crate::{
    Failure, Operator, password,
    queue::{Candidate, Queue},
};

/// One showing of the menu.
#[derive(Debug, Default)]
pub struct Offer<'a> {
    /// The candidate under the cursor.
    pub cursor: Option<Candidate<'a>>,
    /// After this time the queue starts; none waits for a choice.
    pub timeout: Option<Duration>,
    /// Why the menu is shown again.
    pub message: String,
}

impl<'a> Offer<'a> {
    /// The menu at the start of a boot; none if it is not shown.
    pub fn opening(
        queue: &Queue<'a>,
        wishes: &Wishes,
        config: &Config,
        operator: &dyn Operator,
    ) -> Option<Self> {
        let opening = Opening::decide(wishes);
        if !queue.starts_unattended() {
            let timeout = match opening {
                // A menu that was asked for is shown; after its countdown nothing starts.
                Opening::Shown(timeout) if queue.is_refused() => timeout,
                // No countdown, since nothing would start after it: the menu waits for an operator.
                _ if queue.is_held_back() || (queue.is_refused() && operator.is_asking()) => None,
                _ => return None,
            };
            let is_shown = opening != Opening::Never && config.menu() != Setting::Hidden;
            return is_shown.then(|| Self { cursor: queue.head, timeout, message: String::new() });
        }
        let timeout = match opening {
            Opening::Shown(timeout) => timeout,
            Opening::Hidden if operator.is_asking() => None,
            Opening::Hidden | Opening::Never => return None,
        };
        Some(Self { cursor: queue.head, timeout, message: String::new() })
    }

    /// The menu after a failure.
    pub fn after(failure: &Failure, cursor: Option<Candidate<'a>>) -> Self {
        Self { cursor, timeout: None, message: format!("{failure}") }
    }
}

/// What the operator chose.
pub enum Choice<'a> {
    /// The candidate to start, and its command line if it was edited.
    Candidate(Candidate<'a>, Option<String>),
    /// The machine's setup.
    Setup,
    /// Nothing until the countdown ended.
    Nothing,
}

/// Shows the menu of these candidates until one is chosen that the login may start. `forget` clears the stored epochs
/// and returns a message.
pub fn ask<'a>(
    operator: &dyn Operator,
    menu: &dyn Fn(&Offer<'a>) -> Menu,
    forget: &dyn Fn() -> String,
    mut offer: Offer<'a>,
    offered: &[Candidate<'a>],
) -> Choice<'a> {
    loop {
        let (item, options, login) = match operator.choose(&mut menu(&offer)) {
            Some(Outcome::Boot { item, options, login }) => (item, options, login),
            Some(Outcome::Setup) => return Choice::Setup,
            Some(Outcome::ForgetEpochs) => {
                offer = Offer { message: forget(), timeout: None, ..offer };
                continue;
            }
            Some(Outcome::Stay) | None => return Choice::Nothing,
        };
        let Some(candidate) = offered.get(item).copied() else { return Choice::Nothing };
        let access = match candidate {
            Candidate::Image(_) => &Access::Anyone,
            Candidate::Entry(entry) => &entry.access,
        };
        if password::admits(access, login.as_ref()) {
            return Choice::Candidate(candidate, options);
        }
        let message = "Wrong user or password.".into();
        offer = Offer { cursor: Some(candidate), timeout: None, message };
    }
}

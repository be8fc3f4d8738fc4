// SPDX-License-Identifier: BSD-3-Clause
//! The network cards, each with its stack.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::{
    cell::{Cell, RefCell},
    time::Duration,
};

use ip::{Instant, Stack};
use nic::Nic;

use crate::{Error, Machine, Wishes, random::Hashes};

/// A card in use.
pub(crate) struct Card {
    pub name: String,
    pub stack: Stack,
    /// Whether it has had a link.
    pub has_link: Cell<bool>,
    /// How many address services (DHCP, IPv6) may still answer in time.
    pub asked: Cell<usize>,
    /// The errors of their answers.
    pub faults: RefCell<Vec<ip::Error>>,
}

impl Card {
    /// Whether it has IPv4 addresses, and whether it has IPv6 addresses.
    pub fn kinds(&self) -> [bool; 2] {
        self.stack.settings().map(|settings| settings.is_some())
    }

    /// Whether an address may still come.
    pub fn is_pending(&self) -> bool {
        !self.has_link.get() || self.asked.get() > 0
    }
}

/// Opens stacks on the cards that the settings name, or on all.
pub(crate) fn open(
    cards: Vec<Box<dyn Nic>>,
    wishes: &Wishes,
    machine: &dyn Machine,
) -> Result<Vec<Card>, Error> {
    if cards.is_empty() {
        return Err(Error::NoCard);
    }
    let mut opened = Vec::new();
    let mut failure = None;
    for card in chosen(cards, wishes, machine)? {
        let name = String::from(card.name());
        let entropy = Box::new(Hashes::new(machine));
        match Stack::new(card, wishes.vlan, entropy, instant(machine.now())) {
            Ok(stack) => {
                wishes.servers.iter().for_each(|servers| stack.use_servers(servers.clone()));
                opened.push(Card {
                    name,
                    stack,
                    has_link: Cell::new(false),
                    asked: Cell::new(0),
                    faults: RefCell::default(),
                });
            }
            Err(cause) => {
                machine.line(format_args!("network: {name} is not used: {cause}"));
                failure = Some((name, cause));
            }
        }
    }
    match failure {
        Some((cards, cause)) if opened.is_empty() => Err(Error::Unusable { cards, cause: Box::new(cause) }),
        _ => Ok(opened),
    }
}

/// The cards that the settings name, or all.
fn chosen(
    mut cards: Vec<Box<dyn Nic>>,
    wishes: &Wishes,
    machine: &dyn Machine,
) -> Result<Vec<Box<dyn Nic>>, Error> {
    if let Some(wanted) = &wishes.card {
        let shown: Vec<String> = cards.iter().map(|card| format!("{} {}", card.name(), card.mac())).collect();
        cards.retain(|card| wanted.is(card));
        if cards.is_empty() {
            let (key, value) = (wanted.key, wanted.value.clone());
            return Err(Error::NoMatch { key, value, available: shown.join(", ") });
        }
    } else if let Some(device) = &wishes.device {
        // Linux has its own names for cards, so a name that no card has here means little.
        match cards.iter().any(|card| card.name() == device) {
            true => cards.retain(|card| card.name() == device),
            false => machine.line(format_args!("network: ip= names {device:?}, but no card has that name")),
        }
    }
    Ok(cards)
}

/// A time of the machine's clock, converted for stacks.
pub(crate) fn instant(time: Duration) -> Instant {
    Instant::from_micros(0).after(time)
}

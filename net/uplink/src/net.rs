// SPDX-License-Identifier: BSD-3-Clause
//! Waits for links and addresses on all cards, concurrently.

use alloc::{boxed::Box, rc::Rc, string::String, vec, vec::Vec};
use core::{
    cell::{Cell, RefCell},
    convert::Infallible,
    fmt,
    future::poll_fn,
    task::Poll,
    time::Duration,
};

use dial::Seconds;
use ip::{Origin, Settings, Unassigned, limits::ASSIGNMENT_WAIT};
use nic::{LinkWait, Step};

use crate::{Error, Machine, Wishes, cards::Card};

/// Time between two checks of a link: asking the hardware takes a while.
const LOOK: Duration = Duration::from_millis(100);
/// How often the wait for an address is reported.
const EVERY: Duration = Duration::from_secs(5);
/// Extra time for a card with a late link, so that all cards end by themselves.
const SLACK: Duration = Duration::from_secs(1);

/// The cards in use, and which of them have an address.
pub(crate) struct Net<'m> {
    pub machine: &'m dyn Machine,
    pub wishes: Wishes,
    pub cards: Vec<Card>,
    /// Indexes of the cards that got an address, in that order.
    pub order: RefCell<Vec<usize>>,
    /// When the first card got an address.
    pub first: Cell<Option<Duration>>,
    /// Whether a card has the static addresses.
    is_set: Cell<bool>,
}

impl<'m> Net<'m> {
    pub fn new(machine: &'m dyn Machine, wishes: Wishes, cards: Vec<Card>) -> Self {
        let (order, first, is_set) = Default::default();
        Self { machine, wishes, cards, order, first, is_set }
    }

    /// Waits for the link of a card, then for its addresses.
    pub async fn attend(self: Rc<Self>, place: usize) {
        let Some(card) = self.cards.get(place) else { return };
        while !card.stack.has_link() {
            card.stack.sleep(LOOK).await;
        }
        let since = self.machine.now();
        card.has_link.set(true);
        if !self.wishes.set.is_empty() {
            return self.set(place, card, since);
        }
        let mut asking: Vec<dial::Task<'_, Infallible>> = vec![];
        if !self.wishes.skips_v4 {
            asking.push(Box::pin(self.ask_v4(place, card, since)));
        }
        if !self.wishes.skips_v6 {
            asking.push(Box::pin(self.ask_v6(place, card, since)));
        }
        card.asked.set(asking.len());
        let _ = dial::all(asking).await;
    }

    /// Gives a card the static addresses, unless another one has them.
    fn set(&self, place: usize, card: &Card, since: Duration) {
        if self.is_set.replace(true) {
            return;
        }
        for settings in &self.wishes.set {
            match card.stack.apply(settings.clone()) {
                Ok(()) => self.got(place, card, settings, since),
                Err(fault) => self.unassigned(card, fault),
            }
        }
    }

    async fn ask_v4(&self, place: usize, card: &Card, since: Duration) -> Result<(), Infallible> {
        let mut lease = card.stack.dhcp4(self.address_wait()).await;
        card.ended();
        if let Err(fault) = lease {
            self.unassigned(card, fault);
            // A later answer is still used; by then, another card may have an address.
            lease = card.stack.dhcp4(Duration::MAX).await;
        }
        if let Ok(lease) = lease {
            self.got(place, card, &lease.settings, since);
            if lease.vendor.is_some() {
                self.machine.line(format_args!("network: {lease}; option 43 is not used"));
            }
        }
        Ok(())
    }

    async fn ask_v6(&self, place: usize, card: &Card, since: Duration) -> Result<(), Infallible> {
        let mut settings = card.stack.autoconfigure_v6(self.address_wait()).await;
        card.ended();
        if let Err(fault) = settings {
            self.unassigned(card, fault);
            settings = card.stack.autoconfigure_v6(Duration::MAX).await;
        }
        if let Ok(settings) = settings {
            self.got(place, card, &settings, since);
        }
        Ok(())
    }

    /// How long to wait for an address.
    fn address_wait(&self) -> Duration {
        self.wishes.wait.map_or(ASSIGNMENT_WAIT, |wait| wait.min(ASSIGNMENT_WAIT))
    }

    fn got(&self, place: usize, card: &Card, settings: &Settings, since: Duration) {
        let now = self.machine.now();
        let mut order = self.order.borrow_mut();
        if !order.contains(&place) {
            order.push(place);
        }
        self.first.set(self.first.get().or(Some(now)));
        let took = Seconds(now.checked_sub(since).unwrap_or_default());
        self.machine.line(format_args!("{} via {} ({took})", Assigned(settings), card.name));
    }

    fn unassigned(&self, card: &Card, fault: ip::Error) {
        let is_silence = matches!(
            &fault,
            ip::Error::Unassigned { cause, .. } if matches!(**cause, Unassigned::Silence { .. })
        );
        if is_silence {
            return;
        }
        // Before the first address, the fault ends the wait and is reported there.
        if self.first.get().is_some() {
            self.machine.line(format_args!("network: {fault}"));
        }
        card.faults.borrow_mut().push(fault);
    }

    /// Waits until a card has a link.
    pub async fn wait_for_link(&self) -> Result<(), Error> {
        let (start, mut wait) = (self.machine.now(), LinkWait::new(self.wishes.wait));
        loop {
            let waited = self.since(start);
            match wait.step(waited, self.cards.iter().any(|card| card.has_link.get())) {
                Step::Up => return Ok(()),
                Step::Down => {
                    return Err(Error::NoLink { cards: self.names(|_| true), seconds: waited.as_secs() });
                }
                Step::Show(left) => {
                    let left = left.as_secs();
                    self.machine.line(format_args!("network: no link yet, waiting {left} s more"));
                }
                Step::Wait => {}
            }
            round().await;
        }
    }

    /// Waits until a card has an address.
    pub async fn wait_for_address(&self) -> Result<(), Error> {
        let (start, limit) = (self.machine.now(), self.address_wait());
        let last = limit.checked_add(SLACK).unwrap_or(limit);
        let mut next = EVERY;
        while self.first.get().is_none() {
            let waited = self.since(start);
            let linked = |card: &Card| card.has_link.get();
            let mut with_link = self.cards.iter().filter(|card| linked(card));
            if waited >= last || with_link.all(|card| card.asked.get() == 0) {
                let causes = self.cards.iter().flat_map(|card| card.faults.take()).collect();
                return Err(Error::NoAddress { cards: self.names(linked), seconds: limit.as_secs(), causes });
            }
            if waited >= next {
                next = waited.checked_add(EVERY).unwrap_or(waited);
                let left = limit.checked_sub(waited).unwrap_or_default().as_secs();
                let cards = self.names(linked);
                self.machine.line(format_args!("network: no address yet, waiting {left} s more ({cards})"));
            }
            round().await;
        }
        Ok(())
    }

    fn since(&self, start: Duration) -> Duration {
        self.machine.now().checked_sub(start).unwrap_or_default()
    }

    fn names(&self, is_one: impl Fn(&Card) -> bool) -> String {
        let names: Vec<&str> =
            self.cards.iter().filter(|card| is_one(card)).map(|card| card.name.as_str()).collect();
        names.join(", ")
    }
}

impl Card {
    /// Counts an address service that has answered or run out of time.
    fn ended(&self) {
        if let Some(left) = self.asked.get().checked_sub(1) {
            self.asked.set(left);
        }
    }
}

/// Waits until the cards have been polled again.
pub(crate) async fn round() {
    let mut is_next = false;
    poll_fn(|_| if core::mem::replace(&mut is_next, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// Shown as `dhcp 10.0.2.15/24`.
struct Assigned<'a>(&'a Settings);

impl fmt::Display for Assigned<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.origin {
            Origin::Dhcp4(_) => "dhcp",
            Origin::Dhcp6(_) => "dhcpv6",
            Origin::Router(_) => "router",
            Origin::Kernel => "ip=",
            _ => "static",
        })?;
        let mut addresses = self.0.addresses.iter();
        addresses.next().into_iter().try_for_each(|own| write!(f, " {own}"))?;
        addresses.try_for_each(|own| write!(f, ", {own}"))
    }
}

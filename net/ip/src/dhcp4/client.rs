// SPDX-License-Identifier: BSD-3-Clause
//! The client's states (RFC 2131, figure 5).

use alloc::{boxed::Box, vec::Vec};
use core::{net::Ipv4Addr, time::Duration};

use super::{
    Lease,
    reply::{Kind, Reply},
    request::{self, Asking},
};
use crate::{Entropy, Instant, Malformed, Unassigned, random_u32};

/// How long to wait for the first answer; the RFC's 4 s would be most of a boot's time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The wait doubles up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// How often an offer is requested before a new search begins.
const MOST_REQUESTS: u32 = 4;
/// Time between two attempts to renew a lease (section 4.4.5).
const RENEWAL_WAIT: Duration = Duration::from_secs(60);

/// An input of the client.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Time has passed.
    Tick,
    /// A message has arrived at the client's port.
    Received(&'a [u8]),
}

/// What the caller must do next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// Wait until this time, or until a message comes.
    Wait(Instant),
    /// Send a message, then ask for the next step.
    Send {
        /// Its bytes.
        message: Vec<u8>,
        /// The source address; unspecified without a lease.
        from: Ipv4Addr,
        /// The destination address; 255.255.255.255 for all servers.
        to: Ipv4Addr,
    },
    /// Use this lease instead of an earlier one.
    Use(Box<Lease>),
    /// Stop using the address; the search continues.
    Lost,
}

/// A DHCPv4 client on one card.
#[derive(Debug)]
pub struct Client {
    card: [u8; 6],
    state: State,
    transaction: u32,
    /// When the search began.
    since: Instant,
    /// When the next message is sent.
    next: Instant,
    /// How long to wait for its answer.
    wait: Duration,
    last_fault: Option<Malformed>,
    was_refused: bool,
}

#[derive(Debug)]
enum State {
    /// Looking for offers.
    Searching,
    /// Requesting an offer.
    Requesting { address: Ipv4Addr, server: Ipv4Addr, requests: u32 },
    /// Holding a lease since this time.
    Bound { lease: Box<Lease>, since: Instant },
}

impl Client {
    /// A client that begins its search at the first step.
    pub fn new(card: nic::Mac, now: Instant, entropy: &mut dyn Entropy) -> Self {
        Self {
            card: card.0,
            state: State::Searching,
            transaction: random_u32(entropy),
            since: now,
            next: now,
            wait: FIRST_WAIT,
            last_fault: None,
            was_refused: false,
        }
    }

    /// The next step, after this event. After any step but [`Step::Wait`], the caller calls it again at once,
    /// with [`Event::Tick`].
    pub fn step(&mut self, now: Instant, event: Event<'_>, entropy: &mut dyn Entropy) -> Step {
        if let Event::Received(message) = event
            && let Some(step) = self.receive(now, message, entropy)
        {
            return step;
        }
        self.tick(now, entropy)
    }

    /// Why there is no lease after a search of this length.
    pub fn failure(&self, waited: Duration) -> Unassigned {
        let seconds = waited.as_secs();
        match self.last_fault {
            Some(cause) => Unassigned::Unusable { seconds, cause },
            None if self.was_refused => Unassigned::Refused { seconds },
            None => Unassigned::Silence { seconds },
        }
    }

    fn tick(&mut self, now: Instant, entropy: &mut dyn Entropy) -> Step {
        if let State::Bound { lease, since } = &self.state {
            let expiry = lease.time.map_or(Instant::NEVER, |time| since.after(time));
            if now >= expiry {
                self.search(now, entropy);
                return Step::Lost;
            }
            return self.renew(now, entropy);
        }
        if now < self.next {
            return Step::Wait(self.next);
        }
        if let State::Requesting { requests: MOST_REQUESTS.., .. } = self.state {
            self.search(now, entropy);
        }
        let asking = match &mut self.state {
            State::Requesting { address, server, requests } => {
                *requests = requests.checked_add(1).unwrap_or(MOST_REQUESTS);
                Asking::Request { address: *address, server: *server }
            }
            _ => Asking::Discover,
        };
        self.next = now.after(varied(self.wait, entropy));
        self.wait = doubled(self.wait);
        self.send(now, asking, Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST)
    }

    /// The request that extends the lease, when it is due.
    fn renew(&mut self, now: Instant, entropy: &mut dyn Entropy) -> Step {
        let State::Bound { lease, since } = &self.state else { return Step::Wait(self.next) };
        let [first, second] = lease.renewal.map(|wait| wait.map_or(Instant::NEVER, |wait| since.after(wait)));
        let expiry = lease.time.map_or(Instant::NEVER, |time| since.after(time));
        let due = self.next.max(first);
        if now < due {
            return Step::Wait(due.min(expiry));
        }
        let address = lease.settings.addresses.first().map(crate::Network::address);
        let Some(core::net::IpAddr::V4(address)) = address else { return Step::Wait(expiry) };
        let to = if now < second { lease.server } else { Ipv4Addr::BROADCAST };
        self.transaction = random_u32(entropy);
        self.next = now.after(RENEWAL_WAIT);
        self.send(now, Asking::Extend { address }, address, to)
    }

    fn send(&self, now: Instant, asking: Asking, from: Ipv4Addr, to: Ipv4Addr) -> Step {
        let seconds = u16::try_from(now.since(self.since).as_secs()).unwrap_or(u16::MAX);
        let message = request::bytes(asking, self.card, self.transaction, seconds);
        Step::Send { message, from, to }
    }

    /// Handles a message; `None` if there is nothing to do at once.
    fn receive(&mut self, now: Instant, message: &[u8], entropy: &mut dyn Entropy) -> Option<Step> {
        let reply = match Reply::parse(message) {
            Ok(reply) => reply,
            Err(fault) => {
                self.last_fault = Some(fault);
                return None;
            }
        };
        if reply.transaction != self.transaction || reply.card != self.card {
            return None;
        }
        match (&self.state, reply.kind) {
            (State::Searching, Kind::Offer) => {
                let lease = self.usable(&reply)?;
                let State::Searching = self.state else { return None };
                self.state = State::Requesting { address: reply.address, server: lease.server, requests: 0 };
                (self.next, self.wait) = (now, FIRST_WAIT);
                None
            }
            (State::Requesting { address, server, .. }, Kind::Acknowledged)
                if (*address, *server) == (reply.address, reply.server) =>
            {
                let lease = self.usable(&reply)?;
                Some(self.bind(now, lease))
            }
            (State::Requesting { server, .. }, Kind::Refused) if *server == reply.server => {
                self.was_refused = true;
                self.search(now, entropy);
                // Not at once: with a server that refuses its own offers, we would flood the network.
                self.next = now.after(varied(FIRST_WAIT, entropy));
                None
            }
            (State::Bound { lease, .. }, Kind::Acknowledged) => {
                let own = lease.settings.addresses.first().map(crate::Network::address);
                let is_own = own == Some(reply.address.into());
                let lease = is_own.then(|| self.usable(&reply)).flatten()?;
                Some(self.bind(now, lease))
            }
            (State::Bound { .. }, Kind::Refused) => {
                self.search(now, entropy);
                Some(Step::Lost)
            }
            _ => None,
        }
    }

    /// The lease of a reply; if it is unusable, `None`, and the reason is kept.
    fn usable(&mut self, reply: &Reply<'_>) -> Option<Lease> {
        Lease::new(reply).map_err(|fault| self.last_fault = Some(fault)).ok()
    }

    fn bind(&mut self, now: Instant, lease: Lease) -> Step {
        let lease = Box::new(lease);
        self.state = State::Bound { lease: lease.clone(), since: now };
        // A late answer carries an old transaction ID.
        self.transaction = !self.transaction;
        self.next = now;
        Step::Use(lease)
    }

    fn search(&mut self, now: Instant, entropy: &mut dyn Entropy) {
        self.state = State::Searching;
        self.transaction = random_u32(entropy);
        (self.next, self.wait) = (now, FIRST_WAIT);
    }
}

/// The wait plus up to a quarter at random, so that machines that start together do not ask together.
fn varied(wait: Duration, entropy: &mut dyn Entropy) -> Duration {
    let share = random_u32(entropy) & 0xff;
    let more = wait.checked_mul(share).and_then(|more| more.checked_div(1024));
    more.and_then(|more| wait.checked_add(more)).unwrap_or(wait)
}

fn doubled(wait: Duration) -> Duration {
    wait.checked_mul(2).map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::{super::reply::tests::*, *};

    /// Counts, for tests.
    struct Counter(u8);

    impl Entropy for Counter {
        fn fill(&mut self, bytes: &mut [u8]) {
            self.0 = self.0.wrapping_add(1);
            bytes.fill(self.0);
        }
    }

    struct Machine {
        client: Client,
        entropy: Counter,
        now: Instant,
    }

    impl Machine {
        fn new() -> Self {
            let mut entropy = Counter(0);
            let client = Client::new(nic::Mac(CARD), Instant::default(), &mut entropy);
            Self { client, entropy, now: Instant::default() }
        }

        fn step(&mut self, event: Event<'_>) -> Step {
            self.client.step(self.now, event, &mut self.entropy)
        }

        fn wait(&mut self, seconds: u64) {
            self.now = self.now.after(Duration::from_secs(seconds));
        }

        /// Type and destination of the message that is sent now.
        fn sent(&mut self) -> Option<(u8, Ipv4Addr)> {
            match self.step(Event::Tick) {
                Step::Send { message, to, .. } => Some((message[242], to)),
                Step::Wait(until) => {
                    assert!(until > self.now);
                    None
                }
                other => panic!("{other:?}"),
            }
        }

        fn receive(&mut self, kind: u8, options: &[(u8, &[u8])]) -> Step {
            let message = reply(kind, self.client.transaction, options);
            self.step(Event::Received(&message))
        }

        fn bound(options: &[(u8, &[u8])]) -> Self {
            let mut machine = Self::new();
            machine.step(Event::Tick);
            machine.receive(2, options);
            assert!(matches!(machine.receive(5, options), Step::Use(_)));
            machine
        }
    }

    const ALL: Ipv4Addr = Ipv4Addr::BROADCAST;
    const HOUR: (u8, &[u8]) = (51, &[0, 0, 14, 16]);

    #[test]
    fn an_address_is_got_in_four_messages() {
        let mut machine = Machine::new();
        assert_eq!(machine.sent(), Some((1, ALL)));
        assert_eq!(machine.sent(), None);
        let Step::Send { message, .. } = machine.receive(2, &[HOUR]) else { panic!("no request") };
        assert_eq!(message[242], 3);
        assert!(message.windows(6).any(|option| option == [50, 4, 10, 0, 0, 9]));
        assert!(message.windows(6).any(|option| option == [54, 4, 10, 0, 0, 1]));
        let Step::Use(lease) = machine.receive(5, &[HOUR]) else { panic!("no lease") };
        assert_eq!((lease.server, lease.time), (SERVER.into(), Some(Duration::from_secs(3600))));
        assert_eq!(
            machine.step(Event::Tick),
            Step::Wait(Instant::default().after(Duration::from_secs(1800)))
        );
    }

    #[test]
    fn searches_are_repeated_with_growing_waits() {
        let mut machine = Machine::new();
        let mut sent = 0;
        for _ in 0..60 {
            sent += usize::from(machine.sent().is_some());
            machine.wait(1);
        }
        assert!((8..=10).contains(&sent), "{sent}");
        assert_eq!(machine.client.failure(Duration::from_secs(60)), Unassigned::Silence { seconds: 60 });
    }

    #[test]
    fn answers_to_others_are_passed_over() {
        let mut machine = Machine::new();
        machine.sent();
        let foreign = reply(2, !machine.client.transaction, &[]);
        assert!(matches!(machine.step(Event::Received(&foreign)), Step::Wait(_)));
        let mut other_card = reply(2, machine.client.transaction, &[]);
        other_card[33] = 8;
        assert!(matches!(machine.step(Event::Received(&other_card)), Step::Wait(_)));
        assert!(matches!(machine.receive(5, &[]), Step::Wait(_)), "an acknowledgement of nothing");
        assert!(matches!(machine.step(Event::Received(b"x")), Step::Wait(_)));
        let cause = Malformed { structure: "DHCP header", offset: 0, cause: "not a reply" };
        assert_eq!(
            machine.client.failure(Duration::from_secs(9)),
            Unassigned::Unusable { seconds: 9, cause }
        );
    }

    #[test]
    fn an_offer_that_is_not_kept_ends_in_a_new_search() {
        let mut machine = Machine::new();
        machine.sent();
        machine.receive(2, &[]);
        let kinds: std::vec::Vec<u8> = (0..60)
            .filter_map(|_| {
                machine.wait(1);
                machine.sent().map(|(kind, _)| kind)
            })
            .collect();
        assert_eq!(kinds[..4], [3, 3, 3, 1]);
    }

    #[test]
    fn a_refusal_ends_in_a_new_search_later() {
        let mut machine = Machine::new();
        machine.sent();
        machine.receive(2, &[]);
        assert!(matches!(machine.receive(6, &[]), Step::Wait(_)));
        machine.wait(2);
        assert_eq!(machine.sent(), Some((1, ALL)));
        assert_eq!(machine.client.failure(Duration::from_secs(2)), Unassigned::Refused { seconds: 2 });
    }

    #[test]
    fn a_lease_is_renewed_at_its_server_then_anywhere_and_ends() {
        let mut machine = Machine::bound(&[HOUR]);
        machine.wait(1799);
        assert_eq!(machine.sent(), None);
        machine.wait(1);
        assert_eq!(machine.sent(), Some((3, SERVER.into())));
        assert_eq!(machine.sent(), None);
        machine.wait(60);
        assert_eq!(machine.sent(), Some((3, SERVER.into())));
        machine.wait(1290);
        assert_eq!(machine.sent(), Some((3, ALL)));
        machine.wait(450);
        assert_eq!(machine.step(Event::Tick), Step::Lost);
        assert_eq!(machine.sent(), Some((1, ALL)));
    }

    #[test]
    fn a_renewed_lease_counts_from_then() {
        let mut machine = Machine::bound(&[HOUR]);
        machine.wait(1800);
        machine.sent();
        assert!(matches!(machine.receive(5, &[HOUR]), Step::Use(_)));
        machine.wait(1799);
        assert_eq!(machine.sent(), None);
        machine.wait(1);
        assert_eq!(machine.sent(), Some((3, SERVER.into())));
        assert_eq!(machine.receive(6, &[]), Step::Lost);
    }

    #[test]
    fn a_lease_for_ever_is_left_alone() {
        let mut machine = Machine::bound(&[(51, &[255; 4])]);
        assert_eq!(machine.step(Event::Tick), Step::Wait(Instant::NEVER));
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! The client's states: no router, a router, and what DHCPv6 adds to it.

use alloc::{boxed::Box, vec::Vec};
use core::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use super::{
    Advertisement, Assigned, Prefix, Reply,
    dhcp6::{self, Asking},
};
use crate::{
    Entropy, Instant, Malformed, Network, Origin, Settings, Unassigned, limits::MOST_SERVERS, random_u32,
};

/// How long to wait for the first answer; the RFCs' 4 s would be most of a boot's time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The wait doubles up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// How often an offer is requested before a new search begins.
const MOST_REQUESTS: u32 = 4;
/// Time between two attempts to renew an address.
const RENEWAL_WAIT: Duration = Duration::from_secs(60);
/// How long to wait for DHCPv6 if there is a SLAAC address: a router may announce DHCPv6 where there is none.
const PATIENCE: Duration = Duration::from_secs(5);
/// The smallest MTU that is accepted (RFC 8200, section 5).
const LEAST_MTU: u32 = 1280;
/// The lifetime that means infinity, in seconds (RFC 4861, section 4.6.2).
const FOR_EVER: Duration = Duration::from_secs(0xffff_ffff);

/// An input of the client.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Time has passed.
    Tick,
    /// An ICMPv6 message with correct checksum and hop limit 255 has arrived from this link-local address.
    Advertised(Ipv6Addr, &'a [u8]),
    /// A datagram has arrived at the DHCPv6 client port from this address.
    Received(Ipv6Addr, &'a [u8]),
}

/// What the caller must do next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// Wait until this time, or until a message comes.
    Wait(Instant),
    /// Solicit routers.
    Solicit,
    /// Send a DHCPv6 message to all servers.
    Send(Vec<u8>),
    /// Use these settings instead of earlier ones.
    Use(Box<Settings>),
    /// Stop using the settings; the search continues.
    Lost,
}

/// A client on one card.
#[derive(Debug)]
pub struct Client {
    card: nic::Mac,
    router: Option<Router>,
    dhcp: Dhcp,
    transaction: [u8; 3],
    /// When the current question was first asked.
    since: Instant,
    next: Instant,
    wait: Duration,
    last_fault: Option<Malformed>,
    was_refused: bool,
    /// Whether a router or a server has sent something new.
    is_new: bool,
    /// Whether settings have been given out.
    is_used: bool,
}

#[derive(Debug)]
struct Router {
    address: Ipv6Addr,
    said: Advertisement,
    until: Instant,
    /// When to stop waiting for DHCPv6 if there is an address without it.
    patience: Instant,
}

/// The state of DHCPv6.
#[derive(Debug)]
enum Dhcp {
    /// The router does not request it, or it is done.
    Idle,
    Soliciting,
    Requesting {
        server: Vec<u8>,
        address: Ipv6Addr,
        requests: u32,
    },
    Informing,
    Bound {
        reply: Box<Reply>,
        from: Ipv6Addr,
        since: Instant,
    },
}

impl Client {
    /// A client that begins its search at the first step.
    pub fn new(card: nic::Mac, now: Instant, entropy: &mut dyn Entropy) -> Self {
        Self {
            card,
            router: None,
            dhcp: Dhcp::Idle,
            transaction: random_transaction(entropy),
            since: now,
            next: now,
            wait: FIRST_WAIT,
            last_fault: None,
            was_refused: false,
            is_new: false,
            is_used: false,
        }
    }

    /// The next step, after this event. After any step but [`Step::Wait`], the caller calls it again at once,
    /// with [`Event::Tick`].
    pub fn step(&mut self, now: Instant, event: Event<'_>, entropy: &mut dyn Entropy) -> Step {
        let result = match event {
            Event::Tick => Ok(()),
            Event::Advertised(from, message) => {
                Advertisement::parse(message).map(|said| self.hear(now, from, said, entropy))
            }
            Event::Received(from, message) => {
                Reply::parse(message).map(|reply| self.receive(now, from, reply, entropy))
            }
        };
        if let Err(fault) = result {
            self.last_fault = Some(fault);
        }
        self.tick(now, entropy)
    }

    /// Why there is no address after a search of this length.
    pub fn failure(&self, waited: Duration) -> Unassigned {
        let seconds = waited.as_secs();
        match self.last_fault {
            Some(cause) => Unassigned::Unusable { seconds, cause },
            None if self.was_refused => Unassigned::Refused { seconds },
            None => Unassigned::Silence { seconds },
        }
    }

    fn tick(&mut self, now: Instant, entropy: &mut dyn Entropy) -> Step {
        if self.until() <= now {
            *self = Self::new(self.card, now, entropy);
            return Step::Lost;
        }
        if let Some(step) = self.news(now, entropy) {
            return step;
        }
        let due = self.due();
        if now < due {
            let patience = if self.is_used { Instant::NEVER } else { self.patience() };
            let patience = if patience > now { patience } else { Instant::NEVER };
            return Step::Wait(due.min(self.until()).min(patience));
        }
        self.ask(now, entropy)
    }

    /// The step that new information leads to; `None` if there is none.
    fn news(&mut self, now: Instant, entropy: &mut dyn Entropy) -> Option<Step> {
        let has_waited = !self.is_used && self.is_asking() && self.patience() <= now;
        if !core::mem::take(&mut self.is_new) && !has_waited {
            return None;
        }
        match self.settings(now) {
            Some(settings) => {
                self.is_used = true;
                Some(Step::Use(Box::new(settings)))
            }
            None if self.is_used && !self.is_asking() => {
                *self = Self::new(self.card, now, entropy);
                Some(Step::Lost)
            }
            None => None,
        }
    }

    /// Whether the answer of a DHCPv6 server is still expected.
    fn is_asking(&self) -> bool {
        matches!(self.dhcp, Dhcp::Soliciting | Dhcp::Requesting { .. } | Dhcp::Informing)
    }

    fn patience(&self) -> Instant {
        self.router.as_ref().map_or(Instant::NEVER, |router| router.patience)
    }

    /// When the router or the address expires.
    fn until(&self) -> Instant {
        let router = self.router.as_ref().map_or(Instant::NEVER, |router| router.until);
        let address = match &self.dhcp {
            Dhcp::Bound { reply, since, .. } => {
                reply.assigned.map_or(Instant::NEVER, |own| end(*since, own.valid))
            }
            _ => Instant::NEVER,
        };
        router.min(address)
    }

    /// When the next message is sent.
    fn due(&self) -> Instant {
        match &self.dhcp {
            Dhcp::Idle if self.router.is_some() => Instant::NEVER,
            Dhcp::Bound { reply, since, .. } => match reply.assigned {
                Some(Assigned { renewal: [first, _], .. }) => self.next.max(since.after(first)),
                None => Instant::NEVER,
            },
            _ => self.next,
        }
    }

    /// The message that is due.
    fn ask(&mut self, now: Instant, entropy: &mut dyn Entropy) -> Step {
        if matches!(self.dhcp, Dhcp::Requesting { requests: MOST_REQUESTS.., .. }) {
            self.begin(now, Dhcp::Soliciting, entropy);
        }
        self.next = now.after(varied(self.wait, entropy));
        self.wait = self.wait.checked_mul(2).map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT));
        let asking = match &mut self.dhcp {
            Dhcp::Idle => return Step::Solicit,
            Dhcp::Soliciting => Asking::Solicit,
            Dhcp::Informing => Asking::Information,
            Dhcp::Requesting { server, address, requests } => {
                *requests = requests.checked_add(1).unwrap_or(MOST_REQUESTS);
                Asking::Request { server, address: *address }
            }
            Dhcp::Bound { reply, since, .. } => {
                self.transaction = random_transaction(entropy);
                (self.since, self.next) = (now, now.after(RENEWAL_WAIT));
                match reply.assigned {
                    Some(Assigned { address, renewal: [_, second], .. }) if now >= since.after(second) => {
                        Asking::Rebind { address }
                    }
                    Some(Assigned { address, .. }) => Asking::Renew { server: &reply.server, address },
                    None => Asking::Information,
                }
            }
        };
        Step::Send(dhcp6::bytes(asking, self.card.0, self.transaction, now.since(self.since)))
    }

    /// Handles an advertisement from the current router, or from the first one.
    fn hear(&mut self, now: Instant, from: Ipv6Addr, said: Advertisement, entropy: &mut dyn Entropy) {
        if self.router.as_ref().is_some_and(|router| router.address != from) {
            return;
        }
        let lifetimes = said.prefixes.iter().filter(|prefix| is_own(prefix)).map(|prefix| prefix.valid);
        let lifetimes = lifetimes.chain(Some(said.lifetime).filter(|lifetime| !lifetime.is_zero()));
        let is_first = self.router.is_none();
        let until = match lifetimes.min() {
            Some(lifetime) => end(now, lifetime),
            None if said.is_managed => Instant::NEVER,
            // Not a default router, or no longer one.
            None if is_first => return,
            None => now,
        };
        let dhcp = match (is_first, said.is_managed, said.has_other) {
            (true, true, _) => Some(Dhcp::Soliciting),
            (true, false, true) => Some(Dhcp::Informing),
            _ => None,
        };
        self.is_new |= self.router.as_ref().is_none_or(|router| router.said != said);
        let patience = if is_first { now.after(PATIENCE) } else { self.patience() };
        self.router = Some(Router { address: from, said, until, patience });
        if let Some(dhcp) = dhcp {
            self.begin(now, dhcp, entropy);
        }
    }

    /// Handles a server's message.
    fn receive(&mut self, now: Instant, from: Ipv6Addr, reply: Reply, entropy: &mut dyn Entropy) {
        if !reply.is_for(self.card.0, self.transaction) {
            return;
        }
        match (&self.dhcp, reply.is_offer, reply.assigned) {
            (Dhcp::Soliciting, true, Some(own)) => {
                let requesting = Dhcp::Requesting { server: reply.server, address: own.address, requests: 0 };
                self.begin(now, requesting, entropy);
            }
            (Dhcp::Requesting { server, .. }, false, _) if *server != reply.server => {}
            (Dhcp::Requesting { .. } | Dhcp::Bound { .. }, false, Some(_)) | (Dhcp::Informing, false, _) => {
                self.dhcp = Dhcp::Bound { reply: Box::new(reply), from, since: now };
                (self.next, self.is_new) = (now, true);
                // A late answer carries an old transaction ID.
                self.transaction = random_transaction(entropy);
            }
            (Dhcp::Requesting { .. } | Dhcp::Soliciting, _, None) => {
                self.was_refused |= reply.is_refusal;
                self.begin(now, Dhcp::Soliciting, entropy);
                // Not at once: with a server that refuses its own offers, we would flood the network.
                self.next = now.after(varied(FIRST_WAIT, entropy));
            }
            _ => {}
        }
    }

    fn begin(&mut self, now: Instant, dhcp: Dhcp, entropy: &mut dyn Entropy) {
        self.dhcp = dhcp;
        self.transaction = random_transaction(entropy);
        (self.since, self.next, self.wait) = (now, now, FIRST_WAIT);
    }

    /// The settings from router and server; `None` while there is no address, or a server's answer is still expected.
    fn settings(&self, now: Instant) -> Option<Settings> {
        let router = self.router.as_ref()?;
        let (reply, origin) = match &self.dhcp {
            Dhcp::Idle => (None, Origin::Router(router.address)),
            Dhcp::Bound { reply, from, .. } => (Some(reply), Origin::Dhcp6(*from)),
            _ if router.patience <= now => (None, Origin::Router(router.address)),
            _ => return None,
        };
        let mut settings = Settings::new(origin);
        let own = router.said.prefixes.iter().filter(|prefix| is_own(prefix));
        settings.addresses = own.filter_map(|prefix| autonomous(prefix, self.card)).collect();
        if let Some(own) = reply.and_then(|reply| reply.assigned) {
            let mut on_link = router.said.prefixes.iter().filter(|prefix| prefix.is_on_link);
            let network = on_link.find_map(|prefix| own_network(own.address, prefix));
            // Cannot saturate: a constant that is not 0.
            settings.addresses.truncate(crate::limits::MOST_ADDRESSES.saturating_sub(1));
            settings.addresses.extend(network.or(Network::new(own.address.into(), 128)));
        }
        if settings.addresses.is_empty() {
            return None;
        }
        if !router.said.lifetime.is_zero() {
            settings.add_default_route(router.address.into());
        }
        let mtu = router.said.mtu.filter(|mtu| *mtu >= LEAST_MTU);
        settings.mtu = mtu.map(|mtu| u16::try_from(mtu).unwrap_or(u16::MAX));
        let servers = reply.iter().flat_map(|reply| &reply.dns).chain(&router.said.dns);
        settings.dns = servers.take(MOST_SERVERS).copied().map(IpAddr::V6).collect();
        let domains = reply.iter().flat_map(|reply| &reply.domains).chain(&router.said.domains);
        settings.domains = domains.take(crate::limits::MOST_DOMAINS).cloned().collect();
        settings.ntp = reply.iter().flat_map(|reply| &reply.ntp).copied().map(IpAddr::V6).collect();
        settings.boot_file = reply.and_then(|reply| reply.boot_file.clone());
        Some(settings)
    }
}

/// Whether an address can be made from a prefix (RFC 4862, section 5.5.3).
fn is_own(prefix: &Prefix) -> bool {
    let is_link_local = prefix.address.is_unicast_link_local();
    let is_usable = !is_link_local && !prefix.address.is_multicast() && !prefix.address.is_unspecified();
    prefix.is_autonomous && prefix.length == 64 && !prefix.valid.is_zero() && is_usable
}

/// An address with the network of a prefix; `None` if it is not in that network.
fn own_network(own: Ipv6Addr, prefix: &Prefix) -> Option<Network> {
    let link = Network::new(prefix.address.into(), prefix.length)?;
    if link.contains(own.into()) { Network::new(own.into(), prefix.length) } else { None }
}

/// The address of a card in a prefix of 64 bits. Addresses that are not announced as on-link are reached through the
/// router (RFC 4861, section 6.3.4): the address is then alone in its network.
fn autonomous(prefix: &Prefix, card: nic::Mac) -> Option<Network> {
    let IpAddr::V6(identifier) = crate::stack::link_local(card).address() else { return None };
    let host = u128::from(u64::MAX);
    let bits = (prefix.address.to_bits() & !host) | (identifier.to_bits() & host);
    let length = if prefix.is_on_link { 64 } else { 128 };
    Network::new(Ipv6Addr::from_bits(bits).into(), length)
}

/// The end of a lifetime that begins now.
fn end(now: Instant, lifetime: Duration) -> Instant {
    if lifetime >= FOR_EVER { Instant::NEVER } else { now.after(lifetime) }
}

fn random_transaction(entropy: &mut dyn Entropy) -> [u8; 3] {
    let [_, a, b, c] = random_u32(entropy).to_be_bytes();
    [a, b, c]
}

/// The wait plus up to a quarter at random, so that machines that start together do not ask together.
fn varied(wait: Duration, entropy: &mut dyn Entropy) -> Duration {
    let share = random_u32(entropy) & 0xff;
    let more = wait.checked_mul(share).and_then(|more| more.checked_div(1024));
    more.and_then(|more| wait.checked_add(more)).unwrap_or(wait)
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::{
        super::{advertisement::tests::*, dhcp6::tests::*},
        *,
    };

    /// Counts, for tests.
    struct Counter(u8);

    impl Entropy for Counter {
        fn fill(&mut self, bytes: &mut [u8]) {
            self.0 = self.0.wrapping_add(1);
            bytes.fill(self.0);
        }
    }

    const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    const OTHER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
    const OWN: &str = "2001:db8::ff:fe00:7/64";

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

        fn tick(&mut self) -> Step {
            self.step(Event::Tick)
        }

        fn wait(&mut self, seconds: u64) {
            self.now = self.now.after(Duration::from_secs(seconds));
        }

        /// An advertisement of a prefix for SLAAC with this lifetime.
        fn hear(&mut self, from: Ipv6Addr, flags: u8, seconds: u32) -> Step {
            let options =
                [prefix_option(64, 0xc0, seconds, "2001:db8::"), resolver_option(600, "2001:db8::53")];
            let options: Vec<&[u8]> = options.iter().map(Vec::as_slice).collect();
            self.step(Event::Advertised(from, &advertisement(flags, 1800, &options)))
        }

        fn receive(&mut self, kind: u8, options: &[Vec<u8>]) -> Step {
            let message = message(kind, self.client.transaction, options);
            self.step(Event::Received(ROUTER, &message))
        }
    }

    /// What is used, as text.
    fn used(step: Step) -> std::string::String {
        match step {
            Step::Use(settings) => settings.to_string(),
            other => panic!("{other:?}"),
        }
    }

    /// The kind of the message that is sent.
    fn sent(step: Step) -> u8 {
        match step {
            Step::Send(message) => message[0],
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_address_is_made_of_what_a_router_says() {
        let mut machine = Machine::new();
        assert_eq!(machine.tick(), Step::Solicit);
        assert!(matches!(machine.tick(), Step::Wait(_)));
        assert_eq!(used(machine.hear(ROUTER, 0, 600)), std::format!("{OWN} via fe80::1 (router fe80::1)"));
        assert_eq!(machine.tick(), Step::Wait(Instant::default().after(Duration::from_secs(600))));
        assert!(matches!(machine.hear(OTHER, 0, 900), Step::Wait(_)), "another router");
        machine.wait(599);
        assert!(matches!(machine.hear(ROUTER, 0, 600), Step::Wait(_)), "the same again");
        machine.wait(599);
        assert!(matches!(machine.tick(), Step::Wait(_)));
        machine.wait(1);
        assert_eq!(machine.tick(), Step::Lost);
        assert_eq!(machine.tick(), Step::Solicit);
    }

    #[test]
    fn solicitations_are_repeated() {
        let mut machine = Machine::new();
        let mut solicitations = 0;
        for _ in 0..30 {
            solicitations += usize::from(machine.tick() == Step::Solicit);
            machine.wait(1);
        }
        assert!((5..=6).contains(&solicitations), "{solicitations}");
        assert_eq!(machine.client.failure(Duration::from_secs(30)), Unassigned::Silence { seconds: 30 });
        machine.step(Event::Advertised(ROUTER, &[1]));
        assert!(matches!(machine.client.failure(Duration::ZERO), Unassigned::Unusable { .. }));
    }

    #[test]
    fn a_router_that_withdraws_is_not_used_any_more() {
        let mut machine = Machine::new();
        machine.hear(ROUTER, 0, 600);
        let withdrawn = advertisement(0, 0, &[]);
        assert_eq!(machine.step(Event::Advertised(ROUTER, &withdrawn)), Step::Lost);
        assert!(matches!(machine.step(Event::Advertised(ROUTER, &withdrawn)), Step::Solicit), "is none");
    }

    #[test]
    fn a_prefix_that_is_not_on_the_link_is_behind_the_router() {
        let mut machine = Machine::new();
        let option = prefix_option(64, 0x40, 600, "2001:db8::");
        let step = machine.step(Event::Advertised(ROUTER, &advertisement(0, 1800, &[&option])));
        assert_eq!(used(step), "2001:db8::ff:fe00:7/128 via fe80::1 (router fe80::1)");
    }

    #[test]
    fn prefixes_for_others_are_passed_over() {
        for (length, flags, prefix) in
            [(64, 0x80, "2001:db8::"), (63, 0xc0, "2001:db8::"), (64, 0xc0, "fe80::"), (64, 0xc0, "ff02::")]
        {
            let option = prefix_option(length, flags, 600, prefix);
            let mut machine = Machine::new();
            let step = machine.step(Event::Advertised(ROUTER, &advertisement(0, 1800, &[&option])));
            assert!(!matches!(step, Step::Use(_)), "{prefix} {step:?}");
        }
    }

    #[test]
    fn an_address_is_got_by_dhcp_and_renewed() {
        let mut machine = Machine::new();
        let on_link = prefix_option(64, 0x80, 86400, "2001:db8::");
        let step = machine.step(Event::Advertised(ROUTER, &advertisement(0x80, 9000, &[&on_link])));
        assert_eq!(sent(step), 1);
        let address = [association_option(3600, [1800, 2880])];
        assert_eq!(sent(machine.receive(2, &address)), 3);
        let step = machine.receive(7, &address);
        assert_eq!(used(step), "2001:db8::9/64 via fe80::1 (DHCPv6 server fe80::1)");
        assert_eq!(machine.tick(), Step::Wait(Instant::default().after(Duration::from_secs(1800))));
        machine.wait(1800);
        assert_eq!(sent(machine.tick()), 5);
        assert!(matches!(machine.tick(), Step::Wait(_)));
        machine.wait(1080);
        assert_eq!(sent(machine.tick()), 6);
        assert!(matches!(machine.receive(7, &address), Step::Use(_)));
        machine.wait(1799);
        assert!(matches!(machine.tick(), Step::Wait(_)));
        machine.wait(1801);
        assert_eq!(machine.tick(), Step::Lost);
    }

    #[test]
    fn a_refusal_ends_in_a_new_search_later() {
        let mut machine = Machine::new();
        machine.step(Event::Advertised(ROUTER, &advertisement(0x80, 1800, &[])));
        assert!(matches!(machine.receive(2, &[refusal_option()]), Step::Wait(_)));
        assert_eq!(machine.client.failure(Duration::from_secs(1)), Unassigned::Refused { seconds: 1 });
        machine.wait(2);
        assert_eq!(sent(machine.tick()), 1);
        assert!(
            matches!(machine.receive(7, &[association_option(9, [0; 2])]), Step::Wait(_)),
            "no rapid commit"
        );
    }

    #[test]
    fn servers_are_asked_for_and_not_for_ever_waited_for() {
        let mut machine = Machine::new();
        assert_eq!(sent(machine.hear(ROUTER, 0x40, 600)), 11);
        let mut silent = Machine::new();
        silent.hear(ROUTER, 0x40, 600);
        assert!(used(machine.receive(7, &[])).contains("(DHCPv6 server fe80::1)"));
        assert!(matches!(silent.tick(), Step::Wait(_)));
        silent.wait(5);
        assert_eq!(used(silent.tick()), std::format!("{OWN} via fe80::1 (router fe80::1)"));
        assert_eq!(sent(silent.tick()), 11, "it is asked on");
        assert!(used(silent.receive(7, &[])).contains("(DHCPv6 server fe80::1)"));
    }
}

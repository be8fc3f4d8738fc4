// SPDX-License-Identifier: BSD-3-Clause
//! Whole starts, on cards in memory and a clock that goes when nothing else is to be done.

use std::{
    boxed::Box,
    cell::{Cell, RefCell},
    fmt,
    rc::Rc,
    string::{String, ToString as _},
    time::Duration,
    vec,
    vec::Vec,
};

use config::{Config, Origin, Text, Trust};
use dial::{Dial as _, Kind};
use ip::{Instant, Stack};
use nic::{Cable, Frame, Mac, Nic};

use crate::{Error, Machine, Uplink, Wishes, cards, net::Net, random::Hashes};

/// What a pause takes.
const PAUSE: Duration = Duration::from_millis(5);
const STATIC: &str = "cloudboot.net.static=10.9.0.9/24:10.9.0.1";

type Event = (Duration, Box<dyn FnOnce()>);

/// A program whose clock goes when it pauses.
#[derive(Default)]
pub(crate) struct Fake {
    now: Cell<Duration>,
    lines: RefCell<Vec<String>>,
    events: RefCell<Vec<Event>>,
    /// What is at the other ends of the cables.
    far: RefCell<Vec<Stack>>,
    /// Cards that were dropped.
    stopped: Rc<Cell<usize>>,
    filled: Cell<u8>,
}

impl Machine for Fake {
    fn now(&self) -> Duration {
        self.now.get()
    }

    fn pause(&self) {
        self.now.set(self.now.get() + PAUSE);
        let (due, later) = self.events.take().into_iter().partition(|(at, _)| *at <= self.now.get());
        self.events.replace(later);
        let due: Vec<Event> = due;
        due.into_iter().for_each(|(_, event)| event());
        let now = Instant::from_micros(self.now.get().as_micros().try_into().unwrap());
        self.far.borrow().iter().for_each(|stack| stack.poll(now));
    }

    fn fill(&self, bytes: &mut [u8]) {
        self.filled.set(self.filled.get() + 1);
        bytes.fill(self.filled.get());
    }

    fn line(&self, text: fmt::Arguments<'_>) {
        self.lines.borrow_mut().push(text.to_string());
    }
}

impl Fake {
    fn at(&self, seconds: u64, event: impl FnOnce() + 'static) {
        self.events.borrow_mut().push((Duration::from_secs(seconds), Box::new(event)));
    }

    /// A card, and the far end of its cable.
    fn card(&self, number: u8) -> (Box<dyn Nic>, Cable) {
        let [near, far] = Cable::new();
        let (name, mac) = (std::format!("card{number}"), Mac([2, 0, 0, 0, 0xab, number]));
        (Box::new(Card { name, mac, cable: near, stopped: Rc::clone(&self.stopped) }), far)
    }

    /// A card with a host at the far end.
    fn card_to(&self, number: u8, address: &str) -> Box<dyn Nic> {
        let (card, far) = self.card(number);
        let stack = Stack::new(Box::new(far), None, Box::new(Hashes::new(self)), Instant::default()).unwrap();
        stack.apply(ip::parse_static(address).unwrap()).unwrap();
        self.far.borrow_mut().push(stack);
        card
    }

    fn start(&self, cards: Vec<Box<dyn Nic>>, settings: &str) -> Result<Uplink<'_>, Error> {
        Uplink::start(cards, Wishes::of(&config(settings))?, self, None)
    }

    /// What a start ends with that fails.
    fn fails(&self, cards: Vec<Box<dyn Nic>>, settings: &str) -> String {
        self.start(cards, settings).err().unwrap().to_string()
    }

    fn said(&self) -> Vec<String> {
        self.lines.take()
    }
}

pub(crate) fn config(settings: &str) -> Config {
    Config::resolve(&[Text::new(Origin::File, settings.as_bytes())], Trust::Open)
}

/// A card with a name of its own, which is counted when it is dropped.
struct Card {
    name: String,
    mac: Mac,
    cable: Cable,
    stopped: Rc<Cell<usize>>,
}

impl Drop for Card {
    fn drop(&mut self) {
        self.stopped.set(self.stopped.get() + 1);
    }
}

impl Nic for Card {
    fn name(&self) -> &str {
        &self.name
    }

    fn mac(&self) -> Mac {
        self.mac
    }

    fn mtu(&self) -> usize {
        // One with a large number carries too little.
        if self.mac.0[5] == 99 { 576 } else { self.cable.mtu() }
    }

    fn has_link(&mut self) -> bool {
        self.cable.has_link()
    }

    fn receive(&mut self) -> Option<Frame> {
        self.cable.receive()
    }

    fn recycle(&mut self, frame: Frame) {
        self.cable.recycle(frame);
    }

    fn can_transmit(&mut self) -> bool {
        self.cable.can_transmit()
    }

    fn transmit(&mut self, length: usize) -> Option<&mut [u8]> {
        self.cable.transmit(length)
    }

    fn commit(&mut self) {
        self.cable.commit();
    }

    fn flush(&mut self) {
        self.cable.flush();
    }
}

fn fails(uplink: &Uplink<'_>, host: &str, port: u16) -> dial::Error {
    uplink.run(uplink.connect(host, port)).err().unwrap()
}

#[test]
fn no_card_is_an_error() {
    let fake = Fake::default();
    assert_eq!(fake.fails(vec![], ""), "E-NET-CARD cards: none found; add one, or a driver for it");
}

#[test]
fn a_card_that_cannot_be_used_is_said_and_is_an_error_where_it_is_the_only_one() {
    let fake = Fake::default();
    let cause = "the card's MTU is 576, below the 1280 bytes that IPv6 requires";
    let shown = fake.fails(vec![fake.card(99).0], "");
    assert_eq!(shown, std::format!("E-NET-CARD card99: {cause}; use another card"));
    fake.said();
    let uplink = fake.start(vec![fake.card(99).0, fake.card_to(1, "10.9.0.1/24")], STATIC).unwrap();
    let said = [
        std::format!("network: card99 is not used: {cause}"),
        "static 10.9.0.9/24 via card1 (0.00 s)".into(),
    ];
    assert_eq!(fake.said(), said);
    assert_eq!(uplink.settings().len(), 1);
}

#[test]
fn the_card_that_is_named_is_the_only_one() {
    let fake = Fake::default();
    for wish in [
        "cloudboot.net.if=card2",
        "cloudboot.net.if=CARD2",
        "cloudboot.net.if=02-00-00-00-AB-02",
        "cloudboot.net.if=02:00:00:00:ab:02",
        "BOOTIF=01-02-00-00-00-AB-02",
        "BOOTIF=01-02-00-00-00-ab-01 cloudboot.net.if=card2",
        "ip=:::::card2:",
    ] {
        let cards = vec![fake.card_to(1, "10.9.0.1/24"), fake.card_to(2, "10.9.0.1/24")];
        let uplink = fake.start(cards, &std::format!("{STATIC} {wish}")).unwrap();
        assert_eq!(fake.said(), ["static 10.9.0.9/24 via card2 (0.00 s)"], "{wish}");
        assert_eq!(uplink.net.cards.len(), 1);
    }
    let cards = || vec![fake.card(1).0, fake.card(2).0];
    let available = "available: card1 02:00:00:00:ab:01, card2 02:00:00:00:ab:02";
    let shown = fake.fails(cards(), "cloudboot.net.if=eth0");
    assert_eq!(shown, std::format!("E-NET-CARD cloudboot.net.if=eth0: no such card; {available}"));
    let shown = fake.fails(cards(), "BOOTIF=01-02-00-00-00-AB-03");
    assert_eq!(shown, std::format!("E-NET-CARD BOOTIF=01-02-00-00-00-AB-03: no such card; {available}"));
    // Linux's name for a card is not ours.
    let uplink =
        fake.start(vec![fake.card_to(1, "10.9.0.1/24")], &std::format!("{STATIC} ip=:::::eth0:")).unwrap();
    assert_eq!(uplink.net.cards.len(), 1);
    assert_eq!(fake.said()[0], "network: ip= names \"eth0\", but no card has that name");
}

#[test]
fn a_link_is_awaited_for_45_seconds_and_the_wait_is_said() {
    let fake = Fake::default();
    let cards = [1, 2].map(|number| {
        let (card, far) = fake.card(number);
        far.plug(false);
        card
    });
    let shown = fake.fails(cards.into(), "");
    assert_eq!(shown, "E-NET-LINK card1, card2: no link within 45 s; check the cable and the switch's port");
    let said = fake.said();
    assert_eq!((said.len(), said[0].as_str()), (8, "network: no link yet, waiting 40 s more"));
    let (card, far) = fake.card(1);
    far.plug(false);
    let shown = fake.fails(vec![card], "cloudboot.net.wait=3");
    assert_eq!(shown, "E-NET-LINK card1: no link within 3 s; check the cable and the switch's port");
    assert_eq!(fake.stopped.get(), 3);
}

#[test]
fn a_link_that_comes_late_is_used() {
    let fake = Fake::default();
    let (card, far) = fake.card(1);
    far.plug(false);
    fake.at(7, move || far.plug(true));
    let uplink = fake.start(vec![card], STATIC).unwrap();
    let said = fake.said();
    assert_eq!(said, ["network: no link yet, waiting 40 s more", "static 10.9.0.9/24 via card1 (0.00 s)"]);
    assert!(uplink.now() < Duration::from_secs(8));
}

#[test]
fn an_address_is_awaited_for_60_seconds_and_the_wait_is_said() {
    let fake = Fake::default();
    let (silent, _far) = fake.card(1);
    let (unplugged, far) = fake.card(2);
    far.plug(false);
    let shown = fake.fails(vec![silent, unplugged], "");
    let advice = "check the VLAN and the server, or set cloudboot.net.static";
    let cause = "no DHCP server or IPv6 router answered within 60 s";
    assert_eq!(shown, std::format!("E-NET-DHCP card1: {cause}; {advice}"));
    let said = fake.said();
    assert_eq!((said.len(), said[0].as_str()), (11, "network: no address yet, waiting 55 s more (card1)"));
    assert!(fake.now() < Duration::from_secs(62));
    let (silent, _far) = fake.card(1);
    let before = fake.now();
    let shown = fake.fails(vec![silent], "cloudboot.net.wait=2 ip=off");
    assert_eq!(
        shown,
        std::format!("E-NET-DHCP card1: no DHCP server or IPv6 router answered within 2 s; {advice}")
    );
    assert!(fake.now() - before < Duration::from_secs(4));
}

#[test]
fn addresses_that_are_set_go_to_the_first_card_with_a_link() {
    let fake = Fake::default();
    let (unplugged, far) = fake.card(1);
    far.plug(false);
    let cards = vec![unplugged, fake.card_to(2, "10.9.0.1/24"), fake.card_to(3, "10.9.0.1/24")];
    let settings = "ip=10.9.0.9::10.9.0.1:255.255.255.0:::none cloudboot.net.static=[fd09::9]/64";
    let uplink = fake.start(cards, settings).unwrap();
    let said = fake.said();
    assert_eq!(said, ["static fd09::9/64 via card2 (0.00 s)", "ip= 10.9.0.9/24 via card2 (0.00 s)"]);
    let cards: Vec<String> = uplink.settings().into_iter().map(|(card, _)| card).collect();
    assert_eq!(cards, ["card2", "card2"]);
}

#[test]
fn failures_have_a_kind_a_code_and_the_address() {
    let fake = Fake::default();
    let uplink = fake.start(vec![fake.card_to(1, "10.9.0.1/24")], STATIC).unwrap();
    let shown = |host, port| {
        let error = fails(&uplink, host, port);
        (error.kind, error.to_string())
    };
    let refused = "E-NET-REFUSED 10.9.0.1:81: 10.9.0.1:81: connection refused".into();
    assert_eq!(shown("10.9.0.1", 81), (Kind::Connect, refused));
    let no_way = "E-NET-ROUTE [fd09::1]:81: fd09::1: this machine has no address of that IP version".into();
    assert_eq!(shown("fd09::1", 81), (Kind::Connect, no_way));
    let no_server = "E-NET-DNS-NONE www.example:81: www.example: no DNS server is known".into();
    assert_eq!(shown("www.example", 81), (Kind::Name, no_server));
    let (kind, no_name) = shown("a b", 81);
    assert_eq!(kind, Kind::Refused);
    assert!(no_name.starts_with("E-NET-DNS-NAME a b:81: "), "{no_name}");
    let before = fake.now();
    let silent =
        "E-NET-TIMEOUT 10.9.0.77:81: 10.9.0.77:81: no answer to a connection request within 10000 ms".into();
    assert_eq!(shown("10.9.0.77", 81), (Kind::Connect, silent));
    assert!(fake.now() - before < Duration::from_secs(11));
    assert_eq!(uplink.run(uplink.services("_oci._tcp.example")).unwrap_err().kind, Kind::Name);
}

#[test]
fn a_host_is_tried_through_every_card_that_has_an_address() {
    let fake = Fake::default();
    let cards = vec![fake.card_to(1, "10.9.0.1/24"), fake.card_to(2, "10.8.0.1/24")];
    let uplink = fake.start(cards, "cloudboot.net.static=10.9.0.9/24").unwrap();
    let no_way = fails(&uplink, "10.8.0.1", 81).to_string();
    assert_eq!(no_way, "E-NET-ROUTE 10.8.0.1:81: 10.8.0.1: no route to that network");
    uplink.net.cards[1].stack.apply(ip::parse_static("10.8.0.9/24").unwrap()).unwrap();
    uplink.net.order.borrow_mut().push(1);
    for (host, port) in [("10.8.0.1", 81), ("10.9.0.1", 81)] {
        let refused = std::format!("E-NET-REFUSED {host}:{port}: {host}:{port}: connection refused");
        assert_eq!(fails(&uplink, host, port).to_string(), refused);
    }
    assert_eq!(uplink.settings().len(), 2);
}

#[test]
fn a_card_that_takes_long_gets_company() {
    let fake = Fake::default();
    let cards = vec![fake.card_to(1, "10.9.0.1/24"), fake.card_to(2, "10.9.0.77/24")];
    let uplink = fake.start(cards, "cloudboot.net.static=10.9.0.9/24").unwrap();
    uplink.net.cards[1].stack.apply(ip::parse_static("10.9.0.9/24").unwrap()).unwrap();
    uplink.net.order.borrow_mut().push(1);
    let before = fake.now();
    // The second one has heard more than the first, which goes on until its limit.
    assert_eq!(
        fails(&uplink, "10.9.0.77", 81).to_string(),
        "E-NET-REFUSED 10.9.0.77:81: 10.9.0.77:81: connection refused"
    );
    assert!((9..11).contains(&(fake.now() - before).as_secs()));
}

#[test]
fn a_failure_waits_for_an_address_that_may_come() {
    let fake = Fake::default();
    let uplink =
        fake.start(vec![fake.card_to(1, "[fd09::1]/64")], "cloudboot.net.static=10.9.0.9/24").unwrap();
    let card = &uplink.net.cards[0];
    let no_way = "E-NET-ROUTE [fd09::1]:81: fd09::1: this machine has no address of that IP version";
    // Nobody is asked.
    assert_eq!(fails(&uplink, "fd09::1", 81).to_string(), no_way);
    assert!(fake.now() < Duration::from_secs(1));
    card.asked.set(1);
    assert_eq!(fails(&uplink, "fd09::1", 81).to_string(), no_way);
    let limit = fake.now();
    assert!((14..16).contains(&limit.as_secs()), "{limit:?}");
    let stack = card.stack.clone();
    fake.at(20, move || stack.apply(ip::parse_static("[fd09::9]/64").unwrap()).unwrap());
    let refused = "E-NET-REFUSED [fd09::1]:81: [fd09::1]:81: connection refused";
    assert_eq!(fails(&uplink, "fd09::1", 81).to_string(), refused);
    assert!((20..22).contains(&fake.now().as_secs()));
    // The grace is over.
    let before = fake.now();
    assert_eq!(fails(&uplink, "fd09::1", 81).to_string(), refused);
    assert!(fake.now() - before < Duration::from_secs(1));
}

#[test]
fn a_lease_that_has_ended_is_said() {
    let fake = Fake::default();
    let cards = cards::open(vec![fake.card(1).0], &Wishes::default(), &fake).unwrap();
    cards[0].has_link.set(true);
    let net = Rc::new(Net::new(&fake, Wishes::default(), cards));
    let uplink = Uplink { net, tasks: RefCell::default(), tls: None };
    let error = fails(&uplink, "10.9.0.1", 81);
    let expected =
        "E-NET-DHCP 10.9.0.1:81: no card has an address: the lease has ended, and there is no new one";
    assert_eq!((error.kind, error.to_string().as_str()), (Kind::Connect, expected));
    assert_eq!(fake.now(), Duration::ZERO);
}

#[test]
fn a_boot_file_is_awaited_no_longer_than_an_address_that_may_come() {
    let fake = Fake::default();
    let uplink =
        fake.start(vec![fake.card_to(1, "10.9.0.1/24")], "cloudboot.net.static=10.9.0.9/24").unwrap();
    let wanted = |uplink: &Uplink<'_>| uplink.boot_file(|file| file == "b");
    // Nobody is asked.
    assert_eq!((wanted(&uplink), fake.now() < Duration::from_secs(1)), (None, true));
    let card = &uplink.net.cards[0];
    card.asked.set(1);
    assert_eq!(wanted(&uplink), None);
    assert!((5..6).contains(&fake.now().as_secs()), "{:?}", fake.now());
    for (file, found) in [("a", None), ("b", Some("b"))] {
        let mut settings = ip::parse_static("[fd09::9]/64").unwrap();
        settings.boot_file = Some(file.into());
        card.stack.apply(settings).unwrap();
        assert_eq!(wanted(&uplink).as_deref(), found);
    }
}

#[test]
fn the_cards_stop_with_the_uplink() {
    let fake = Fake::default();
    let uplink = fake.start(vec![fake.card_to(1, "10.9.0.1/24"), fake.card(2).0], STATIC).unwrap();
    assert_eq!(fake.stopped.get(), 0);
    drop(uplink);
    assert_eq!(fake.stopped.get(), 2);
}

#[test]
fn a_round_without_frames_pauses_and_sleeping_ends() {
    let fake = Fake::default();
    let uplink = fake.start(vec![fake.card_to(1, "10.9.0.1/24")], STATIC).unwrap();
    let until = uplink.now() + Duration::from_secs(1);
    let mut rounds = 0;
    let mut sleep = std::pin::pin!(uplink.sleep(until));
    uplink.run(std::future::poll_fn(|context| {
        rounds += 1;
        sleep.as_mut().poll(context)
    }));
    assert_eq!((uplink.now(), rounds), (until, 201));
    assert_ne!(uplink.random(), uplink.random());
}

/// A card behind which a DHCP server assigns 10.9.0.9/24 and these options.
struct Served {
    near: Cable,
    far: Cable,
    options: &'static [u8],
}

impl Served {
    /// The answer to a frame, if that is for a DHCP server.
    fn answer(&self, frame: &[u8]) -> Option<Vec<u8>> {
        if frame.get(36..38)? != [0, 67] {
            return None;
        }
        let asked = frame.get(42..)?;
        let kind = if asked.windows(3).any(|option| option == [53, 1, 1]) { 2 } else { 5 };
        let server = [10, 9, 0, 1];
        let mut message =
            [&[2, 1, 6, 0], &asked[4..8], &[0; 8], &[10, 9, 0, 9], &[0; 8], &asked[28..236]].concat();
        message.extend([99, 130, 83, 99, 53, 1, kind, 54, 4]);
        message.extend(server);
        message.extend([1, 4, 255, 255, 255, 0]);
        message.extend(self.options);
        message.push(255);
        let [udp, ip] = [8, 28].map(|head| u16::try_from(head + message.len()).unwrap().to_be_bytes());
        let mut head = [&[0x45, 0], &ip[..], &[0, 0, 0, 0, 64, 17, 0, 0], &server, &[255; 4]].concat();
        let sum: u32 = head.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
        let sum = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
        head[10..12].copy_from_slice(&sum.to_be_bytes());
        let card = [2, 0, 0, 0, 0, 1];
        Some([&[255; 6][..], &card, &[8, 0], &head[..], &[0, 67, 0, 68], &udp, &[0, 0], &message].concat())
    }
}

impl Nic for Served {
    fn name(&self) -> &str {
        "served"
    }

    fn mac(&self) -> Mac {
        self.near.mac()
    }

    fn mtu(&self) -> usize {
        self.near.mtu()
    }

    fn has_link(&mut self) -> bool {
        self.near.has_link()
    }

    fn receive(&mut self) -> Option<Frame> {
        while let Some(frame) = self.far.receive() {
            if let Some(answer) = self.answer(frame.bytes()) {
                self.far.transmit(answer.len())?.copy_from_slice(&answer);
                self.far.commit();
                self.far.flush();
            }
        }
        self.near.receive()
    }

    fn recycle(&mut self, frame: Frame) {
        self.near.recycle(frame);
    }

    fn can_transmit(&mut self) -> bool {
        self.near.can_transmit()
    }

    fn transmit(&mut self, length: usize) -> Option<&mut [u8]> {
        self.near.transmit(length)
    }

    fn commit(&mut self) {
        self.near.commit();
    }

    fn flush(&mut self) {
        self.near.flush();
    }
}

#[test]
fn what_a_server_says_to_vendors_is_only_logged() {
    let said = |options| {
        let (fake, [near, far]) = (Fake::default(), Cable::new());
        fake.start(vec![Box::new(Served { near, far, options })], "").unwrap();
        fake.said().into_iter().filter(|line| !line.starts_with("dhcp ")).collect::<Vec<_>>()
    };
    let line = "network: 10.9.0.9/24 (DHCP server 10.9.0.1), option 43: 01 02 ff; option 43 is not used";
    assert_eq!(said(&[43, 3, 1, 2, 0xff]), [line]);
    assert_eq!(said(&[]), [""; 0]);
}

// SPDX-License-Identifier: BSD-3-Clause
//! Tests: servers that answer as no real one does.

use std::{
    boxed::Box,
    future::Future,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    pin::pin,
    string::ToString,
    task::{Context, Poll, Waker},
    time::Duration,
    vec,
    vec::Vec,
};

use nic::Cable;
use smoltcp::{
    phy::PacketMeta,
    socket::udp::{self, UdpMetadata},
};

use crate::{Entropy, Error, Instant, Malformed, Network, Stack, Unresolved, parse_static, udp::buffer};

/// Counts: ids and ports are known here.
struct Counter(u8);

impl Entropy for Counter {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 = self.0.wrapping_add(1);
        bytes.fill(self.0);
    }
}

/// The servers' addresses. Both are of one machine.
const FIRST: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 1));
const SECOND: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 2));
const RIGHT: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 77);
const RIGHT_V6: Ipv6Addr = Ipv6Addr::new(0xfd09, 0, 0, 0, 0, 0, 0, 0x77);
const WRONG: Ipv4Addr = Ipv4Addr::new(6, 6, 6, 6);

/// An answer, and where it comes from.
struct Answer {
    bytes: Vec<u8>,
    from: IpAddr,
    port: u16,
}

/// What a server is asked.
struct Query<'a> {
    bytes: &'a [u8],
    server: IpAddr,
}

impl Query<'_> {
    /// The number of the kind of record, of the name `a.b`.
    fn kind(&self) -> u8 {
        self.bytes[18]
    }

    fn has_edns(&self) -> bool {
        self.bytes[11] == 1
    }

    /// The answer with these flags and records, each with its owner's name.
    fn answer(&self, flags: u16, records: &[Vec<u8>]) -> Answer {
        let mut bytes = self.bytes[..2].to_vec();
        for word in [flags, 1, records.len() as u16, 0, 0] {
            bytes.extend(word.to_be_bytes());
        }
        let name = self.bytes[12..].iter().position(|byte| *byte == 0).unwrap();
        bytes.extend(&self.bytes[12..12 + name + 5]);
        records.iter().for_each(|record| bytes.extend(record));
        Answer { bytes, from: self.server, port: 53 }
    }

    fn address(&self, address: Ipv4Addr) -> Answer {
        self.answer(0x8180, &[record(b"\xc0\x0c", 1, &address.octets())])
    }
}

fn record(name: &[u8], kind: u8, data: &[u8]) -> Vec<u8> {
    [name, &[0, kind, 0, 1, 0, 0, 0, 9, 0, data.len() as u8], data].concat()
}

fn stack(card: Cable, own: &str) -> Stack {
    let stack = Stack::new(Box::new(card), None, Box::new(Counter(0)), Instant::default()).unwrap();
    stack.apply(parse_static(own).unwrap()).unwrap();
    stack
}

/// What a host of IPv4 finds for `a.b` when its servers answer like this.
fn find(answers: impl FnMut(Query<'_>) -> Vec<Answer>) -> Result<Vec<IpAddr>, Error> {
    find_after(&[], answers).0
}

/// What a host that has these settings, too, finds for `a.b`, and when. The clock is the test's own.
fn find_after(
    more: &[&str],
    mut answers: impl FnMut(Query<'_>) -> Vec<Answer>,
) -> (Result<Vec<IpAddr>, Error>, Instant) {
    let [left, right] = Cable::new();
    let host = stack(left, "10.9.0.9/24::10.9.0.1,10.9.0.2");
    more.iter().for_each(|more| host.apply(parse_static(more).unwrap()).unwrap());
    let peer = stack(right, "10.9.0.1/24");
    let mut settings = peer.settings()[0].clone().unwrap();
    settings.addresses.push(Network::new(SECOND, 24).unwrap());
    peer.apply(settings).unwrap();
    let sockets = [53, 54].map(|port| {
        let mut socket = udp::Socket::new(buffer(9, 9000), buffer(9, 9000));
        socket.bind(port).unwrap();
        (port, peer.with(|inner| inner.add(socket)).unwrap())
    });
    let mut future = pin!(host.addresses_of("a.b"));
    let mut now = Instant::default();
    loop {
        now = now.after(Duration::from_millis(10));
        host.poll(now);
        peer.poll(now);
        peer.with(|inner| {
            let server = inner.sockets.get_mut::<udp::Socket<'_>>(sockets[0].1);
            let query = server.recv().ok().map(|(bytes, from)| (bytes.to_vec(), from));
            let Some((bytes, from)) = query else { return };
            let server = from.local_address.unwrap().into();
            for answer in answers(Query { bytes: &bytes, server }) {
                let (_, socket) = sockets.iter().find(|(port, _)| *port == answer.port).unwrap();
                let metadata = UdpMetadata {
                    endpoint: from.endpoint,
                    local_address: Some(answer.from.into()),
                    meta: PacketMeta::default(),
                };
                let socket = inner.sockets.get_mut::<udp::Socket<'_>>(*socket);
                socket.send_slice(&answer.bytes, metadata).unwrap();
            }
        });
        if let Poll::Ready(found) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return (found, now);
        }
        assert!(now < Instant::from_micros(120_000_000), "it does not end");
    }
}

/// Why nothing is found.
fn cause(answers: impl FnMut(Query<'_>) -> Vec<Answer>) -> Unresolved {
    match find(answers) {
        Err(Error::Unresolved { cause, .. }) => cause,
        other => panic!("{other:?}"),
    }
}

#[test]
fn answers_that_are_not_to_the_question_are_passed_over() {
    let found = find(|query| {
        let forged = |change: &dyn Fn(&mut Answer)| {
            let mut answer = query.address(WRONG);
            change(&mut answer);
            answer
        };
        vec![
            forged(&|answer| answer.bytes[1] ^= 1),
            forged(&|answer| answer.bytes[13] = b'x'),
            forged(&|answer| answer.bytes[18] = 28),
            forged(&|answer| answer.port = 54),
            forged(&|answer| answer.from = SECOND),
            forged(&|answer| answer.bytes.truncate(20)),
            query.address(RIGHT),
        ]
    });
    assert_eq!(found, Ok(vec![RIGHT.into()]));
}

#[test]
fn records_of_other_names_are_passed_over() {
    let found = find(|query| {
        let other = record(b"\x01x\x01b\x00", 1, &WRONG.octets());
        let own = record(b"\xc0\x0c", 1, &RIGHT.octets());
        vec![query.answer(0x8180, &[other, own])]
    });
    assert_eq!(found, Ok(vec![RIGHT.into()]));
}

#[test]
fn a_server_that_does_not_know_edns_is_asked_without() {
    let found = find(|query| match query.has_edns() {
        true => vec![query.answer(0x8181, &[])],
        false => vec![query.address(RIGHT)],
    });
    assert_eq!(found, Ok(vec![RIGHT.into()]));
}

#[test]
fn another_server_is_asked_where_one_fails() {
    let found = find(|query| match query.server {
        FIRST => vec![query.answer(0x8182, &[])],
        _ => vec![query.address(RIGHT)],
    });
    assert_eq!(found, Ok(vec![RIGHT.into()]));
    let mut queries = 0;
    let failed = cause(|query| {
        queries += 1;
        vec![query.answer(0x8182, &[])]
    });
    assert_eq!((failed, queries), (Unresolved::Failure(2), 6), "each server three times");
}

#[test]
fn aliases_are_asked_for_but_not_for_ever() {
    let found = find(|query| match query.bytes[13] {
        b'a' => vec![query.answer(0x8180, &[record(b"\xc0\x0c", 5, b"\x01c\x01b\x00")])],
        _ => vec![query.address(RIGHT)],
    });
    assert_eq!(found, Ok(vec![RIGHT.into()]));
    let endless = cause(|query| {
        let next = [1, query.bytes[13] + 1, 1, b'b', 0];
        vec![query.answer(0x8180, &[record(b"\xc0\x0c", 5, &next)])]
    });
    assert_eq!(endless, Unresolved::Aliases(8));
}

#[test]
fn a_kind_that_a_server_keeps_silent_about_is_not_waited_for() {
    let v6 = "[fd09::9]/64";
    for (dropped, expected) in [(28, IpAddr::V4(RIGHT)), (1, IpAddr::V6(RIGHT_V6))] {
        let (found, at) = find_after(&[v6], |query| match query.kind() {
            kind if kind == dropped => vec![],
            28 => vec![query.answer(0x8180, &[record(b"\xc0\x0c", 28, &RIGHT_V6.octets())])],
            _ => vec![query.address(RIGHT)],
        });
        assert_eq!(found, Ok(vec![expected]));
        let [soonest, latest] = [300_000, 500_000].map(Instant::from_micros);
        assert!(soonest <= at && at <= latest, "{at:?}");
    }
    // That there is nothing of one kind says nothing about the other.
    let mut silent = 2;
    let (found, _) = find_after(&[v6], |query| match query.kind() {
        28 => vec![query.answer(0x8180, &[])],
        _ if silent > 0 => {
            silent -= 1;
            vec![]
        }
        _ => vec![query.address(RIGHT)],
    });
    assert_eq!(found, Ok(vec![RIGHT.into()]));
}

#[test]
fn what_cannot_be_used_is_said() {
    assert_eq!(cause(|_| vec![]), Unresolved::Silence);
    assert_eq!(
        cause(|query| vec![query.answer(0x8380, &[])]),
        Unresolved::Truncated,
        "nobody answers by TCP"
    );
    let broken = cause(|query| vec![query.answer(0x8180, &[vec![0]])]);
    let fault = Malformed { structure: "DNS message", offset: 22, cause: "truncated" };
    assert_eq!(broken, Unresolved::Malformed(fault));
    let nothing = find(|query| vec![query.answer(0x8183, &[])]).unwrap_err();
    assert_eq!(nothing.to_string(), "a.b: A: no such name (says 10.9.0.1)");
}

// SPDX-License-Identifier: BSD-3-Clause
//! Tests: a router that is in none of our networks.

use core::{
    future::Future,
    task::{Context, Poll, Waker},
};
use std::{boxed::Box, cell::RefCell, net::IpAddr, pin::pin, rc::Rc, time::Duration, vec, vec::Vec};

use nic::{Cable, Frame, Mac, Nic};
use smoltcp::socket::tcp;

use crate::{Entropy, Error, Instant, Network, Options, Route, Settings, Stack, Vlan, parse_static};

struct Counter(u8);

impl Entropy for Counter {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 = self.0.wrapping_add(1);
        bytes.fill(self.0);
    }
}

/// A card that keeps the frames that arrive, and loses the first ones.
struct Watched {
    cable: Cable,
    seen: Rc<RefCell<Frames>>,
    /// Frames that are still to be lost.
    lost: usize,
}

impl Nic for Watched {
    fn mtu(&self) -> usize {
        self.cable.mtu()
    }
    fn name(&self) -> &str {
        self.cable.name()
    }
    fn mac(&self) -> Mac {
        self.cable.mac()
    }
    fn has_link(&mut self) -> bool {
        self.cable.has_link()
    }
    fn receive(&mut self) -> Option<Frame> {
        let frame = self.cable.receive()?;
        self.seen.borrow_mut().push(frame.bytes().to_vec());
        if self.lost > 0 {
            self.lost -= 1;
            return None;
        }
        Some(frame)
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

fn network(address: &str, prefix: u8) -> Network {
    Network::new(address.parse().unwrap(), prefix).unwrap()
}

fn stack(card: impl Nic + 'static, settings: Settings, vlan: Option<Vlan>) -> Stack {
    let stack = Stack::new(Box::new(card), vlan, Box::new(Counter(0)), Instant::default()).unwrap();
    stack.apply(settings).unwrap();
    stack
}

type Frames = Vec<Vec<u8>>;

/// Connects to `to` at a machine with these addresses, whose card loses the first frames: what comes of it, and the
/// frames.
fn connect(
    settings: Settings,
    there: &[Network],
    to: &str,
    lost: usize,
    vlan: Option<Vlan>,
) -> (Result<(), Error>, Frames) {
    let to = to.parse().unwrap();
    let call = async |host: &Stack| host.connect(to, Options::default()).await.map(drop);
    exchange(settings, there, lost, vlan, call)
}

/// What comes of a call, and the frames.
fn exchange<T>(
    settings: Settings,
    there: &[Network],
    lost: usize,
    vlan: Option<Vlan>,
    call: impl AsyncFn(&Stack) -> T,
) -> (T, Frames) {
    let [left, right] = Cable::new();
    let host = stack(left, settings, vlan);
    let mut peer = Settings::new(crate::Origin::Static);
    peer.addresses = there.to_vec();
    let seen = Rc::default();
    let peer = stack(Watched { cable: right, seen: Rc::clone(&seen), lost }, peer, vlan);
    let buffer = || tcp::SocketBuffer::new(vec![0; 4096]);
    let mut listener = tcp::Socket::new(buffer(), buffer());
    listener.listen(7).unwrap();
    peer.with(|inner| inner.add(listener)).unwrap();
    let mut future = pin!(call(&host));
    let mut now = Instant::default();
    loop {
        now = now.after(Duration::from_millis(10));
        host.poll(now);
        peer.poll(now);
        if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return (result, seen.take());
        }
        assert!(now < Instant::from_micros(120_000_000), "it does not end");
    }
}

/// Whom the ARP requests among frames without tags are from.
fn askers(frames: &[Vec<u8>]) -> Vec<IpAddr> {
    let requests = frames.iter().filter(|frame| frame[12..14] == [8, 6] && frame[21] == 1);
    requests.map(|frame| IpAddr::from(<[u8; 4]>::try_from(&frame[28..32]).unwrap())).collect()
}

#[test]
fn a_router_of_another_network_leads_everywhere() {
    let own = "116.203.1.2/32:172.31.1.1";
    // The router is the server, too; 116.203.1.3 is a machine behind it.
    let there = [network("172.31.1.1", 32), network("116.203.1.3", 24), network("8.8.8.8", 32)];
    for to in ["8.8.8.8:7", "116.203.1.3:7", "172.31.1.1:7"] {
        for lost in [0, 2] {
            let (result, frames) = connect(parse_static(own).unwrap(), &there, to, lost, None);
            assert_eq!(result, Ok(()), "{to}");
            let askers = askers(&frames);
            assert!(askers.len() > lost / 2, "{askers:?}");
            assert!(askers.iter().all(|asker| *asker == IpAddr::from([116, 203, 1, 2])), "{askers:?}");
            let sought = frames.iter().filter(|frame| frame[12..14] == [8, 6]);
            assert!(sought.clone().all(|frame| frame[38..42] == [172, 31, 1, 1]), "nobody else is sought");
        }
    }
    let vlan = Vlan::new(42);
    assert_eq!(connect(parse_static(own).unwrap(), &there, "8.8.8.8:7", 2, vlan).0, Ok(()));
}

#[test]
fn datagrams_to_such_a_router_come_from_our_address() {
    let settings = parse_static("116.203.1.2/32:172.31.1.1:172.31.1.1").unwrap();
    let there = [network("172.31.1.1", 32), network("116.203.1.3", 24)];
    let resolve = async |host: &Stack| host.addresses_of("a.b").await;
    let (result, frames) = exchange(settings, &there, 0, None, resolve);
    assert!(result.is_err(), "it is no resolver");
    let is_datagram = |frame: &&Vec<u8>| frame[12..14] == [8, 0] && frame[23] == 17;
    let datagrams: Vec<_> = frames.iter().filter(is_datagram).collect();
    assert!(!datagrams.is_empty() && datagrams.iter().all(|frame| frame[26..30] == [116, 203, 1, 2]));
}

#[test]
fn destinations_without_a_router_are_on_the_link() {
    let with = |own: &str, to: Network| {
        let mut settings = parse_static(own).unwrap();
        settings.routes.push(Route { to, via: None });
        settings
    };
    let metadata = with("10.0.0.5/24", network("169.254.169.254", 32));
    let there = [network("169.254.169.254", 32), network("10.0.0.1", 24)];
    assert_eq!(connect(metadata.clone(), &there, "169.254.169.254:7", 0, None).0, Ok(()));
    let error = connect(metadata, &there, "11.0.0.1:7", 0, None).0.unwrap_err();
    assert!(matches!(error, Error::NoRoute { cause: "no route to that network", .. }), "{error}");
    let wide = with("10.0.0.5/32", network("10.0.0.0", 8));
    assert_eq!(connect(wide, &[network("10.200.0.1", 8)], "10.200.0.1:7", 0, None).0, Ok(()));
}

#[test]
fn nobody_is_told_that_a_stand_in_is_here() {
    let [left, right] = Cable::new();
    let host = stack(left, parse_static("116.203.1.2/32:172.31.1.1").unwrap(), None);
    let mut settings = parse_static("172.31.1.1/24").unwrap();
    settings.routes.push(Route { to: network("116.203.1.2", 32), via: None });
    let seen: Rc<RefCell<Frames>> = Rc::default();
    let router = stack(Watched { cable: right, seen: Rc::clone(&seen), lost: 0 }, settings, None);
    let answers = |sought: &str| {
        router.with(|inner| inner.seek(sought.parse().unwrap()));
        for _ in 0..3 {
            router.poll(router.now().after(Duration::from_millis(10)));
            host.poll(router.now());
        }
        router.poll(router.now());
        seen.take().len()
    };
    assert_eq!((answers("172.31.1.0"), answers("116.203.1.2")), (0, 1));
}

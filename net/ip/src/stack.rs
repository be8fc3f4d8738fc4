// SPDX-License-Identifier: BSD-3-Clause
//! The interface, its sockets, and the services that run on them.

mod configure;
#[cfg(test)]
mod far;
mod groups;
mod neighbor;
mod on_link;
mod wait;

use alloc::{boxed::Box, rc::Rc, string::String, vec::Vec};
use core::{cell::RefCell, net::IpAddr, task::Waker};

use nic::Nic;
use smoltcp::{
    iface::{Interface, PollIngressSingleResult, PollResult, SocketHandle, SocketSet},
    socket::{AnySocket, Socket, tcp},
};

use crate::{
    Entropy, Error, Instant, Settings, Vlan, dhcp4,
    limits::{CLOSE_WAIT, FRAMES_PER_POLL, MOST_SOCKETS, ROUNDS_PER_POLL},
    phy::Phy,
    random_u16, v6,
};

pub(crate) use configure::link_local;

/// The first dynamic port; the range extends to the last port.
const DYNAMIC_PORTS: u16 = 0xc000;

/// IP on one card. Clones share the same stack.
#[derive(Clone)]
pub struct Stack {
    inner: Rc<RefCell<Inner>>,
}

/// The shared state. It is borrowed within one call only, never across an await.
pub(crate) struct Inner {
    pub phy: Phy,
    pub interface: Interface,
    pub sockets: SocketSet<'static>,
    pub now: Instant,
    pub entropy: Box<dyn Entropy>,
    /// The settings of IPv4 and of IPv6.
    pub v4: Option<Settings>,
    pub v6: Option<Settings>,
    /// Resolvers that replace those in the settings.
    pub servers: Option<Vec<IpAddr>>,
    pub dhcp4: Option<dhcp4::Service>,
    pub router: Option<v6::Service>,
    /// Whether the link-local IPv6 address is configured.
    pub uses_v6: bool,
    /// When the multicast groups are reported next.
    pub next_report: Instant,
    waiting: Vec<(Instant, Waker)>,
    /// Dropped connections, each with the time when it is removed at the latest.
    closing: Vec<(SocketHandle, Instant)>,
    /// Whether the card had more frames than one poll takes.
    has_more: bool,
}

impl Stack {
    /// IP on a card that has no address yet.
    ///
    /// # Errors
    /// [`Error::Mtu`], [`Error::Mac`].
    pub fn new(
        card: Box<dyn Nic>,
        vlan: Option<Vlan>,
        mut entropy: Box<dyn Entropy>,
        now: Instant,
    ) -> Result<Self, Error> {
        let mut phy = Phy::new(card, vlan)?;
        let interface = configure::interface(&mut phy, &mut *entropy, now)?;
        let inner = Inner {
            phy,
            interface,
            sockets: SocketSet::new(Vec::new()),
            now,
            entropy,
            v4: None,
            v6: None,
            servers: None,
            dhcp4: None,
            router: None,
            uses_v6: false,
            next_report: now,
            waiting: Vec::new(),
            closing: Vec::new(),
            has_more: false,
        };
        Ok(Self { inner: Rc::new(RefCell::new(inner)) })
    }

    /// Receives, sends, and wakes futures. The work is bounded: at most [`FRAMES_PER_POLL`] frames in, then frames out.
    pub fn poll(&self, now: Instant) {
        let wakers = self.inner.borrow_mut().poll(now);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// When to call [`poll`](Self::poll) again even if no frame arrives; `None` if nothing is pending.
    pub fn poll_at(&self) -> Option<Instant> {
        self.inner.borrow_mut().poll_at()
    }

    /// The time of the last poll.
    pub fn now(&self) -> Instant {
        self.with(|inner| inner.now)
    }

    /// Whether the card has a link.
    pub fn has_link(&self) -> bool {
        self.with(|inner| inner.phy.nic().has_link())
    }

    /// The card's name.
    pub fn card(&self) -> String {
        self.with(|inner| inner.card())
    }

    /// The current settings of IPv4 and of IPv6.
    pub fn settings(&self) -> [Option<Settings>; 2] {
        self.with(|inner| [inner.v4.clone(), inner.v6.clone()])
    }

    /// Replaces the settings of IPv4, or those of IPv6, according to the addresses.
    ///
    /// # Errors
    /// [`Error::Settings`]; nothing changes then.
    pub fn apply(&self, settings: Settings) -> Result<(), Error> {
        self.with(|inner| inner.apply(settings))
    }

    /// Uses these resolvers instead of those in the settings.
    pub fn use_servers(&self, servers: Vec<IpAddr>) {
        self.with(|inner| inner.servers = Some(servers));
    }

    pub(crate) fn with<T>(&self, call: impl FnOnce(&mut Inner) -> T) -> T {
        call(&mut self.inner.borrow_mut())
    }
}

impl Inner {
    fn poll(&mut self, now: Instant) -> Vec<Waker> {
        self.now = self.now.max(now);
        let at = self.now.to_smoltcp();
        self.interface.poll_maintenance(at);
        let mut has_changed = self.receive(at);
        has_changed |= self.serve_dhcp4();
        has_changed |= self.serve_v6();
        self.report_groups();
        for _ in 0..ROUNDS_PER_POLL {
            match self.interface.poll_egress(at, &mut self.phy, &mut self.sockets) {
                PollResult::None => break,
                PollResult::SocketStateChanged => has_changed = true,
            }
        }
        self.phy.flush();
        self.reap();
        let now = self.now;
        if !has_changed && self.waiting.iter().all(|(deadline, _)| *deadline > now) {
            return Vec::new();
        }
        core::mem::take(&mut self.waiting).into_iter().map(|(_, waker)| waker).collect()
    }

    /// Receives frames; returns whether there was one.
    fn receive(&mut self, at: smoltcp::time::Instant) -> bool {
        let mut has_changed = false;
        self.has_more = true;
        for _ in 0..FRAMES_PER_POLL {
            match self.interface.poll_ingress_single(at, &mut self.phy, &mut self.sockets) {
                PollIngressSingleResult::None => {
                    self.has_more = false;
                    break;
                }
                _ => has_changed = true,
            }
        }
        has_changed
    }

    fn poll_at(&mut self) -> Option<Instant> {
        if self.has_more {
            return Some(self.now);
        }
        let sockets = self.interface.poll_at(self.now.to_smoltcp(), &self.sockets);
        let waiting = self.waiting.iter().map(|(deadline, _)| *deadline);
        let closing = self.closing.iter().map(|(_, deadline)| *deadline);
        let dhcp4 = self.dhcp4.as_ref().map(dhcp4::Service::next);
        let router = self.router.as_ref().map(v6::Service::next);
        let groups = [self.next_report()];
        let all = waiting
            .chain(closing)
            .chain(dhcp4)
            .chain(router)
            .chain(groups)
            .chain(sockets.map(Instant::from_smoltcp));
        all.min().filter(|at| *at < Instant::NEVER)
    }

    pub fn card(&mut self) -> String {
        self.phy.nic().name().into()
    }

    /// Registers a waker for the next change, or for `deadline`.
    fn wake_later(&mut self, deadline: Instant, waker: &Waker) {
        match self.waiting.iter_mut().find(|(_, other)| other.will_wake(waker)) {
            Some((earlier, _)) => *earlier = deadline.min(*earlier),
            None => self.waiting.push((deadline, waker.clone())),
        }
    }

    /// Adds a socket; `None` if there are too many.
    pub fn add(&mut self, socket: impl AnySocket<'static>) -> Option<SocketHandle> {
        (self.sockets.iter().count() < MOST_SOCKETS).then(|| self.sockets.add(socket))
    }

    /// A random unused port (RFC 6056) in the dynamic range (RFC 6335, section 6).
    pub fn free_port(&mut self) -> u16 {
        let first = random_u16(&mut *self.entropy);
        // At most MOST_SOCKETS of 16384 ports are in use.
        let mut ports = (0..=u16::MAX).map(|step| first.wrapping_add(step) | DYNAMIC_PORTS);
        ports.find(|port| !self.is_taken(*port)).unwrap_or(DYNAMIC_PORTS)
    }

    fn is_taken(&self, port: u16) -> bool {
        self.sockets.iter().any(|(_, socket)| match socket {
            Socket::Tcp(socket) => socket.local_endpoint().is_some_and(|own| own.port == port),
            Socket::Udp(socket) => socket.endpoint().port == port,
            Socket::Raw(_) => false,
        })
    }

    /// Closes a dropped connection.
    pub fn close(&mut self, connection: SocketHandle) {
        self.sockets.get_mut::<tcp::Socket<'_>>(connection).close();
        self.closing.push((connection, self.now.after(CLOSE_WAIT)));
    }

    /// Removes connections that are closed, or whose time to close is over.
    fn reap(&mut self) {
        let (now, sockets) = (self.now, &mut self.sockets);
        self.closing.retain(|(handle, deadline)| {
            let state = sockets.get::<tcp::Socket<'_>>(*handle).state();
            let is_done = matches!(state, tcp::State::Closed | tcp::State::TimeWait);
            let keeps = !is_done && now < *deadline;
            if !keeps {
                sockets.remove(*handle);
            }
            keeps
        });
    }
}

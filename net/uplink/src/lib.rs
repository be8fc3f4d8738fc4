// SPDX-License-Identifier: BSD-3-Clause
//! From network cards to a [`Dial`]: the network of a program without an operating system's sockets.
//!
//! [`Uplink::start`] takes the cards of a machine and its network settings ([`Wishes`]), waits for a link and for an
//! address, and is then a [`Dial`]. The program provides a [`Machine`]: clock, random bytes, a pause, and lines for the
//! user. [`Uplink::run`] polls the cards and runs a future to its end.
//!
//! All cards are used concurrently. The first address is enough to continue; further ones, of other cards or of the
//! other IP version, are added while futures run. A host is tried through every card that has an address, in the order
//! in which they got one, and at its IPv6 and IPv4 addresses in turn; if an attempt takes long, the next one starts
//! beside it (RFC 8305 in its simplest form). Sequential attempts with a short limit would be simpler, but no limit is
//! both short enough for a boot and long enough for a path that loses packets.
//!
//! Futures of an uplink are polled in every round of `run`, and register no wakers for timers.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod cards;
pub mod codes;
mod error;
pub mod fuzz;
mod net;
mod race;
mod random;
#[cfg(test)]
mod tests;
mod through;
mod wishes;

use alloc::{boxed::Box, rc::Rc, string::String, sync::Arc, task::Wake, vec::Vec};
use core::{
    cell::RefCell,
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use dial::{Dial, Service};
use nic::Nic;

pub use error::Error;
pub use wishes::Wishes;

use net::Net;

/// What the program provides.
pub trait Machine {
    /// The time since the program's start. It never goes back.
    fn now(&self) -> Duration;

    /// Waits for about 20 µs. Called when no card has received anything, which gives a virtual machine's host time to
    /// work.
    fn pause(&self);

    /// Fills `bytes` with unpredictable random bytes.
    fn fill(&self, bytes: &mut [u8]);

    /// Shows a line to the user.
    fn line(&self, text: fmt::Arguments<'_>);
}

/// Network cards with addresses, as a [`Dial`].
///
/// When this and all its streams are dropped, the cards are dropped too, which stops them.
pub struct Uplink<'m> {
    net: Rc<Net<'m>>,
    /// The background task of each card.
    tasks: RefCell<Vec<Task<'m>>>,
    tls: Option<Rc<tls::Config>>,
}

/// A connection through one of the cards.
pub type Stream = tls::Stream<ip::Connection>;

type Task<'m> = Pin<Box<dyn Future<Output = ()> + 'm>>;

impl<'m> Uplink<'m> {
    /// Waits for a link, then for an address on all cards with a link, and reports the addresses and their origin. Each
    /// wait is reported, and has a limit: 45 and 60 seconds, or `net.wait`. Without `tls`, TLS is refused.
    ///
    /// # Errors
    /// There is no card, no link, or no address.
    pub fn start(
        cards: Vec<Box<dyn Nic>>,
        wishes: Wishes,
        machine: &'m dyn Machine,
        tls: Option<Rc<tls::Config>>,
    ) -> Result<Self, Error> {
        let cards = cards::open(cards, &wishes, machine)?;
        let net = Rc::new(Net::new(machine, wishes, cards));
        let task = |place| -> Task<'m> { Box::pin(Rc::clone(&net).attend(place)) };
        let tasks = (0..net.cards.len()).map(task).collect();
        let this = Self { net, tasks: RefCell::new(tasks), tls };
        this.run(this.net.wait_for_link())?;
        this.run(this.net.wait_for_address())?;
        Ok(this)
    }

    /// Replaces the TLS configuration, for example with other root certificates.
    pub fn use_tls(&mut self, config: Rc<tls::Config>) {
        self.tls = Some(config);
    }

    /// Runs a future to its end: each round polls the cards, then the background tasks, then the future.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        let flag = Arc::new(Flag::default());
        let waker = Waker::from(Arc::clone(&flag));
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            self.poll(&mut context);
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            // A received frame has woken a future.
            if !flag.0.swap(false, Ordering::Relaxed) {
                self.net.machine.pause();
            }
        }
    }

    fn poll(&self, context: &mut Context<'_>) {
        let now = cards::instant(self.net.machine.now());
        self.net.cards.iter().for_each(|card| card.stack.poll(now));
        let mut tasks = self.tasks.take();
        tasks.retain_mut(|task| task.as_mut().poll(context).is_pending());
        self.tasks.replace(tasks);
    }

    /// The boot file that a DHCP server (option 67) or DHCPv6 server (option 59) has named, of those that `is_wanted`
    /// accepts: that of the card that got an address first. Servers that have not answered yet get some seconds from
    /// the first address on; `None` if none names one by then. It is not authenticated.
    pub fn boot_file(&self, is_wanted: impl Fn(&str) -> bool) -> Option<String> {
        self.run(self.net.boot_file(is_wanted))
    }

    /// The current settings of IPv4 and IPv6 with the names of their cards, in the order in which the cards got them.
    pub fn settings(&self) -> Vec<(String, ip::Settings)> {
        let order = self.net.order.borrow();
        let cards = order.iter().filter_map(|place| self.net.cards.get(*place));
        cards
            .flat_map(|card| {
                let settings = card.stack.settings().into_iter().flatten();
                settings.map(|settings| (card.name.clone(), settings))
            })
            .collect()
    }
}

impl Drop for Uplink<'_> {
    fn drop(&mut self) {
        // Servers are told that the connections end.
        let now = cards::instant(self.net.machine.now());
        self.net.cards.iter().for_each(|card| card.stack.poll(now));
    }
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Dial for Uplink<'_> {
    type Stream = Stream;

    async fn connect(&self, host: &str, port: u16) -> Result<Stream, dial::Error> {
        self.net.connect(host, port).await.map(Stream::Plain)
    }

    async fn secure(&self, stream: Stream, server: &str) -> Result<Stream, dial::Error> {
        match &self.tls {
            // Boxed: a handshake is a large future, and the firmware's stack is small.
            Some(config) => Box::pin(stream.secured(server, config)).await,
            None => Err(tls::refused(server, "no root certificates are trusted")),
        }
    }

    async fn services(&self, name: &str) -> Result<Vec<Service>, dial::Error> {
        self.net.services(name).await
    }

    fn now(&self) -> Duration {
        self.net.machine.now()
    }

    async fn sleep(&self, until: Duration) {
        poll_fn(|_| if self.net.machine.now() >= until { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    fn random(&self) -> u32 {
        let mut bytes = [0; 4];
        self.net.machine.fill(&mut bytes);
        u32::from_ne_bytes(bytes)
    }
}

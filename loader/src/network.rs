// SPDX-License-Identifier: BSD-3-Clause
//! The machine's network: cards with our driver or the firmware's, and the stack of `net/` above them.

use alloc::{boxed::Box, format, rc::Rc, string::String, vec::Vec};
use core::{cell::RefCell, fmt, time::Duration};

use artifact::Room;
use config::Config;
use crypto::{Provider, Random as _};
use flow::{Ca, Clock as _, Console as _, Failure, Fetched, Journal, Order, Phase, Replay};
use http::Url;
use image::own;
use metadata::{Document, Source};
use tls::Roots;
use uefi::{Handle, boot};
use uplink::{Uplink, Wishes};

use crate::{
    clock::{self, Clock},
    entropy::ENTROPY,
    files, nic, trust,
};

/// The cryptography of TLS.
static PROVIDER: Provider = Provider::new(&ENTROPY);
/// Pause between two polls of idle cards: a virtual processor that never pauses starves the host that feeds them.
const PAUSE: Duration = Duration::from_micros(20);
/// Bytes of a certificate file that are read: one more than allowed, so that a longer file is detected.
const MOST_ROOTS: usize = flow::LARGEST_CA + 1;

/// What the network needs from the machine besides cards.
pub struct Host<'a> {
    /// Its clock.
    pub clock: &'a Clock,
    /// Where it reports what happens.
    pub console: &'a Journal<'a>,
}

/// The network. No card is touched before the first use.
pub struct Network<'a> {
    host: &'a Host<'a>,
    /// Cards with addresses, kept running until a program starts: after each stop, some switches block a port for half
    /// a minute.
    uplink: RefCell<Option<Started<'a>>>,
    /// The last failure to start it, and the settings of that try.
    failed: RefCell<Option<(Wishes, Option<String>, Failure)>>,
    /// Handles from which the firmware's drivers were disconnected.
    taken: RefCell<Vec<Handle>>,
}

/// Cards with addresses, and the settings that they were started with.
struct Started<'a> {
    uplink: Rc<Uplink<'a>>,
    wishes: Wishes,
    ca: Option<String>,
}

impl<'a> Network<'a> {
    /// The machine's.
    pub fn new(host: &'a Host<'a>) -> Self {
        Self { host, uplink: RefCell::default(), failed: RefCell::default(), taken: RefCell::default() }
    }

    /// The cards with their addresses; started if they are not running yet, or run with other settings.
    fn uplink(&self, config: &Config) -> Result<Rc<Uplink<'a>>, Failure> {
        let wishes = Wishes::of(config).map_err(failed)?;
        let ca = config.ca().map(String::from);
        let is_as_wanted = |started: &&Started<'a>| started.wishes == wishes && started.ca == ca;
        if let Some(started) = self.uplink.borrow().as_ref().filter(is_as_wanted) {
            return Ok(started.uplink.clone());
        }
        self.uplink.take();
        let failed = self.failed.borrow();
        if let Some((_, _, failure)) = failed.as_ref().filter(|(with, of, _)| *with == wishes && *of == ca) {
            return Err(failure.clone());
        }
        drop(failed);
        match self.start(config, wishes.clone(), ca.clone()) {
            Ok(started) => Ok(self.uplink.borrow_mut().insert(started).uplink.clone()),
            Err(failure) => {
                *self.failed.borrow_mut() = Some((wishes, ca, failure.clone()));
                Err(failure)
            }
        }
    }

    /// Starts the cards and gets addresses.
    fn start(&self, config: &Config, wishes: Wishes, ca: Option<String>) -> Result<Started<'a>, Failure> {
        let no_randomness = |_| {
            let cause =
                "no random bytes from the firmware or the processor, and the time counter does not jitter";
            Failure::new(Phase::Network, "entropy", tls::codes::RANDOM, &cause)
        };
        ENTROPY.fill(&mut [0; 1]).map_err(no_randomness)?;
        let named = config.ca().map(Ca::parse).transpose()?;
        let of_file = match named {
            Some(Ca::File(path)) => Some((path, read(path)?)),
            _ => None,
        };
        let tls = trusting(of_file.as_ref().map(|(path, pem)| (*path, pem.as_slice())))?;
        let console = self.host.console;
        let mut cards = nic::start(console, &mut self.taken.borrow_mut());
        if config.debug() {
            cards.iter_mut().for_each(|card| nic::show(&mut **card, console));
        }
        let mut uplink = Uplink::start(cards, wishes.clone(), self.host, Some(tls)).map_err(failed)?;
        if let Some(Ca::Url(url, digest)) = &named {
            let pem = uplink.run(Box::pin(flow::ca(&uplink, url, digest, config)))?;
            uplink.use_tls(trusting(Some((&format!("{url}"), &pem)))?);
        }
        Ok(Started { uplink: Rc::new(uplink), wishes, ca })
    }
}

fn failed(error: uplink::Error) -> Failure {
    Failure::of(Phase::Network, error.code(), &error)
}

/// TLS with Mozilla's root certificates, the built-in ones, and those of `cloudboot.ca` (name and bytes of the file).
fn trusting(ca: Option<(&str, &[u8])>) -> Result<Rc<tls::Config>, Failure> {
    let mut roots = Roots::mozilla();
    let built_in = trust::section(own::ROOTS);
    if !built_in.is_empty() {
        let added = roots.add_pem("the .roots section", &built_in);
        added.map_err(|error| Failure::of(Phase::Configure, error.code(), &error))?;
    }
    if let Some((name, pem)) = ca {
        let added = roots.add_pem(name, pem);
        added.map_err(|error| of_ca(error.code(), &format!("{name}: {}", error.fault)))?;
    }
    Ok(Rc::new(tls::Config::new(&PROVIDER, roots, WallClock)))
}

fn of_ca(code: code::Code, cause: &dyn fmt::Display) -> Failure {
    Failure::new(Phase::Configure, "cloudboot.ca", code, cause)
}

/// A file of root certificates on the volume that this program was started from.
fn read(path: &str) -> Result<Vec<u8>, Failure> {
    files::of_settings(path, MOST_ROOTS).map_err(|cause| of_ca(tls::codes::ROOTS, &cause))
}

impl flow::Network for Network<'_> {
    fn fetch(&self, order: &Order<'_>) -> Result<Fetched, Failure> {
        let uplink = self.uplink(order.config)?;
        // Boxed: a future contains everything that it waits for, and would fill half of the stack.
        uplink.run(Box::pin(flow::fetch(&*uplink, order)))
    }

    fn replay(&self, replay: &Replay<'_>, order: &Order<'_>) -> Option<Result<Fetched, Failure>> {
        replay.fetch::<&Uplink<'_>>(order)
    }

    fn program(&self, url: &Url, config: &Config, room: &dyn Room) -> Result<Vec<u8>, Failure> {
        let uplink = self.uplink(config)?;
        uplink.run(Box::pin(flow::download(&*uplink, url, config, room)))
    }

    fn document(&self, source: &Source, config: &Config) -> Result<Document, Failure> {
        let uplink = self.uplink(config)?;
        uplink.run(Box::pin(flow::document(&*uplink, source)))
    }

    fn boot_file(&self, config: &Config) -> Result<Option<String>, Failure> {
        Ok(self.uplink(config)?.boot_file(|file| file.starts_with(config::SCHEME)))
    }

    fn try_again(&self) {
        self.failed.take();
    }

    fn stop(&self) {
        self.uplink.take();
    }
}

impl uplink::Machine for Host<'_> {
    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn pause(&self) {
        boot::stall(PAUSE);
    }

    fn fill(&self, bytes: &mut [u8]) {
        // Cannot fail: no uplink is started before the generator has worked once.
        let _ = ENTROPY.fill(bytes);
    }

    fn line(&self, text: fmt::Arguments<'_>) {
        self.console.line(text);
    }
}

impl Drop for Network<'_> {
    fn drop(&mut self) {
        self.uplink.take();
        for handle in self.taken.take() {
            // Whatever the firmware boots next may need its own network stack.
            let _ = boot::connect_controller(handle, &[], None, true);
        }
    }
}

/// The firmware's time of day.
struct WallClock;

impl tls::Clock for WallClock {
    fn now(&self) -> Option<u64> {
        clock::of_day()
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Resolves names and connects through every card that has an address.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::{
    future::Future,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use dial::Kind;
use ip::{Connection, Options, Stack};

use crate::{
    net::{Net, round},
    race::{Next, Pace, race},
};

/// If a card takes longer than this, the next one is tried beside it.
const BETWEEN_CARDS: Duration = Duration::from_secs(2);
/// The same for an address (RFC 8305, section 5: "Connection Attempt Delay").
const BETWEEN_ADDRESSES: Duration = Duration::from_millis(250);
/// The limit of everything, shorter than that of `http`, whose message says less. Three rounds over two resolvers take
/// 14 s.
const LIMIT: Duration = Duration::from_millis(14_500);
/// How long after the first address a failed call waits for another address.
const GRACE: Duration = Duration::from_secs(5);
/// The most addresses of a name that are tried.
const MOST_ADDRESSES: usize = 8;
/// The receive buffer in bytes if there is no memory for that of [`Options`].
const TIGHT_BUFFER: usize = 1 << 20;

impl Net<'_> {
    /// Makes a call on the cards with an address, until one succeeds.
    ///
    /// # Errors
    /// The most informative one; `None` if nothing answered in time.
    pub async fn through<T, F: Future<Output = Result<T, ip::Error>>>(
        &self,
        call: impl Fn(Stack) -> F,
    ) -> Result<T, Option<ip::Error>> {
        let now = || self.machine.now();
        let deadline = now().checked_add(LIMIT).unwrap_or(Duration::MAX);
        let mut tried = Vec::new();
        race(now, Pace { stagger: BETWEEN_CARDS, deadline }, |failure| match self.untried(&mut tried) {
            Some(stack) => Next::Start(call(stack)),
            None if self.may_get_more(failure) => Next::Wait,
            None => Next::End,
        })
        .await
    }

    /// The first boot file that `is_wanted` accepts, in the order of the cards.
    pub async fn boot_file(&self, is_wanted: impl Fn(&str) -> bool) -> Option<String> {
        loop {
            let found =
                self.order.borrow().iter().filter_map(|place| self.cards.get(*place)).find_map(|card| {
                    let mut files =
                        card.stack.settings().into_iter().flatten().filter_map(|own| own.boot_file);
                    files.find(|file| is_wanted(file))
                });
            if found.is_some() || !self.may_get_more(None) {
                return found;
            }
            round().await;
        }
    }

    /// The next card in order that has not been tried with its current IP versions.
    fn untried(&self, tried: &mut Vec<(usize, [bool; 2])>) -> Option<Stack> {
        for place in self.order.borrow().iter().copied() {
            let Some(card) = self.cards.get(place) else { continue };
            let has @ [has_v4, has_v6] = card.kinds();
            let entry = tried.iter_mut().find(|(other, _)| *other == place);
            let [did_v4, did_v6] = entry.as_ref().map_or([false; 2], |(_, did)| *did);
            if (did_v4 || !has_v4) && (did_v6 || !has_v6) {
                continue;
            }
            match entry {
                Some((_, did)) => *did = has,
                None => tried.push((place, has)),
            }
            return Some(card.stack.clone());
        }
        None
    }

    /// Whether to wait for another address: with IPv6 at once and IPv4 a second later, a host without IPv6 is not a
    /// failure.
    fn may_get_more(&self, failure: Option<&ip::Error>) -> bool {
        if !self.cards.iter().any(|card| card.is_pending()) {
            return false;
        }
        // Without a route or a resolver, the current addresses are useless for this call.
        let is_useless = matches!(failure, Some(ip::Error::NoRoute { .. } | ip::Error::NoServer { .. }));
        let first = self.first.get().unwrap_or_default();
        is_useless || first.checked_add(GRACE).is_some_and(|end| self.machine.now() < end)
    }

    /// Connects to any address of a host through any card.
    pub async fn connect(&self, host: &str, port: u16) -> Result<Connection, dial::Error> {
        let now = || self.machine.now();
        let result = self.through(|stack| connect_on(now, stack, host, port)).await;
        result.map_err(|failure| self.dial_error(object(host, port), failure))
    }

    /// Converts an error for `dial`. Its cause names the host or address: with a proxy, nothing else shows it.
    fn dial_error(&self, object: String, failure: Option<ip::Error>) -> dial::Error {
        if let Some(error) = failure {
            return dial::Error { kind: kind(&error), code: error.code(), object, cause: error.to_string() };
        }
        let has_address = self.cards.iter().any(|card| card.kinds().contains(&true));
        let (code, cause) = match has_address {
            true => (dial::codes::CONNECT, format!("no answer within {} s", LIMIT.as_secs())),
            false => (
                ip::codes::DHCP,
                "no card has an address: the lease has ended, and there is no new one".into(),
            ),
        };
        dial::Error { kind: Kind::Connect, code, object, cause }
    }

    /// The hosts that offer a service; empty if there is no such name.
    pub async fn services(&self, name: &str) -> Result<Vec<dial::Service>, dial::Error> {
        let found = self.through(|stack| async move { stack.services_of(name).await }).await;
        let service = |service: ip::dns::Service| dial::Service {
            priority: service.priority,
            weight: service.weight,
            port: service.port,
            target: service.host,
        };
        match found {
            Ok(services) => Ok(services.into_iter().map(service).collect()),
            Err(Some(ip::Error::NotFound { .. })) => Ok(Vec::new()),
            Err(failure) => Err(self.dial_error(name.into(), failure)),
        }
    }
}

/// Connects to a host through one card: its addresses are tried one after the other, or beside a slow one.
///
/// So a broken path of one IP version costs a quarter of a second, not the timeout of a connection.
async fn connect_on(
    now: impl Fn() -> Duration,
    stack: Stack,
    host: &str,
    port: u16,
) -> Result<Connection, ip::Error> {
    let addresses = stack.addresses_of(host).await?;
    let mut addresses = alternating(&addresses).into_iter().take(MOST_ADDRESSES);
    let pace = Pace { stagger: BETWEEN_ADDRESSES, deadline: Duration::MAX };
    let attempts = race(now, pace, |_| match addresses.next() {
        Some(address) => Next::Start(open(stack.clone(), SocketAddr::new(address, port))),
        None => Next::End,
    });
    attempts.await.map_err(|failure| failure.unwrap_or_else(|| ip::Error::NoServer { name: host.into() }))
}

/// The addresses in order, but alternating between IPv6 and IPv4, so that a version without a route does not delay
/// the other for long (RFC 8305, section 4).
fn alternating(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let is_first_kind = |address: &&IpAddr| Some(address.is_ipv4()) == addresses.first().map(IpAddr::is_ipv4);
    let mut first = addresses.iter().filter(is_first_kind);
    let mut second = addresses.iter().filter(|address| !is_first_kind(address));
    let pairs = addresses.iter().map(|_| [first.next(), second.next()]);
    pairs.flatten().flatten().copied().collect()
}

async fn open(stack: Stack, to: SocketAddr) -> Result<Connection, ip::Error> {
    match stack.connect(to, Options::default()).await {
        Err(ip::Error::Busy { .. }) => {
            stack.connect(to, Options { receive_buffer: TIGHT_BUFFER, ..Options::default() }).await
        }
        result => result,
    }
}

fn object(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// A name that does not exist is not tried again; everything else may succeed the next time.
fn kind(error: &ip::Error) -> Kind {
    match error {
        ip::Error::NotFound { .. } | ip::Error::Name { .. } => Kind::Refused,
        ip::Error::NoServer { .. } | ip::Error::Unresolved { .. } => Kind::Name,
        _ => Kind::Connect,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_addresses_take_turns() {
        let addresses =
            |list: &str| -> Vec<IpAddr> { list.split(' ').map(|text| text.parse().unwrap()).collect() };
        let of = |list| alternating(&addresses(list));
        assert_eq!(of("::1 ::2 ::3 10.0.0.1 10.0.0.2"), addresses("::1 10.0.0.1 ::2 10.0.0.2 ::3"));
        assert_eq!(of("10.0.0.1 ::1 ::2"), addresses("10.0.0.1 ::1 ::2"));
        assert_eq!(of("10.0.0.1 10.0.0.2"), addresses("10.0.0.1 10.0.0.2"));
        assert_eq!(alternating(&[]), [] as [IpAddr; 0]);
    }
}

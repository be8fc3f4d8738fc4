// SPDX-License-Identifier: BSD-3-Clause
//! Asks servers until one has an answer.

use alloc::{
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::net::{IpAddr, SocketAddr};

use embedded_io_async::{Read, Write};

use super::{
    GRACE, Kind, MOST_ALIASES, PORT, STREAM_WAIT, WAITS,
    join::join,
    message::{Data, Message, Question, Record},
    name::Name,
    service::{self, Service},
};
use crate::{Error, Options, Stack, Unresolved, random_u16, udp::Datagrams};

/// The RCODE for "no such name", and those that a server without EDNS may send.
const NO_NAME: u8 = 3;
const NO_EDNS: [u8; 2] = [1, 4];

/// Addresses of one kind.
type Addresses = Result<Vec<IpAddr>, Error>;

impl Stack {
    /// The addresses of a host, IPv6 first, of the IP versions that this machine has. A name without a dot is
    /// looked up in the search domains first. An IP address is returned as it is.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::NoServer`], [`Error::NotFound`], [`Error::Unresolved`].
    pub async fn addresses_of(&self, host: &str) -> Result<Vec<IpAddr>, Error> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let mut result = Err(Error::NoServer { name: host.into() });
        for name in self.candidates(host)? {
            result = self.addresses_of_name(&name).await;
            if !matches!(result, Err(Error::NotFound { .. })) {
                break;
            }
        }
        result
    }

    /// The hosts that offer a service, such as `_oci._tcp.example.org`, in the order in which to try them:
    /// by priority, and at random by weight.
    ///
    /// # Errors
    /// As for [`addresses_of`](Self::addresses_of).
    pub async fn services_of(&self, service: &str) -> Result<Vec<Service>, Error> {
        let name = parsed(service)?;
        let (answers, server) = self.resolve(&name, Kind::Srv).await?;
        let services = answers.into_iter().filter_map(|data| match data {
            Data::Service { priority, weight, port, target } if !target.is_root() => {
                Some(Service { host: target.to_string(), port, priority, weight })
            }
            _ => None,
        });
        let mut services: Vec<Service> = services.collect();
        if services.is_empty() {
            let cause = "the service is not offered";
            return Err(Error::NotFound { name: service.into(), kind: Kind::Srv.name(), cause, server });
        }
        self.with(|inner| service::order(&mut services, &mut *inner.entropy));
        Ok(services)
    }

    /// The full names that a host's name may mean.
    fn candidates(&self, host: &str) -> Result<Vec<Name>, Error> {
        let name = parsed(host)?;
        if name.has_dot() || host.ends_with('.') {
            return Ok(vec![name]);
        }
        let domains: Vec<String> = self.with(|inner| {
            let settings = [&inner.v4, &inner.v6].into_iter().flatten();
            settings.flat_map(|settings| settings.domains.clone()).collect()
        });
        let below = domains.iter().filter_map(|domain| name.below(&Name::parse(domain).ok()?));
        Ok(below.chain([name.clone()]).collect())
    }

    async fn addresses_of_name(&self, name: &Name) -> Result<Vec<IpAddr>, Error> {
        let [has_v4, has_v6] = self.with(|inner| [inner.v4.is_some(), inner.v6.is_some()]);
        let results = match (has_v4, has_v6) {
            (_, false) => (self.addresses(name, Kind::A).await, Ok(Vec::new())),
            (false, true) => (Ok(Vec::new()), self.addresses(name, Kind::Aaaa).await),
            (true, true) => self.addresses_of_both_kinds(name).await,
        };
        match results {
            (Ok(v4), Ok(v6)) => Ok([v6, v4].concat()),
            // One kind is enough. If there is none, the failure says more than an empty answer.
            (Ok(found), Err(_)) | (Err(_), Ok(found)) if !found.is_empty() => Ok(found),
            (Err(Error::NotFound { .. }) | Ok(_), Err(error)) | (Err(error), _) => Err(error),
        }
    }

    async fn addresses_of_both_kinds(&self, name: &Name) -> (Addresses, Addresses) {
        let [v4, v6] = [Kind::A, Kind::Aaaa].map(|kind| self.addresses(name, kind));
        let is_enough = |found: &Addresses| found.as_ref().is_ok_and(|found| !found.is_empty());
        let (v4, v6) = join(v4, v6, is_enough, || self.sleep(GRACE)).await;
        (v4.unwrap_or(Ok(Vec::new())), v6.unwrap_or(Ok(Vec::new())))
    }

    async fn addresses(&self, name: &Name, kind: Kind) -> Addresses {
        let (answers, _) = self.resolve(name, kind).await?;
        let address = |data| match data {
            Data::Address(address) => Some(address),
            _ => None,
        };
        Ok(answers.into_iter().filter_map(address).collect())
    }

    /// The records of a name, at least one, after following aliases; and the server that had them.
    async fn resolve(&self, asked: &Name, kind: Kind) -> Result<(Vec<Data>, IpAddr), Error> {
        let mut name = asked.clone();
        let mut aliases = MOST_ALIASES;
        loop {
            let (message, server) = self.ask_all(asked, &Question { name: &name, kind }).await?;
            let not_found =
                |cause| Error::NotFound { name: asked.to_string(), kind: kind.name(), cause, server };
            let end = follow(&message.answers, &name, &mut aliases).ok_or_else(|| Error::Unresolved {
                name: asked.to_string(),
                kind: kind.name(),
                server,
                cause: Unresolved::Aliases(MOST_ALIASES),
            })?;
            let is_wanted = |record: &Record| record.name == end && record.data.is(kind);
            let found: Vec<Data> =
                message.answers.iter().filter(|record| is_wanted(record)).map(|r| r.data.clone()).collect();
            if !found.is_empty() {
                return Ok((found, server));
            }
            if message.rcode == NO_NAME {
                return Err(not_found("no such name"));
            }
            if end == name {
                return Err(not_found("no such record"));
            }
            name = end;
        }
    }

    /// The first usable answer of any server: records, or the statement that there are none.
    async fn ask_all(&self, asked: &Name, question: &Question<'_>) -> Result<(Message, IpAddr), Error> {
        let servers = self.servers();
        let mut failure = Error::NoServer { name: asked.to_string() };
        for wait in WAITS {
            for server in &servers {
                let cause = match self.ask(*server, question, wait).await {
                    Ok(message) if matches!(message.rcode, 0 | NO_NAME) => return Ok((message, *server)),
                    Ok(message) => Unresolved::Failure(message.rcode),
                    Err(cause) => cause,
                };
                let (name, kind) = (asked.to_string(), question.kind.name());
                failure = Error::Unresolved { name, kind, server: *server, cause };
            }
        }
        Err(failure)
    }

    /// The resolvers, the preferred one first.
    fn servers(&self) -> Vec<IpAddr> {
        self.with(|inner| {
            let settings = [&inner.v4, &inner.v6].into_iter().flatten();
            let assigned = || settings.flat_map(|settings| settings.dns.clone()).collect();
            inner.servers.clone().unwrap_or_else(assigned)
        })
    }

    /// The complete answer of one server.
    async fn ask(
        &self,
        server: IpAddr,
        question: &Question<'_>,
        wait: core::time::Duration,
    ) -> Result<Message, Unresolved> {
        let mut message = self.ask_by_datagram(server, question, wait, true).await?;
        if NO_EDNS.contains(&message.rcode) {
            message = self.ask_by_datagram(server, question, wait, false).await?;
        }
        if !message.is_truncated {
            return Ok(message);
        }
        let answer = self.within(STREAM_WAIT, self.ask_by_stream(server, question)).await;
        answer.unwrap_or(Err(Unresolved::Truncated))
    }

    async fn ask_by_datagram(
        &self,
        server: IpAddr,
        question: &Question<'_>,
        wait: core::time::Duration,
        has_edns: bool,
    ) -> Result<Message, Unresolved> {
        let to = SocketAddr::new(server, PORT);
        let socket = Datagrams::open(self, to).map_err(|error| match error {
            Error::NoRoute { .. } => Unresolved::NoRoute,
            _ => Unresolved::Busy,
        })?;
        let id = self.with(|inner| random_u16(&mut *inner.entropy));
        socket.send(to, &question.bytes(id, has_edns));
        let mut fault = None;
        // A malformed message may be forged: the real answer may still come.
        let read = |bytes: &[u8]| match Message::parse(bytes) {
            Ok(message) => question.is_answered_by(&message, id).then_some(message),
            Err(cause) => {
                fault = Some(cause);
                None
            }
        };
        let message = socket.receive(to, self.now().after(wait), read).await;
        message.ok_or(fault.map_or(Unresolved::Silence, Unresolved::Malformed))
    }

    /// Asks by TCP (RFC 7766): the length of the message comes before it.
    async fn ask_by_stream(&self, server: IpAddr, question: &Question<'_>) -> Result<Message, Unresolved> {
        let options =
            Options { connect: STREAM_WAIT, idle: STREAM_WAIT, receive_buffer: usize::from(u16::MAX) };
        let lost = |_: Error| Unresolved::Truncated;
        let mut stream = self.connect(SocketAddr::new(server, PORT), options).await.map_err(lost)?;
        let id = self.with(|inner| random_u16(&mut *inner.entropy));
        let query = question.bytes(id, true);
        let length = u16::try_from(query.len()).unwrap_or(u16::MAX);
        stream.write_all(&[&length.to_be_bytes()[..], &query].concat()).await.map_err(lost)?;
        let mut length = [0; 2];
        stream.read_exact(&mut length).await.map_err(|_| Unresolved::Truncated)?;
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer).await.map_err(|_| Unresolved::Truncated)?;
        let message = Message::parse(&answer).map_err(Unresolved::Malformed)?;
        let is_whole = question.is_answered_by(&message, id) && !message.is_truncated;
        is_whole.then_some(message).ok_or(Unresolved::Truncated)
    }
}

fn parsed(text: &str) -> Result<Name, Error> {
    Name::parse(text).map_err(|cause| Error::Name { name: text.into(), cause })
}

/// The name that the aliases among the records lead to; `None` if `aliases` is used up.
fn follow(records: &[Record], name: &Name, aliases: &mut usize) -> Option<Name> {
    let mut name = name;
    loop {
        let alias = records.iter().find_map(|record| match &record.data {
            Data::Alias(target) if record.name == *name => Some(target),
            _ => None,
        });
        let Some(target) = alias else { return Some(name.clone()) };
        *aliases = aliases.checked_sub(1)?;
        name = target;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alias(from: &str, to: &str) -> Record {
        let [name, to] = [from, to].map(|text| Name::parse(text).unwrap());
        Record { name, data: Data::Alias(to) }
    }

    #[test]
    fn aliases_are_followed_to_their_end_and_not_for_ever() {
        let start = Name::parse("a").unwrap();
        let mut aliases = MOST_ALIASES;
        let records = [alias("b", "c"), alias("a", "b")];
        assert_eq!(follow(&records, &start, &mut aliases).unwrap().to_string(), "c");
        assert_eq!(aliases, MOST_ALIASES - 2);
        assert_eq!(follow(&[], &start, &mut aliases), Some(start.clone()));
        let circle = [alias("a", "b"), alias("b", "a")];
        assert_eq!(follow(&circle, &start, &mut aliases), None);
    }
}

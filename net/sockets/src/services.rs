// SPDX-License-Identifier: BSD-3-Clause
//! SRV records, which the C library does not look up: queries to the system's name servers, by UDP, and by TCP if an
//! answer is truncated.
//!
//! Sources: RFC 1035, 2782, 7766; resolv.conf(5).

use std::{
    fmt::Display,
    fs,
    future::poll_fn,
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    rc::Rc,
    task::Poll,
    time::Duration,
};

use dial::{Dial as _, Kind, Service, within};
use embedded_io_async::{Read as _, Write as _};
use ip::dns::{self, Data, MOST_ALIASES, Message, Name, Question};
use rustix::event::PollFlags;

use crate::{Sockets, secure};

/// The file with the system's name servers, and how many of them are used, as in the C library.
const RESOLV_CONF: &str = "/etc/resolv.conf";
const MOST_SERVERS: usize = 3;
const PORT: u16 = 53;
/// How long to wait for each server, in each round over all of them, and for an answer by TCP.
const WAITS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];
const STREAM_WAIT: Duration = Duration::from_secs(5);
/// The longest datagram in bytes.
const LONGEST: usize = 64 << 10;
/// The RCODE for "no such name".
const NO_NAME: u8 = 3;

/// The name servers of the system; without any, this machine, as in the C library.
pub fn servers() -> Vec<SocketAddr> {
    let found = listed(&fs::read_to_string(RESOLV_CONF).unwrap_or_default());
    if found.is_empty() { vec![(Ipv4Addr::LOCALHOST, PORT).into()] } else { found }
}

/// The name servers in the text of resolv.conf. Addresses with a zone that is not a number are left out.
fn listed(text: &str) -> Vec<SocketAddr> {
    let server = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let address = words.next().filter(|word| *word == "nameserver").and_then(|_| words.next())?;
        let bracketed = || format!("[{address}]:{PORT}").parse().ok();
        address.parse().ok().map(|address: IpAddr| (address, PORT).into()).or_else(bracketed)
    };
    text.lines().filter_map(server).take(MOST_SERVERS).collect()
}

/// The SRV records of a name; empty if there are none.
pub async fn services(
    sockets: &Sockets,
    servers: &[SocketAddr],
    name: &str,
) -> Result<Vec<Service>, dial::Error> {
    let failed = |kind, cause| dial::Error { kind, code: dial::codes::NAME, object: name.into(), cause };
    let parsed = Name::parse(name).map_err(|cause| failed(Kind::Refused, cause.into()))?;
    let question = Question { name: &parsed, kind: dns::Kind::Srv };
    let mut cause = "no name server".to_string();
    for wait in WAITS {
        for server in servers {
            let answer = ask(sockets, *server, &question, wait).await;
            match answer {
                Ok(message) if matches!(message.rcode, 0 | NO_NAME) => return Ok(found(&message, &parsed)),
                Ok(message) => cause = format!("name server {server} answers code {}", message.rcode),
                Err(error) => cause = format!("name server {server}: {error}"),
            }
        }
    }
    Err(failed(Kind::Name, cause))
}

/// The services of a name in an answer, after following its aliases, which resolvers put first.
fn found(message: &Message, name: &Name) -> Vec<Service> {
    let mut name = name;
    for _ in 0..MOST_ALIASES {
        let alias = message.answers.iter().find_map(|record| match &record.data {
            Data::Alias(to) if record.name == *name => Some(to),
            _ => None,
        });
        let Some(to) = alias else { break };
        name = to;
    }
    let service = |record: &dns::Record| match &record.data {
        Data::Service { priority, weight, port, target } if record.name == *name => {
            Some(Service { priority: *priority, weight: *weight, port: *port, target: target.to_string() })
        }
        _ => None,
    };
    message.answers.iter().filter_map(service).collect()
}

/// The complete answer of one server.
async fn ask(
    sockets: &Sockets,
    server: SocketAddr,
    question: &Question<'_>,
    wait: Duration,
) -> io::Result<Message> {
    let by_datagram = by_datagram(sockets, server, question);
    let message = within(sockets, sockets.after(wait), by_datagram).await.map_err(|_| late(wait))??;
    if !message.is_truncated {
        return Ok(message);
    }
    let by_stream = by_stream(sockets, server, question);
    within(sockets, sockets.after(STREAM_WAIT), by_stream).await.map_err(|_| late(STREAM_WAIT))?
}

async fn by_datagram(sockets: &Sockets, server: SocketAddr, question: &Question<'_>) -> io::Result<Message> {
    let any =
        if server.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
    // The kernel chooses a port at random.
    let socket = UdpSocket::bind((any, 0))?;
    socket.set_nonblocking(true)?;
    socket.connect(server)?;
    let (id, socket) = (id()?, Rc::new(socket));
    socket.send(&question.bytes(id, true))?;
    let mut buffer = vec![0; LONGEST];
    poll_fn(|_| {
        loop {
            match socket.recv(&mut buffer) {
                // A malformed message may be forged: the real answer may still come.
                Ok(length) => match Message::parse(buffer.get(..length).unwrap_or_default()) {
                    Ok(message) if question.is_answered_by(&message, id) => return Poll::Ready(Ok(message)),
                    _ => {}
                },
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    sockets.waits.wait_for(socket.clone(), PollFlags::IN);
                    return Poll::Pending;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    })
    .await
}

async fn by_stream(sockets: &Sockets, server: SocketAddr, question: &Question<'_>) -> io::Result<Message> {
    let mut stream = sockets.connect_to(server).await?;
    let id = id()?;
    let query = question.bytes(id, false);
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], &query].concat()).await.map_err(broken)?;
    let mut length = [0; 2];
    stream.read_exact(&mut length).await.map_err(broken)?;
    let mut answer = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut answer).await.map_err(broken)?;
    match Message::parse(&answer) {
        Ok(message) if question.is_answered_by(&message, id) => Ok(message),
        Ok(_) => Err(io::Error::other("answers a different question")),
        Err(error) => Err(broken(error)),
    }
}

fn id() -> io::Result<u16> {
    let mut bytes = [0; 2];
    secure::fill(&mut bytes)?;
    Ok(u16::from_be_bytes(bytes))
}

fn late(wait: Duration) -> io::Error {
    io::Error::new(ErrorKind::TimedOut, format!("no answer within {} s", wait.as_secs()))
}

fn broken(error: impl Display) -> io::Error {
    io::Error::other(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_those_of_resolv_conf() {
        let text = "# nameserver 9.9.9.9\nsearch a.b\nnameserver 10.0.0.1 # first\n nameserver fd00::1\nnameserver x\n\
                    nameserver fe80::1%2\nnameserver 10.0.0.4\n";
        let shown: Vec<String> = listed(text).iter().map(SocketAddr::to_string).collect();
        assert_eq!(shown, ["10.0.0.1:53", "[fd00::1]:53", "[fe80::1%2]:53"]);
        assert!(listed("").is_empty());
    }
}

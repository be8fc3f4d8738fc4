// SPDX-License-Identifier: BSD-3-Clause
//! The address of an end, as on the command line.

use std::{
    fs, io,
    net::{TcpListener, TcpStream},
    os::unix::net::{UnixDatagram, UnixListener, UnixStream},
    path::PathBuf,
    str::FromStr,
};

use anyhow::{Context as _, Error, Result, bail};

use crate::{End, Namespace};

/// What a script prints to standard error when it is ready.
const READY: &str = "ready";

/// The address of one end of a relay.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EndAddress {
    /// `listen:ADDRESS`: a stream socket that accepts one connection.
    Listen(String),
    /// `connect:ADDRESS`: a stream socket that connects to a listener.
    Connect(String),
    /// `dgram:OWN,PEER`: Unix datagram sockets, the relay's and the other side's.
    Datagram(PathBuf, PathBuf),
    /// `namespace:SCRIPT`: the tap device `t0` in namespaces of its own, in which bash runs the script.
    Namespace(String),
}

impl FromStr for EndAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        Ok(match kind {
            _ if rest.is_empty() => bail!("`{text}` is not an end; expected KIND:ADDRESS"),
            "listen" => Self::Listen(rest.into()),
            "connect" => Self::Connect(rest.into()),
            "dgram" => {
                let (own, peer) = rest.split_once(',').context("dgram needs two paths, OWN,PEER")?;
                Self::Datagram(own.into(), peer.into())
            }
            "namespace" => Self::Namespace(rest.into()),
            _ => bail!("`{kind}` is not a kind of end; available: listen, connect, dgram, namespace"),
        })
    }
}

impl EndAddress {
    /// Opens the end; a listener waits for its connection. A namespace lasts as long as the returned value.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(&self) -> Result<(End, Option<Namespace>)> {
        let end = match self {
            Self::Listen(at) => listen(at).with_context(|| format!("listening at {at}"))?,
            Self::Connect(to) => connect(to).with_context(|| format!("connecting to {to}"))?,
            Self::Datagram(own, peer) => {
                let bound = || {
                    remove(own)?;
                    End::datagram(UnixDatagram::bind(own)?, peer.clone())
                };
                bound().with_context(|| format!("binding to {}", own.display()))?
            }
            Self::Namespace(script) => {
                let mut namespace = Namespace::start(script, READY, &[])?;
                let end = namespace.end().context("a new namespace has its end")?;
                return Ok((end, Some(namespace)));
            }
        };
        Ok((end, None))
    }
}

/// A path has a slash; everything else is a host and a port.
fn is_path(address: &str) -> bool {
    address.contains('/')
}

fn listen(at: &str) -> io::Result<End> {
    if is_path(at) {
        remove(&at.into())?;
        End::stream(UnixListener::bind(at)?.accept()?.0)
    } else {
        let stream = TcpListener::bind(at)?.accept()?.0;
        stream.set_nodelay(true)?;
        End::stream(stream)
    }
}

fn connect(to: &str) -> io::Result<End> {
    if is_path(to) {
        End::stream(UnixStream::connect(to)?)
    } else {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        End::stream(stream)
    }
}

/// Removes a socket that an earlier run left behind.
fn remove(path: &PathBuf) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let read = |text: &str| text.parse::<EndAddress>().map_err(|why| why.to_string());
        assert_eq!(read("listen:/tmp/a"), Ok(EndAddress::Listen("/tmp/a".into())));
        assert_eq!(read("connect:[::1]:80"), Ok(EndAddress::Connect("[::1]:80".into())));
        assert_eq!(read("dgram:a,b"), Ok(EndAddress::Datagram("a".into(), "b".into())));
        assert_eq!(
            read("namespace:ip addr; exec x:y"),
            Ok(EndAddress::Namespace("ip addr; exec x:y".into()))
        );
        for (text, expected) in [
            ("", "`` is not an end; expected KIND:ADDRESS"),
            ("listen:", "`listen:` is not an end; expected KIND:ADDRESS"),
            ("dgram:a", "dgram needs two paths, OWN,PEER"),
            ("tap:a", "`tap` is not a kind of end; available: listen, connect, dgram, namespace"),
        ] {
            assert_eq!(read(text), Err(expected.into()), "{text}");
        }
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Where an end is, as it is written on a command line.

use std::{
    fs, io,
    net::{TcpListener, TcpStream},
    os::unix::net::{UnixDatagram, UnixListener, UnixStream},
    path::PathBuf,
    str::FromStr,
};

use anyhow::{Context as _, Error, Result, bail};

use crate::{End, Namespace};

/// What a script says on standard error when it serves.
const READY: &str = "ready";

/// Where one end of a relay is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// `listen:ADDRESS`: a stream socket that somebody connects to, once.
    Listen(String),
    /// `connect:ADDRESS`: a stream socket that somebody listens at.
    Connect(String),
    /// `dgram:OWN,PEER`: Unix datagram sockets, the relay's and the other side's.
    Datagram(PathBuf, PathBuf),
    /// `namespace:SCRIPT`: the tap device `t0` in namespaces of its own, in which bash runs the script.
    Namespace(String),
}

impl FromStr for Place {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        Ok(match kind {
            _ if rest.is_empty() => bail!("`{text}` is no end; it is KIND:ADDRESS"),
            "listen" => Self::Listen(rest.into()),
            "connect" => Self::Connect(rest.into()),
            "dgram" => {
                let (own, peer) = rest.split_once(',').context("dgram: needs two paths, OWN,PEER")?;
                Self::Datagram(own.into(), peer.into())
            }
            "namespace" => Self::Namespace(rest.into()),
            _ => bail!("`{kind}` is no kind of end; there are listen, connect, dgram and namespace"),
        })
    }
}

impl Place {
    /// Opens the end; waits until somebody connects. A namespace lasts as long as what comes with the end.
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

/// A socket that an earlier run has left behind.
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
    fn places_are_read() {
        let read = |text: &str| text.parse::<Place>().map_err(|why| why.to_string());
        assert_eq!(read("listen:/tmp/a"), Ok(Place::Listen("/tmp/a".into())));
        assert_eq!(read("connect:[::1]:80"), Ok(Place::Connect("[::1]:80".into())));
        assert_eq!(read("dgram:a,b"), Ok(Place::Datagram("a".into(), "b".into())));
        assert_eq!(read("namespace:ip addr; exec x:y"), Ok(Place::Namespace("ip addr; exec x:y".into())));
        for (text, expected) in [
            ("", "`` is no end; it is KIND:ADDRESS"),
            ("listen:", "`listen:` is no end; it is KIND:ADDRESS"),
            ("dgram:a", "dgram: needs two paths, OWN,PEER"),
            ("tap:a", "`tap` is no kind of end; there are listen, connect, dgram and namespace"),
        ] {
            assert_eq!(read(text), Err(expected.into()), "{text}");
        }
    }
}

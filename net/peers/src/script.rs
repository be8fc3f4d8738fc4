// SPDX-License-Identifier: BSD-3-Clause
//! Servers of HTTP that answer as a test says.

use std::{cell::RefCell, rc::Rc, time::Duration};

use crate::world::{Peer, World};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names (in lower case) and values.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The name for which the client has started TLS.
    pub secured: Option<String>,
}

impl Asked {
    /// A field's value.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// First and last byte of the range that is asked for.
    pub fn range(&self) -> Option<(usize, usize)> {
        let (first, last) = self.field("range")?.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()?))
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Answer {
    bytes: Vec<u8>,
    then: Then,
    pause: Duration,
    piece: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Then {
    Next,
    Close,
    Cut,
    Again,
}

impl Answer {
    /// A status, fields as `Name: value` and a body with its length.
    pub fn new(status: u16, fields: &[&str], body: &[u8]) -> Self {
        let length = format!("Content-Length: {}", body.len());
        Self::raw(status, &[fields, &[length.as_str()]].concat(), body)
    }

    /// The same without `Content-Length`; the body is sent as it stands.
    pub fn raw(status: u16, fields: &[&str], body: &[u8]) -> Self {
        let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
        let mut bytes = format!("HTTP/1.1 {status} Scripted\r\n{fields}\r\n").into_bytes();
        bytes.extend_from_slice(body);
        Self { bytes, then: Then::Next, pause: Duration::ZERO, piece: usize::MAX }
    }

    /// The part of a body that a request asks for, as a server with ranges answers.
    pub fn part(asked: &Asked, body: &[u8]) -> Self {
        match asked.range() {
            Some((first, last)) if last < body.len() => {
                let range = format!("Content-Range: bytes {first}-{last}/{}", body.len());
                Self::new(206, &[&range], &body[first..=last])
            }
            _ => Self::new(200, &[], body),
        }
    }

    /// Bytes that need not be HTTP.
    pub fn bytes(bytes: &[u8]) -> Self {
        Self { bytes: bytes.into(), then: Then::Close, pause: Duration::ZERO, piece: usize::MAX }
    }

    /// The connection is closed behind it.
    pub fn close(self) -> Self {
        Self { then: Then::Close, ..self }
    }

    /// Only as many bytes of all are sent, then the connection is reset.
    pub fn cut(mut self, after: usize) -> Self {
        self.bytes.truncate(after);
        Self { then: Then::Cut, ..self }
    }

    /// It is sent in pieces of this size, with a pause before each.
    pub fn slow(self, piece: usize, pause: Duration) -> Self {
        Self { piece, pause, ..self }
    }

    /// These bytes are sent over and over behind it.
    pub fn endless(self) -> Self {
        Self { then: Then::Again, ..self }
    }
}

/// A server, with what it was asked.
#[derive(Clone, Default)]
pub struct Script(Rc<RefCell<Vec<Asked>>>);

impl Script {
    /// A server at `host:port` that answers each request by a function.
    pub fn at(world: &World, at: &str, answer: impl Fn(&Asked) -> Answer + 'static) -> Self {
        let script = Self::default();
        let (log, answer) = (script.0.clone(), Rc::new(answer));
        world.serve(at, move |peer| connection(peer, log.clone(), answer.clone()));
        script
    }

    /// The requests until now.
    pub fn asked(&self) -> Vec<Asked> {
        self.0.borrow().clone()
    }

    /// Methods, targets and ranges of the requests until now, one line each.
    pub fn lines(&self) -> Vec<String> {
        let line = |asked: &Asked| match asked.field("range") {
            Some(range) => format!("{} {} {range}", asked.method, asked.target),
            None => format!("{} {}", asked.method, asked.target),
        };
        self.0.borrow().iter().map(line).collect()
    }
}

async fn connection(mut peer: Peer, log: Rc<RefCell<Vec<Asked>>>, answer: Rc<impl Fn(&Asked) -> Answer>) {
    while let Some(asked) = request(&mut peer).await {
        log.borrow_mut().push(asked.clone());
        let answer = answer(&asked);
        for piece in answer.bytes.chunks(answer.piece) {
            if !answer.pause.is_zero() {
                peer.pause(answer.pause).await;
            }
            if !peer.send(piece).await {
                return;
            }
        }
        match answer.then {
            Then::Next => {}
            Then::Close => return,
            Then::Cut => return peer.cut(),
            Then::Again => loop {
                if !peer.send(b"4000\r\n").await
                    || !peer.send(&[0; 0x4000]).await
                    || !peer.send(b"\r\n").await
                {
                    return;
                }
            },
        }
    }
}

async fn request(peer: &mut Peer) -> Option<Asked> {
    let end = loop {
        if let Some(end) = peer.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if !peer.fill().await {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&peer.buffer[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.into(), words.next()?.into());
    let fields: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.into()))
        .collect();
    let length = fields
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().unwrap());
    while peer.buffer.len() < end + 4 + length {
        if !peer.fill().await {
            return None;
        }
    }
    let body = peer.buffer[end + 4..end + 4 + length].to_vec();
    peer.buffer.drain(..end + 4 + length);
    Some(Asked { method, target, fields, body, secured: peer.secured() })
}

// SPDX-License-Identifier: BSD-3-Clause
//! Scripted HTTP servers: in a [`World`], and on real sockets.

use std::{
    cell::RefCell,
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    rc::Rc,
    sync::Arc,
    thread,
    time::Duration,
};

use crate::{
    block_on,
    world::{Peer, World},
};

/// A request as received.
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

    /// First and last byte of the requested range.
    pub fn range(&self) -> Option<(usize, usize)> {
        let (first, last) = self.field("range")?.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()?))
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    bytes: Vec<u8>,
    then: Then,
    pause: Duration,
    piece: usize,
    /// Bytes that are sent at once before the pieces.
    ahead: usize,
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
        Self { bytes, then: Then::Next, pause: Duration::ZERO, piece: usize::MAX, ahead: 0 }
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
        let then = Then::Close;
        Self { bytes: bytes.into(), then, pause: Duration::ZERO, piece: usize::MAX, ahead: 0 }
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

    /// The same for what follows the head, which is sent at once.
    pub fn slow_body(self, piece: usize, pause: Duration) -> Self {
        let ahead = head(&self.bytes).unwrap_or(0);
        Self { ahead, ..self.slow(piece, pause) }
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
        world.serve(at, move |peer| {
            let (log, answer) = (log.clone(), answer.clone());
            async move { connection(peer, |asked| log.borrow_mut().push(asked), &*answer).await }
        });
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

/// Serves HTTP on a real loopback socket, with a thread for each connection, until the program ends. Returns its port.
///
/// The function gives the answer to each request. If an answer is cut, the connection is closed.
///
/// # Errors
/// There is no free port.
pub fn listen(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || block_on(connection(Socket(client), |_| {}, &*answer)));
        }
    });
    Ok(port)
}

/// A connection as its server sees it.
trait Line {
    /// Reads what there is: how much; nothing at the end.
    async fn receive(&mut self, piece: &mut [u8]) -> usize;
    /// Sends bytes; false if the client is gone.
    async fn send(&mut self, bytes: &[u8]) -> bool;
    async fn pause(&self, duration: Duration);
    fn cut(self);
    /// The name for which the client has started TLS.
    fn secured(&self) -> Option<String>;
}

impl Line for Peer {
    async fn receive(&mut self, piece: &mut [u8]) -> usize {
        self.receive(piece).await
    }

    async fn send(&mut self, bytes: &[u8]) -> bool {
        self.send(bytes).await
    }

    async fn pause(&self, duration: Duration) {
        self.pause(duration).await;
    }

    fn cut(self) {
        self.cut();
    }

    fn secured(&self) -> Option<String> {
        self.secured()
    }
}

/// A real socket, which blocks.
struct Socket(TcpStream);

impl Line for Socket {
    async fn receive(&mut self, piece: &mut [u8]) -> usize {
        self.0.read(piece).unwrap_or(0)
    }

    async fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    async fn pause(&self, duration: Duration) {
        thread::sleep(duration);
    }

    fn cut(self) {
        // A client that is gone is not an error.
        let _ = self.0.shutdown(Shutdown::Both);
    }

    fn secured(&self) -> Option<String> {
        None
    }
}

async fn connection(mut line: impl Line, log: impl Fn(Asked), answer: &impl Fn(&Asked) -> Answer) {
    let mut buffer = Vec::new();
    while let Some(asked) = request(&mut line, &mut buffer).await {
        log(asked.clone());
        let answer = answer(&asked);
        let (ahead, rest) = answer.bytes.split_at(answer.ahead.min(answer.bytes.len()));
        if !line.send(ahead).await {
            return;
        }
        for piece in rest.chunks(answer.piece) {
            if !answer.pause.is_zero() {
                line.pause(answer.pause).await;
            }
            if !line.send(piece).await {
                return;
            }
        }
        match answer.then {
            Then::Next => {}
            Then::Close => return,
            Then::Cut => return line.cut(),
            Then::Again => loop {
                if !line.send(b"4000\r\n").await
                    || !line.send(&[0; 0x4000]).await
                    || !line.send(b"\r\n").await
                {
                    return;
                }
            },
        }
    }
}

/// Where the head of a message ends, with its empty line.
fn head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// The next request; what follows it stays in the buffer.
async fn request(line: &mut impl Line, buffer: &mut Vec<u8>) -> Option<Asked> {
    let end = loop {
        if let Some(end) = head(buffer) {
            break end;
        }
        fill(line, buffer).await?;
    };
    let text = String::from_utf8_lossy(&buffer[..end - 4]).into_owned();
    let mut lines = text.split("\r\n");
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
    while buffer.len() < end + length {
        fill(line, buffer).await?;
    }
    let body = buffer[end..end + length].to_vec();
    buffer.drain(..end + length);
    Some(Asked { method, target, fields, body, secured: line.secured() })
}

/// Reads more; none at the end.
async fn fill(line: &mut impl Line, buffer: &mut Vec<u8>) -> Option<()> {
    let mut piece = vec![0; 16 << 10];
    let read = line.receive(&mut piece).await;
    buffer.extend_from_slice(&piece[..read]);
    (read > 0).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client receives for a request, until the server ends the connection.
    fn received(port: u16, request: &str) -> String {
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        client.set_read_timeout(Some(crate::LIMIT)).unwrap();
        client.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_real_socket_is_answered_as_one_in_memory() {
        let port = listen(|asked| match asked.target.as_str() {
            "/last" => Answer::part(asked, b"0123456789").close(),
            "/cut" => Answer::new(200, &[], b"0123456789").cut(8),
            _ => Answer::new(200, &[], &asked.body).slow_body(1, Duration::from_millis(1)),
        });
        let port = port.unwrap();
        let both =
            "PUT /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /last HTTP/1.1\r\nRange: bytes=2-4\r\n\r\n";
        assert_eq!(
            received(port, both),
            "HTTP/1.1 200 Scripted\r\nContent-Length: 3\r\n\r\nabc\
             HTTP/1.1 206 Scripted\r\nContent-Range: bytes 2-4/10\r\nContent-Length: 3\r\n\r\n234"
        );
        assert_eq!(received(port, "GET /cut HTTP/1.1\r\n\r\n"), "HTTP/1.1");
    }
}

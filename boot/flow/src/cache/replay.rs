// SPDX-License-Identifier: BSD-3-Clause
//! A registry that answers from its own record: who asks it is the same code that asks a real one, so that nothing that
//! is verified there is left out here.
//!
//! It is a network with one server on it, which speaks as much HTTP as `http` does. Nothing is sent anywhere, and the
//! clock stands still, unless all that is left to do is to wait.

use alloc::{format, string::String, sync::Arc, task::Wake, vec::Vec};
use core::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use dial::{Dial, Service};
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use oci::Record;

/// The longest request that is taken.
const LONGEST_REQUEST: usize = 64 << 10;

/// A network on which every host is the registry of a record.
pub struct Replay<'r> {
    record: &'r Record,
    /// What stands before the paths of the record.
    base: String,
    now: Cell<Duration>,
    /// The next moment that somebody waits for.
    next: Cell<Option<Duration>>,
}

impl<'r> Replay<'r> {
    /// The registry of a repository.
    pub fn new(record: &'r Record, repository: &str) -> Self {
        let base = format!("/v2/{repository}/");
        Self { record, base, now: Cell::default(), next: Cell::default() }
    }

    /// Runs a future to its end; None if it waits for what never comes.
    pub fn run<F: Future>(&self, future: F) -> Option<F::Output> {
        let flag = Arc::new(Flag::default());
        let waker = Waker::from(Arc::clone(&flag));
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            self.next.set(None);
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Some(output);
            }
            if !flag.0.swap(false, Ordering::Relaxed) {
                self.now.set(self.next.get()?.max(self.now.get()));
            }
        }
    }

    /// The answer to a request.
    fn answer(&self, head: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(head);
        let mut words = text.split(' ');
        let target = (words.next() == Some("GET")).then(|| words.next()).flatten();
        let path = target.and_then(|target| target.strip_prefix(self.base.as_str()));
        let Some(answer) = path.and_then(|path| self.record.answer(path)) else {
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec();
        };
        let length = answer.bytes.len();
        let kind = if answer.media_type.is_empty() { "application/octet-stream" } else { &answer.media_type };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
        [head.as_bytes(), &answer.bytes].concat()
    }
}

/// A connection to it.
pub struct Connection<'s> {
    replay: &'s Replay<'s>,
    /// Bytes of a request that is not complete yet.
    asked: Vec<u8>,
    answer: Vec<u8>,
    /// Bytes of the answer that were read.
    read: usize,
}

impl ErrorType for Connection<'_> {
    type Error = ErrorKind;
}

impl Write for Connection<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        // Both are in memory, so that their sum does not saturate.
        if self.asked.len().saturating_add(bytes.len()) > LONGEST_REQUEST {
            return Err(ErrorKind::OutOfMemory);
        }
        self.asked.extend_from_slice(bytes);
        if self.asked.ends_with(b"\r\n\r\n") {
            self.answer = self.replay.answer(&self.asked);
            self.read = 0;
            self.asked.clear();
        }
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Read for Connection<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, ErrorKind> {
        let rest = self.answer.get(self.read..).unwrap_or_default();
        let count = rest.len().min(buf.len());
        for (to, from) in buf.iter_mut().zip(rest) {
            *to = *from;
        }
        // Cannot saturate: at most the length of the answer.
        self.read = self.read.saturating_add(count);
        Ok(count)
    }
}

impl<'s> Dial for &'s Replay<'s> {
    type Stream = Connection<'s>;

    async fn connect(&self, _: &str, _: u16) -> Result<Connection<'s>, dial::Error> {
        Ok(Connection { replay: self, asked: Vec::new(), answer: Vec::new(), read: 0 })
    }

    /// There is nobody on the way: what is read is checked by its digest, and that of the record.
    async fn secure(&self, stream: Connection<'s>, _: &str) -> Result<Connection<'s>, dial::Error> {
        Ok(stream)
    }

    /// One host, inside of the zone.
    async fn services(&self, name: &str) -> Result<Vec<Service>, dial::Error> {
        let target = name.split_once("._tcp.").map_or(name, |(_, zone)| zone).into();
        Ok(Vec::from([Service { priority: 0, weight: 0, port: 443, target }]))
    }

    fn now(&self) -> Duration {
        self.now.get()
    }

    async fn sleep(&self, until: Duration) {
        poll_fn(|_| {
            if self.now.get() >= until {
                return Poll::Ready(());
            }
            self.next.set(Some(self.next.get().map_or(until, |next| next.min(until))));
            Poll::Pending
        })
        .await;
    }

    fn random(&self) -> u32 {
        0
    }
}

/// Somebody has more to do.
#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use oci::{Options, Reference};

    use super::*;

    fn record() -> Record {
        let file = b"cloud-boot record 1\n35 manifests/1 \n{\"schemaVersion\":2,\"manifests\":[] }\n1 manifests/2 \n?\n";
        Record::parse(file).unwrap()
    }

    fn document(reference: &str) -> String {
        let (record, reference) = (record(), Reference::parse(reference).unwrap());
        let replay = Replay::new(&record, "boot/linux");
        let client = oci::Client::new(http::Client::new(&replay), Options::default());
        match replay.run(client.document(&reference)).unwrap() {
            Ok(fetched) => format!("{} bytes", fetched.bytes.len()),
            Err(error) => format!("{error}"),
        }
    }

    #[test]
    fn what_was_recorded_is_answered_and_nothing_else() {
        assert_eq!(document("host.example/boot/linux:1"), "35 bytes");
        assert_eq!(document("_oci._tcp.example.org/boot/linux:1"), "35 bytes");
        assert!(document("host.example/boot/linux:2").starts_with("E-NET-OCI-JSON "));
        assert!(document("host.example/boot/linux:3").starts_with("E-NET-OCI-ABSENT "));
        assert!(document("host.example/boot/other:1").starts_with("E-NET-OCI-ABSENT "));
    }

    #[test]
    fn waiting_takes_no_time_and_has_an_end() {
        let record = record();
        let replay = &Replay::new(&record, "x");
        let hour = Duration::from_secs(3600);
        assert_eq!(replay.run(async { replay.sleep(hour).await }), Some(()));
        assert_eq!(replay.now(), hour);
        assert_eq!(replay.run(core::future::pending::<()>()), None);
        // What only lets others run is no reason for the clock to move.
        let late = replay.run(dial::within(&replay, hour * 2, dial::breathe()));
        assert_eq!((late, replay.now()), (Some(Ok(())), hour));
    }
}

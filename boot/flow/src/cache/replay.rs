// SPDX-License-Identifier: BSD-3-Clause
//! A registry that answers from its recorded answers. The code that asks it is the code that asks a real registry, so
//! that no verification is left out.
//!
//! It is a network with one server, which speaks as much HTTP as `http` needs. Nothing is sent anywhere. The clock
//! stands still, and advances only when nothing is left to do but wait.

use alloc::{boxed::Box, format, string::String, sync::Arc, task::Wake, vec::Vec};
use core::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use dial::{Dial, Service};
use oci::{Options, Record};

use crate::{Failure, Fetched, Order, remote::fetch_from, route::Route};

/// A network on which every host is the registry of a record.
pub struct Replay<'r> {
    record: &'r Record,
    /// Prefix of the record's paths.
    base: String,
    now: Cell<Duration>,
    /// The earliest time that a future waits for.
    next: Cell<Option<Duration>>,
}

impl<'r> Replay<'r> {
    /// The registry of a repository.
    pub(super) fn new(record: &'r Record, repository: &str) -> Self {
        let base = format!("/v2/{repository}/");
        Self { record, base, now: Cell::default(), next: Cell::default() }
    }

    /// Fetches an artifact with the code that [`fetch`](crate::fetch) has for `D`, without a `D`; None if the record
    /// does not answer.
    pub fn fetch<D: Dial>(&self, order: &Order<'_>) -> Option<Result<Fetched, Failure>> {
        let client = oci::Client::new(http::Client::new(Route::<D>::Record(self)), Options::default());
        self.run(Box::pin(fetch_from(client, order)))
    }

    /// Runs a future to its end; None if it would wait for ever.
    fn run<F: Future>(&self, future: F) -> Option<F::Output> {
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

    /// One host, within the zone.
    pub fn services(name: &str) -> Vec<Service> {
        let target = name.split_once("._tcp.").map_or(name, |(_, zone)| zone).into();
        Vec::from([Service { priority: 0, weight: 0, port: 443, target }])
    }

    /// The time of its clock.
    pub fn now(&self) -> Duration {
        self.now.get()
    }

    /// Waits until a time on its clock.
    pub async fn sleep(&self, until: Duration) {
        poll_fn(|_| {
            if self.now.get() >= until {
                return Poll::Ready(());
            }
            self.next.set(Some(self.next.get().map_or(until, |next| next.min(until))));
            Poll::Pending
        })
        .await;
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

/// A connection to it. It never breaks.
pub struct Connection<'r> {
    replay: &'r Replay<'r>,
    /// Bytes of a request that is not complete yet. No limit is needed: only our own client writes them.
    asked: Vec<u8>,
    answer: Vec<u8>,
    /// Bytes of the answer that were read so far.
    read: usize,
}

impl<'r> Connection<'r> {
    pub fn new(replay: &'r Replay<'r>) -> Self {
        Self { replay, asked: Vec::new(), answer: Vec::new(), read: 0 }
    }

    pub fn write(&mut self, bytes: &[u8]) -> usize {
        self.asked.extend_from_slice(bytes);
        if self.asked.ends_with(b"\r\n\r\n") {
            self.answer = self.replay.answer(&self.asked);
            self.read = 0;
            self.asked.clear();
        }
        bytes.len()
    }

    pub fn read(&mut self, buf: &mut [u8]) -> usize {
        let rest = self.answer.get(self.read..).unwrap_or_default();
        let count = rest.len().min(buf.len());
        for (to, from) in buf.iter_mut().zip(rest) {
            *to = *from;
        }
        // Cannot saturate: at most the length of the answer.
        self.read = self.read.saturating_add(count);
        count
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
    use oci::Reference;
    use peers::Wire;

    use super::*;

    fn record() -> Record {
        let file = b"cloud-boot record 1\n35 manifests/1 \n{\"schemaVersion\":2,\"manifests\":[] }\n1 manifests/2 \n?\n";
        Record::parse(file).unwrap()
    }

    fn document(reference: &str) -> String {
        let (record, reference) = (record(), Reference::parse(reference).unwrap());
        let replay = Replay::new(&record, "boot/linux");
        let client = oci::Client::new(http::Client::new(Route::<Wire>::Record(&replay)), Options::default());
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
        let late = replay.run(dial::within(&Route::<Wire>::Record(replay), hour * 2, dial::breathe()));
        assert_eq!((late, replay.now()), (Some(Ok(())), hour));
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Our own stack on a bad line, with Linux, dnsmasq and nginx at its other end.

use std::{
    cell::Cell,
    collections::VecDeque,
    future::Future,
    io::{Read as _, Write as _},
    net::SocketAddr,
    os::unix::net::UnixStream,
    pin::pin,
    task::{Context, Poll, Waker},
    thread::{self, JoinHandle},
    time::{Duration, Instant as Clock},
};

use dial::{Dial, Kind, Service};
use http::{
    Backoff, Client, Division, Error, Limits, Observer, Range, Request, Response, Source, Url, download,
};
use ip::{Connection, Entropy, Instant, Options, Stack};
use nic::{Frame, Mac, Nic};
use relay::{Counts, Cut, Direction, End, Faults, Namespace, Relay};
use sha2::{Digest as _, Sha256};

/// How long anything may take, however busy the machine is.
const LIMIT: Duration = Duration::from_secs(900);
const SIZE: usize = 8 << 20;

const SCRIPT: &str = "ip addr add 10.9.0.1/24 dev t0
    nginx -p $PWD/ -e error.log -c nginx.conf
    exec dnsmasq -d -C /dev/null -R -h -i t0 -z --dhcp-leasefile=leases --dhcp-range=10.9.0.50,10.9.0.60,1h \
    --host-record=files.example,10.9.0.1";

const NGINX: &str = "user root root; daemon on; pid pid; events {} http {
    log_format ranges '$status $http_range $body_bytes_sent';
    access_log access.log ranges; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi; send_timeout 1200s; server { listen 10.9.0.1:80; root .; } }";

fn content() -> Vec<u8> {
    (0..SIZE as u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// A guest on a cable, and the Linux at its other end.
struct Lab {
    namespace: Namespace,
    relay: JoinHandle<([Counts; 2], bool)>,
    wire: Wire,
}

impl Lab {
    fn new(faults: Faults) -> Self {
        let files: [(&str, &[u8]); 2] = [("nginx.conf", NGINX.as_bytes()), ("blob", &content())];
        let mut namespace = Namespace::start(SCRIPT, "started, version", &files).unwrap();
        let (own, guest) = UnixStream::pair().unwrap();
        let mut relay = Relay::new(End::stream(guest).unwrap(), namespace.end().unwrap(), faults);
        let relay = thread::spawn(move || {
            relay.run().unwrap();
            (relay.counts(), relay.has_cut())
        });
        let random = Box::new(Random(std::fs::File::open("/dev/urandom").unwrap()));
        let stack = Stack::new(Box::new(Card::new(own)), None, random, Instant::from_micros(0)).unwrap();
        let wire = Wire { stack, start: Clock::now() };
        wire.run(wire.stack.dhcp4(LIMIT)).unwrap();
        Self { namespace, relay, wire }
    }

    fn download(&self, limits: Limits, division: Division) -> Vec<u8> {
        let client = Client::new(&self.wire).with_limits(limits);
        let url = Url::parse("http://files.example/blob").unwrap();
        let file = File { client: &client, url, arrived: Cell::new(0) };
        let mut buffer = vec![0; SIZE];
        self.wire.run(download(&file, &mut buffer, division, &file)).unwrap();
        assert!(file.arrived.get() >= SIZE);
        buffer
    }

    /// Pulls the cable: what it has carried, and nginx's log.
    fn end(self) -> ([Counts; 2], bool, String) {
        drop(self.wire);
        let (counts, has_cut) = self.relay.join().unwrap();
        (counts, has_cut, self.namespace.read("access.log"))
    }
}

/// A card at the end of a stream, as QEMU has it.
struct Card {
    socket: UnixStream,
    received: Vec<u8>,
    draft: Vec<u8>,
    queue: VecDeque<u8>,
}

impl Card {
    fn new(socket: UnixStream) -> Self {
        socket.set_nonblocking(true).unwrap();
        Self { socket, received: vec![], draft: vec![], queue: VecDeque::new() }
    }
}

impl Nic for Card {
    fn name(&self) -> &str {
        "stream"
    }

    fn mac(&self) -> Mac {
        Mac([0x02, 0, 0, 0, 0, 0x42])
    }

    fn mtu(&self) -> usize {
        1500
    }

    fn has_link(&mut self) -> bool {
        true
    }

    fn receive(&mut self) -> Option<Frame> {
        let mut piece = [0; 65536];
        if let Ok(length) = self.socket.read(&mut piece) {
            self.received.extend_from_slice(&piece[..length]);
        }
        let (length, rest) = self.received.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let frame = rest.get(..length)?.to_vec();
        self.received.drain(..4 + length);
        Frame::new(frame.into(), 0..length)
    }

    fn recycle(&mut self, _: Frame) {}

    fn can_transmit(&mut self) -> bool {
        self.queue.len() < 1 << 20
    }

    fn transmit(&mut self, length: usize) -> Option<&mut [u8]> {
        self.draft = vec![0; length];
        Some(&mut self.draft)
    }

    fn commit(&mut self) {
        self.queue.extend((self.draft.len() as u32).to_be_bytes());
        self.queue.extend(self.draft.drain(..));
    }

    fn flush(&mut self) {
        while !self.queue.is_empty() {
            match self.socket.write(self.queue.as_slices().0) {
                Ok(length) => drop(self.queue.drain(..length)),
                // One that is cut says so by what does not come.
                Err(_) => return,
            }
        }
    }
}

struct Random(std::fs::File);

impl Entropy for Random {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.read_exact(bytes).unwrap();
    }
}

/// The stack as a platform has it, and the loop that polls it.
struct Wire {
    stack: Stack,
    start: Clock,
}

impl Wire {
    fn run<F: Future>(&self, future: F) -> F::Output {
        let (mut future, mut context) = (pin!(future), Context::from_waker(Waker::noop()));
        loop {
            self.stack.poll(Instant::from_micros(self.start.elapsed().as_micros() as u64));
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return value;
            }
            assert!(self.start.elapsed() < LIMIT, "it takes too long");
            if self.stack.poll_at().is_none_or(|at| at > self.stack.now()) {
                thread::sleep(Duration::from_micros(100));
            }
        }
    }
}

impl Dial for Wire {
    type Stream = Connection;

    async fn connect(&self, host: &str, port: u16) -> Result<Connection, dial::Error> {
        let failed = |error: ip::Error| dial::Error {
            kind: Kind::Connect,
            code: error.code(),
            object: format!("{host}:{port}"),
            cause: error.to_string(),
        };
        let addresses = self.stack.addresses_of(host).await.map_err(failed)?;
        let options = Options { connect: LIMIT, idle: LIMIT, ..Options::default() };
        self.stack.connect(SocketAddr::new(addresses[0], port), options).await.map_err(failed)
    }

    async fn secure(&self, _: Connection, server: &str) -> Result<Connection, dial::Error> {
        unreachable!("{server} has no TLS")
    }

    async fn services(&self, name: &str) -> Result<Vec<Service>, dial::Error> {
        unreachable!("nobody asks for {name}")
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    async fn sleep(&self, until: Duration) {
        self.stack.sleep(until.saturating_sub(self.now())).await;
    }

    fn random(&self) -> u32 {
        4
    }
}

struct File<'c> {
    client: &'c Client<&'c Wire>,
    url: Url,
    arrived: Cell<usize>,
}

impl<'c> Source for File<'c> {
    type Dial = &'c Wire;
    type Error = Error;

    fn dial(&self) -> &&'c Wire {
        self.client.dial()
    }

    async fn open(&self, range: Option<Range>) -> Result<Response<'_, &'c Wire>, Error> {
        self.client.send(&Request { range, ..Request::get(&self.url) }).await?.success()
    }

    async fn broken(&self, _: u32, _: Duration, error: Error) -> Result<(), Error> {
        // However often: a busy machine may be as slow as a broken line.
        let wait = Backoff::default().wait(0, Duration::ZERO, 0, None).ok_or(error)?;
        self.client.dial().sleep(self.client.dial().now() + wait).await;
        Ok(())
    }
}

impl Observer for File<'_> {
    fn arrived(&self, bytes: usize) {
        self.arrived.set(self.arrived.get() + bytes);
    }

    fn take(&self, _: &[u8]) -> Result<(), String> {
        Ok(())
    }
}

fn patient() -> Limits {
    Limits { connect: LIMIT, head: LIMIT, body: LIMIT, window: LIMIT, ..Limits::default() }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[test]
fn a_download_survives_loss_delay_and_reordering() {
    let faults = Faults {
        delay: Duration::from_millis(25),
        loss: 20,
        late: 50,
        late_by: Duration::from_millis(5),
        seed: 14,
        ..Faults::default()
    };
    let lab = Lab::new(faults);
    let found = lab.download(patient(), Division { above: 1 << 20, ranges: 4 });
    assert_eq!(sha256(&found), sha256(&content()));
    let ([to_guest, to_network], _, log) = lab.end();
    assert!(to_guest.bytes > SIZE as u64 && to_guest.lost > 20, "{to_guest}, {to_network}");
    let served: Vec<_> = log.lines().filter(|line| line.starts_with("206 bytes=")).collect();
    assert_eq!(served.len(), 2, "two ranges: {log}");
}

#[test]
fn a_connection_that_is_cut_in_the_middle_is_resumed_there() {
    let cut = Some((SIZE as u64 / 2, Cut::Connection));
    let lab = Lab::new(Faults { cut, only: Some(Direction::ToGuest), ..Faults::default() });
    let limits = Limits { window: Duration::from_secs(2), least: 1, ..patient() };
    let found = lab.download(limits, Division { above: SIZE, ranges: 1 });
    assert_eq!(sha256(&found), sha256(&content()));
    let ([to_guest, _], has_cut, log) = lab.end();
    assert!(has_cut && to_guest.lost > 0, "{to_guest}");
    let starts =
        log.lines().filter_map(|line| line.strip_prefix("206 bytes=")?.split('-').next()?.parse().ok());
    // A busy machine may be as slow as a dead line, before and after.
    let starts: Vec<usize> = starts.collect();
    assert!(starts.iter().any(|start| (1..SIZE / 2).contains(start)), "from where it was cut: {log}");
}

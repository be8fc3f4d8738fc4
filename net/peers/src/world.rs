// SPDX-License-Identifier: BSD-3-Clause
//! A network in memory, with a clock that advances when all tasks wait.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::{pending, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use dial::{Dial, Service};
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};

/// The most bytes in transit in one direction, as on a real connection.
const WINDOW: usize = 64 << 10;

type Task = Pin<Box<dyn Future<Output = ()>>>;
type Handler = Rc<dyn Fn(Peer) -> Task>;

/// Hosts, their names, and the time.
#[derive(Default)]
pub struct World {
    now: Cell<Duration>,
    has_changed: Cell<bool>,
    timers: RefCell<Vec<Duration>>,
    hosts: RefCell<Vec<(String, Handler)>>,
    services: RefCell<Vec<(String, Vec<Service>)>>,
    tasks: RefCell<Vec<Task>>,
    distrusted: RefCell<Vec<String>>,
    silent: RefCell<Vec<String>>,
    connected: RefCell<Vec<String>>,
    random: Cell<u32>,
}

impl World {
    /// An empty one.
    pub fn new() -> Rc<Self> {
        Rc::new(Self::default())
    }

    /// The network as a client sees it.
    pub fn wire(self: &Rc<Self>) -> Wire {
        Wire(self.clone())
    }

    /// A server: what is done with each connection to `host:port`.
    pub fn serve<F: Future<Output = ()> + 'static>(&self, at: &str, handler: impl Fn(Peer) -> F + 'static) {
        self.hosts.borrow_mut().push((at.into(), Rc::new(move |peer| Box::pin(handler(peer)))));
    }

    /// The SRV records of a name.
    pub fn set_services(&self, name: &str, services: Vec<Service>) {
        self.services.borrow_mut().push((name.into(), services));
    }

    /// TLS fails with this server.
    pub fn distrust(&self, server: &str) {
        self.distrusted.borrow_mut().push(server.into());
    }

    /// Nothing answers at `host:port`: connecting never ends.
    pub fn silence(&self, at: &str) {
        self.silent.borrow_mut().push(at.into());
    }

    /// The `host:port` that clients have connected or tried to connect to, in order.
    pub fn connected(&self) -> Vec<String> {
        self.connected.borrow().clone()
    }

    /// Since the world began.
    pub fn now(&self) -> Duration {
        self.now.get()
    }

    /// Runs a client to its end, and the servers beside it.
    ///
    /// # Panics
    /// Deadlock: all tasks wait for each other, and none for the clock.
    pub fn run<F: Future>(&self, client: F) -> F::Output {
        let flag = Arc::new(Flag::default());
        let waker = Waker::from(flag.clone());
        let mut context = Context::from_waker(&waker);
        let mut client = pin!(client);
        loop {
            self.has_changed.set(false);
            self.timers.borrow_mut().clear();
            if let Poll::Ready(output) = client.as_mut().poll(&mut context) {
                return output;
            }
            let mut tasks = self.tasks.take();
            let before = tasks.len();
            tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
            let has_ended = tasks.len() < before;
            tasks.append(&mut self.tasks.borrow_mut());
            *self.tasks.borrow_mut() = tasks;
            if !self.has_changed.get() && !flag.0.swap(false, Ordering::Relaxed) && !has_ended {
                let next = self.timers.borrow().iter().copied().min();
                self.now.set(next.expect("all wait for each other").max(self.now.get()));
            }
        }
    }

    async fn sleep(&self, until: Duration) {
        poll_fn(|_| {
            if self.now.get() >= until {
                return Poll::Ready(());
            }
            self.timers.borrow_mut().push(until);
            Poll::Pending
        })
        .await;
    }
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A client's view of a [`World`].
#[derive(Clone)]
pub struct Wire(Rc<World>);

impl Dial for Wire {
    type Stream = Stream;

    async fn connect(&self, host: &str, port: u16) -> Result<Stream, dial::Error> {
        let at = format!("{host}:{port}");
        self.0.connected.borrow_mut().push(at.clone());
        if self.0.silent.borrow().contains(&at) {
            pending::<()>().await;
        }
        let handler =
            self.0.hosts.borrow().iter().find(|(name, _)| *name == at).map(|(_, handler)| handler.clone());
        let Some(handler) = handler else {
            let (kind, code) = (dial::Kind::Connect, dial::codes::CONNECT);
            return Err(dial::Error { kind, code, object: at, cause: "connection refused".into() });
        };
        let (up, down) = (Rc::<Pipe>::default(), Rc::<Pipe>::default());
        let server = Rc::default();
        let stream = |from: &Rc<Pipe>, to: &Rc<Pipe>| Stream {
            world: self.0.clone(),
            from: from.clone(),
            to: to.clone(),
            server: Rc::clone(&server),
        };
        let task = handler(Peer { stream: stream(&up, &down), buffer: Vec::new() });
        self.0.tasks.borrow_mut().push(task);
        self.0.has_changed.set(true);
        Ok(stream(&down, &up))
    }

    async fn secure(&self, stream: Stream, server: &str) -> Result<Stream, dial::Error> {
        if self.0.distrusted.borrow().iter().any(|name| name == server) {
            let (kind, code) = (dial::Kind::Refused, dial::codes::SECURE);
            return Err(dial::Error {
                kind,
                code,
                object: server.into(),
                cause: "certificate expired".into(),
            });
        }
        *stream.server.borrow_mut() = Some(server.into());
        Ok(stream)
    }

    async fn services(&self, name: &str) -> Result<Vec<Service>, dial::Error> {
        let services = self.0.services.borrow();
        Ok(services
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, services)| services.clone())
            .unwrap_or_default())
    }

    fn now(&self) -> Duration {
        self.0.now()
    }

    fn sleep(&self, until: Duration) -> impl Future<Output = ()> {
        self.0.sleep(until)
    }

    fn random(&self) -> u32 {
        // Constants of Numerical Recipes' generator.
        self.0.random.set(self.0.random.get().wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
        self.0.random.get()
    }
}

/// One direction of a connection.
#[derive(Default)]
struct Pipe {
    bytes: RefCell<VecDeque<u8>>,
    is_closed: Cell<bool>,
    is_cut: Cell<bool>,
}

/// One end of a connection.
pub struct Stream {
    world: Rc<World>,
    from: Rc<Pipe>,
    to: Rc<Pipe>,
    /// The name for which TLS was started; both ends know it.
    server: Rc<RefCell<Option<String>>>,
}

impl ErrorType for Stream {
    type Error = ErrorKind;
}

impl Read for Stream {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, ErrorKind> {
        poll_fn(|_| {
            let mut bytes = self.from.bytes.borrow_mut();
            let length = buf.len().min(bytes.len());
            if length == 0 && self.from.is_cut.get() {
                return Poll::Ready(Err(ErrorKind::ConnectionReset));
            }
            if length == 0 && !self.from.is_closed.get() && !buf.is_empty() {
                return Poll::Pending;
            }
            let (first, second) = bytes.as_slices();
            let middle = length.min(first.len());
            buf[..middle].copy_from_slice(&first[..middle]);
            buf[middle..length].copy_from_slice(&second[..length - middle]);
            bytes.drain(..length);
            self.world.has_changed.set(true);
            Poll::Ready(Ok(length))
        })
        .await
    }
}

impl Write for Stream {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, ErrorKind> {
        poll_fn(|_| {
            if self.to.is_closed.get() || self.to.is_cut.get() {
                return Poll::Ready(Err(ErrorKind::BrokenPipe));
            }
            let mut bytes = self.to.bytes.borrow_mut();
            let length = buf.len().min(WINDOW - bytes.len());
            if length == 0 && !buf.is_empty() {
                return Poll::Pending;
            }
            bytes.extend(&buf[..length]);
            self.world.has_changed.set(true);
            Poll::Ready(Ok(length))
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        for pipe in [&self.from, &self.to] {
            pipe.is_closed.set(true);
        }
        self.world.has_changed.set(true);
    }
}

/// A connection as its server sees it.
pub struct Peer {
    stream: Stream,
    buffer: Vec<u8>,
}

impl Peer {
    /// The name for which the client has started TLS, if it has.
    pub fn secured(&self) -> Option<String> {
        self.stream.server.borrow().clone()
    }

    /// Reads more into the buffer; false at the end.
    async fn fill(&mut self) -> bool {
        let mut piece = vec![0; 16 << 10];
        let read = self.receive(&mut piece).await;
        self.buffer.extend_from_slice(&piece[..read]);
        read > 0
    }

    /// Reads what there is: how much; nothing at the end.
    pub(crate) async fn receive(&mut self, piece: &mut [u8]) -> usize {
        self.stream.read(piece).await.unwrap_or(0)
    }

    /// Reads a request's head, with the empty line.
    pub async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.buffer.drain(..end + 4).collect();
                return String::from_utf8(head).expect("a head of text");
            }
            if !self.fill().await {
                return String::new();
            }
        }
    }

    /// Sends bytes; false if the client is gone.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Waits.
    pub async fn pause(&self, duration: Duration) {
        self.stream.world.sleep(self.stream.world.now() + duration).await;
    }

    /// The connection is reset: the client gets what was sent, then an error.
    pub fn cut(self) {
        self.stream.to.is_cut.set(true);
    }

    /// Connects this connection with another server, until one of them ends.
    pub async fn relay(mut self, at: &str) {
        let wire = Wire(self.stream.world.clone());
        let (host, port) = at.rsplit_once(':').expect("host:port");
        let Ok(mut other) = wire.connect(host, port.parse().expect("a port")).await else { return };
        let mut piece = [vec![0; 16 << 10], vec![0; 16 << 10]];
        let [up, down] = &mut piece;
        loop {
            let moved = poll_fn(|context| {
                for is_up in [true, false] {
                    let (from, buffer) = match is_up {
                        true => (&mut self.stream, &mut *up),
                        false => (&mut other, &mut *down),
                    };
                    let read = pin!(from.read(buffer)).poll(context);
                    if let Poll::Ready(read) = read {
                        return Poll::Ready((is_up, read.unwrap_or(0)));
                    }
                }
                Poll::Pending
            })
            .await;
            // The other server is to see what the client has done through the tunnel.
            other.server.replace(self.secured());
            let sent = match moved {
                (_, 0) => return,
                (true, length) => other.write_all(&up[..length]).await,
                (false, length) => self.stream.write_all(&down[..length]).await,
            };
            if sent.is_err() {
                return;
            }
        }
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! The platform of programs on Linux: non-blocking sockets, and the loop that waits for them.
//!
//! ```
//! use dial::Dial as _;
//!
//! let sockets = sockets::Sockets::default();
//! let refused = sockets.run(sockets.connect("127.0.0.1", 1));
//! assert!(refused.is_err_and(|error| error.code == "E-NET-CONNECT"));
//! ```

mod secure;
mod services;
mod socket;

use std::{
    cell::RefCell,
    future::poll_fn,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io,
    net::{SocketAddr, TcpStream, ToSocketAddrs as _},
    os::fd::AsFd,
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

use dial::{Dial, Kind, Service};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt::socket_error},
};

use tls::Roots;

pub use socket::{Failed, Socket};

/// The network, the clock and the random numbers of this machine.
#[derive(Clone)]
pub struct Sockets {
    start: Instant,
    waits: Rc<Waits>,
    /// The TLS configuration; `None` if no server is trusted.
    tls: Option<Rc<tls::Config>>,
    /// The name servers for SRV records; `None` for the system's.
    name_servers: Option<Vec<SocketAddr>>,
}

/// A connection of this machine.
pub type Stream = tls::Stream<Socket>;

/// The events that futures wait for since they were last polled.
#[derive(Default)]
pub(crate) struct Waits {
    sockets: RefCell<Vec<(Rc<dyn AsFd>, PollFlags)>>,
    timers: RefCell<Vec<Duration>>,
}

impl Waits {
    pub fn wait_for(&self, socket: Rc<dyn AsFd>, flags: PollFlags) {
        self.sockets.borrow_mut().push((socket, flags));
    }
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Default for Sockets {
    fn default() -> Self {
        Self { start: Instant::now(), waits: Rc::default(), tls: None, name_servers: None }
    }
}

impl Sockets {
    /// Enables TLS to servers with certificates from these roots. Without it, TLS is refused.
    #[must_use]
    pub fn trusting(self, roots: Roots) -> Self {
        Self { tls: Some(Rc::new(secure::config(roots))), ..self }
    }

    /// Uses these name servers for SRV records instead of the system's.
    #[must_use]
    pub fn asking(self, name_servers: Vec<SocketAddr>) -> Self {
        Self { name_servers: Some(name_servers), ..self }
    }

    /// Runs a future to its end.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        let flag = Arc::new(Flag::default());
        let waker = Waker::from(flag.clone());
        let mut future = pin!(future);
        loop {
            self.waits.sockets.borrow_mut().clear();
            self.waits.timers.borrow_mut().clear();
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
            if !flag.0.swap(false, Ordering::Relaxed) {
                self.wait();
            }
        }
    }

    fn wait(&self) {
        let sockets = self.waits.sockets.borrow();
        let mut sockets: Vec<_> =
            sockets.iter().map(|(socket, flags)| PollFd::from_borrowed_fd(socket.as_fd(), *flags)).collect();
        let next = self.waits.timers.borrow().iter().copied().min();
        // Saturates if a timer is already due.
        let left = next.and_then(|next| Timespec::try_from(next.saturating_sub(self.start.elapsed())).ok());
        // The result does not matter: the futures are polled again, and get the error from their socket.
        let _ = poll(&mut sockets, left.as_ref());
    }

    async fn connect_to(&self, address: SocketAddr) -> io::Result<Socket> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let stream = Rc::new(TcpStream::from(socket_with(family, SocketType::STREAM, flags, None)?));
        match connect(&*stream, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let mut is_first = true;
        // A connecting socket becomes writable when it is connected, or when that failed.
        poll_fn(|_| {
            if is_first || is_pending(&stream) {
                is_first = false;
                self.waits.wait_for(stream.clone(), PollFlags::OUT);
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
        socket_error(&*stream)??;
        stream.set_nodelay(true)?;
        Ok(Socket::new(stream, self.waits.clone()))
    }
}

fn is_pending(stream: &TcpStream) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(stream, PollFlags::OUT)], Some(&now)) == Ok(0)
}

impl Dial for Sockets {
    type Stream = Stream;

    async fn connect(&self, host: &str, port: u16) -> Result<Stream, dial::Error> {
        let object = format!("{host}:{port}");
        let addresses = (host, port).to_socket_addrs().map_err(|error| dial::Error {
            kind: Kind::Name,
            code: dial::codes::NAME,
            object: object.clone(),
            cause: error.to_string(),
        })?;
        let mut cause = "no address".into();
        for address in addresses {
            match self.connect_to(address).await {
                Ok(socket) => return Ok(Stream::Plain(socket)),
                Err(error) => cause = error.to_string(),
            }
        }
        Err(dial::Error { kind: Kind::Connect, code: dial::codes::CONNECT, object, cause })
    }

    async fn secure(&self, stream: Stream, server: &str) -> Result<Stream, dial::Error> {
        match &self.tls {
            Some(config) => stream.secured(server, config).await,
            None => Err(tls::refused(server, "no root certificates are trusted")),
        }
    }

    async fn services(&self, name: &str) -> Result<Vec<Service>, dial::Error> {
        let servers = self.name_servers.clone().unwrap_or_else(services::servers);
        services::services(self, &servers, name).await
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    async fn sleep(&self, until: Duration) {
        poll_fn(|_| {
            if self.start.elapsed() >= until {
                return Poll::Ready(());
            }
            self.waits.timers.borrow_mut().push(until);
            Poll::Pending
        })
        .await;
    }

    fn random(&self) -> u32 {
        // Each state has its own keys, from the system's random numbers.
        let [a, b, c, d, ..] = RandomState::new().build_hasher().finish().to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, net::TcpListener, thread};

    use embedded_io_async::{Read as _, Write as _};

    use super::*;

    #[test]
    fn bytes_come_and_go_and_end() {
        let server = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = server.local_addr().unwrap().port();
        let thread = thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            let mut bytes = [0; 4];
            io::Read::read_exact(&mut stream, &mut bytes).unwrap();
            stream.write_all(&bytes).unwrap();
        });
        let sockets = Sockets::default();
        let echo = sockets.run(async {
            let mut socket = sockets.connect("127.0.0.1", port).await.unwrap();
            socket.write_all(b"echo").await.unwrap();
            let mut bytes = [0; 5];
            let mut length = 0;
            loop {
                match socket.read(&mut bytes[length..]).await.unwrap() {
                    0 => return bytes[..length].to_vec(),
                    read => length += read,
                }
            }
        });
        thread.join().unwrap();
        assert_eq!(echo, b"echo");
    }

    #[test]
    fn sleeping_ends() {
        let sockets = Sockets::default();
        let until = sockets.now() + Duration::from_millis(20);
        sockets.run(sockets.sleep(until));
        assert!(sockets.now() >= until);
    }
}

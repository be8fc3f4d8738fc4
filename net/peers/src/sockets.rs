// SPDX-License-Identifier: BSD-3-Clause
//! The platform of a Linux host, over loopback.

use std::{
    cell::RefCell,
    future::poll_fn,
    io::{self, Read as _, Write as _},
    net::TcpStream,
    os::fd::{AsFd, OwnedFd},
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

use dial::{Dial, Service};
use embedded_io_async::{ErrorType, Read, Write};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Non-blocking sockets, and what waits for them.
#[derive(Clone)]
pub struct Sockets {
    start: Instant,
    waits: Rc<Waits>,
}

#[derive(Default)]
struct Waits {
    sockets: RefCell<Vec<(OwnedFd, PollFlags)>>,
    timers: RefCell<Vec<Duration>>,
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
        Self { start: Instant::now(), waits: Rc::default() }
    }
}

impl Sockets {
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
        let mut sockets: Vec<_> = sockets.iter().map(|(socket, flags)| PollFd::new(socket, *flags)).collect();
        let next = self.waits.timers.borrow().iter().copied().min();
        let left = next.map(|next| Timespec::try_from(next.saturating_sub(self.start.elapsed())).unwrap());
        poll(&mut sockets, left.as_ref()).expect("poll of sockets");
    }
}

impl Dial for Sockets {
    type Stream = Socket;

    async fn connect(&self, host: &str, port: u16) -> Result<Socket, dial::Error> {
        let connected = TcpStream::connect((host, port)).and_then(|stream| {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            Ok(stream)
        });
        match connected {
            Ok(stream) => Ok(Socket { stream, waits: self.waits.clone() }),
            Err(error) => Err(dial::Error {
                kind: dial::Kind::Connect,
                code: dial::codes::CONNECT,
                object: format!("{host}:{port}"),
                cause: error.to_string(),
            }),
        }
    }

    async fn secure(&self, _: Socket, server: &str) -> Result<Socket, dial::Error> {
        let (kind, code) = (dial::Kind::Refused, dial::codes::SECURE);
        Err(dial::Error { kind, code, object: server.into(), cause: "no TLS here".into() })
    }

    async fn services(&self, name: &str) -> Result<Vec<Service>, dial::Error> {
        let (kind, code) = (dial::Kind::Name, dial::codes::NAME);
        Err(dial::Error { kind, code, object: name.into(), cause: "no SRV records here".into() })
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
        self.start.elapsed().subsec_nanos()
    }
}

/// A connection.
pub struct Socket {
    stream: TcpStream,
    waits: Rc<Waits>,
}

impl Socket {
    async fn retry(
        &mut self,
        flags: PollFlags,
        mut attempt: impl FnMut(&mut TcpStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        poll_fn(|_| match attempt(&mut self.stream) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let socket = self.stream.as_fd().try_clone_to_owned()?;
                self.waits.sockets.borrow_mut().push((socket, flags));
                Poll::Pending
            }
            result => Poll::Ready(result),
        })
        .await
    }
}

/// How a socket failed.
#[derive(Debug)]
pub struct Failed(io::Error);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failed {}

impl embedded_io_async::Error for Failed {
    fn kind(&self) -> embedded_io_async::ErrorKind {
        embedded_io_async::ErrorKind::Other
    }
}

impl ErrorType for Socket {
    type Error = Failed;
}

impl Read for Socket {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Failed> {
        self.retry(PollFlags::IN, |stream| stream.read(buf)).await.map_err(Failed)
    }
}

impl Write for Socket {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Failed> {
        self.retry(PollFlags::OUT, |stream| stream.write(buf)).await.map_err(Failed)
    }

    async fn flush(&mut self) -> Result<(), Failed> {
        Ok(())
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! A blocking socket under asynchronous traits.

use std::{
    future::Future,
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};

use crate::LIMIT;

/// Runs a future to its end on this thread.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park_timeout(LIMIT),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A socket that blocks: its futures are ready when they are polled.
#[derive(Debug)]
pub struct Tcp(TcpStream);

impl Tcp {
    /// Connects.
    ///
    /// # Panics
    /// When that fails.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, LIMIT).expect("a listening peer");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        stream.set_write_timeout(Some(LIMIT)).expect("a limit");
        Self(stream)
    }

    /// Ends both directions.
    pub fn shutdown(&self) {
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

impl ErrorType for Tcp {
    type Error = ErrorKind;
}

impl Read for Tcp {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        again(|| self.0.read(buffer))
    }
}

impl Write for Tcp {
    async fn write(&mut self, buffer: &[u8]) -> Result<usize, ErrorKind> {
        again(|| self.0.write(buffer))
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        again(|| self.0.flush())
    }
}

/// A signal is no reason to fail.
fn again<T>(mut call: impl FnMut() -> io::Result<T>) -> Result<T, ErrorKind> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What a socket with a limit says when it is reached.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(ErrorKind::TimedOut),
            other => return other.map_err(|error| kind(error.kind())),
        }
    }
}

/// The kind as streams above know it.
fn kind(kind: io::ErrorKind) -> ErrorKind {
    match kind {
        io::ErrorKind::ConnectionRefused => ErrorKind::ConnectionRefused,
        io::ErrorKind::ConnectionReset => ErrorKind::ConnectionReset,
        io::ErrorKind::ConnectionAborted => ErrorKind::ConnectionAborted,
        io::ErrorKind::NotConnected => ErrorKind::NotConnected,
        io::ErrorKind::BrokenPipe => ErrorKind::BrokenPipe,
        io::ErrorKind::TimedOut => ErrorKind::TimedOut,
        _ => ErrorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, task};

    use super::*;

    #[test]
    fn a_future_that_waits_is_polled_again() {
        let mut polls = 0;
        let waits = std::future::poll_fn(|context: &mut Context<'_>| {
            polls += 1;
            context.waker().wake_by_ref();
            if polls < 3 { task::Poll::Pending } else { task::Poll::Ready(polls) }
        });
        assert_eq!(block_on(waits), 3);
    }

    #[test]
    fn bytes_pass_and_the_end_is_seen() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = Tcp::connect(listener.local_addr().unwrap());
        let (mut peer, _) = listener.accept().unwrap();
        block_on(client.write_all(b"there")).unwrap();
        let mut buffer = [0; 5];
        peer.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"there");
        peer.write_all(b"back").unwrap();
        drop(peer);
        assert_eq!(block_on(client.read(&mut buffer)), Ok(4));
        assert_eq!(block_on(client.read(&mut buffer)), Ok(0));
        client.shutdown();
        assert!(block_on(client.write_all(b"more")).is_err());
    }
}

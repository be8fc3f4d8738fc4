// SPDX-License-Identifier: BSD-3-Clause
//! Connections: TCP as a stream of bytes.

use alloc::vec::Vec;
use core::{net::SocketAddr, time::Duration};

use embedded_io_async::{ErrorType, Read, Write};
use smoltcp::{
    iface::SocketHandle,
    socket::tcp::{self, CongestionControl, RecvError, Socket, SocketBuffer, State},
};

use crate::{
    Error, Instant, Stack,
    limits::{RECEIVE_BUFFER, SEND_BUFFER},
    stack::Inner,
};

/// The largest TCP window (RFC 7323, section 2.3).
const LARGEST_WINDOW: usize = 1 << 30;

/// A connection's time-outs and buffer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Options {
    /// How long the other side may take to accept the connection.
    pub connect: Duration,
    /// How long a read or a write may take until the first byte.
    pub idle: Duration,
    /// Bytes that may be received and not read yet: the speed at long round trips depends on it.
    pub receive_buffer: usize,
}

impl Default for Options {
    /// 10 s, 30 s and [`RECEIVE_BUFFER`].
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            receive_buffer: RECEIVE_BUFFER,
        }
    }
}

/// A TCP connection. The next poll sends written data (Nagle's algorithm is off). Dropping it closes it while the
/// stack is still polled.
pub struct Connection {
    stack: Stack,
    handle: SocketHandle,
    remote: SocketAddr,
    idle: Duration,
    /// When all reading and writing ends.
    deadline: Instant,
}

impl Stack {
    /// Connects to a port of a host.
    ///
    /// # Errors
    /// [`Error::NoRoute`], [`Error::Busy`], [`Error::Refused`], [`Error::TimedOut`].
    pub async fn connect(&self, to: SocketAddr, options: Options) -> Result<Connection, Error> {
        let handle = self.with(|inner| open(inner, to, options.receive_buffer))?;
        let idle = options.idle;
        let connection =
            Connection { stack: self.clone(), handle, remote: to, idle, deadline: Instant::NEVER };
        let deadline = self.now().after(options.connect);
        let state = |inner: &mut Inner| match inner.sockets.get::<Socket<'_>>(handle).state() {
            State::SynSent | State::SynReceived => None,
            State::Closed => Some(Err(Error::Refused { to })),
            _ => Some(Ok(())),
        };
        match self.wait(deadline, state).await {
            Some(result) => result.map(|()| connection),
            None => Err(connection.timed_out("a connection request", options.connect)),
        }
    }
}

fn open(inner: &mut Inner, to: SocketAddr, receive_buffer: usize) -> Result<SocketHandle, Error> {
    let hop = inner.next_hop(to.ip()).map_err(|cause| Error::NoRoute { to: to.ip(), cause })?;
    let busy = |cause| Error::Busy { to, cause };
    let buffer = |size| zeros(size).map(SocketBuffer::new).ok_or_else(|| busy("no memory for its buffers"));
    // smoltcp panics above TCP's largest window.
    let mut socket = Socket::new(buffer(receive_buffer.min(LARGEST_WINDOW))?, buffer(SEND_BUFFER)?);
    socket.set_nagle_enabled(false);
    socket.set_congestion_control(CongestionControl::Reno);
    let port = inner.free_port();
    if !inner.start(&mut socket, to, port)? {
        return Err(Error::NoRoute { to: to.ip(), cause: "port 0, or no address to send from" });
    }
    inner.seek(hop);
    inner.add(socket).ok_or_else(|| busy("too many sockets"))
}

/// Zeros, copied in ever larger pieces: compiled for size, `Vec::resize` writes one byte at a time, which for a receive
/// buffer was a twentieth of a download's work.
fn zeros(size: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size).ok()?;
    bytes.resize(size.min(64), 0);
    while bytes.len() < size {
        let left = size.checked_sub(bytes.len())?;
        bytes.extend_from_within(..left.min(bytes.len()));
    }
    Some(bytes)
}

impl Connection {
    /// The other side.
    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// From this time on, reads and writes that have to wait fail, even if bytes keep coming.
    pub fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// Closes the sending side. Reading is still possible.
    pub fn finish(&mut self) {
        self.stack.with(|inner| inner.sockets.get_mut::<Socket<'_>>(self.handle).close());
    }

    /// Waits until `ready` yields a value, at most for the idle timeout.
    async fn wait<T>(
        &self,
        what: &'static str,
        mut ready: impl FnMut(&mut Socket<'_>) -> Option<Result<T, Error>>,
    ) -> Result<T, Error> {
        let started = self.stack.now();
        let deadline = started.after(self.idle).min(self.deadline);
        let ready = |inner: &mut Inner| ready(inner.sockets.get_mut::<Socket<'_>>(self.handle));
        match self.stack.wait(deadline, ready).await {
            Some(result) => result,
            None => Err(self.timed_out(what, self.stack.now().since(started))),
        }
    }

    fn timed_out(&self, what: &'static str, wait: Duration) -> Error {
        Error::TimedOut { to: self.remote, what, milliseconds: wait.as_millis() }
    }
}

impl ErrorType for Connection {
    type Error = Error;
}

impl Read for Connection {
    /// Reads received bytes, at least one; 0 at the end. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Error::Reset`], [`Error::TimedOut`].
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        if buf.is_empty() {
            return Ok(0);
        }
        let reset = Error::Reset { to: self.remote };
        self.wait("a read", |socket| match socket.recv_slice(buf) {
            Ok(0) => None,
            Ok(length) => Some(Ok(length)),
            Err(RecvError::Finished) => Some(Ok(0)),
            Err(RecvError::InvalidState) => Some(Err(reset.clone())),
        })
        .await
    }
}

impl Write for Connection {
    /// Queues bytes, at least one. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Error::Reset`], [`Error::TimedOut`].
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Error> {
        if buf.is_empty() {
            return Ok(0);
        }
        let reset = Error::Reset { to: self.remote };
        self.wait("a write", |socket| match socket.send_slice(buf) {
            Ok(0) => None,
            Ok(length) => Some(Ok(length)),
            Err(tcp::SendError::InvalidState) => Some(Err(reset.clone())),
        })
        .await
    }

    /// Does nothing: the next poll sends the written data.
    ///
    /// # Errors
    /// None.
    async fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.stack.with(|inner| inner.close(self.handle));
    }
}

#[cfg(test)]
mod tests {
    use core::task::{Context, Poll, Waker};
    use std::{boxed::Box, future::Future as _, pin::pin, vec::Vec};

    use nic::{Cable, Nic};

    use super::*;
    use crate::{Entropy, parse_static};

    /// SplitMix64.
    struct Mixed(u64);

    impl Entropy for Mixed {
        fn fill(&mut self, bytes: &mut [u8]) {
            for byte in bytes {
                self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                *byte = (mixed >> 56) as u8;
            }
        }
    }

    /// The answer to a question of ARP who has an address: this card.
    fn answer(question: &[u8]) -> Vec<u8> {
        let mac = [2, 0, 0, 0, 0, 1];
        let [asker, own, asked] = [&question[22..28], &question[28..32], &question[38..42]];
        [asker, &mac, &[8, 6, 0, 1, 8, 0, 6, 4, 0, 2], &mac, asked, asker, own].concat()
    }

    /// The sequence numbers of the requests to connect that a host sends, one connection after the other.
    fn first_numbers(seed: u64, count: usize) -> Vec<u32> {
        let [left, mut right] = Cable::new();
        let stack = Stack::new(Box::new(left), None, Box::new(Mixed(seed)), Instant::default()).unwrap();
        stack.apply(parse_static("10.9.0.9/24").unwrap()).unwrap();
        let mut now = Instant::default();
        let mut number = || {
            let mut connecting = pin!(stack.connect("10.9.0.1:443".parse().unwrap(), Options::default()));
            for _ in 0..1000 {
                now = now.after(Duration::from_millis(10));
                let state = connecting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                assert!(matches!(state, Poll::Pending), "nobody answers");
                stack.poll(now);
                while let Some(frame) = right.receive() {
                    let bytes = frame.bytes();
                    match bytes[12..14] {
                        [8, 6] => {
                            let answer = answer(bytes);
                            right.transmit(answer.len()).unwrap().copy_from_slice(&answer);
                            right.commit();
                            right.flush();
                        }
                        // TCP behind a header of 20 bytes, SYN alone.
                        [8, 0] if bytes[23] == 6 && bytes[47] == 2 => {
                            return u32::from_be_bytes(bytes[38..42].try_into().unwrap());
                        }
                        _ => {}
                    }
                }
            }
            panic!("no request to connect")
        };
        (0..count).map(|_| number()).collect()
    }

    #[test]
    fn buffers_are_zeros_of_any_size() {
        for size in [0, 1, 63, 64, 65, 127, 128, 1000, RECEIVE_BUFFER] {
            let bytes = zeros(size).unwrap();
            assert!(bytes.len() == size && bytes.capacity() == size && bytes.iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn sequence_numbers_cannot_be_told_from_others() {
        let [first, other] = [1, 2].map(|seed| first_numbers(seed, 6));
        assert_eq!(first, first_numbers(1, 6), "the caller's random bytes are all that counts");
        assert!(first.iter().all(|number| !other.contains(number)), "{first:?} {other:?}");
        let mut steps: Vec<u32> = first.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
        steps.sort_unstable();
        steps.dedup();
        assert_eq!(steps.len(), 5, "{first:?}");
    }
}

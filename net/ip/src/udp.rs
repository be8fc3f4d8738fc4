// SPDX-License-Identifier: BSD-3-Clause
//! UDP datagrams.

use alloc::{vec, vec::Vec};
use core::net::SocketAddr;

use smoltcp::{
    iface::SocketHandle,
    socket::udp::{self, PacketBuffer, PacketMetadata, UdpMetadata},
};

use crate::{Error, Instant, Stack, stack::Inner};

/// A socket with a port of its own, closed when it is dropped.
pub(crate) struct Datagrams {
    stack: Stack,
    handle: SocketHandle,
}

/// Queued messages, and their bytes: the right answer may come after forged ones.
const QUEUE: usize = 32;
const ROOM: usize = 32 << 10;

/// A packet buffer: how many packets, and their bytes in all.
pub(crate) fn buffer(packets: usize, bytes: usize) -> PacketBuffer<'static> {
    PacketBuffer::new(vec![PacketMetadata::EMPTY; packets], vec![0; bytes])
}

impl Datagrams {
    /// A socket for exchanging a few messages of at most 1500 bytes with `server`, from a random port.
    pub fn open(stack: &Stack, server: SocketAddr) -> Result<Self, Error> {
        let handle = stack.with(|inner| {
            let hop = inner.next_hop(server.ip());
            let hop = hop.map_err(|cause| Error::NoRoute { to: server.ip(), cause })?;
            inner.seek(hop);
            let busy = |cause| Error::Busy { to: server, cause };
            let mut socket = udp::Socket::new(buffer(QUEUE, ROOM), buffer(1, 1500));
            let port = inner.free_port();
            socket.bind(port).map_err(|_| busy("the port is in use"))?;
            inner.add(socket).ok_or_else(|| busy("too many sockets"))
        })?;
        Ok(Self { stack: stack.clone(), handle })
    }

    /// Queues a message; if it does not fit, it is lost, as on the network.
    pub fn send(&self, to: SocketAddr, message: &[u8]) {
        self.stack.with(|inner| {
            let mut metadata = UdpMetadata::from(smoltcp::wire::IpEndpoint::from(to));
            metadata.local_address = inner.source(to.ip()).map(Into::into);
            let _ = inner.sockets.get_mut::<udp::Socket<'_>>(self.handle).send_slice(message, metadata);
        });
    }

    /// The first message from `server` that `read` accepts; `None` if none comes before the deadline.
    pub async fn receive<T>(
        &self,
        server: SocketAddr,
        deadline: Instant,
        mut read: impl FnMut(&[u8]) -> Option<T>,
    ) -> Option<T> {
        let server = smoltcp::wire::IpEndpoint::from(server);
        self.stack
            .wait(deadline, |inner: &mut Inner| {
                let socket = inner.sockets.get_mut::<udp::Socket<'_>>(self.handle);
                // This ends: the buffer holds few, and nothing is added in the loop.
                while let Ok((message, from)) = socket.recv() {
                    if from.endpoint == server
                        && let Some(value) = read(message)
                    {
                        return Some(value);
                    }
                }
                None
            })
            .await
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        self.stack.with(|inner| drop(inner.sockets.remove(self.handle)));
    }
}

/// A received message and its source port; `None` if there is none.
pub(crate) fn take(socket: &mut udp::Socket<'_>) -> Option<(u16, Vec<u8>)> {
    let (message, from) = socket.recv().ok()?;
    Some((from.endpoint.port, message.to_vec()))
}

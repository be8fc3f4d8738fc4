// SPDX-License-Identifier: BSD-3-Clause
//! DHCPv4 on a stack: runs for as long as the stack is polled.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::{
    net::{IpAddr, Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use smoltcp::{
    iface::SocketHandle,
    phy::PacketMeta,
    socket::udp::{self, UdpMetadata},
};

use super::{Client, Event, LONGEST, Lease, PORTS, Step};
use crate::{Error, Instant, Stack, Unassigned, stack::Inner, udp as datagrams};

/// Steps of one poll: a message in, one out, and a lease, for each message that waits.
const STEPS_PER_POLL: usize = 16;
/// Messages that the socket can queue.
const QUEUE: usize = 4;

/// A client with its socket.
pub(crate) struct Service {
    client: Client,
    socket: SocketHandle,
    next: Instant,
    lease: Option<Box<Lease>>,
    /// What was wrong with the last lease.
    fault: Option<Error>,
}

impl Service {
    /// When to poll it next, even if no message comes.
    pub fn next(&self) -> Instant {
        self.next
    }
}

impl Stack {
    /// Requests an address by DHCPv4, for at most `wait`, and uses it. Then the lease is renewed for as long as the
    /// stack is polled. If that fails, the address is no longer used, and a new search begins.
    ///
    /// # Errors
    /// [`Error::Unassigned`] with the reason; the service has stopped then.
    pub async fn dhcp4(&self, wait: Duration) -> Result<Lease, Error> {
        self.with(Inner::start_dhcp4)?;
        let deadline = self.now().after(wait);
        let lease = |inner: &mut Inner| Some((**inner.dhcp4.as_ref()?.lease.as_ref()?).clone());
        let lease = self.wait(deadline, lease).await;
        lease.ok_or_else(|| self.with(|inner| inner.stop_dhcp4(wait)))
    }
}

impl Inner {
    /// Starts the service unless it is running.
    fn start_dhcp4(&mut self) -> Result<(), Error> {
        if self.dhcp4.is_some() {
            return Ok(());
        }
        let [server, client] = PORTS;
        let to = SocketAddrV4::new(Ipv4Addr::BROADCAST, server).into();
        // Cannot saturate: a product of two constants.
        let bytes = LONGEST.saturating_mul(QUEUE);
        let mut socket = udp::Socket::new(datagrams::buffer(QUEUE, bytes), datagrams::buffer(2, LONGEST));
        socket.bind(client).map_err(|_| Error::Busy { to, cause: "the client port is in use" })?;
        let socket = self.add(socket).ok_or(Error::Busy { to, cause: "too many sockets" })?;
        let client = Client::new(self.phy.nic().mac(), self.now, &mut *self.entropy);
        self.dhcp4 = Some(Service { client, socket, next: self.now, lease: None, fault: None });
        Ok(())
    }

    /// Stops the service, and returns why there is no lease.
    fn stop_dhcp4(&mut self, waited: Duration) -> Error {
        let cause = match self.dhcp4.take() {
            None => Unassigned::Silence { seconds: waited.as_secs() },
            Some(service) => {
                self.sockets.remove(service.socket);
                match service.fault {
                    Some(fault) => Unassigned::Settings(fault),
                    None => service.client.failure(waited),
                }
            }
        };
        Error::Unassigned { card: self.card(), service: "DHCP", cause: Box::new(cause) }
    }

    /// Does all pending work; returns whether futures may have to be woken.
    pub(crate) fn serve_dhcp4(&mut self) -> bool {
        let Some(mut service) = self.dhcp4.take() else { return false };
        let before = service.lease.is_some();
        for _ in 0..STEPS_PER_POLL {
            if !self.step_dhcp4(&mut service) {
                break;
            }
        }
        let has_changed = before != service.lease.is_some();
        self.dhcp4 = Some(service);
        has_changed
    }

    /// Does one step; returns whether there may be another one.
    fn step_dhcp4(&mut self, service: &mut Service) -> bool {
        let [server, _] = PORTS;
        let socket = self.sockets.get_mut::<udp::Socket<'_>>(service.socket);
        let message = datagrams::take(socket).filter(|(from, _)| *from == server);
        let has_more = socket.can_recv();
        let event = message.as_ref().map_or(Event::Tick, |(_, bytes)| Event::Received(bytes));
        match service.client.step(self.now, event, &mut *self.entropy) {
            Step::Wait(until) => {
                service.next = until;
                return has_more;
            }
            Step::Send { message, from, to } => self.send_dhcp4(service.socket, &message, from, to),
            Step::Use(lease) => match self.apply(lease.settings.clone()) {
                Ok(()) => service.lease = Some(lease),
                Err(fault) => service.fault = Some(fault),
            },
            Step::Lost => {
                service.lease = None;
                self.v4 = None;
                // Cannot fail: the card was usable before.
                let _ = self.configure();
            }
        }
        true
    }

    fn send_dhcp4(&mut self, socket: SocketHandle, message: &[u8], from: Ipv4Addr, to: Ipv4Addr) {
        let [server, _] = PORTS;
        let metadata = UdpMetadata {
            endpoint: SocketAddrV4::new(to, server).into(),
            local_address: Some(IpAddr::V4(from).into()),
            meta: PacketMeta::default(),
        };
        // If it does not fit, it is sent again when no answer comes.
        let _ = self.sockets.get_mut::<udp::Socket<'_>>(socket).send_slice(message, metadata);
    }
}

/// A lease as one log line: `10.0.2.15/24 via …, 3600 s, option 43: 01 02`.
impl core::fmt::Display for Lease {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.settings)?;
        if let Some(time) = self.time {
            write!(f, ", {} s", time.as_secs())?;
        }
        if let Some(vendor) = &self.vendor {
            let bytes: Vec<String> = vendor.iter().map(|byte| alloc::format!("{byte:02x}")).collect();
            write!(f, ", option 43: {}", bytes.join(" "))?;
        }
        Ok(())
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! The IPv6 client on a stack: runs for as long as the stack is polled.

use alloc::{boxed::Box, vec, vec::Vec};
use core::{
    net::{IpAddr, Ipv6Addr, SocketAddrV6},
    time::Duration,
};

use smoltcp::{
    iface::SocketHandle,
    phy::{ChecksumCapabilities, PacketMeta},
    socket::{raw, udp},
    wire::{
        EthernetAddress, Icmpv6Packet, Icmpv6Repr, IpAddress, IpProtocol, IpVersion, Ipv6Packet, Ipv6Repr,
        NdiscRepr,
    },
};

use super::{Client, Event, Step};
use crate::{Error, Instant, Settings, Stack, Unassigned, stack::Inner, stack::link_local, udp as datagrams};

/// Steps of one poll.
const STEPS_PER_POLL: usize = 16;
/// Messages that the socket can queue.
const QUEUE: usize = 4;
/// The port of DHCPv6's servers, and that of clients (RFC 8415, section 7.2).
const PORTS: [u16; 2] = [547, 546];
/// All servers and relays, and all routers, of the link.
const SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
const ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// The hop limit of a packet that has passed no router (RFC 4861, section 6.1.2).
const FROM_LINK: u8 = 255;
/// The longest ICMPv6 packet in bytes: the most that fits into an Ethernet frame.
const LONGEST: usize = 1500;

/// A client with its sockets.
pub(crate) struct Service {
    client: Client,
    /// ICMPv6, and DHCPv6.
    sockets: [SocketHandle; 2],
    next: Instant,
    settings: Option<Settings>,
    /// What was wrong with the last settings.
    fault: Option<Error>,
}

impl Service {
    /// When to poll it next, even if no message comes.
    pub fn next(&self) -> Instant {
        self.next
    }
}

impl Stack {
    /// Waits for a router, for at most `wait`, and uses what it and DHCPv6 assign. Then the settings are kept up to
    /// date for as long as the stack is polled.
    ///
    /// # Errors
    /// [`Error::Unassigned`] with the reason; the service has stopped then.
    pub async fn autoconfigure_v6(&self, wait: Duration) -> Result<Settings, Error> {
        self.with(Inner::start_v6)?;
        let deadline = self.now().after(wait);
        let settings = self.wait(deadline, |inner| inner.router.as_ref()?.settings.clone()).await;
        settings.ok_or_else(|| self.with(|inner| inner.stop_v6(wait)))
    }
}

impl Inner {
    /// Starts the service unless it is running.
    fn start_v6(&mut self) -> Result<(), Error> {
        if self.router.is_some() {
            return Ok(());
        }
        let [server, client] = PORTS;
        let to = SocketAddrV6::new(SERVERS, server, 0, 0).into();
        let busy = |cause| Error::Busy { to, cause };
        // Cannot saturate: a product of two constants.
        let room = LONGEST.saturating_mul(QUEUE);
        let packets =
            |count, bytes| raw::PacketBuffer::new(vec![raw::PacketMetadata::EMPTY; count], vec![0; bytes]);
        let icmp = raw::Socket::new(
            Some(IpVersion::Ipv6),
            Some(IpProtocol::Icmpv6),
            packets(QUEUE, room),
            packets(1, LONGEST),
        );
        let mut dhcp = udp::Socket::new(datagrams::buffer(QUEUE, room), datagrams::buffer(2, LONGEST));
        dhcp.bind(client).map_err(|_| busy("the client port is in use"))?;
        let icmp = self.add(icmp).ok_or_else(|| busy("too many sockets"))?;
        let Some(dhcp) = self.add(dhcp) else {
            self.sockets.remove(icmp);
            return Err(busy("too many sockets"));
        };
        let client = Client::new(self.phy.nic().mac(), self.now, &mut *self.entropy);
        let next = self.now;
        self.router = Some(Service { client, sockets: [icmp, dhcp], next, settings: None, fault: None });
        // Soliciting needs a link-local address.
        self.uses_v6 = true;
        self.configure()
    }

    /// Stops the service, and returns why there are no settings.
    fn stop_v6(&mut self, waited: Duration) -> Error {
        let cause = match self.router.take() {
            None => Unassigned::Silence { seconds: waited.as_secs() },
            Some(service) => {
                self.uses_v6 = self.v6.is_some();
                service.sockets.into_iter().for_each(|socket| drop(self.sockets.remove(socket)));
                match service.fault {
                    Some(fault) => Unassigned::Settings(fault),
                    None => service.client.failure(waited),
                }
            }
        };
        Error::Unassigned { card: self.card(), service: "IPv6 router", cause: Box::new(cause) }
    }

    /// Does all pending work; returns whether futures may have to be woken.
    pub(crate) fn serve_v6(&mut self) -> bool {
        let Some(mut service) = self.router.take() else { return false };
        let before = service.settings.is_some();
        for _ in 0..STEPS_PER_POLL {
            if !self.step_v6(&mut service) {
                break;
            }
        }
        let has_changed = before != service.settings.is_some();
        self.router = Some(service);
        has_changed
    }

    /// Does one step; returns whether there may be another one.
    fn step_v6(&mut self, service: &mut Service) -> bool {
        let [icmp, dhcp] = service.sockets;
        let (advertised, received) = (self.advertised(icmp), self.received(dhcp));
        let has_more = advertised.is_some() || received.is_some();
        if let Some((from, message)) = &received {
            let event = Event::Received(*from, message);
            let step = service.client.step(self.now, event, &mut *self.entropy);
            self.do_v6(service, step);
        }
        let event = advertised.as_ref().map_or(Event::Tick, |(from, m)| Event::Advertised(*from, m));
        let step = service.client.step(self.now, event, &mut *self.entropy);
        self.do_v6(service, step) || has_more
    }

    /// Does this step; returns whether there may be another one.
    fn do_v6(&mut self, service: &mut Service, step: Step) -> bool {
        let [icmp, dhcp] = service.sockets;
        match step {
            Step::Wait(until) => {
                service.next = until;
                return false;
            }
            Step::Solicit => self.solicit(icmp),
            Step::Send(message) => self.send_v6(dhcp, &message),
            Step::Use(settings) => match self.apply((*settings).clone()) {
                Ok(()) => service.settings = Some(*settings),
                Err(fault) => service.fault = Some(fault),
            },
            Step::Lost => {
                service.settings = None;
                self.v6 = None;
                // Cannot fail: the card was usable before.
                let _ = self.configure();
            }
        }
        true
    }

    /// The next advertisement from a router on the link.
    fn advertised(&mut self, socket: SocketHandle) -> Option<(Ipv6Addr, Vec<u8>)> {
        let socket = self.sockets.get_mut::<raw::Socket<'_>>(socket);
        // This ends: the buffer holds few, and nothing is added in the loop.
        while let Ok(bytes) = socket.recv() {
            let Ok(packet) = Ipv6Packet::new_checked(bytes) else { continue };
            let [from, to] = [packet.src_addr(), packet.dst_addr()];
            let is_near = packet.hop_limit() == FROM_LINK && from.is_unicast_link_local();
            let Ok(message) = Icmpv6Packet::new_checked(packet.payload()) else { continue };
            if is_near
                && message.msg_type() == smoltcp::wire::Icmpv6Message::RouterAdvert
                && message.verify_checksum(&from, &to)
            {
                return Some((from, packet.payload().to_vec()));
            }
        }
        None
    }

    /// The next message from a DHCPv6 server.
    fn received(&mut self, socket: SocketHandle) -> Option<(Ipv6Addr, Vec<u8>)> {
        let [server, _] = PORTS;
        let (message, from) = self.sockets.get_mut::<udp::Socket<'_>>(socket).recv().ok()?;
        match from.endpoint.addr {
            IpAddress::Ipv6(address) if from.endpoint.port == server => Some((address, message.to_vec())),
            _ => None,
        }
    }

    /// Asks all routers to advertise themselves (RFC 4861, section 4.1).
    fn solicit(&mut self, socket: SocketHandle) {
        let mac = self.phy.nic().mac();
        let IpAddr::V6(own) = link_local(mac).address() else { return };
        let message =
            Icmpv6Repr::Ndisc(NdiscRepr::RouterSolicit { lladdr: Some(EthernetAddress(mac.0).into()) });
        let header = Ipv6Repr {
            src_addr: own,
            dst_addr: ROUTERS,
            next_header: IpProtocol::Icmpv6,
            payload_len: message.buffer_len(),
            hop_limit: FROM_LINK,
        };
        // Cannot saturate: a header of 40 bytes and a solicitation.
        let mut bytes = vec![0; header.buffer_len().saturating_add(message.buffer_len())];
        let mut packet = Ipv6Packet::new_unchecked(&mut bytes);
        header.emit(&mut packet);
        let mut icmp = Icmpv6Packet::new_unchecked(packet.payload_mut());
        message.emit(&own, &ROUTERS, &mut icmp, &ChecksumCapabilities::default());
        // If it does not fit, it is sent again when no answer comes.
        let _ = self.sockets.get_mut::<raw::Socket<'_>>(socket).send_slice(&bytes);
    }

    fn send_v6(&mut self, socket: SocketHandle, message: &[u8]) {
        let [server, _] = PORTS;
        let metadata = udp::UdpMetadata {
            endpoint: SocketAddrV6::new(SERVERS, server, 0, 0).into(),
            local_address: Some(link_local(self.phy.nic().mac()).address().into()),
            meta: PacketMeta::default(),
        };
        // If it does not fit, it is sent again when no answer comes.
        let _ = self.sockets.get_mut::<udp::Socket<'_>>(socket).send_slice(message, metadata);
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Any bytes are read or refused, whatever they begin with.

use std::{net::Ipv4Addr, time::Duration};

use ip::{Entropy, Instant, Stack};
use nic::{Cable, Nic};
use proptest::{prelude::*, sample::select};
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, Icmpv4Packet, Icmpv6Packet, IpProtocol, Ipv4Packet,
    Ipv6Packet, TcpPacket, UdpPacket,
};

/// The fixed part of a DHCP reply for an Ethernet card, up to its options.
fn dhcp_header() -> Vec<u8> {
    let mut header = vec![2, 1, 6, 0, 0, 0, 0, 1];
    header.resize(16, 0);
    header.extend([10, 0, 0, 9]);
    header.resize(236, 0);
    header.extend([99, 130, 83, 99, 53, 1, 5, 54, 4, 10, 0, 0, 1]);
    header
}

/// An answer to a query about the root, with `count` records.
fn dns_header(count: u8) -> Vec<u8> {
    vec![0, 1, 0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0, 0, 0, 1, 0, 1]
}

struct Zeros;

impl Entropy for Zeros {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// A stack that has addresses and asks for more, and a connection that waits to be accepted.
fn receive(frames: &[Vec<u8>]) {
    let [own, mut other] = Cable::new();
    let stack = Stack::new(Box::new(own), None, Box::new(Zeros), Instant::from_micros(0)).unwrap();
    stack.apply(ip::parse_static("10.9.0.9/24:10.9.0.1:10.9.0.1").unwrap()).unwrap();
    let wait = Duration::from_secs(60);
    let options = ip::Options { receive_buffer: 4096, ..ip::Options::default() };
    let mut futures: Vec<std::pin::Pin<Box<dyn Future<Output = ()>>>> = vec![
        Box::pin(async { drop(stack.dhcp4(wait).await) }),
        Box::pin(async { drop(stack.autoconfigure_v6(wait).await) }),
        Box::pin(async {
            let _ = stack.connect("10.9.0.1:80".parse().unwrap(), options).await;
        }),
        Box::pin(async { drop(stack.services_of("a.b").await) }),
    ];
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for (number, frame) in frames.iter().enumerate() {
        futures.retain_mut(|future| future.as_mut().poll(&mut context).is_pending());
        other.transmit(frame.len()).unwrap().copy_from_slice(frame);
        other.commit();
        other.flush();
        stack.poll(Instant::from_micros(u64::try_from(number).unwrap() * 100_000));
    }
}

/// A frame for the stack's card, with right lengths and checksums.
fn frame_v4(protocol: u8, from: Ipv4Addr, to: Ipv4Addr, mut payload: Vec<u8>) -> Vec<u8> {
    match protocol {
        1 => Icmpv4Packet::new_unchecked(&mut payload).fill_checksum(),
        6 => TcpPacket::new_unchecked(&mut payload).fill_checksum(&from.into(), &to.into()),
        17 => {
            let length = payload.len() as u16;
            let mut packet = UdpPacket::new_unchecked(&mut payload);
            packet.set_len(length);
            packet.fill_checksum(&from.into(), &to.into());
        }
        _ => {}
    }
    let mut bytes = vec![0; 34 + payload.len()];
    let length = bytes.len() as u16 - 14;
    let mut frame = ethernet(&mut bytes, EthernetProtocol::Ipv4);
    let mut packet = Ipv4Packet::new_unchecked(frame.payload_mut());
    packet.set_version(4);
    packet.set_header_len(20);
    packet.set_total_len(length);
    packet.set_hop_limit(64);
    packet.set_next_header(IpProtocol::from(protocol));
    packet.set_src_addr(from);
    packet.set_dst_addr(to);
    packet.payload_mut().copy_from_slice(&payload);
    packet.fill_checksum();
    bytes
}

fn frame_v6(protocol: u8, from: &str, to: &str, mut payload: Vec<u8>) -> Vec<u8> {
    let [from, to] = [from, to].map(|text| text.parse().unwrap());
    if protocol == 58 {
        Icmpv6Packet::new_unchecked(&mut payload).fill_checksum(&from, &to);
    }
    let mut bytes = vec![0; 54 + payload.len()];
    let mut frame = ethernet(&mut bytes, EthernetProtocol::Ipv6);
    let mut packet = Ipv6Packet::new_unchecked(frame.payload_mut());
    packet.set_version(6);
    packet.set_payload_len(payload.len() as u16);
    packet.set_hop_limit(255);
    packet.set_next_header(IpProtocol::from(protocol));
    packet.set_src_addr(from);
    packet.set_dst_addr(to);
    packet.payload_mut().copy_from_slice(&payload);
    bytes
}

fn ethernet(bytes: &mut [u8], protocol: EthernetProtocol) -> EthernetFrame<&mut [u8]> {
    let mut frame = EthernetFrame::new_unchecked(bytes);
    frame.set_dst_addr(EthernetAddress([2, 0, 0, 0, 0, 1]));
    frame.set_src_addr(EthernetAddress([2, 0, 0, 0, 0, 2]));
    frame.set_ethertype(protocol);
    frame
}

const ADDRESSES: [[u8; 4]; 6] =
    [[10, 9, 0, 9], [10, 9, 0, 1], [0; 4], [255; 4], [224, 0, 0, 1], [10, 9, 0, 255]];
const ADDRESSES_V6: [&str; 6] = ["fe80::ff:fe00:1", "fe80::2", "::", "::1", "ff02::1", "ff02::1:ff00:1"];

/// A payload that begins as its protocol's header does, with ports that somebody listens at.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let start = select(vec![
        vec![],
        vec![0, 80, 0xc0, 0],
        vec![0, 67, 0, 68],
        vec![0, 53, 0xc0, 1],
        vec![2, 35, 2, 34],
        vec![134, 0, 0, 0],
        vec![135, 0, 0, 0],
        vec![136, 0, 0, 0],
    ]);
    (start, proptest::collection::vec(0u8.., 40..120)).prop_map(|(start, rest)| [start, rest].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn any_bytes(data: Vec<u8>) {
        ip::fuzz::fuzz(&data);
    }

    #[test]
    fn any_text(text: String) {
        ip::fuzz::fuzz(text.as_bytes());
    }

    #[test]
    fn any_address_like_text(text in "[0-9a-f:.,/\\[\\]]{0,40}") {
        ip::fuzz::fuzz(text.as_bytes());
    }

    #[test]
    fn any_options_of_a_dhcp_reply(
        options in proptest::collection::vec((0u8.., proptest::collection::vec(0u8.., 0..40)), 0..20),
        rest in proptest::collection::vec(0u8.., 0..8),
    ) {
        let mut data = dhcp_header();
        for (code, value) in options {
            data.extend([code, value.len() as u8]);
            data.extend(value);
        }
        data.extend(rest);
        ip::fuzz::fuzz(&data);
    }

    #[test]
    fn any_records_of_a_dns_answer(
        records in proptest::collection::vec(
            (0u8..32, proptest::sample::select(vec![1u8, 5, 28, 33, 41]), proptest::collection::vec(0u8.., 0..24)),
            0..12,
        ),
        rest in proptest::collection::vec(0u8.., 0..8),
    ) {
        let mut data = dns_header(records.len() as u8);
        for (pointer, kind, value) in records {
            data.extend([0xc0, pointer, 0, kind, 0, 1, 0, 0, 0, 9, 0, value.len() as u8]);
            data.extend(value);
        }
        data.extend(rest);
        ip::fuzz::fuzz(&data);
    }

    #[test]
    fn any_options_of_a_router_advertisement(
        options in proptest::collection::vec(
            (proptest::sample::select(vec![1u8, 3, 5, 25, 31]), 0u8..6, proptest::collection::vec(0u8..70, 46)), 0..8,
        ),
    ) {
        let mut data = vec![134, 0, 0, 0, 64, 0xc0, 7, 8];
        data.resize(16, 0);
        for (kind, length, value) in options {
            data.extend([kind, length]);
            data.extend(&value[..(usize::from(length) * 8).saturating_sub(2)]);
        }
        ip::fuzz::fuzz(&data);
    }

    #[test]
    fn any_options_of_a_dhcpv6_reply(
        options in proptest::collection::vec(
            (
                proptest::sample::select(vec![1u8, 2, 3, 13, 23, 24, 31, 59]),
                proptest::collection::vec(0u8..70, 0..50),
            ),
            0..8,
        ),
    ) {
        let mut data = vec![7, 0, 0, 1, 0, 1, 0, 2, 3, 3, 0, 2, 0, 2, 4, 4];
        for (code, value) in options {
            data.extend([0, code, 0, value.len() as u8]);
            data.extend(value);
        }
        ip::fuzz::fuzz(&data);
    }
}

proptest! {
    // A stack, its sockets and its futures for each.
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn any_frames(frames in proptest::collection::vec(proptest::collection::vec(0u8.., 14..200), 1..8)) {
        receive(&frames);
    }

    #[test]
    fn any_packets(
        packets in proptest::collection::vec(
            (
                select(vec![0u8, 1, 2, 6, 17, 43, 44, 58]),
                (select(ADDRESSES.to_vec()), select(ADDRESSES.to_vec())),
                (select(ADDRESSES_V6.to_vec()), select(ADDRESSES_V6.to_vec())),
                payload(),
                any::<bool>(),
            ),
            1..8,
        ),
    ) {
        let frames: Vec<_> = packets
            .into_iter()
            .map(|(protocol, v4, v6, payload, is_v6)| match is_v6 {
                true => frame_v6(protocol, v6.0, v6.1, payload),
                false => frame_v4(protocol, v4.0.into(), v4.1.into(), payload),
            })
            .collect();
        receive(&frames);
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Identifies the TCP connection of a frame.

/// EtherType of IPv4 and IPv6, and the protocol's number in them (IANA).
const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];
const TCP: u8 = 6;
/// Bytes of the Ethernet header, and of the IPv6 header.
const ETHERNET: usize = 14;
const V6: usize = 40;

/// A TCP connection: the two ends, the smaller first, so that both directions are the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Flow([Vec<u8>; 2]);

impl Flow {
    /// The connection of a frame; `None` if it is not TCP, or has a VLAN tag or IPv6 extension headers.
    pub fn of(frame: &[u8]) -> Option<Self> {
        let packet = frame.get(ETHERNET..)?;
        let kind = frame.get(12..ETHERNET)?;
        let (protocol, addresses, header) = if kind == IPV4 {
            let words = usize::from(packet.first()? & 15);
            (packet.get(9)?, packet.get(12..20)?, words.checked_mul(4)?)
        } else if kind == IPV6 {
            (packet.get(6)?, packet.get(8..V6)?, V6)
        } else {
            return None;
        };
        if *protocol != TCP {
            return None;
        }
        let ports = packet.get(header..header.checked_add(4)?)?;
        let (source, target) = addresses.split_at_checked(addresses.len() / 2)?;
        let mut ends = [[source, ports.get(..2)?].concat(), [target, ports.get(2..)?].concat()];
        ends.sort();
        Some(Self(ends))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A frame from an address and port to another.
    pub fn tcp(from: [u8; 4], source: u16, to: [u8; 4], target: u16) -> Vec<u8> {
        let mut frame = vec![0; ETHERNET + 20];
        frame[12..14].copy_from_slice(&IPV4);
        frame[14] = 0x45;
        frame[14 + 9] = TCP;
        frame[14 + 12..14 + 16].copy_from_slice(&from);
        frame[14 + 16..].copy_from_slice(&to);
        frame.extend(source.to_be_bytes().into_iter().chain(target.to_be_bytes()));
        frame
    }

    #[test]
    fn both_directions_are_one_connection() {
        let there = tcp([10, 0, 0, 1], 80, [10, 0, 0, 2], 5000);
        let back = tcp([10, 0, 0, 2], 5000, [10, 0, 0, 1], 80);
        assert_eq!(Flow::of(&there), Flow::of(&back));
        assert!(Flow::of(&there).is_some());
        assert_ne!(Flow::of(&there), Flow::of(&tcp([10, 0, 0, 1], 81, [10, 0, 0, 2], 5000)));
    }

    #[test]
    fn ipv6_has_connections_too() {
        let mut frame = vec![0; ETHERNET + V6];
        frame[12..14].copy_from_slice(&IPV6);
        frame[14 + 6] = TCP;
        frame[14 + 8] = 0xfd;
        frame.extend([0, 80, 1, 2]);
        let Flow([first, second]) = Flow::of(&frame).unwrap();
        assert_eq!((first.len(), second.len()), (18, 18));
        frame[14 + 6] = 17;
        assert_eq!(Flow::of(&frame), None, "UDP");
    }

    #[test]
    fn frames_that_end_early_are_of_none() {
        let frame = tcp([10, 0, 0, 1], 80, [10, 0, 0, 2], 5000);
        for length in 0..frame.len() {
            assert_eq!(Flow::of(&frame[..length]), None, "{length}");
        }
        let mut options = frame.clone();
        options[14] = 0x46;
        assert_eq!(Flow::of(&options), None, "the ports stand behind the options");
    }
}

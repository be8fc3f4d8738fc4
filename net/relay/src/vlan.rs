// SPDX-License-Identifier: BSD-3-Clause
//! VLAN tags, added and removed as in a switch.
//!
//! Spec: IEEE 802.1Q, section 9.6.

use crate::Direction;

/// Offset of the tag: after both addresses.
const AT: usize = 12;
/// Bytes of the tag, and its first two: `0x8100`.
const LENGTH: usize = 4;
const TPID: [u8; 2] = [0x81, 0x00];

/// The frame for the other side, where only the guest's side has tags of the VLAN `id`. `None` for a frame of the guest
/// without that tag, and for one of the network that is too short.
pub fn across(id: u16, to: Direction, mut frame: Vec<u8>) -> Option<Vec<u8>> {
    let [high, low] = id.to_be_bytes();
    match to {
        Direction::ToNetwork => {
            let [first, second, third, fourth] = *frame.get(AT..)?.first_chunk::<LENGTH>()?;
            // The upper four bits are priority and drop eligibility.
            let is_its = [first, second] == TPID && [third & 0x0f, fourth] == [high, low];
            is_its.then(|| {
                // Cannot saturate: a sum of two constants.
                frame.drain(AT..AT.saturating_add(LENGTH));
                frame
            })
        }
        Direction::ToGuest => {
            let behind = frame.get(AT..)?.to_vec();
            frame.truncate(AT);
            frame.extend(TPID.into_iter().chain([high, low]).chain(behind));
            Some(frame)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_put_on_and_taken_off() {
        let plain: Vec<u8> = (0..60).collect();
        let tagged = across(0x123, Direction::ToGuest, plain.clone()).unwrap();
        assert_eq!(
            (&tagged[..12], &tagged[12..16], &tagged[16..]),
            (&plain[..12], &[0x81, 0, 1, 0x23][..], &plain[12..])
        );
        assert_eq!(across(0x123, Direction::ToNetwork, tagged.clone()), Some(plain.clone()));
        let mut urgent = tagged.clone();
        urgent[14] |= 0xe0;
        assert_eq!(across(0x123, Direction::ToNetwork, urgent), Some(plain.clone()));
        for other in [plain, tagged[..15].to_vec()] {
            assert_eq!(across(0x123, Direction::ToNetwork, other), None);
        }
        assert_eq!(across(0x124, Direction::ToNetwork, tagged), None, "of another VLAN");
        assert_eq!(across(1, Direction::ToGuest, vec![0; 11]), None);
    }
}

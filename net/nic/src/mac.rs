// SPDX-License-Identifier: BSD-3-Clause
//! Ethernet addresses.

use core::fmt;

/// An Ethernet address, shown as `52:54:00:12:34:56`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn an_address_is_shown_in_pairs_of_digits() {
        assert_eq!(Mac([0x52, 0x54, 0, 0x12, 0xab, 1]).to_string(), "52:54:00:12:ab:01");
    }
}

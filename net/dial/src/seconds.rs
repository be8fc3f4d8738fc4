// SPDX-License-Identifier: BSD-3-Clause
//! Durations, as console lines show them.

use core::{fmt, time::Duration};

/// A duration, to a hundredth of a second: `0.31 s`.
#[derive(Clone, Copy, Debug)]
pub struct Seconds(pub Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = self.0.subsec_millis() / 10;
        write!(f, "{}.{hundredths:02} s", self.0.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn times_are_short() {
        assert_eq!(Seconds(Duration::from_millis(1_309)).to_string(), "1.30 s");
        assert_eq!(Seconds(Duration::from_micros(9_999)).to_string(), "0.00 s");
    }
}

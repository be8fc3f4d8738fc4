// SPDX-License-Identifier: BSD-3-Clause
//! How numbers look on the console.

use core::{fmt, time::Duration};

/// `0.31 s`
pub struct Seconds(pub Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = self.0.subsec_millis() / 10;
        write!(f, "{}.{hundredths:02} s", self.0.as_secs())
    }
}

/// `42.1 MiB`, `512 bytes`
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = |unit: u64| self.0.saturating_mul(10).checked_div(unit).unwrap_or(0);
        let (tenths, name) = match self.0 {
            0..1024 => return write!(f, "{} bytes", self.0),
            1024..1_048_576 => (tenths(1024), "KiB"),
            _ => (tenths(1_048_576), "MiB"),
        };
        write!(f, "{}.{} {name}", tenths / 10, tenths % 10)
    }
}

/// `1 disk`, `2 disks`
pub struct Count(pub usize, pub &'static str, pub &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, if self.0 == 1 { self.1 } else { self.2 })
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(format!("{}", Seconds(Duration::from_millis(1_309))), "1.30 s");
        assert_eq!(format!("{}", Bytes(1023)), "1023 bytes");
        assert_eq!(format!("{}", Bytes(1024)), "1.0 KiB");
        assert_eq!(format!("{}", Bytes(44_145_050)), "42.1 MiB");
        assert_eq!(
            format!("{}, {}", Count(1, "disk", "disks"), Count(0, "entry", "entries")),
            "1 disk, 0 entries"
        );
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! The line between machine and server.

use std::time::Duration;

use relay::Faults;

/// What they are, for the report.
pub const FACTS: &str = "QEMU's user network; for N5 our relay on QEMU's stream socket, a tap behind it, 25 ms each way, \
                         1 % of all frames lost each way, a fixed seed";

/// How frames go.
#[derive(Debug)]
pub enum Line {
    /// From virtio-net through QEMU's user network.
    User,
    /// From virtio-net without the modern interface, which iPXE drives itself and we through the firmware's driver
    /// (EFI_SIMPLE_NETWORK).
    Legacy,
    /// From virtio-net through our relay.
    Relay(Faults),
}

impl Line {
    /// QEMU's device.
    pub fn device(&self) -> &'static str {
        match self {
            Self::User | Self::Relay(_) => "virtio-net-pci,netdev=net0,romfile=",
            Self::Legacy => "virtio-net-pci,netdev=net0,romfile=,disable-legacy=off,disable-modern=on",
        }
    }
}

const SEED: u64 = 14;
const NONE: Faults = Faults {
    delay: Duration::ZERO,
    loss: 0,
    late: 0,
    late_by: Duration::ZERO,
    cut: None,
    only: None,
    seed: SEED,
};
const DELAY: Faults = Faults { delay: Duration::from_millis(25), ..NONE };
const LOSS: Faults = Faults { loss: 10, ..NONE };
const BOTH: Faults = Faults { loss: 10, ..DELAY };

/// Lines with faults, and the least ratio on them (budget N5).
pub const FAULTY: [(Faults, &str, f64); 3] = [
    (DELAY, "76 MiB with 50 ms there and back, beside iPXE", 2.0),
    (LOSS, "76 MiB with 1 % loss, beside iPXE", 4.0),
    (BOTH, "76 MiB with both, beside iPXE", 3.0),
];

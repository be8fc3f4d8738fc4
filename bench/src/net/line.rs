// SPDX-License-Identifier: BSD-3-Clause
//! The line between machine and server.

use std::time::Duration;

use relay::Faults;

/// Description of the lines, for the report.
pub const FACTS: &str = "QEMU's user network; for N5 our relay on QEMU's stream socket, a tap behind it, 25 ms each way, \
                         1 % of all frames lost each way, a fixed seed";

/// The path of frames.
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
    vlan: None,
    seed: SEED,
};
const DELAY: Faults = Faults { delay: Duration::from_millis(25), ..NONE };
const LOSS: Faults = Faults { loss: 10, ..NONE };
const BOTH: Faults = Faults { loss: 10, ..DELAY };

/// A line with faults.
pub struct Faulty {
    /// The path of frames.
    pub faults: Faults,
    /// What our transport alone measures there, which does as much as iPXE.
    pub transport: &'static str,
    /// What the loader measures there, which also hashes.
    pub whole: &'static str,
    /// The least ratio (budget N5).
    pub least: f64,
}

/// All of them.
pub const FAULTY: [Faulty; 3] = [
    Faulty {
        faults: DELAY,
        transport: "fetching 76 MiB without a hash, 50 ms there and back, beside iPXE",
        whole: "fetching 76 MiB with SHA-256, 50 ms there and back, beside iPXE without",
        least: 2.0,
    },
    Faulty {
        faults: LOSS,
        transport: "fetching 76 MiB without a hash, 1 % loss, beside iPXE",
        whole: "fetching 76 MiB with SHA-256, 1 % loss, beside iPXE without",
        least: 4.0,
    },
    Faulty {
        faults: BOTH,
        transport: "fetching 76 MiB without a hash, both, beside iPXE",
        whole: "fetching 76 MiB with SHA-256, both, beside iPXE without",
        least: 3.0,
    },
];

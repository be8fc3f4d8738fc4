// SPDX-License-Identifier: BSD-3-Clause
//! What TLS needs from this machine.

use std::{
    fs::File,
    io::{self, Read as _},
    time::{SystemTime, UNIX_EPOCH},
};

use tls::{Clock, Config, NoRandomness, Provider, Random, Roots};

static PROVIDER: Provider = Provider::new(&Kernel);

/// The TLS configuration with these roots.
pub fn config(roots: Roots) -> Config {
    Config::new(&PROVIDER, roots, WallClock)
}

/// The kernel's random numbers.
struct Kernel;

impl Random for Kernel {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandomness> {
        fill(buffer).map_err(|_| NoRandomness)
    }
}

/// Fills a buffer with the kernel's random numbers.
pub fn fill(buffer: &mut [u8]) -> io::Result<()> {
    File::open("/dev/urandom")?.read_exact(buffer)
}

/// The time of day.
struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Option<u64> {
        SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|time| time.as_secs())
    }
}

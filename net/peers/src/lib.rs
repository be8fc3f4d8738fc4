// SPDX-License-Identifier: BSD-3-Clause
//! Peers for tests of network protocols: the real servers and tools of the toolbox, and scripted servers in memory.

pub mod neighbor;
mod openssl;
mod pki;
mod referrers;
mod script;
mod servers;
pub mod sigstore;
mod tcp;
mod world;

pub use openssl::TlsServer;
pub use pki::{Issued, Key, Pki};
pub use referrers::Referrers;
pub use script::{Answer, Asked, Script, listen};
pub use servers::{Nginx, Registry, Scratch, Server, Setup, free_port, output};
pub use tcp::{Tcp, block_on};
pub use world::{Peer, Stream, Wire, World};

use std::time::Duration;

/// The longest wait for a real peer: enough for a busy machine, but a peer that hangs fails the test.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Where the tools are.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

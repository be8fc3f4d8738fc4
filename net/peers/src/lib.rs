// SPDX-License-Identifier: BSD-3-Clause
//! What tests of network protocols talk to: scripted servers in memory, and the real ones of the toolbox.

pub mod neighbor;
mod script;
mod servers;
mod world;

pub use ::sockets::Sockets;
pub use script::{Answer, Asked, Script};
pub use servers::{Nginx, Registry, Scratch, Server, Setup, free_port, output};
pub use world::{Peer, Stream, Wire, World};

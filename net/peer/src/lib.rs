// SPDX-License-Identifier: BSD-3-Clause
//! Real peers for tests of protocols: OpenSSL, and how to reach it.

mod pki;
mod server;
mod stream;

pub use pki::{Issued, Key, Pki};
pub use server::Server;
pub use stream::{Tcp, block_on};

use std::time::Duration;

/// How long anything here is waited for. A machine that does many other things needs long; a test that would wait for
/// ever fails.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Where the tools are.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

// SPDX-License-Identifier: BSD-3-Clause
//! Limits of the stack.

use core::time::Duration;

/// How long to wait for a DHCP server or router, unless `cloudboot.net.wait` says otherwise.
pub const ASSIGNMENT_WAIT: Duration = Duration::from_secs(60);
/// The most frames that one poll takes from the card before it sends: 64 full ones are 96 KiB, one acknowledgement
/// each.
pub const FRAMES_PER_POLL: usize = 64;
/// The most rounds in one poll; in each, every socket sends one frame.
pub const ROUNDS_PER_POLL: usize = 64;
/// The most sockets: connections, including those being closed, and those of DHCP and DNS.
pub const MOST_SOCKETS: usize = 64;
/// The most routes of one IP version; smoltcp holds 32 in all.
pub const MOST_ROUTES: usize = 15;
/// The most addresses of one IP version; smoltcp holds 8 in all.
pub const MOST_ADDRESSES: usize = 4;
/// The most servers of one kind from one source.
pub const MOST_SERVERS: usize = 4;
/// The most domains from one source.
pub const MOST_DOMAINS: usize = 6;
/// A connection's receive buffer in bytes, which is also the window that smoltcp announces: 35 MB/s at a round trip of
/// 50 ms need 4 MiB.
pub const RECEIVE_BUFFER: usize = 4 << 20;
/// A connection's send buffer in bytes: requests are small.
pub const SEND_BUFFER: usize = 16 << 10;
/// How long a dropped connection may take to close; then it is removed.
pub const CLOSE_WAIT: Duration = Duration::from_secs(2);

// SPDX-License-Identifier: BSD-3-Clause
//! Entry point for fuzzing: every parser of input from a network or from users.

use crate::{
    dhcp4::{Lease, Reply},
    dns::{Message, Name},
    parse_kernel, parse_servers, parse_static, v6,
};

/// Passes `data` to every parser. Each may refuse it, and must not panic.
pub fn fuzz(data: &[u8]) {
    if let Ok(reply) = Reply::parse(data) {
        let _ = Lease::new(&reply);
    }
    let _ = Message::parse(data);
    let _ = v6::Advertisement::parse(data);
    let _ = v6::Reply::parse(data);
    if let Ok(text) = core::str::from_utf8(data) {
        let _ = Name::parse(text);
        let _ = parse_static(text);
        let _ = parse_servers(text);
        let _ = parse_kernel(text);
    }
}

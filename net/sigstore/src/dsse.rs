// SPDX-License-Identifier: BSD-3-Clause
//! DSSE envelopes: a payload with its type, and one signature over both.

use alloc::{format, string::String, vec::Vec};

/// An envelope with the one signature that a bundle may have.
///
/// Spec: DSSE 1.0, envelope.md and protocol.md.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dsse {
    pub(crate) payload_type: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

impl Dsse {
    /// What is signed: the pre-authentication encoding of type and payload.
    pub(crate) fn signed(&self) -> Vec<u8> {
        let mut signed =
            format!("DSSEv1 {} {} {} ", self.payload_type.len(), self.payload_type, self.payload.len())
                .into_bytes();
        signed.extend_from_slice(&self.payload);
        signed
    }
}

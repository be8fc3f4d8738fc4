// SPDX-License-Identifier: BSD-3-Clause
//! Limits on one search for signatures: many small ones together cost no more than a large one.

use crate::Cause;

/// Documents and payloads that are requested. An image with ten signatures and twenty attestations needs 60.
const REQUESTS: u32 = 128;
/// Their bytes. A keyless bundle has about 10 KiB.
const BYTES: u64 = 4 << 20;
/// Verifications: signatures times keys. One takes a millisecond or two without hardware acceleration.
const TRIES: u32 = 256;

/// What is left.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    requests: u32,
    bytes: u64,
    tries: u32,
}

impl Budget {
    pub fn new() -> Self {
        Self { requests: REQUESTS, bytes: BYTES, tries: TRIES }
    }

    /// Charges one request.
    pub fn request(&mut self) -> Result<(), Cause> {
        self.requests = self.requests.checked_sub(1).ok_or(Cause::Limit("128 documents and payloads"))?;
        Ok(())
    }

    /// Charges `count` bytes.
    pub fn bytes(&mut self, count: u64) -> Result<(), Cause> {
        self.bytes = self.bytes.checked_sub(count).ok_or(Cause::Limit("4 MiB of documents and payloads"))?;
        Ok(())
    }

    /// Charges one verification of a signature with a key.
    pub fn attempt(&mut self) -> Result<(), Cause> {
        self.tries =
            self.tries.checked_sub(1).ok_or(Cause::Limit("256 verifications (signatures times keys)"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_is_gone() {
        let mut budget = Budget::new();
        assert!((0..REQUESTS).all(|_| budget.request().is_ok()) && budget.request().is_err());
        assert!((0..TRIES).all(|_| budget.attempt().is_ok()) && budget.attempt().is_err());
        assert!(budget.bytes(BYTES - 1).is_ok() && budget.bytes(2).is_err() && budget.bytes(1).is_ok());
        assert!(Budget::new().bytes(u64::MAX).is_err());
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! What looking for signatures may cost: many small ones together no more than a large one.

use crate::Cause;

/// Documents and payloads that are asked for. An image with ten signatures and twenty attestations takes 60.
const REQUESTS: u32 = 128;
/// Their bytes. A keyless bundle has about 10 KiB.
const BYTES: u64 = 4 << 20;
/// Signatures times keys. One takes a millisecond or two where no cryptography is accelerated.
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

    /// A request more.
    pub fn request(&mut self) -> Result<(), Cause> {
        self.requests = self.requests.checked_sub(1).ok_or(Cause::Limit("128 documents and payloads"))?;
        Ok(())
    }

    /// So many bytes more.
    pub fn bytes(&mut self, count: u64) -> Result<(), Cause> {
        self.bytes = self.bytes.checked_sub(count).ok_or(Cause::Limit("4 MiB of documents and payloads"))?;
        Ok(())
    }

    /// A signature is verified with one key more.
    pub fn attempt(&mut self) -> Result<(), Cause> {
        self.tries = self.tries.checked_sub(1).ok_or(Cause::Limit("256 signatures times keys"))?;
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

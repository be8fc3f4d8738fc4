// SPDX-License-Identifier: BSD-3-Clause
//! How long each phase may take, and how slow a transfer may be.

use core::{pin::pin, time::Duration};

use dial::Dial;

use crate::{Cause, Phase};

/// The limits of a client. The default ones suit a boot.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For name lookup and TCP.
    pub connect: Duration,
    /// For TLS.
    pub secure: Duration,
    /// From the end of a request to the end of its response's head; also for the proxy's answer to CONNECT.
    pub head: Duration,
    /// For a body that is read as a whole.
    pub body: Duration,
    /// In each span of waiting of this length, …
    pub window: Duration,
    /// … at least this many bytes must be received or sent.
    pub least: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            secure: Duration::from_secs(20),
            head: Duration::from_secs(30),
            body: Duration::from_secs(40),
            window: Duration::from_secs(20),
            // 26 kbit/s on each connection: less than any network that a machine boots from, and enough for 40 MiB to
            // arrive within four hours on one connection, and within one hour on four.
            least: 64 << 10,
        }
    }
}

/// Detects stalled and slow transfers. Only waiting counts, not the time that the caller spends in between.
#[derive(Debug)]
pub(crate) struct Pace {
    window: Duration,
    least: u64,
    waited: Duration,
    bytes: u64,
    /// Bytes in all, as its user counts them.
    pub received: u64,
}

impl Pace {
    pub fn new(limits: &Limits) -> Self {
        Self { window: limits.window, least: limits.least, waited: Duration::ZERO, bytes: 0, received: 0 }
    }

    /// Runs one read or write.
    pub async fn run<D: Dial, E>(
        &mut self,
        dial: &D,
        transfer: impl Future<Output = Result<usize, E>>,
    ) -> Result<Result<usize, E>, Cause> {
        let mut transfer = pin!(transfer);
        let mut start = dial.now();
        let result = loop {
            // Saturates if the window is over (then there is no wait), and at the end of time.
            let left = self.window.saturating_sub(self.waited);
            match dial::within(dial, start.saturating_add(left), transfer.as_mut()).await {
                Ok(result) => break result,
                Err(dial::Late) if self.bytes < self.least => return Err(self.stalled()),
                // Enough bytes came in this span; another begins.
                Err(dial::Late) => (start, self.waited, self.bytes) = (dial.now(), Duration::ZERO, 0),
            }
        };
        // Cannot saturate: no clock runs so long.
        self.waited = self.waited.saturating_add(dial.since(start));
        if let Ok(bytes) = &result {
            let bytes = u64::try_from(*bytes).unwrap_or(u64::MAX);
            // More than 2^64 bytes have never been sent.
            self.bytes = self.bytes.wrapping_add(bytes);
        }
        if self.waited >= self.window {
            if self.bytes < self.least {
                return Err(self.stalled());
            }
            (self.waited, self.bytes) = (Duration::ZERO, 0);
        }
        Ok(result)
    }

    /// Counts bytes that were received.
    pub fn count(&mut self, bytes: usize) {
        self.received = self.received.wrapping_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    fn stalled(&self) -> Cause {
        Cause::Stalled { bytes: self.bytes, window: self.window, received: self.received }
    }
}

/// The output of a future, if it is ready before the phase's deadline.
pub(crate) async fn phase<D: Dial, F: Future>(
    dial: &D,
    phase: Phase,
    limit: Duration,
    future: F,
) -> Result<F::Output, Cause> {
    let deadline = dial.after(limit);
    dial::within(dial, deadline, future).await.map_err(|dial::Late| Cause::Late { phase, limit })
}

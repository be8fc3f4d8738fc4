// SPDX-License-Identifier: BSD-3-Clause
//! Downloads of known size, into a buffer or to an observer that takes the bytes in order: resumed where the connection
//! broke; large ones in several concurrent ranges.

mod memory;
mod slots;
mod transfer;

use alloc::{boxed::Box, collections::VecDeque, string::String};
use core::{cell::RefCell, future::ready, ops, time::Duration};

use dial::Dial;

use crate::{Error, Range, Response};

use memory::{NewBuffers, PieceMemory, WholeBuffer};
pub use slots::{Slot, Slots};
use transfer::{Opened, Transfer, range};

/// Bytes handed to the observer at once. Hashing them takes some milliseconds, in which nothing is received.
const PIECE: usize = 128 << 10;
/// The least and the most bytes of one range: each request costs a round trip.
const LEAST_RANGE: usize = 4 << 20;
const MOST_RANGE: usize = 16 << 20;

/// The source of a download.
pub trait Source {
    /// The network.
    type Dial: Dial;
    /// The error when a request finally fails.
    type Error: From<Error>;

    /// The network, for its clock.
    fn dial(&self) -> &Self::Dial;

    /// Requests a part, or everything if `None`. Failures until the response head arrives are for this
    /// function to retry. The status of the response is 2xx.
    fn open(
        &self,
        range: Option<Range>,
    ) -> impl Future<Output = Result<Response<'_, Self::Dial>, Self::Error>>;

    /// Waits for the right to one more connection; `None` if connections are not shared.
    fn slot(&self) -> impl Future<Output = Option<Slot<'_>>> {
        ready(None)
    }

    /// Called when the connection broke within a body, for the `failures`th time (counted from 0) without much progress
    /// since the time `since`. Waits before the next attempt.
    ///
    /// # Errors
    /// There must be no further attempt.
    fn broken(
        &self,
        failures: u32,
        since: Duration,
        error: Error,
    ) -> impl Future<Output = Result<(), Self::Error>>;
}

/// Receives the bytes of a download.
pub trait Observer {
    /// `bytes` more bytes have arrived, at any offset.
    fn arrived(&self, bytes: usize);
    /// The next bytes, in order.
    ///
    /// # Errors
    /// The bytes cannot be stored, with the cause. The download ends.
    fn take(&self, bytes: &[u8]) -> Result<(), String>;
}

/// How a download is divided.
#[derive(Clone, Copy, Debug)]
pub struct Division {
    /// Larger bodies are downloaded in several ranges.
    pub above: usize,
    /// The most ranges at once.
    pub ranges: usize,
}

impl Default for Division {
    fn default() -> Self {
        Self { above: 8 << 20, ranges: 4 }
    }
}

/// Fills a buffer with a body of exactly the buffer's size.
///
/// # Errors
/// The source gives up, or the body has another size. The buffer's content is undefined then.
pub async fn download<S: Source>(
    source: &S,
    buffer: &mut [u8],
    division: Division,
    observer: &dyn Observer,
) -> Result<(), S::Error> {
    let size = buffer.len();
    let length = size.checked_div(16).unwrap_or(0).clamp(LEAST_RANGE, MOST_RANGE);
    let transfer = Transfer::new(source, WholeBuffer::new(buffer), size, observer);
    run(&transfer, divided(0..size, length), 0..size, division).await
}

/// Passes a body of exactly `size` bytes to the observer, without the first `start` bytes, and keeps none of it.
///
/// At most 8 MiB for each range of the division are in memory: a slow range makes the others wait.
///
/// # Errors
/// The source gives up, the body has another size, or the observer refuses bytes.
pub async fn stream<S: Source>(
    source: &S,
    start: usize,
    size: usize,
    division: Division,
    observer: &dyn Observer,
) -> Result<(), S::Error> {
    // A saturated window is larger than any body, which is allowed.
    let window = division.ranges.saturating_mul(LEAST_RANGE).saturating_mul(2);
    let transfer = Transfer::new(source, NewBuffers, size, observer).from(start, window);
    run(&transfer, divided(start..size, LEAST_RANGE), start..size, division).await
}

async fn run<S: Source, R: PieceMemory>(
    transfer: &Transfer<'_, S, R>,
    mut ranges: VecDeque<ops::Range<usize>>,
    whole: ops::Range<usize>,
    division: Division,
) -> Result<(), S::Error> {
    if whole.len() <= division.above || division.ranges < 2 {
        return transfer.part(whole, None).await;
    }
    let Some(first) = ranges.pop_front() else { return Ok(()) };
    let slot = transfer.source.slot().await;
    let response = transfer.source.open(range(&first)).await?;
    let is_part = response.head().status == 206;
    let opened = Opened { response, slot };
    if !is_part {
        // The server does not support ranges, so everything comes in one response.
        return transfer.part(whole, Some(opened)).await;
    }
    let ranges = RefCell::new(ranges);
    let mut started = Some((first, opened));
    let workers = (0..division.ranges).map(|_| {
        let (ranges, started) = (&ranges, started.take());
        let worker: dial::Task<'_, S::Error> = Box::pin(async move {
            if let Some((first, opened)) = started {
                transfer.part(first, Some(opened)).await?;
            }
            loop {
                let Some(next) = ranges.borrow_mut().pop_front() else { return Ok(()) };
                transfer.wait_for_room(next.end).await;
                transfer.part(next, None).await?;
            }
        });
        worker
    });
    dial::all(workers.collect()).await
}

/// The ranges of a body: large ones, but enough of them so that all connections end at about the same time. Each begins
/// at the start of a piece.
fn divided(whole: ops::Range<usize>, length: usize) -> VecDeque<ops::Range<usize>> {
    let pieces = length.checked_div(PIECE).unwrap_or(1).max(1);
    // `step` is `length` rounded down, or a piece; a range that saturates ends with the body.
    let step = pieces.saturating_mul(PIECE);
    let ends = |start: usize| start.saturating_add(step).min(whole.end);
    whole.clone().step_by(step).map(|start| start..ends(start)).collect()
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn ranges_cover_the_body() {
        let ends = |whole, length| {
            let ranges = divided(whole, length).into_iter();
            ranges.map(|range| (range.start, range.end)).collect::<Vec<_>>()
        };
        let mib = |count: usize| count << 20;
        assert_eq!(
            ends(0..mib(20) + 1, LEAST_RANGE),
            [
                (0, mib(4)),
                (mib(4), mib(8)),
                (mib(8), mib(12)),
                (mib(12), mib(16)),
                (mib(16), mib(20)),
                (mib(20), mib(20) + 1),
            ]
        );
        assert_eq!(ends(7..mib(5), LEAST_RANGE), [(7, mib(4) + 7), (mib(4) + 7, mib(5))]);
        assert_eq!(ends(5..5, LEAST_RANGE), []);
        assert_eq!(ends(0..mib(1), 1), (0..8).map(|n| (n * PIECE, (n + 1) * PIECE)).collect::<Vec<_>>());
    }
}

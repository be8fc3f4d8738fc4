// SPDX-License-Identifier: BSD-3-Clause
//! Bodies of known size, into a buffer of that size: resumed where the connection broke, large ones in several ranges
//! side by side.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    string::{String, ToString as _},
    vec::Vec,
};
use core::cell::{Cell, RefCell};

use dial::Dial;

use crate::{Cause, Error, Range, Response, connection::closed, error::Part};

/// How much is handed to the observer at once. Hashing so much takes some milliseconds, in which nothing is received.
const PIECE: usize = 128 << 10;
/// What is downloaded in one range is at least and at most so large: a request costs a round trip.
const LEAST_RANGE: usize = 4 << 20;
const MOST_RANGE: usize = 16 << 20;

/// Where a download comes from.
pub trait Source {
    /// The network.
    type Dial: Dial;
    /// How a request fails in the end.
    type Error: From<Error>;

    /// Asks for a part; none means everything. What goes wrong until the head of a response is here is this
    /// function's to retry. The status of the response is 2xx.
    fn open(
        &self,
        range: Option<Range>,
    ) -> impl Future<Output = Result<Response<'_, Self::Dial>, Self::Error>>;

    /// The connection broke in the middle of a body, for the `failures`th time (counted from 0) without much progress
    /// since: waits until it is worth another try.
    ///
    /// # Errors
    /// It is not.
    fn broken(&self, failures: u32, error: Error) -> impl Future<Output = Result<(), Self::Error>>;
}

/// Who wants to know of the bytes.
pub trait Observer {
    /// So many have arrived, anywhere.
    fn arrived(&self, bytes: usize);
    /// The next ones, in order.
    fn take(&self, bytes: &[u8]);
}

/// How a download is divided.
#[derive(Clone, Copy, Debug)]
pub struct Division {
    /// Larger bodies are downloaded in several ranges.
    pub above: usize,
    /// As many at once.
    pub ranges: usize,
}

impl Default for Division {
    fn default() -> Self {
        Self { above: 8 << 20, ranges: 4 }
    }
}

/// A piece of the buffer: its number and its place.
type Piece<'b> = (usize, &'b mut [u8]);

/// Fills a buffer with a body of exactly its size.
///
/// # Errors
/// The source gives up, or the body has another size. The buffer's content is not defined then.
pub async fn download<S: Source>(
    source: &S,
    buffer: &mut [u8],
    division: Division,
    observer: &dyn Observer,
) -> Result<(), S::Error> {
    let size = buffer.len();
    let transfer = Transfer {
        source,
        size,
        observer,
        done: RefCell::default(),
        next: Cell::new(0),
        is_busy: Cell::new(false),
    };
    let pieces: Vec<Piece<'_>> = buffer.chunks_mut(PIECE).enumerate().collect();
    if size <= division.above || division.ranges < 2 {
        return transfer.part(pieces, None).await;
    }
    let mut ranges = divided(pieces, size);
    let Some(first) = ranges.pop_front() else { return Ok(()) };
    let response = source.open(range_of(&first)).await?;
    if response.head().status != 206 {
        // The server knows no ranges, so all comes in one.
        let pieces = core::iter::once(first).chain(ranges).flatten().collect();
        return transfer.part(pieces, Some(response)).await;
    }
    let ranges = RefCell::new(ranges);
    let mut started = Some((first, response));
    let workers = (0..division.ranges).map(|_| {
        let (transfer, ranges, started) = (&transfer, &ranges, started.take());
        let worker: dial::Task<'_, S::Error> = Box::pin(async move {
            if let Some((pieces, response)) = started {
                transfer.part(pieces, Some(response)).await?;
            }
            loop {
                let Some(pieces) = ranges.borrow_mut().pop_front() else { return Ok(()) };
                transfer.part(pieces, None).await?;
            }
        });
        worker
    });
    dial::all(workers.collect()).await
}

/// The pieces in ranges: large ones, but enough of them for all connections to end at about the same time.
fn divided(pieces: Vec<Piece<'_>>, size: usize) -> VecDeque<Vec<Piece<'_>>> {
    let length = size.checked_div(16).unwrap_or(0).clamp(LEAST_RANGE, MOST_RANGE);
    let per_range = length.checked_div(PIECE).unwrap_or(1).max(1);
    let mut pieces = pieces.into_iter();
    let mut ranges = VecDeque::new();
    loop {
        let range: Vec<_> = pieces.by_ref().take(per_range).collect();
        if range.is_empty() {
            return ranges;
        }
        ranges.push_back(range);
    }
}

/// First and last byte of some pieces that follow each other.
fn range_of(pieces: &[Piece<'_>]) -> Option<Range> {
    let (number, _) = pieces.first()?;
    let first = number.checked_mul(PIECE)?;
    let length: usize = pieces.iter().map(|(_, place)| place.len()).sum();
    range(first, first.checked_add(length)?)
}

fn range(start: usize, end: usize) -> Option<Range> {
    Some(Range { first: u64::try_from(start).ok()?, last: u64::try_from(end.checked_sub(1)?).ok()? })
}

struct Transfer<'s, 'b, S> {
    source: &'s S,
    /// Of the whole.
    size: usize,
    observer: &'s dyn Observer,
    /// Complete pieces that the observer has not seen.
    done: RefCell<BTreeMap<usize, &'b [u8]>>,
    /// The next one that it will see.
    next: Cell<usize>,
    is_busy: Cell<bool>,
}

impl<'b, S: Source> Transfer<'_, 'b, S> {
    /// Downloads some pieces that follow each other.
    async fn part(
        &self,
        pieces: Vec<Piece<'b>>,
        opened: Option<Response<'_, S::Dial>>,
    ) -> Result<(), S::Error> {
        let Some((asked, end)) = range_of(&pieces).and_then(|range| {
            Some((usize::try_from(range.first).ok()?, usize::try_from(range.last).ok()?.checked_add(1)?))
        }) else {
            return Ok(());
        };
        let mut pieces = VecDeque::from(pieces);
        let mut filled = 0;
        let mut position = asked;
        let mut failures = 0;
        let mut opened = opened;
        let mut resumed_at = position;
        while position < end {
            let is_all = position == 0 && end == self.size;
            let mut response = match opened.take() {
                Some(response) => response,
                None => self.source.open(if is_all { None } else { range(position, end) }).await?,
            };
            let result = async {
                self.seek(&mut response, position, end).await?;
                self.fill(&mut response, &mut pieces, &mut filled, &mut position).await?;
                self.expect_end(&mut response, end).await
            };
            if let Err(error) = result.await {
                if !error.is_transient() {
                    return Err(error.into());
                }
                // Much was received: the server is well, it only closes connections.
                failures = if position.wrapping_sub(resumed_at) > PIECE { 0 } else { failures };
                resumed_at = position;
                self.source.broken(failures, error).await?;
                failures = failures.wrapping_add(1);
            }
        }
        Ok(())
    }

    /// Checks that the response is the wanted part; of a whole body, what comes before is read and dropped.
    async fn seek(
        &self,
        response: &mut Response<'_, S::Dial>,
        position: usize,
        end: usize,
    ) -> Result<(), Error> {
        let whole = u64::try_from(self.size).unwrap_or(u64::MAX);
        if response.head().status == 206 {
            let asked = range(position, end);
            let found = response.head().content_range();
            let is_asked = match (found, asked) {
                (Some((first, last, _)), Some(asked)) => (first, last) == (asked.first, asked.last),
                _ => false,
            };
            return match found {
                Some((_, _, Some(length))) if length != whole => {
                    Err(response.failed(Cause::Size { found: length, expected: whole }))
                }
                _ if is_asked => Ok(()),
                _ => {
                    let found =
                        response.head().field("content-range").unwrap_or("").chars().take(60).collect();
                    let asked = asked.map_or_else(String::new, |asked| asked.to_string());
                    Err(response.failed(Cause::Range { asked, found }))
                }
            };
        }
        if let Some(found) = response.length().filter(|length| *length != whole) {
            return Err(response.failed(Cause::Size { found, expected: whole }));
        }
        self.skip(response, position).await
    }

    async fn skip(&self, response: &mut Response<'_, S::Dial>, bytes: usize) -> Result<(), Error> {
        let mut scratch = Vec::new();
        scratch.try_reserve_exact(PIECE.min(bytes)).map_err(|_| response.failed(Cause::Memory))?;
        scratch.resize(PIECE.min(bytes), 0);
        let mut left = bytes;
        while left > 0 {
            let length = scratch.len().min(left);
            match response.read(scratch.get_mut(..length).unwrap_or_default()).await? {
                0 => return Err(self.short(response, bytes.wrapping_sub(left))),
                read => left = left.saturating_sub(read),
            }
        }
        Ok(())
    }

    /// Reads to the pieces' places; those that are full are handed on.
    async fn fill(
        &self,
        response: &mut Response<'_, S::Dial>,
        pieces: &mut VecDeque<Piece<'b>>,
        filled: &mut usize,
        position: &mut usize,
    ) -> Result<(), Error> {
        while let Some((number, place)) = pieces.front_mut() {
            let number = *number;
            match response.read(place.get_mut(*filled..).unwrap_or_default()).await? {
                0 => return Err(self.short(response, *position)),
                read => {
                    *filled = filled.wrapping_add(read);
                    *position = position.wrapping_add(read);
                    self.observer.arrived(read);
                }
            }
            if *filled >= place.len()
                && let Some((_, place)) = pieces.pop_front()
            {
                *filled = 0;
                self.done.borrow_mut().insert(number, place);
                self.hand_on().await;
            }
        }
        Ok(())
    }

    /// The body has ended: that is not an accident where its length was not announced.
    fn short(&self, response: &Response<'_, S::Dial>, position: usize) -> Error {
        let (found, expected) =
            (u64::try_from(position).unwrap_or(0), u64::try_from(self.size).unwrap_or(u64::MAX));
        let is_cut = response.head().status == 206 || response.is_until_close();
        response.failed(if is_cut { closed(Part::Body, found) } else { Cause::Size { found, expected } })
    }

    /// Nothing may follow.
    async fn expect_end(&self, response: &mut Response<'_, S::Dial>, end: usize) -> Result<(), Error> {
        let mut byte = [0];
        match response.read(&mut byte).await {
            Ok(1..) => {
                let expected = u64::try_from(end).unwrap_or(u64::MAX);
                Err(response
                    .failed(Cause::Size { found: expected.checked_add(1).unwrap_or(expected), expected }))
            }
            // All the bytes are here, whatever became of the connection.
            Ok(0) | Err(_) => Ok(()),
        }
    }

    /// Gives the observer what has become complete, in order.
    async fn hand_on(&self) {
        if self.is_busy.replace(true) {
            return;
        }
        loop {
            let next = self.next.get();
            let Some(piece) = self.done.borrow_mut().remove(&next) else { break };
            self.next.set(next.wrapping_add(1));
            self.observer.take(piece);
            dial::breathe().await;
        }
        self.is_busy.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_the_buffer() {
        let mut buffer = std::vec![0; (20 << 20) + 1];
        let size = buffer.len();
        let ranges = divided(buffer.chunks_mut(PIECE).enumerate().collect(), size);
        let ends: Vec<_> =
            ranges.iter().map(|range| range_of(range).unwrap()).map(|r| (r.first, r.last)).collect();
        assert_eq!(
            ends,
            [
                (0, (4 << 20) - 1),
                (4 << 20, (8 << 20) - 1),
                (8 << 20, (12 << 20) - 1),
                (12 << 20, (16 << 20) - 1),
                (16 << 20, (20 << 20) - 1),
                (20 << 20, 20 << 20),
            ]
        );
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Receives the parts of a body: from responses to pieces, from pieces to the observer.

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};
use core::{
    cell::{Cell, RefCell},
    future::poll_fn,
    ops,
    task::{Poll, Waker},
};

use dial::Dial as _;

use super::{Observer, PIECE, PieceMemory, Slot, Source};
use crate::{Cause, Error, Range, Response, connection::closed, error::Part};

/// First and last byte, as in a request; `None` for an empty range.
pub fn range(of: &ops::Range<usize>) -> Option<Range> {
    let last = of.end.checked_sub(1).filter(|last| *last >= of.start)?;
    Some(Range { first: u64::try_from(of.start).ok()?, last: u64::try_from(last).ok()? })
}

/// A body in transfer.
pub struct Transfer<'s, S, R: PieceMemory> {
    pub source: &'s S,
    room: R,
    /// Size of the whole body in bytes.
    size: usize,
    observer: &'s dyn Observer,
    /// Complete pieces that the observer has not seen, with their offsets. There are eight in a MiB: searching all of
    /// them costs little beside receiving and hashing one; a map is 7 KB of code.
    done: RefCell<Vec<(usize, R::Piece)>>,
    /// Offset of the next piece for the observer.
    next: Cell<usize>,
    is_busy: Cell<bool>,
    /// How far beyond `next` a range may end when it begins, in bytes.
    window: usize,
    /// Ranges that wait for `next` to advance.
    waiting: RefCell<Vec<Waker>>,
}

/// A response to a request for a part, with its connection slot.
pub struct Opened<'s, D: dial::Dial> {
    pub response: Response<'s, D>,
    pub slot: Option<Slot<'s>>,
}

/// Part of a body that one or more responses fill.
struct Filling<P> {
    position: usize,
    end: usize,
    /// The piece at the position, and the number of bytes filled.
    piece: Option<P>,
    filled: usize,
}

impl<'s, S: Source, R: PieceMemory> Transfer<'s, S, R> {
    pub fn new(source: &'s S, room: R, size: usize, observer: &'s dyn Observer) -> Self {
        Self {
            source,
            room,
            size,
            observer,
            done: RefCell::default(),
            next: Cell::new(0),
            is_busy: Cell::new(false),
            window: usize::MAX,
            waiting: RefCell::default(),
        }
    }

    /// The same from an offset on, with at most `window` bytes in memory.
    pub fn from(self, start: usize, window: usize) -> Self {
        Self { next: Cell::new(start), window, ..self }
    }

    /// Waits until a range with this end may begin. The first incomplete one always may.
    pub async fn wait_for_room(&self, end: usize) {
        poll_fn(|context| {
            // A saturated window has room for every body.
            if end <= self.next.get().saturating_add(self.window) {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Downloads a part.
    pub async fn part(
        &self,
        part: ops::Range<usize>,
        opened: Option<Opened<'_, S::Dial>>,
    ) -> Result<(), S::Error> {
        let (mut opened, _slot) = match opened {
            Some(Opened { response, slot }) => (Some(response), slot),
            None => (None, self.source.slot().await),
        };
        let mut filling = Filling { position: part.start, end: part.end, piece: None, filled: 0 };
        let mut failures = 0;
        let mut since = self.source.dial().now();
        let mut resumed_at = part.start;
        while filling.position < filling.end {
            let left = filling.position..filling.end;
            let is_all = left == (0..self.size);
            let mut response = match opened.take() {
                Some(response) => response,
                None => self.source.open(if is_all { None } else { range(&left) }).await?,
            };
            let result = async {
                self.seek(&mut response, &left).await?;
                self.fill(&mut response, &mut filling).await?;
                self.expect_end(&mut response, left.end).await
            };
            if let Err(error) = result.await {
                if !error.is_transient() {
                    return Err(error.into());
                }
                if filling.position.wrapping_sub(resumed_at) > PIECE {
                    // Much was received: the server works, it only closes connections.
                    (failures, since) = (0, self.source.dial().now());
                }
                resumed_at = filling.position;
                self.source.broken(failures, since, error).await?;
                failures = failures.wrapping_add(1);
            }
        }
        Ok(())
    }

    /// Checks that the response is the requested part; if it is the whole body, the bytes before the part are skipped.
    async fn seek(
        &self,
        response: &mut Response<'_, S::Dial>,
        wanted: &ops::Range<usize>,
    ) -> Result<(), Error> {
        let whole = u64::try_from(self.size).unwrap_or(u64::MAX);
        if response.head().status == 206 {
            let asked = range(wanted);
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
        self.skip(response, wanted.start).await
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
                // Cannot saturate: the buffer has at most `left` bytes.
                read => left = left.saturating_sub(read),
            }
        }
        Ok(())
    }

    /// Reads into pieces, and passes full ones on.
    async fn fill(
        &self,
        response: &mut Response<'_, S::Dial>,
        filling: &mut Filling<R::Piece>,
    ) -> Result<(), Error> {
        while filling.position < filling.end {
            let mut piece = match filling.piece.take() {
                Some(piece) => piece,
                None => {
                    // Cannot saturate: the position is before the end.
                    let length = PIECE.min(filling.end.saturating_sub(filling.position));
                    let piece = self.room.piece(filling.position, length);
                    piece.ok_or_else(|| response.failed(Cause::Memory))?
                }
            };
            let place = piece.as_mut().get_mut(filling.filled..).unwrap_or_default();
            let read = response.read(place).await;
            let room = place.len();
            let read = match read {
                Ok(read) => read,
                Err(error) => {
                    filling.piece = Some(piece);
                    return Err(error);
                }
            };
            filling.position = filling.position.wrapping_add(read);
            filling.filled = filling.filled.wrapping_add(read);
            if read < room {
                filling.piece = Some(piece);
                if read == 0 {
                    return Err(self.short(response, filling.position));
                }
                self.observer.arrived(read);
                continue;
            }
            self.observer.arrived(read);
            let offset = filling.position.wrapping_sub(filling.filled);
            filling.filled = 0;
            self.done.borrow_mut().push((offset, piece));
            self.hand_on().await.map_err(|cause| response.failed(cause))?;
        }
        Ok(())
    }

    /// The error for a body that ended early. If its length was not announced, it is a wrong size, not a cut.
    fn short(&self, response: &Response<'_, S::Dial>, position: usize) -> Error {
        let (found, expected) =
            (u64::try_from(position).unwrap_or(0), u64::try_from(self.size).unwrap_or(u64::MAX));
        let is_cut = response.head().status == 206 || response.is_until_close();
        response.failed(if is_cut { closed(Part::Body, found) } else { Cause::Size { found, expected } })
    }

    /// Nothing may follow, except in a whole body sent for a range: a server may ignore any request's range (RFC 9110,
    /// section 14.2), and so may the next replica under the same name.
    async fn expect_end(&self, response: &mut Response<'_, S::Dial>, end: usize) -> Result<(), Error> {
        if response.head().status != 206 && end < self.size {
            return Ok(());
        }
        let mut byte = [0];
        match response.read(&mut byte).await {
            Ok(1..) => {
                let expected = u64::try_from(end).unwrap_or(u64::MAX);
                Err(response
                    .failed(Cause::Size { found: expected.checked_add(1).unwrap_or(expected), expected }))
            }
            // All bytes are here, whatever happened to the connection.
            Ok(0) | Err(_) => Ok(()),
        }
    }

    /// Takes the piece at an offset.
    fn done_at(&self, offset: usize) -> Option<R::Piece> {
        let mut done = self.done.borrow_mut();
        let place = done.iter().position(|(at, _)| *at == offset)?;
        Some(done.swap_remove(place).1)
    }

    /// Passes complete pieces to the observer, in order.
    async fn hand_on(&self) -> Result<(), Cause> {
        if self.is_busy.replace(true) {
            return Ok(());
        }
        loop {
            let next = self.next.get();
            let Some(piece) = self.done_at(next) else { break };
            self.observer.take(piece.as_ref()).map_err(Cause::Store)?;
            self.next.set(next.wrapping_add(piece.as_ref().len()));
            self.waiting.borrow_mut().drain(..).for_each(Waker::wake);
            dial::breathe().await;
        }
        self.is_busy.set(false);
        Ok(())
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! A connection: sends requests, receives response heads and bodies.

use alloc::{string::ToString as _, vec::Vec};

use dial::Dial;
use embedded_io_async::{Read, Write};
use zeroize::Zeroizing;

use crate::{
    Cause, Head, Limits, Part, Phase,
    head::{self, LARGEST},
    limits::{Pace, phase},
    request::Content,
};

/// Bytes read at once when they do not go to their final place.
const PIECE: usize = 4 << 10;
/// Bytes sent at once.
const SENT_AT_ONCE: u64 = 64 << 10;
/// The most informational responses (1xx) before the final one.
const MOST_INFORMATIONAL: usize = 8;

pub(crate) struct Connection<S> {
    stream: S,
    /// Bytes read and not used yet, from `start` on.
    buffer: Vec<u8>,
    start: usize,
}

impl<S: Read + Write> Connection<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new(), start: 0 }
    }

    /// The stream, if no unused bytes were read from it.
    pub fn into_stream(self) -> Option<S> {
        self.unused().is_empty().then_some(self.stream)
    }

    /// Bytes read and not used yet.
    pub fn unused(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    pub fn consume(&mut self, bytes: usize) {
        self.start = self.start.wrapping_add(bytes).min(self.buffer.len());
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
    }

    /// Sends a request, and its body at no less than the minimum speed.
    pub async fn send<D: Dial>(
        &mut self,
        dial: &D,
        limits: &Limits,
        head: &[u8],
        body: Option<&dyn Content>,
    ) -> Result<(), Cause> {
        let mut pace = Pace::new(limits);
        self.send_all(dial, &mut pace, head).await?;
        if let Some(body) = body {
            let mut piece = Zeroizing::new(Vec::new());
            let mut offset: u64 = 0;
            while let Some(left) = body.size().checked_sub(offset).filter(|left| *left > 0) {
                let length = usize::try_from(left.min(SENT_AT_ONCE)).map_err(|_| Cause::Memory)?;
                piece.try_reserve(length).map_err(|_| Cause::Memory)?;
                piece.resize(length, 0);
                body.read_at(offset, &mut piece).map_err(Cause::Upload)?;
                self.send_all(dial, &mut pace, &piece).await?;
                offset = offset.checked_add(left.min(SENT_AT_ONCE)).ok_or(Cause::Memory)?;
            }
        }
        match pace.run(dial, async { self.stream.flush().await.map(|()| 0) }).await? {
            Ok(_) => Ok(()),
            Err(error) => Err(cut(Part::Request, pace.received, &error)),
        }
    }

    async fn send_all<D: Dial>(&mut self, dial: &D, pace: &mut Pace, mut bytes: &[u8]) -> Result<(), Cause> {
        while !bytes.is_empty() {
            match pace.run(dial, self.stream.write(bytes)).await? {
                Ok(0) => return Err(closed(Part::Request, pace.received)),
                Ok(sent) => {
                    pace.count(sent);
                    bytes = bytes.get(sent..).unwrap_or_default();
                }
                Err(error) => return Err(cut(Part::Request, pace.received, &error)),
            }
        }
        Ok(())
    }

    /// Reads the head of the final response.
    pub async fn head<D: Dial>(&mut self, dial: &D, limits: &Limits) -> Result<Head, Cause> {
        let heads = async {
            for _ in 0..=MOST_INFORMATIONAL {
                let head = self.next_head().await?;
                // Spec: RFC 9110, section 15.2. We never ask for 101.
                if !(100..=199).contains(&head.status) || head.status == 101 {
                    return Ok(head);
                }
            }
            Err(Cause::Limit("8 informational responses"))
        };
        phase(dial, Phase::Head, limits.head, heads).await?
    }

    async fn next_head(&mut self) -> Result<Head, Cause> {
        let mut seen = 0;
        loop {
            if head::has_empty_line(self.unused(), seen)
                && let Some((head, length)) = Head::parse(self.unused())?
            {
                self.consume(length);
                return Ok(head);
            }
            seen = self.unused().len();
            if seen >= LARGEST {
                return Err(Cause::Limit("32 KiB"));
            }
            match self.fill().await {
                Ok(0) => return Err(closed(Part::Head, u64::try_from(seen).unwrap_or(0))),
                Ok(_) => {}
                Err(Filling::Memory) => return Err(Cause::Memory),
                Err(Filling::Stream(error)) => {
                    return Err(cut(Part::Head, u64::try_from(seen).unwrap_or(0), &error));
                }
            }
        }
    }

    /// Appends more bytes to the unused ones; 0 at the end.
    async fn fill(&mut self) -> Result<usize, Filling<S::Error>> {
        let used = self.start;
        self.buffer.drain(..used.min(self.buffer.len()));
        self.start = 0;
        let before = self.buffer.len();
        self.buffer.try_reserve(PIECE).map_err(|_| Filling::Memory)?;
        // If this future is dropped, the buffer has no bytes that were not read.
        let mut piece = Vec::new();
        piece.try_reserve_exact(PIECE).map_err(|_| Filling::Memory)?;
        piece.resize(PIECE, 0);
        let read = self.stream.read(&mut piece).await.map_err(Filling::Stream)?;
        self.buffer.extend_from_slice(piece.get(..read).unwrap_or_default());
        Ok(self.buffer.len().wrapping_sub(before))
    }

    /// Appends more bytes of a body to the unused ones; 0 at the end.
    pub async fn fill_body<D: Dial>(&mut self, dial: &D, pace: &mut Pace) -> Result<usize, Cause> {
        let filling = async { self.fill().await };
        match pace.run(dial, filling).await? {
            Ok(read) => Ok(read),
            Err(Filling::Memory) => Err(Cause::Memory),
            Err(Filling::Stream(error)) => Err(cut(Part::Body, pace.received, &error)),
        }
    }

    /// Reads a body's bytes into their final place; 0 at the end.
    pub async fn read<D: Dial>(
        &mut self,
        dial: &D,
        pace: &mut Pace,
        place: &mut [u8],
    ) -> Result<usize, Cause> {
        let unused = self.unused();
        if !unused.is_empty() {
            let length = unused.len().min(place.len());
            if let (Some(to), Some(from)) = (place.get_mut(..length), unused.get(..length)) {
                to.copy_from_slice(from);
            }
            self.consume(length);
            pace.count(length);
            return Ok(length);
        }
        match pace.run(dial, self.stream.read(place)).await? {
            Ok(read) => {
                pace.count(read);
                Ok(read)
            }
            Err(error) => Err(cut(Part::Body, pace.received, &error)),
        }
    }
}

enum Filling<E> {
    Memory,
    Stream(E),
}

pub(crate) fn closed(part: Part, received: u64) -> Cause {
    Cause::Cut { part, received, why: "".into() }
}

fn cut(part: Part, received: u64, error: &impl embedded_io_async::Error) -> Cause {
    Cause::Cut { part, received, why: error.to_string() }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Responses.

use alloc::vec::Vec;

use dial::Dial;

use crate::{
    Cause, Error, Head, Part, Phase, Url,
    chunk::{Chunks, Next},
    connection::{Connection, closed},
    head::Frame,
    limits::{Pace, phase},
    pool::{Key, Pool},
};

/// The longest body in bytes that is read to its end only to keep the connection.
const LONGEST_DISCARDED: u64 = 16 << 10;
/// Bytes of a body read at once if its length is not known.
const PIECE: usize = 16 << 10;

/// A response whose body is still to be read. Dropping it closes its connection.
pub struct Response<'c, D: Dial> {
    pool: &'c Pool<D>,
    url: Url,
    head: Head,
    body: Body,
    pace: Pace,
    key: Key,
    connection: Option<Connection<D::Stream>>,
}

enum Body {
    Length { left: u64, whole: u64 },
    Chunked(Chunks),
    Close,
    End,
}

impl<'c, D: Dial> Response<'c, D> {
    pub(crate) fn new(
        pool: &'c Pool<D>,
        url: Url,
        head: Head,
        is_only_head: bool,
        key: Key,
        connection: Connection<D::Stream>,
    ) -> Result<Self, Cause> {
        let body = match head.frame() {
            _ if is_only_head => Body::End,
            Err(framing) => return Err(Cause::Framing(framing)),
            Ok(Frame::Length(0)) => Body::End,
            Ok(Frame::Length(length)) => Body::Length { left: length, whole: length },
            Ok(Frame::Chunked) => Body::Chunked(Chunks::new()),
            Ok(Frame::Close) => Body::Close,
        };
        let pace = Pace::new(&pool.limits);
        let mut response = Self { pool, url, head, body, pace, key, connection: Some(connection) };
        if matches!(response.body, Body::End) {
            response.finish();
        }
        Ok(response)
    }

    /// The head.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The address that it came from, after all redirects.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The length of the body, if it was announced and nothing of it has been read.
    pub fn length(&self) -> Option<u64> {
        match self.body {
            Body::Length { whole, .. } => Some(whole),
            Body::End => Some(0),
            Body::Chunked(_) | Body::Close => None,
        }
    }

    /// Whether only the end of the connection marks the end of the body.
    pub(crate) fn is_until_close(&self) -> bool {
        matches!(self.body, Body::Close)
    }

    /// The response, if its status is 2xx.
    ///
    /// # Errors
    /// [`Cause::Status`] otherwise.
    pub fn success(self) -> Result<Self, Error> {
        if (200..=299).contains(&self.head.status) { Ok(self) } else { Err(self.status()) }
    }

    /// Its status as an error.
    pub fn status(&self) -> Error {
        self.failed(Cause::Status(self.head.status, self.head.reason.clone()))
    }

    /// An error about this response.
    pub fn failed(&self, cause: Cause) -> Error {
        Error::new(&self.url, cause)
    }

    /// Reads bytes of the body into `place`; 0 at its end, and if `place` is empty.
    ///
    /// # Errors
    /// The connection ends before the body, or the transfer is too slow.
    pub async fn read(&mut self, place: &mut [u8]) -> Result<usize, Error> {
        if place.is_empty() {
            return Ok(0);
        }
        self.read_some(place).await.map_err(|cause| Error::new(&self.url, cause))
    }

    async fn read_some(&mut self, place: &mut [u8]) -> Result<usize, Cause> {
        let Some(connection) = &mut self.connection else { return Ok(0) };
        let (dial, pace) = (&self.pool.dial, &mut self.pace);
        let (read, is_complete) = match &mut self.body {
            Body::End => (0, true),
            Body::Close => {
                let read = connection.read(dial, pace, place).await?;
                (read, false)
            }
            Body::Length { left, whole } => {
                let read = connection.read(dial, pace, cut_to(place, *left)).await?;
                if read == 0 {
                    // Cannot saturate: what is left of the body is a part of it.
                    return Err(closed(Part::Body, whole.saturating_sub(*left)));
                }
                // Cannot saturate: the place was cut to what is left.
                *left = left.saturating_sub(u64::try_from(read).unwrap_or(0));
                (read, *left == 0)
            }
            Body::Chunked(chunks) => loop {
                let (taken, next) = chunks.frame(connection.unused()).map_err(Cause::Framing)?;
                connection.consume(taken);
                match next {
                    Next::End => break (0, true),
                    Next::Data(left) => {
                        let read = connection.read(dial, pace, cut_to(place, left)).await?;
                        if read == 0 {
                            return Err(closed(Part::Body, pace.received));
                        }
                        chunks.advance(u64::try_from(read).unwrap_or(0));
                        break (read, false);
                    }
                    Next::More => {
                        if connection.fill_body(dial, pace).await? == 0 {
                            return Err(closed(Part::Body, pace.received));
                        }
                    }
                }
            },
        };
        if is_complete {
            self.finish();
        } else if read == 0 {
            // The body ended with the connection.
            self.connection = None;
        }
        Ok(read)
    }

    /// The whole body, of at most `limit` bytes.
    ///
    /// # Errors
    /// As for [`read`](Self::read); [`Cause::Size`] if it is longer; [`Cause::Late`] if it takes longer than the phase
    /// may.
    pub async fn bytes(mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let most = u64::try_from(limit).unwrap_or(u64::MAX);
        if let Some(found) = self.length().filter(|length| *length > most) {
            return Err(self.failed(Cause::Size { found, expected: most }));
        }
        let url = self.url.clone();
        let (pool, duration) = (self.pool, self.pool.limits.body);
        let body = phase(&pool.dial, Phase::Body, duration, self.collect(limit)).await;
        body.map_err(|cause| Error::new(&url, cause))?
    }

    async fn collect(&mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut body: Vec<u8> = Vec::new();
        loop {
            let used = body.len();
            body.try_reserve(PIECE).map_err(|_| self.failed(Cause::Memory))?;
            body.resize(used.wrapping_add(PIECE), 0);
            let read = self.read(body.get_mut(used..).unwrap_or_default()).await?;
            body.truncate(used.wrapping_add(read));
            if body.len() > limit {
                let size = |bytes| u64::try_from(bytes).unwrap_or(u64::MAX);
                return Err(self.failed(Cause::Size { found: size(body.len()), expected: size(limit) }));
            }
            if read == 0 {
                return Ok(body);
            }
        }
    }

    /// Reads a short body to its end so that the connection is kept; otherwise closes the connection.
    pub async fn discard(self) {
        if self.length().is_some_and(|length| length <= LONGEST_DISCARDED) {
            let _ = self.bytes(PIECE).await;
        }
    }

    /// Marks the body as complete.
    fn finish(&mut self) {
        self.body = Body::End;
        if let Some(connection) = self.connection.take()
            && self.head.keeps_alive()
            && connection.unused().is_empty()
        {
            self.pool.keep(self.key.clone(), connection);
        }
    }
}

/// The first `most` bytes of `place`.
fn cut_to(place: &mut [u8], most: u64) -> &mut [u8] {
    let length = place.len().min(usize::try_from(most).unwrap_or(usize::MAX));
    place.get_mut(..length).unwrap_or_default()
}

// SPDX-License-Identifier: BSD-3-Clause
//! The memory that pieces of a body are received into.

use alloc::vec::Vec;
use core::cell::RefCell;

use super::PIECE;

/// Gives the memory for pieces.
pub trait Room {
    /// The memory for one piece.
    type Piece: AsMut<[u8]> + AsRef<[u8]>;

    /// The memory for the piece that starts at `offset` of the body, asked for once; none if there is not enough.
    fn piece(&self, offset: usize, length: usize) -> Option<Self::Piece>;
}

/// A buffer for the whole body: pieces are received where they stay.
pub struct Memory<'b>(RefCell<Vec<Option<&'b mut [u8]>>>);

impl<'b> Memory<'b> {
    pub fn new(buffer: &'b mut [u8]) -> Self {
        Self(RefCell::new(buffer.chunks_mut(PIECE).map(Some).collect()))
    }
}

impl<'b> Room for Memory<'b> {
    type Piece = &'b mut [u8];

    fn piece(&self, offset: usize, length: usize) -> Option<&'b mut [u8]> {
        let number = offset.checked_div(PIECE)?;
        let piece = self.0.borrow_mut().get_mut(number)?.take()?;
        (piece.len() == length).then_some(piece)
    }
}

/// Memory that lasts until the observer has seen the piece.
pub struct Fresh;

impl Room for Fresh {
    type Piece = Vec<u8>;

    fn piece(&self, _: usize, length: usize) -> Option<Vec<u8>> {
        let mut piece = Vec::new();
        piece.try_reserve_exact(length).ok()?;
        piece.resize(length, 0);
        Some(piece)
    }
}

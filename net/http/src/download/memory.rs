// SPDX-License-Identifier: BSD-3-Clause
//! WholeBuffer for the pieces of a body.

use alloc::vec::Vec;
use core::cell::RefCell;

use super::PIECE;

/// Allocates memory for pieces.
pub trait PieceMemory {
    /// The memory for one piece.
    type Piece: AsMut<[u8]> + AsRef<[u8]>;

    /// The memory for the piece at `offset` of the body, requested once for each piece; `None` if there is not enough.
    fn piece(&self, offset: usize, length: usize) -> Option<Self::Piece>;
}

/// A buffer for the whole body: pieces are received into their final place.
pub struct WholeBuffer<'b>(RefCell<Vec<Option<&'b mut [u8]>>>);

impl<'b> WholeBuffer<'b> {
    pub fn new(buffer: &'b mut [u8]) -> Self {
        Self(RefCell::new(buffer.chunks_mut(PIECE).map(Some).collect()))
    }
}

impl<'b> PieceMemory for WholeBuffer<'b> {
    type Piece = &'b mut [u8];

    fn piece(&self, offset: usize, length: usize) -> Option<&'b mut [u8]> {
        let number = offset.checked_div(PIECE)?;
        let piece = self.0.borrow_mut().get_mut(number)?.take()?;
        (piece.len() == length).then_some(piece)
    }
}

/// New memory for each piece, freed when the observer has seen it.
pub struct NewBuffers;

impl PieceMemory for NewBuffers {
    type Piece = Vec<u8>;

    fn piece(&self, _: usize, length: usize) -> Option<Vec<u8>> {
        let mut piece = Vec::new();
        piece.try_reserve_exact(length).ok()?;
        piece.resize(length, 0);
        Some(piece)
    }
}

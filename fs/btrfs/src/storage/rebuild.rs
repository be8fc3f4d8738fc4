// SPDX-License-Identifier: BSD-3-Clause
//! Rebuilds columns of a row from the others and its parities.

use alloc::{vec, vec::Vec};

use block::ReadError;
use filesystem::{Format, NoMemory};
use raid::{Column, Order};

use super::{Failure, Storage};
use crate::{
    chunk::ChunkPlace,
    memory::{self, wide},
    units::Logical,
};

/// Bytes of all columns together that are read at once.
const ROOM: usize = 4 << 20;
/// The size of a part of a column is a multiple of this.
const SECTOR: usize = 512;

/// Rebuilds columns, and keeps what else that gives.
#[derive(Default)]
pub struct Rebuilder {
    columns: Vec<u8>,
    /// The other lost column, which the same equations gave: the next read usually asks for it.
    other: Option<(Logical, Vec<u8>)>,
}

/// What was read of a row, and what is lost.
struct Row {
    /// By column; parities follow the data.
    states: Vec<State>,
    parities: usize,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    Read,
    Lost,
    NotRead,
}

impl Rebuilder {
    /// Fills `buf` with the bytes at a place, from the other columns of its row; `without` is one more column to leave
    /// out.
    pub fn read(
        &mut self,
        storage: &Storage,
        place: &ChunkPlace<'_>,
        without: Option<usize>,
        buf: &mut [u8],
    ) -> Result<(), Failure> {
        if without.is_none()
            && let Some((_, bytes)) = self
                .other
                .as_ref()
                .filter(|(address, bytes)| *address == place.beside(place.column) && bytes.len() == buf.len())
        {
            buf.copy_from_slice(bytes);
            return Ok(());
        }
        let width = place.stripes.len().max(1);
        let each = ROOM.checked_div(width).unwrap_or(0) / SECTOR;
        let mut skip = 0;
        // Cannot saturate: `each` counts sectors of a part of `ROOM`, and `skip` counts bytes of `buf`.
        for part in buf.chunks_mut(each.saturating_mul(SECTOR).max(SECTOR)) {
            self.rebuild(storage, place, without, skip, part)?;
            skip = skip.saturating_add(wide(part.len()));
        }
        Ok(())
    }

    fn rebuild(
        &mut self,
        storage: &Storage,
        place: &ChunkPlace<'_>,
        without: Option<usize>,
        skip: u64,
        buf: &mut [u8],
    ) -> Result<(), Failure> {
        let (width, length) = (place.stripes.len(), buf.len());
        // What saturates is more than any memory, and refused; `read` asks for at most `ROOM`, or one sector of each
        // column.
        if self.columns.len() < width.saturating_mul(length) {
            self.columns =
                memory::zeros(width.saturating_mul(length), "row of strips").map_err(|_| no_memory(buf))?;
        }
        let mut row = Row::new(storage, place, without)?;
        for (column, bytes) in (0..width).zip(self.columns.chunks_mut(length)) {
            if row.wants(column) {
                row.read(storage, place, column, skip, bytes)?;
            }
        }
        let mut other = vec![];
        let other_column = (0..row.data()).find(|column| *column != place.column && row.is_lost(*column));
        if without.is_none() && other_column.is_some() {
            other = memory::zeros(length, "strip").map_err(|_| no_memory(buf))?;
        }
        row.solve(place, &self.columns, buf, &mut other)?;
        self.other = other_column
            .filter(|_| skip == 0 && !other.is_empty())
            .map(|column| (place.beside(column), other));
        Ok(())
    }
}

impl Row {
    /// Marks the columns that are lost. Columns of outdated devices count as lost, too, as long as there are parities.
    fn new(storage: &Storage, place: &ChunkPlace<'_>, without: Option<usize>) -> Result<Self, Failure> {
        let rank = |column| place.rotated(column).map_or(2, |stripe| storage.rank(stripe));
        let is_out = |column| column == place.column || Some(column) == without;
        let state = |column| if is_out(column) || rank(column) == 2 { State::Lost } else { State::NotRead };
        let mut row = Self {
            states: (0..place.stripes.len()).map(state).collect(),
            parities: place.chunk.profile.parities(),
        };
        for column in (0..row.states.len()).filter(|column| rank(*column) == 1) {
            if row.count(State::Lost) < row.parities {
                row.set(column, State::Lost);
            }
        }
        if row.count(State::Lost) > row.parities { Err(Failure::Missing) } else { Ok(row) }
    }

    fn count(&self, state: State) -> usize {
        self.states.iter().filter(|other| **other == state).count()
    }

    fn set(&mut self, column: usize, state: State) {
        if let Some(place) = self.states.get_mut(column) {
            *place = state;
        }
    }

    fn is(&self, column: usize, state: State) -> bool {
        self.states.get(column) == Some(&state)
    }

    fn is_lost(&self, column: usize) -> bool {
        self.is(column, State::Lost)
    }

    /// The number of columns that are not parity.
    fn data(&self) -> usize {
        // Cannot saturate: every profile requires more columns than it has parities.
        self.states.len().saturating_sub(self.parities)
    }

    /// Whether a column has to be read: all data columns, then as many parities as needed.
    fn wants(&self, column: usize) -> bool {
        let lost = (0..self.data()).filter(|column| self.is_lost(*column)).count();
        let parities =
            (self.data()..self.states.len()).filter(|column| self.is(*column, State::Read)).count();
        self.is(column, State::NotRead) && (column < self.data() || parities < lost)
    }

    /// Reads a column; marks it as lost if its device fails.
    fn read(
        &mut self,
        storage: &Storage,
        place: &ChunkPlace<'_>,
        column: usize,
        skip: u64,
        bytes: &mut [u8],
    ) -> Result<(), Failure> {
        match storage.read_stripe(place, place.rotated(column), skip, bytes) {
            Ok(()) => self.set(column, State::Read),
            Err(failure) => {
                self.set(column, State::Lost);
                if self.count(State::Lost) > self.parities {
                    return Err(failure);
                }
            }
        }
        Ok(())
    }

    /// Fills `buf` with the place's column, and `other` with the other lost column, if it has room.
    fn solve(
        &self,
        place: &ChunkPlace<'_>,
        bytes: &[u8],
        buf: &mut [u8],
        other: &mut [u8],
    ) -> Result<(), Failure> {
        let length = buf.len();
        let mut parities = [None; 3];
        let behind = bytes.chunks(length.max(1)).enumerate().skip(self.data());
        for (slot, (column, parity)) in parities.iter_mut().zip(behind.take(self.parities)) {
            *slot = self.is(column, State::Read).then_some(parity);
        }
        let (mut buf, mut other) = (Some(buf), Some(other));
        let mut columns: Vec<Column<'_>> = Vec::with_capacity(self.data());
        for (column, bytes) in bytes.chunks(length.max(1)).enumerate().take(self.data()) {
            columns.push(match self.is(column, State::Read) {
                true => Column::Present(bytes),
                false if column == place.column => Column::Lost(buf.take().unwrap_or_default()),
                false => Column::Lost(other.take().unwrap_or_default()),
            });
        }
        raid::rebuild(&mut columns, parities, Order::FirstIsOne).map_err(|error| match error {
            // Checked before: there are as many parities as lost columns.
            raid::Error::TooManyLost { .. } | raid::Error::Length { .. } => Failure::Missing,
            _ => Failure::Device(ReadError::Unsupported(filesystem::Unsupported {
                format: Format::Btrfs,
                feature: "raid6 over more than 257 devices".into(),
            })),
        })
    }
}

fn no_memory(buf: &[u8]) -> Failure {
    let (format, bytes) = (Format::Btrfs, wide(buf.len()));
    Failure::Device(ReadError::NoMemory(NoMemory { format, structure: "row of strips", bytes }))
}

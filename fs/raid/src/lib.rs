// SPDX-License-Identifier: BSD-3-Clause
//! Rebuilds lost parts of striped data from parity: RAID 5 and 6 of md and btrfs, raidz1 to raidz3 of ZFS.
//!
//! A stripe is a row of data columns and up to three parities, P, Q and R. Columns may differ in length: a shorter one
//! counts as padded with zeros to the length of the parities. As many lost columns can be rebuilt as there are
//! parities. The caller knows where blocks are on disks, and whether what it read is right.
//!
//! ```
//! use raid::{Column, Order, Parity, compute, rebuild};
//!
//! let (mut p, mut q) = ([0; 5], [0; 5]);
//! compute(&[b"kern", b"el an", b"d ini"], Order::FirstIsOne, Parity::P, &mut p)?;
//! compute(&[b"kern", b"el an", b"d ini"], Order::FirstIsOne, Parity::Q, &mut q)?;
//!
//! let (mut first, mut last) = ([0; 4], [0; 5]);
//! let mut columns = [Column::Lost(&mut first), Column::Present(b"el an"), Column::Lost(&mut last)];
//! rebuild(&mut columns, [Some(&p), Some(&q), None], Order::FirstIsOne)?;
//! assert_eq!((&first, &last), (b"kern", b"d ini"));
//! # Ok::<(), raid::Error>(())
//! ```
//!
//! The field is GF(2⁸) modulo x⁸ + x⁴ + x³ + x² + 1 (0x11d). The parities are Σ gᵉ·D over the columns, where e is the
//! column's exponent ([`Order`]) and g is 1 for P, 2 for Q and 4 for R.
//!
//! Sources: H. Peter Anvin, "The mathematics of RAID-6" (2011); Linux, `lib/raid6/` and `fs/btrfs/raid56.c`;
//! OpenZFS, `module/zfs/vdev_raidz.c`.
#![no_std]

mod field;
mod solve;
mod sums;

use solve::Solution;
use sums::{BLOCK, Sums};

/// A data column of a stripe.
#[derive(Debug, Eq, PartialEq)]
pub enum Column<'a> {
    /// It was read.
    Present(&'a [u8]),
    /// It is lost, and is rebuilt into this buffer. The buffer may be shorter than the column, or empty if the column
    /// is not wanted.
    Lost(&'a mut [u8]),
}

/// The order of the exponents. An empty [`Column::Present`] is a gap in them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// The first column has exponent 0, as in md and btrfs.
    FirstIsOne,
    /// The last column has exponent 0, as in raidz.
    LastIsOne,
}

/// A parity of a stripe.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Parity {
    /// The sum of all columns, whatever their exponents.
    P,
    /// The sum of all columns, each times 2 to its exponent.
    Q,
    /// The sum of all columns, each times 4 to its exponent.
    R,
}

/// Rebuilds all lost columns from those that are present and from as many of the parities P, Q and R as columns are
/// lost.
///
/// If there are more parities than needed, the first ones are used: to find a corrupt one, the caller checks checksums
/// and passes other parities.
///
/// # Errors
/// [`Error::TooManyLost`] for fewer parities than lost columns, [`Error::Length`] for a column longer than a parity or
/// parities of different lengths, [`Error::TooWide`] if Q or R is needed for more than 255 columns. The buffers are
/// unchanged then.
pub fn rebuild(columns: &mut [Column<'_>], parities: [Option<&[u8]>; 3], order: Order) -> Result<(), Error> {
    let Some(length) = common_length(columns, &parities)? else { return nothing_lost(columns) };
    let solution = Solution::new(columns, &parities, order)?;
    let rows = solution.rows();
    let mut at = 0;
    while at < length {
        // Cannot saturate: `at` is less than `length`, here and below, and `length` that of a slice in memory.
        let mut sums = Sums::new(rows, BLOCK.min(length.saturating_sub(at)));
        for index in 0..columns.len() {
            let column = columns.get(order.sum_position(index, columns.len()));
            sums.next_column(column.map_or(&[], |column| part(column.present(), at)));
        }
        for (sum, parity) in parities.iter().enumerate() {
            sums.add(sum, part(parity.unwrap_or_default(), at));
        }
        let lost = columns.iter_mut().filter_map(Column::lost_mut);
        solution.write(
            &mut sums,
            lost.map(|buffer| {
                let end = buffer.len().min(at.saturating_add(BLOCK));
                buffer.get_mut(at..end).unwrap_or_default()
            }),
        );
        at = at.saturating_add(BLOCK);
    }
    Ok(())
}

/// Computes one parity of `columns` into `parity`, whose length is that of the longest column or more.
///
/// # Errors
/// [`Error::Length`] when a column is longer than `parity`, [`Error::TooWide`] when more than 255 columns have Q or R.
pub fn compute(columns: &[&[u8]], order: Order, which: Parity, parity: &mut [u8]) -> Result<(), Error> {
    check(columns, which, parity.len())?;
    for (index, block) in parity.chunks_mut(BLOCK).enumerate() {
        // Cannot saturate: the block begins within the parity.
        sum(columns, order, which, index.saturating_mul(BLOCK), block.len()).write_row(which.row(), block);
    }
    Ok(())
}

/// Whether `parity` is what [`compute`] makes of `columns`.
///
/// # Errors
/// As [`compute`].
pub fn agrees(columns: &[&[u8]], order: Order, which: Parity, parity: &[u8]) -> Result<bool, Error> {
    check(columns, which, parity.len())?;
    let mut blocks = parity.chunks(BLOCK).enumerate();
    Ok(blocks.all(|(index, block)| {
        // Cannot saturate: the block begins within the parity.
        let mut sums = sum(columns, order, which, index.saturating_mul(BLOCK), block.len());
        sums.add(which.row(), block);
        sums.is_zero(which.row())
    }))
}

impl Column<'_> {
    /// The known bytes: none of a lost column.
    fn present(&self) -> &[u8] {
        match self {
            Self::Present(bytes) => bytes,
            Self::Lost(_) => &[],
        }
    }

    fn lost_mut(&mut self) -> Option<&mut [u8]> {
        match self {
            Self::Present(_) => None,
            Self::Lost(buffer) => Some(buffer),
        }
    }

    fn is_lost(&self) -> bool {
        matches!(self, Self::Lost(_))
    }

    /// Its length, or for a lost column that of its buffer, in bytes.
    fn len(&self) -> usize {
        match self {
            Self::Present(bytes) => bytes.len(),
            Self::Lost(buffer) => buffer.len(),
        }
    }
}

impl Order {
    /// The column of `width` that step `step` of Horner's scheme adds: the one with exponent 0 comes last.
    fn sum_position(self, step: usize, width: usize) -> usize {
        match self {
            // Cannot saturate: steps are counted up to the width.
            Self::FirstIsOne => width.saturating_sub(1).saturating_sub(step),
            Self::LastIsOne => step,
        }
    }

    /// The exponent of column `column` of `width`: the inverse of [`sum_position`](Self::sum_position).
    fn exponent(self, column: usize, width: usize) -> usize {
        match self {
            Self::FirstIsOne => column,
            // Cannot saturate: columns are counted up to the width.
            Self::LastIsOne => width.saturating_sub(1).saturating_sub(column),
        }
    }
}

impl Parity {
    const ALL: [Self; 3] = [Self::P, Self::Q, Self::R];

    /// Its index among the three sums; its generator is 2 to this power.
    fn row(self) -> usize {
        match self {
            Self::P => 0,
            Self::Q => 1,
            Self::R => 2,
        }
    }

    /// Checks that it can tell `width` columns apart.
    fn check_width(self, width: usize) -> Result<(), Error> {
        let is_fit = self == Self::P || width <= MOST_COLUMNS;
        if is_fit { Ok(()) } else { Err(Error::TooWide { columns: width }) }
    }
}

/// The number of different powers of 2, and of 4.
const MOST_COLUMNS: usize = 255;

/// The part of `bytes` in the block at `at`.
fn part(bytes: &[u8], at: usize) -> &[u8] {
    // Cannot saturate: `at` is less than a length in memory.
    bytes.get(at..bytes.len().min(at.saturating_add(BLOCK))).unwrap_or_default()
}

/// The common length of all parities, `None` without any; checks that no column is longer.
fn common_length(columns: &[Column<'_>], parities: &[Option<&[u8]>; 3]) -> Result<Option<usize>, Error> {
    let mut lengths = parities.iter().flatten().map(|parity| parity.len());
    let Some(length) = lengths.next() else { return Ok(None) };
    if let Some(found) = lengths.find(|&other| other != length) {
        return Err(Error::Length { found, parity: length });
    }
    match columns.iter().map(Column::len).find(|&column| column > length) {
        Some(found) => Err(Error::Length { found, parity: length }),
        None => Ok(Some(length)),
    }
}

fn nothing_lost(columns: &[Column<'_>]) -> Result<(), Error> {
    let lost = columns.iter().filter(|column| column.is_lost()).count();
    if lost == 0 { Ok(()) } else { Err(Error::TooManyLost { lost, parities: 0 }) }
}

fn check(columns: &[&[u8]], which: Parity, length: usize) -> Result<(), Error> {
    which.check_width(columns.len())?;
    match columns.iter().find(|column| column.len() > length) {
        Some(column) => Err(Error::Length { found: column.len(), parity: length }),
        None => Ok(()),
    }
}

/// One block of a parity, with `length` bytes at `at`.
fn sum(columns: &[&[u8]], order: Order, which: Parity, at: usize, length: usize) -> Sums {
    let mut rows = [false; 3];
    rows.iter_mut().zip(Parity::ALL).for_each(|(row, parity)| *row = parity == which);
    let mut sums = Sums::new(rows, length);
    for step in 0..columns.len() {
        let column = columns.get(order.sum_position(step, columns.len()));
        sums.next_column(part(column.copied().unwrap_or_default(), at));
    }
    sums
}

/// Why a parity cannot be computed, or a stripe not be rebuilt.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More columns are lost than there are parities.
    #[error("{lost} columns are lost, but only {parities} parities are available")]
    TooManyLost {
        /// How many are lost.
        lost: usize,
        /// How many parities were passed.
        parities: usize,
    },
    /// A column is longer than the parities, or the parities differ in length.
    #[error("a column of {found} bytes does not fit a parity of {parity} bytes")]
    Length {
        /// The column's or other parity's length, in bytes.
        found: usize,
        /// The parity's length, in bytes.
        parity: usize,
    },
    /// More columns than GF(2⁸) can tell apart.
    #[error("{columns} columns are more than the 255 that Q and R support")]
    TooWide {
        /// How many columns the stripe has.
        columns: usize,
    },
}

#[cfg(test)]
mod tests;

// SPDX-License-Identifier: BSD-3-Clause
//! The equations of a stripe: each parity, minus the known columns, is a sum over the lost ones.

use crate::field::{inverse, multiply, power, table};
use crate::sums::Sums;
use crate::{Column, Error, Order, Parity};

/// How to compute each lost column from the sums.
pub struct Solution {
    /// The rows of [`Sums`] that are used, one for each lost column.
    rows: [Option<Parity>; 3],
    /// For each lost column and row, all products of the coefficient.
    tables: [[[u8; 256]; 3]; 3],
}

impl Solution {
    /// Solves for the lost ones among `columns`.
    ///
    /// # Errors
    /// [`Error::TooManyLost`], [`Error::TooWide`].
    pub fn new(columns: &[Column<'_>], parities: &[Option<&[u8]>; 3], order: Order) -> Result<Self, Error> {
        let lost = || columns.iter().enumerate().filter(|(_, column)| column.is_lost());
        let given = || Parity::ALL.into_iter().zip(parities).filter(|(_, parity)| parity.is_some());
        let (count, available) = (lost().count(), given().count());
        if count > available {
            return Err(Error::TooManyLost { lost: count, parities: available });
        }
        let mut rows = [None; 3];
        let mut matrix = Matrix([[0; 3]; 3]);
        for ((slot, row), (parity, _)) in rows.iter_mut().zip(&mut matrix.0).zip(given().take(count)) {
            parity.check_width(columns.len())?;
            *slot = Some(parity);
            for (coefficient, (column, _)) in row.iter_mut().zip(lost()) {
                *coefficient = power(parity.generator(), order.exponent(column, columns.len()));
            }
        }
        let solved = matrix.inverse(count).ok_or(Error::TooWide { columns: columns.len() })?;
        let mut tables = [[[0; 256]; 3]; 3];
        for (tables, factors) in tables.iter_mut().zip(solved.0).take(count) {
            tables
                .iter_mut()
                .zip(factors)
                .take(count)
                .for_each(|(products, factor)| *products = table(factor));
        }
        Ok(Self { rows, tables })
    }

    /// Which sums are needed.
    pub fn rows(&self) -> [bool; 3] {
        Parity::ALL.map(|parity| self.rows.contains(&Some(parity)))
    }

    /// Writes a block of all lost columns from `sums`; each of `parts` is written up to its length.
    ///
    /// With P, the last lost column is what the others leave of P's sum: no product is needed.
    pub fn write<'a>(&self, sums: &mut Sums, parts: impl Iterator<Item = &'a mut [u8]>) {
        let has_sum = self.rows.contains(&Some(Parity::P));
        for (unknown, part) in parts.enumerate() {
            // Cannot saturate: it is an index.
            if has_sum && unknown.saturating_add(1) == self.unknowns() {
                sums.write_rest(part);
            } else if let Some(tables) = self.tables.get(unknown) {
                sums.solve(self.rows, tables);
                sums.write_solved(part);
            }
        }
    }

    fn unknowns(&self) -> usize {
        self.rows.iter().flatten().count()
    }
}

impl Parity {
    fn generator(self) -> u8 {
        match self {
            Self::P => 1,
            Self::Q => 2,
            Self::R => 4,
        }
    }
}

/// Three rows of coefficients, of which only the first ones may be used.
struct Matrix([[u8; 3]; 3]);

impl Matrix {
    /// The inverse of the first `size` rows and columns; `None` if there is none.
    ///
    /// Gaussian elimination without pivoting: row r is g_r^e for different exponents e, with g of 1, 2 and 4, so that
    /// each leading minor is that of a Vandermonde matrix, times factors that are not 0.
    fn inverse(mut self, size: usize) -> Option<Self> {
        let mut inverted = Self([[1, 0, 0], [0, 1, 0], [0, 0, 1]]);
        for pivot in 0..size {
            let value = *self.0.get(pivot)?.get(pivot)?;
            if value == 0 {
                return None;
            }
            let factor = inverse(value);
            self.scale(pivot, factor);
            inverted.scale(pivot, factor);
            for row in (0..size).filter(|&row| row != pivot) {
                let factor = *self.0.get(row)?.get(pivot)?;
                self.add(row, pivot, factor);
                inverted.add(row, pivot, factor);
            }
        }
        Some(inverted)
    }

    fn scale(&mut self, row: usize, factor: u8) {
        self.0.get_mut(row).into_iter().flatten().for_each(|value| *value = multiply(*value, factor));
    }

    /// Adds `factor` times the row `from` to `row`.
    fn add(&mut self, row: usize, from: usize, factor: u8) {
        let Some(from) = self.0.get(from).copied() else { return };
        let values = self.0.get_mut(row).into_iter().flatten();
        values.zip(from).for_each(|(value, from)| *value ^= multiply(from, factor));
    }
}

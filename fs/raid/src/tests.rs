// SPDX-License-Identifier: BSD-3-Clause
//! Every small stripe, in every way damaged, against the definition of the parities.

extern crate std;

use std::vec;
use std::vec::Vec;

use super::*;
use crate::field::{multiply, power};

/// The parity by its definition, byte by byte.
fn defined(columns: &[Vec<u8>], order: Order, which: Parity, length: usize) -> Vec<u8> {
    let mut parity = vec![0; length];
    for (index, column) in columns.iter().enumerate() {
        let exponent = match order {
            Order::FirstIsOne => index,
            Order::LastIsOne => columns.len() - 1 - index,
        };
        let factor = power([1, 2, 4][which.row()], exponent);
        for (sum, byte) in parity.iter_mut().zip(column) {
            *sum ^= multiply(factor, *byte);
        }
    }
    parity
}

/// Which bits of `set` are set.
fn bits(set: u32) -> Vec<usize> {
    (0..32).filter(|bit| set >> bit & 1 == 1).collect()
}

/// `width` columns; those whose bit is set in `short` are `less` bytes shorter than `length`.
fn columns(width: usize, length: usize, short: u32, less: usize) -> Vec<Vec<u8>> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64 ^ u64::from(short);
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let long = |column| if bits(short).contains(&column) { length - less } else { length };
    (0..width).map(|column| (0..long(column)).map(|_| byte()).collect()).collect()
}

/// Rebuilds the columns `lost` from the parities whose bit is set in `given`.
fn rebuilt(
    all: &[Vec<u8>],
    parities: &[Vec<u8>],
    lost: &[usize],
    given: u32,
    order: Order,
) -> Result<Vec<Vec<u8>>, Error> {
    let mut out = all.to_vec();
    for (index, column) in out.iter_mut().enumerate() {
        if lost.contains(&index) {
            column.fill(0x55);
        }
    }
    let mut columns: Vec<_> = out
        .iter_mut()
        .enumerate()
        .map(|(index, column)| match lost.contains(&index) {
            true => Column::Lost(column),
            false => Column::Present(column),
        })
        .collect();
    let chosen = [0, 1, 2].map(|row| (given >> row & 1 == 1).then(|| &parities[row][..]));
    rebuild(&mut columns, chosen, order).map(|()| out)
}

fn parities(columns: &[Vec<u8>], order: Order, length: usize) -> Vec<Vec<u8>> {
    Parity::ALL.map(|which| defined(columns, order, which, length)).to_vec()
}

const ORDERS: [Order; 2] = [Order::FirstIsOne, Order::LastIsOne];

#[test]
fn every_loss_in_every_small_stripe() {
    let mut solved = 0;
    for (order, width) in ORDERS.into_iter().flat_map(|order| (0..=6).map(move |width| (order, width))) {
        // One bit less in `short` than columns: the parities are as long as the longest.
        for short in 0..1 << width.max(1) >> 1 {
            let all = columns(width, 13, short, 5);
            let parities = parities(&all, order, 13);
            for (lost, given) in
                (0_u32..1 << width).flat_map(|lost| (0_u32..8).map(move |given| (lost, given)))
            {
                let result = rebuilt(&all, &parities, &bits(lost), given, order);
                let (lost, available) = (lost.count_ones() as usize, given.count_ones() as usize);
                if lost > available {
                    assert_eq!(result, Err(Error::TooManyLost { lost, parities: available }));
                } else {
                    assert_eq!(result.as_ref(), Ok(&all), "{order:?} {lost:b} of {width} from {given:b}");
                    solved += 1;
                }
            }
        }
    }
    assert_eq!(solved, 2 * expected_solutions());
}

/// How many of those stripes have enough parities: a count by itself, so that the loops above cannot be empty.
fn expected_solutions() -> usize {
    let binomial = |n: usize, k: usize| (0..k).fold(1, |value, i| value * (n - i) / (i + 1));
    let enough = |lost: usize| (lost..=3).map(|parities| binomial(3, parities)).sum::<usize>();
    let of =
        |width: usize| (0..=width.min(3)).map(|lost| binomial(width, lost) * enough(lost)).sum::<usize>();
    (0..=6).map(|width: usize| of(width) << width.saturating_sub(1)).sum()
}

#[test]
fn all_lengths_about_a_word_and_a_block() {
    for length in (0..=17).chain(BLOCK - 9..=BLOCK + 9).chain([3 * BLOCK - 1, 4 * BLOCK]) {
        for order in ORDERS {
            let all = columns(4, length, 0b0110, length.min(BLOCK / 2));
            let parities = parities(&all, order, length);
            for (lost, given) in
                [(0b0001, 1), (0b0010, 2), (0b1000, 4), (0b1100, 6), (0b0011, 5), (0b1110, 7)]
            {
                assert_eq!(
                    rebuilt(&all, &parities, &bits(lost), given, order),
                    Ok(all.clone()),
                    "{length} {lost:b}"
                );
            }
        }
    }
}

#[test]
fn the_widest_stripe_and_one_more() {
    for order in ORDERS {
        let all = columns(255, 16, 1 << 20, 3);
        let parities = parities(&all, order, 16);
        for lost in [[0, 1, 2], [0, 127, 254], [84, 169, 254], [20, 252, 253]] {
            for (count, given) in [(3, 0b111), (2, 0b011), (2, 0b101), (2, 0b110), (1, 0b010), (1, 0b100)] {
                let lost = &lost[..count];
                assert_eq!(
                    rebuilt(&all, &parities, lost, given, order),
                    Ok(all.clone()),
                    "{lost:?} {given:b}"
                );
            }
        }
    }
    let all = columns(256, 16, 0, 0);
    let parities = parities(&all, Order::FirstIsOne, 16);
    assert_eq!(rebuilt(&all, &parities, &[0], 0b001, Order::FirstIsOne), Ok(all.clone()));
    let too_wide = Err(Error::TooWide { columns: 256 });
    assert_eq!(rebuilt(&all, &parities, &[0], 0b110, Order::FirstIsOne), too_wide);
    assert_eq!(rebuilt(&all, &parities, &[0, 1], 0b011, Order::FirstIsOne), too_wide);
}

#[test]
fn parities_are_computed_and_compared_as_defined() {
    for (order, length) in
        ORDERS.into_iter().flat_map(|order| [0, 1, 8, 21, BLOCK, 2 * BLOCK + 3].map(|l| (order, l)))
    {
        let all = columns(5, length, 0b01010, length / 2);
        let slices: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
        for which in Parity::ALL {
            let mut parity = vec![0xaa; length];
            assert_eq!(compute(&slices, order, which, &mut parity), Ok(()));
            assert_eq!(parity, defined(&all, order, which, length));
            assert_eq!(agrees(&slices, order, which, &parity), Ok(true));
            for at in [0, length / 2, length.saturating_sub(1)] {
                if let Some(byte) = parity.get_mut(at) {
                    *byte ^= 0x10;
                    assert_eq!(agrees(&slices, order, which, &parity), Ok(false), "{which:?} at {at}");
                    parity[at] ^= 0x10;
                }
            }
        }
    }
}

#[test]
fn a_lost_column_that_nobody_wants_has_no_buffer() {
    let all = columns(3, 40, 0, 0);
    let parities = parities(&all, Order::FirstIsOne, 40);
    let (mut none, mut beginning) = ([0; 0], [0; 7]);
    let mut columns = [Column::Lost(&mut none), Column::Lost(&mut beginning), Column::Present(&all[2])];
    let given = [None, Some(&parities[1][..]), Some(&parities[2][..])];
    assert_eq!(rebuild(&mut columns, given, Order::FirstIsOne), Ok(()));
    assert_eq!(beginning, all[1][..7]);
}

#[test]
fn an_empty_column_keeps_its_exponent() {
    // md's DDF layouts count the places of P and Q among the exponents.
    let all = [vec![1, 2, 3], vec![], vec![9, 8, 7]];
    let q = defined(&all, Order::FirstIsOne, Parity::Q, 3);
    let mut last = [0; 3];
    let mut columns = [Column::Present(&all[0]), Column::Present(&[]), Column::Lost(&mut last)];
    assert_eq!(rebuild(&mut columns, [None, Some(&q), None], Order::FirstIsOne), Ok(()));
    assert_eq!(last, [9, 8, 7]);
}

#[test]
fn rebuild_rejects_lengths_that_do_not_fit() {
    let mut lost = [0; 5];
    let long = Err(Error::Length { found: 5, parity: 4 });
    assert_eq!(
        rebuild(&mut [Column::Present(&[0; 5])], [Some(&[0; 4]), None, None], Order::FirstIsOne),
        long
    );
    assert_eq!(rebuild(&mut [Column::Lost(&mut lost)], [Some(&[0; 4]), None, None], Order::FirstIsOne), long);
    let parities: [Option<&[u8]>; 3] = [Some(&[0; 4]), None, Some(&[0; 5])];
    assert_eq!(rebuild(&mut [Column::Present(&[0; 4])], parities, Order::FirstIsOne), long);
    assert_eq!(compute(&[&[0; 5]], Order::LastIsOne, Parity::P, &mut [0; 4]), long);
    assert_eq!(
        agrees(&[&[0; 5]], Order::LastIsOne, Parity::P, &[0; 4]),
        Err(Error::Length { found: 5, parity: 4 })
    );
}

#[test]
fn rebuild_without_parity_refuses_losses_only() {
    assert_eq!(rebuild(&mut [Column::Present(&[1])], [None; 3], Order::LastIsOne), Ok(()));
    let lost = Err(Error::TooManyLost { lost: 1, parities: 0 });
    assert_eq!(rebuild(&mut [Column::Lost(&mut [1])], [None; 3], Order::LastIsOne), lost);
}

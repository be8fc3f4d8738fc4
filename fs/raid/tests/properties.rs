// SPDX-License-Identifier: BSD-3-Clause
//! Any stripe survives any loss that its parities cover.

use proptest::prelude::*;
use proptest::sample::subsequence;
use raid::{Column, Order, Parity, agrees, compute, rebuild};

const PARITIES: [Parity; 3] = [Parity::P, Parity::Q, Parity::R];

/// Columns of at most 255, which of them are lost, and which parities are left.
fn stripes() -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<usize>, Vec<usize>)> {
    (1_usize..=255, 0_usize..=3).prop_flat_map(|(width, lost)| {
        let columns = proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), width);
        let indices = subsequence((0..width).collect::<Vec<_>>(), lost.min(width));
        (columns, indices, subsequence(vec![0, 1, 2], lost.min(width)..=3))
    })
}

proptest! {
    #[test]
    fn what_is_lost_comes_back((columns, lost, given) in stripes(), is_first_one: bool) {
        let order = if is_first_one { Order::FirstIsOne } else { Order::LastIsOne };
        let slices: Vec<&[u8]> = columns.iter().map(Vec::as_slice).collect();
        let length = columns.iter().map(Vec::len).max().unwrap_or(0);
        let parities = PARITIES.map(|which| {
            let mut parity = vec![0; length];
            compute(&slices, order, which, &mut parity).expect("at most 255 columns");
            parity
        });
        let mut out = columns.clone();
        lost.iter().for_each(|&index| out[index].fill(0));
        let mut damaged: Vec<_> = out
            .iter_mut()
            .enumerate()
            .map(|(index, column)| match lost.contains(&index) {
                true => Column::Lost(column),
                false => Column::Present(column),
            })
            .collect();
        let given = [0, 1, 2].map(|row| given.contains(&row).then(|| &parities[row][..]));
        prop_assert_eq!(rebuild(&mut damaged, given, order), Ok(()));
        prop_assert_eq!(out, columns);
    }

    #[test]
    fn each_parity_sees_one_changed_byte((columns, ..) in stripes(), column: usize, at: usize, change in 1_u8..) {
        let slices: Vec<&[u8]> = columns.iter().map(Vec::as_slice).collect();
        let length = columns.iter().map(Vec::len).max().unwrap_or(0);
        let mut changed = columns.clone();
        let column = column % columns.len();
        prop_assume!(!changed[column].is_empty());
        let at = at % changed[column].len();
        changed[column][at] ^= change;
        let changed: Vec<&[u8]> = changed.iter().map(Vec::as_slice).collect();
        for which in PARITIES {
            let mut parity = vec![0; length];
            prop_assert_eq!(compute(&slices, Order::LastIsOne, which, &mut parity), Ok(()));
            prop_assert_eq!(agrees(&slices, Order::LastIsOne, which, &parity), Ok(true));
            prop_assert_eq!(agrees(&changed, Order::LastIsOne, which, &parity), Ok(false));
        }
    }
}

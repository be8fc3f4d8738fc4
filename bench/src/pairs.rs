// SPDX-License-Identifier: BSD-3-Clause
//! Two sides measured in turn: A B A B.

use serde::Serialize;

/// One measurement of each side, one directly after the other, in the same unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Ours.
    pub ours: f64,
    /// The other's.
    pub theirs: f64,
}

/// The median of ratios, and their range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The smallest.
    pub least: f64,
    /// Half are smaller, half are larger.
    pub median: f64,
    /// The largest.
    pub most: f64,
}

impl Spread {
    /// The spread of values; none if there are none.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        Some(Self { least: *values.first()?, median: middle(&values)?, most: *values.last()? })
    }
}

/// Runs ours and theirs in turn, `count` times each.
///
/// # Errors
/// The first error of either side.
pub fn run<E>(
    count: usize,
    mut ours: impl FnMut() -> Result<f64, E>,
    mut theirs: impl FnMut() -> Result<f64, E>,
) -> Result<Vec<Pair>, E> {
    (0..count).map(|_| Ok(Pair { ours: ours()?, theirs: theirs()? })).collect()
}

/// The median of sorted values; the mean of the middle two if their number is even.
fn middle(sorted: &[f64]) -> Option<f64> {
    let half = sorted.len() / 2;
    let upper = *sorted.get(half)?;
    if sorted.len() % 2 == 1 { Some(upper) } else { Some(f64::midpoint(*sorted.get(half - 1)?, upper)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn median(values: &[f64]) -> Option<f64> {
        Spread::of(values.iter().copied()).map(|spread| spread.median)
    }

    #[test]
    fn the_median_does_not_follow_one_slow_run() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[1000.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 1000.0]), Some(3.0));
        let spread = Spread::of([2.0, 9.0, 1.0].into_iter());
        assert_eq!(spread, Some(Spread { least: 1.0, median: 2.0, most: 9.0 }));
    }

    #[test]
    fn sides_take_turns_and_the_first_error_ends_it() {
        let log = std::cell::RefCell::new(String::new());
        let side = |name: char| {
            log.borrow_mut().push(name);
            if log.borrow().len() > 5 { Err("enough") } else { Ok(1.0) }
        };
        assert_eq!(run(9, || side('A'), || side('B')), Err("enough"));
        assert_eq!(*log.borrow(), "ABABAB");
        assert_eq!(run::<()>(2, || Ok(1.0), || Ok(2.0)), Ok(vec![Pair { ours: 1.0, theirs: 2.0 }; 2]));
    }
}

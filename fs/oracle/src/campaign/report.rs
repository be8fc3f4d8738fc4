// SPDX-License-Identifier: BSD-3-Clause
//! The results of a campaign.

use std::fmt;

use super::{Plan, mutate::Mutant};

/// The outcome of a campaign.
#[derive(Clone, Debug)]
#[must_use]
pub struct Report {
    /// The plan's name.
    pub name: String,
    /// The seed of its mutants.
    pub seed: u64,
    /// Mutants that were read.
    pub mutants: usize,
    /// The plan's layers, and how many mutants passed each.
    pub layers: Vec<Layer>,
    /// The mutants that the reader did not survive.
    pub failures: Vec<Failure>,
    /// Whether the campaign stopped early because of too many failures.
    pub is_given_up: bool,
}

/// How many mutants passed a layer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Layer {
    /// The plan's name for it.
    pub name: String,
    /// Mutants without repaired checksums.
    pub plain: usize,
    /// Mutants with repaired checksums.
    pub repaired: usize,
}

/// A mutant that the reader did not survive; [`Plan::mutant`] reproduces it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// Its number.
    pub number: usize,
    /// Offset and change.
    pub mutant: String,
    /// What happened.
    pub cause: String,
}

impl Report {
    pub(super) fn new(plan: Plan<'_>) -> Self {
        let layer = |name: &&str| Layer { name: name.to_string(), plain: 0, repaired: 0 };
        let layers = plan.layers.iter().map(layer).collect();
        let (name, seed) = (plan.name.to_string(), plan.seed);
        Self { name, seed, mutants: plan.mutants, layers, failures: Vec::new(), is_given_up: false }
    }

    pub(super) fn passed(&mut self, number: usize, layers: usize) {
        for layer in self.layers.iter_mut().take(layers) {
            *(if Mutant::is_repaired(number) { &mut layer.repaired } else { &mut layer.plain }) += 1;
        }
    }

    /// # Panics
    /// If a mutant failed, or if no repaired mutant passed some layer, so that nothing after that layer was tested.
    pub fn check(&self) {
        assert!(self.failures.is_empty(), "{}: the reader did not survive every mutant\n{self}", self.name);
        let unreached = self.layers.iter().find(|layer| layer.repaired == 0);
        assert!(self.mutants == 0 || unreached.is_none(), "{}: no mutant passed {unreached:?}", self.name);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "campaign {}: {} mutants of seed {:#x}", self.name, self.mutants, self.seed)?;
        for Layer { name, plain, repaired } in &self.layers {
            write!(f, "\n  passed {name}: {plain} plain, {repaired} repaired")?;
        }
        for Failure { number, mutant, cause } in &self.failures {
            write!(f, "\n  mutant {number} ({mutant}): {cause}")?;
        }
        f.write_str(if self.is_given_up { "\n  given up: too many failures" } else { "" })
    }
}

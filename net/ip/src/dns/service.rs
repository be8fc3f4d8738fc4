// SPDX-License-Identifier: BSD-3-Clause
//! Hosts that offer a service, in the order in which they are tried (RFC 2782).

use alloc::{string::String, vec::Vec};

use crate::{Entropy, random_u32};

/// A host that offers a service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Service {
    /// The host's name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Lower values are tried first.
    pub priority: u16,
    /// The share among hosts of equal priority.
    pub weight: u16,
}

/// Sorts services by priority, and at random by weight among those of equal priority.
pub(super) fn order(services: &mut Vec<Service>, entropy: &mut dyn Entropy) {
    // Weight 0 first: it has a small chance (RFC 2782, "Weight").
    services.sort_by_key(|service| (service.priority, service.weight));
    let mut ordered = Vec::with_capacity(services.len());
    while let Some(first) = services.first() {
        let priority = first.priority;
        let equal = || services.iter().filter(move |service| service.priority == priority);
        // Cannot saturate: at most MOST_RECORDS weights of 16 bits.
        let total: u32 = equal().map(|service| u32::from(service.weight)).fold(0, u32::saturating_add);
        let chosen = below(total, entropy);
        let mut sum: u32 = 0;
        let place = equal().position(|service| {
            sum = sum.saturating_add(u32::from(service.weight));
            sum >= chosen
        });
        // Those of equal priority are first.
        ordered.push(services.remove(place.unwrap_or(0)));
    }
    *services = ordered;
}

/// A uniform random number from 0 to `most`.
fn below(most: u32, entropy: &mut dyn Entropy) -> u32 {
    let random = random_u32(entropy);
    most.checked_add(1).and_then(|count| random.checked_rem(count)).unwrap_or(random)
}

#[cfg(test)]
mod tests {
    use std::{format, vec};

    use super::*;

    struct Fixed(u32);

    impl Entropy for Fixed {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.copy_from_slice(&self.0.to_be_bytes());
        }
    }

    fn order_of(list: &[(u16, u16)], random: u32) -> Vec<(u16, u16)> {
        let service = |&(priority, weight)| Service { host: format!("{weight}"), port: 1, priority, weight };
        let mut services = list.iter().map(service).collect();
        order(&mut services, &mut Fixed(random));
        services.into_iter().map(|service| (service.priority, service.weight)).collect()
    }

    #[test]
    fn services_are_in_order_of_priority() {
        assert_eq!(order_of(&[(2, 0), (1, 0), (3, 0)], 7), [(1, 0), (2, 0), (3, 0)]);
        assert_eq!(order_of(&[], 7), vec![]);
    }

    #[test]
    fn weights_are_shares() {
        // Of 0 to 40, 11 and more are the second's.
        assert_eq!(order_of(&[(1, 30), (1, 10), (2, 9)], 5)[0], (1, 10));
        assert_eq!(order_of(&[(1, 30), (1, 10), (2, 9)], 11)[0], (1, 30));
        assert_eq!(order_of(&[(1, 30), (1, 0)], 0)[0], (1, 0));
        let all = order_of(&[(1, u16::MAX); 256], u32::MAX);
        assert_eq!(all.len(), 256);
    }
}

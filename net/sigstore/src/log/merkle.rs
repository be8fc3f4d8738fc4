// SPDX-License-Identifier: BSD-3-Clause
//! Merkle trees: the path from a leaf to the root.

use sha2::{Digest as _, Sha256};

/// The hash of a node.
pub(crate) type Node = [u8; 32];

/// The prefixes hashed before a leaf, and before two nodes, so that a node cannot be mistaken for a leaf.
const LEAF: [u8; 1] = [0];
const INNER: [u8; 1] = [1];

/// The root of a tree with `size` leaves and this leaf at `index`; `None` if the path is not one of such a
/// leaf: the index is too large, the path too long or too short, or an element of it is not a hash.
///
/// Spec: RFC 9162 section 2.1.3.2, whose trees are those of RFC 6962 section 2.1.
pub(crate) fn root(leaf: &[u8], index: u64, size: u64, path: &[impl AsRef<[u8]>]) -> Option<Node> {
    let mut last = size.checked_sub(1)?;
    let mut number = index;
    if number > last {
        return None;
    }
    let mut node = hash(&[&LEAF, leaf]);
    for sibling in path {
        let sibling: &Node = sibling.as_ref().try_into().ok()?;
        if last == 0 {
            return None;
        }
        let is_right = number & 1 == 1;
        if is_right || number == last {
            node = hash(&[&INNER, sibling, &node]);
            // The last node of a level with an odd number of nodes is the same node one level up.
            while !is_odd_or_zero(number) {
                (number, last) = (number >> 1, last >> 1);
            }
        } else {
            node = hash(&[&INNER, &node, sibling]);
        }
        (number, last) = (number >> 1, last >> 1);
    }
    (last == 0).then_some(node)
}

const fn is_odd_or_zero(number: u64) -> bool {
    number & 1 == 1 || number == 0
}

fn hash(parts: &[&[u8]]) -> Node {
    parts.iter().fold(Sha256::new(), |hasher, part| hasher.chain_update(part)).finalize().into()
}

#[cfg(test)]
mod tests {
    use std::{format, vec, vec::Vec};

    use super::*;

    /// RFC 6962 section 2.1: the root, and the path, from their definitions, which are recursive.
    fn tree(leaves: &[Vec<u8>]) -> Node {
        match leaves {
            [] => hash(&[]),
            [leaf] => hash(&[&LEAF, leaf]),
            _ => {
                let (left, right) = leaves.split_at(half(leaves.len()));
                hash(&[&INNER, &tree(left), &tree(right)])
            }
        }
    }

    fn path(number: usize, leaves: &[Vec<u8>]) -> Vec<Node> {
        if leaves.len() < 2 {
            return vec![];
        }
        let half = half(leaves.len());
        let (left, right) = leaves.split_at(half);
        let (mut path, other) = if number < half {
            (path(number, left), tree(right))
        } else {
            (path(number - half, right), tree(left))
        };
        path.push(other);
        path
    }

    /// The largest power of two that is smaller.
    fn half(count: usize) -> usize {
        count.next_power_of_two() / 2
    }

    fn leaves(count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|number| format!("leaf {number}").into_bytes()).collect()
    }

    #[test]
    fn every_leaf_of_every_small_tree_leads_to_the_root() {
        for count in 1..40 {
            let leaves = leaves(count);
            let expected = tree(&leaves);
            for (number, leaf) in leaves.iter().enumerate() {
                let path = path(number, &leaves);
                let found = root(leaf, number as u64, count as u64, &path);
                assert_eq!(found, Some(expected), "leaf {number} of {count}");
            }
        }
    }

    #[test]
    fn another_leaf_number_size_or_path_leads_elsewhere() {
        for count in 2..20 {
            let leaves = leaves(count);
            let expected = Some(tree(&leaves));
            for (number, leaf) in leaves.iter().enumerate() {
                let way = path(number, &leaves);
                let (place, size) = (number as u64, count as u64);
                assert_ne!(root(b"other", place, size, &way), expected);
                for other in (0..24).filter(|other| *other != place) {
                    assert_ne!(root(leaf, other, size, &way), expected, "{other} for {number} of {count}");
                }
                for at in 0..way.len() {
                    let mut way = way.clone();
                    way[at][7] ^= 1;
                    assert_ne!(root(leaf, place, size, &way), expected);
                    way.remove(at);
                    assert_eq!(root(leaf, place, size, &way), None, "too short");
                }
                let longer = [way.as_slice(), &[[0; 32]]].concat();
                assert_eq!(root(leaf, place, size, &longer), None, "too long");
            }
        }
    }

    #[test]
    fn what_is_no_hash_leads_nowhere() {
        assert!(root(b"", 0, 2, &[[0; 32]]).is_some());
        assert_eq!(root(b"", 0, 2, &[[0; 31]]), None);
        assert_eq!(root(b"", 0, 2, &[[0; 33]]), None);
    }

    #[test]
    fn an_inner_node_is_no_leaf() {
        let leaves = leaves(4);
        let expected = tree(&leaves);
        let forged = [tree(&leaves[..1]), tree(&leaves[1..2])].concat();
        assert_ne!(root(&forged, 0, 2, &[tree(&leaves[2..])]), Some(expected));
    }

    #[test]
    fn numbers_at_their_limits() {
        const NONE: &[Node] = &[];
        assert_eq!(root(b"", 0, 0, NONE), None, "no leaves");
        assert_eq!(root(b"", u64::MAX, u64::MAX, NONE), None, "behind the last");
        assert!(root(b"", u64::MAX - 1, u64::MAX, &[[0; 32]; 63]).is_some());
        assert!(root(b"", 0, u64::MAX, &[[0; 32]; 64]).is_some());
        assert_eq!(root(b"", 0, 1, NONE), Some(hash(&[&LEAF])));
    }
}

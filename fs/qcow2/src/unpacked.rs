// SPDX-License-Identifier: BSD-3-Clause
//! A cache of recently unpacked clusters.

use alloc::vec::Vec;
use core::cell::RefCell;

use block::ReadError;

use crate::zeros;

/// Capacity in bytes.
const CAPACITY: u64 = 4 << 20;
/// Maximum number of cached clusters: the cache is searched linearly.
const MOST: u64 = 64;

/// A cache of unpacked clusters, by cluster number of the disk.
pub struct Unpacked {
    cluster_size: u64,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// The most recently used one is last.
    clusters: Vec<(u64, Vec<u8>)>,
}

impl Unpacked {
    /// A cache for clusters of this size, at most 2 MiB.
    pub fn new(cluster_size: u64) -> Self {
        Self { cluster_size, state: RefCell::default() }
    }

    /// Fills `buf` from byte `within` of a cluster on, not past its end. If the cluster is not cached, `unpack` is
    /// called to fill a whole one.
    pub fn read(
        &self,
        cluster: u64,
        within: u64,
        buf: &mut [u8],
        unpack: impl FnOnce(&mut [u8]) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let clusters = &mut self.state.borrow_mut().clusters;
        if let Some(position) = clusters.iter().position(|(number, _)| *number == cluster) {
            if let Some(after) = clusters.get_mut(position..) {
                after.rotate_left(1);
            }
        } else if within == 0 && crate::length(buf) == self.cluster_size {
            // Not cached: a reader of the whole cluster does not come back for a part.
            return unpack(buf);
        } else {
            let most = CAPACITY.checked_div(self.cluster_size).unwrap_or(1).clamp(1, MOST);
            let is_full = u64::try_from(clusters.len()).is_ok_and(|count| count >= most);
            let mut bytes =
                if is_full { clusters.remove(0).1 } else { zeros(self.cluster_size, "unpacked cluster")? };
            unpack(&mut bytes)?;
            clusters.push((cluster, bytes));
        }
        let bytes = clusters.last().map_or(&[][..], |(_, bytes)| bytes);
        let start = usize::try_from(within).unwrap_or(usize::MAX);
        if let Some(source) = bytes.get(start..).and_then(|rest| rest.get(..buf.len())) {
            buf.copy_from_slice(source);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use damage::Fault;

    use super::*;

    const SIZE: u64 = 2 << 20;

    fn read(cache: &Unpacked, cluster: u64, buf: &mut [u8], count: &Cell<u32>) -> Result<(), ReadError> {
        cache.read(cluster, 1, buf, |bytes| {
            count.set(count.get() + 1);
            bytes.fill(cluster as u8);
            Ok(())
        })
    }

    #[test]
    fn the_last_ones_are_kept() {
        let (cache, count) = (Unpacked::new(SIZE), Cell::new(0));
        for cluster in [1, 2, 1, 1, 3, 1, 2] {
            let mut buf = [0; 2];
            read(&cache, cluster, &mut buf, &count).unwrap();
            assert_eq!(buf, [cluster as u8; 2]);
        }
        assert_eq!(count.get(), 4, "1, 2, 3 and again 2");
    }

    #[test]
    fn a_whole_cluster_passes_by_and_a_damaged_one_is_not_kept() {
        let (cache, count) = (Unpacked::new(SIZE), Cell::new(0));
        let mut whole = std::vec![0; SIZE as usize];
        cache
            .read(1, 0, &mut whole, |bytes| {
                bytes.fill(7);
                Ok(())
            })
            .unwrap();
        assert!(whole.iter().all(|byte| *byte == 7));
        let damaged = crate::corrupt(Fault::Data, "compressed cluster", 0, 0u32);
        let mut buf = [0; 2];
        assert_eq!(cache.read(1, 1, &mut buf, |_| Err(damaged.clone())), Err(damaged));
        read(&cache, 1, &mut buf, &count).unwrap();
        assert_eq!((buf, count.get()), ([1; 2], 1));
    }
}

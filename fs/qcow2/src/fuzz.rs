// SPDX-License-Identifier: BSD-3-Clause
//! The fuzz entry point.

use alloc::{rc::Rc, vec};

use block::BlockRead;

use crate::{Header, Qcow2};

/// Maximum number of clusters to read: more than a small valid input can hold.
const MOST: u64 = 256;
/// Bytes of the backing device, which ends before the end of larger disks.
const BACKING: usize = 5000;

/// Fuzz entry point: any bytes give a value or an error, and so does everything in them.
pub fn fuzz(data: &[u8]) {
    let _ = Header::read(&data);
    let _ = Qcow2::open(data);
    let Ok(image) = Qcow2::open_with_backing(data, Rc::new(vec![0x5a; BACKING])) else {
        return;
    };
    let size = image.size();
    let mut buf = vec![0; 4096];
    let mut read = |offset: u64, length: u64| {
        // Saturates at zero past the end, where nothing is read.
        let length = usize::try_from(length.min(size.saturating_sub(offset))).unwrap_or(usize::MAX);
        // Any result is fine, as long as it returns.
        let _ = image.read_at(offset, buf.get_mut(..length).unwrap_or_default());
    };
    // The first clusters, and as many more spread over the disk.
    let cluster = image.header().cluster_size();
    let step = size.checked_div(MOST).unwrap_or(0);
    for number in 0..MOST {
        read(number.saturating_mul(cluster), 1);
        read(number.saturating_mul(step), 4096);
    }
    read(size.saturating_sub(4096), 4096);
}

// SPDX-License-Identifier: BSD-3-Clause
//! The fuzz entry point.

use alloc::{rc::Rc, vec};

use crate::{Disk, Volumes};

/// Maximum file size to read, in bytes.
const LIMIT: u64 = 64 * 1024;

/// Fuzz entry point: a disk of any bytes has volumes or problems, and a path on a volume yields a value or an
/// error.
pub fn fuzz(data: &[u8]) {
    let device = Rc::new(data.to_vec());
    let volumes = Volumes::discover(vec![Disk { device, name: "hd0".into() }]);
    for volume in volumes.all() {
        // Any result is fine, as long as it returns.
        let _ = volume.read(b"/boot/vmlinuz", LIMIT);
        for entry in volume.list(b"/").unwrap_or_default() {
            let _ = volume.read(&entry.name, LIMIT);
        }
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! The fuzz entry point.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use block::Memory;
use filesystem::FileSystem;

use crate::{Ext4, InodeNumber, label};

/// Maximum number of nodes to visit: more than a small valid input can hold.
const MOST: usize = 256;

/// Fuzz entry point: any bytes give a value or an error, and so does everything in them.
pub fn fuzz(data: &[u8]) {
    let _ = label::set(&Memory::new(data.to_vec()), b"label");
    let Ok(ext4) = Ext4::open(data) else {
        return;
    };
    let mut waiting: Vec<InodeNumber> = Vec::from([ext4.root()]);
    let mut buf = [0; 4096];
    for _ in 0..MOST {
        let Some(node) = waiting.pop() else { break };
        if let Ok(attr) = ext4.attr(&node) {
            let _ = ext4.read_at(&node, 0, &mut buf);
            let _ = ext4.read_at(&node, attr.size / 2, &mut buf);
            // Saturates at zero for an empty file, which is read from its start.
            let _ = ext4.read_at(&node, attr.size.saturating_sub(1), &mut buf);
        }
        let _ = ext4.read_link(&node);
        let mut last = Vec::new();
        let _ = ext4.read_dir(&node, &mut |name, inner, _| {
            waiting.push(inner);
            last = name.to_vec();
            if waiting.len() < MOST { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let _ = ext4.lookup(&node, &last);
    }
}

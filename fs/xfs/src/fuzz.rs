// SPDX-License-Identifier: BSD-3-Clause
//! The fuzz entry point.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use filesystem::FileSystem;

use crate::{InodeNumber, Xfs};

/// The most nodes that one input is walked for: more than a small valid image holds.
const MOST: usize = 256;

/// Fuzz entry point of the log: any bytes as a log, with any superblock values.
pub fn log(data: &[u8]) {
    crate::log::fuzz(data);
}

/// Fuzz entry point: any bytes, and everything read from them, must give a value or an error.
pub fn fuzz(data: &[u8]) {
    let Ok(xfs) = Xfs::open(data) else {
        return;
    };
    let _ = (xfs.summary(), xfs.warnings());
    let mut waiting: Vec<InodeNumber> = Vec::from([xfs.root()]);
    let mut buf = [0; 4096];
    for _ in 0..MOST {
        let Some(node) = waiting.pop() else { break };
        if let Ok(attr) = xfs.attr(&node) {
            let _ = xfs.read_at(&node, 0, &mut buf);
            let _ = xfs.read_at(&node, attr.size / 2, &mut buf);
            // Saturates for an empty file, which is read from offset 0.
            let _ = xfs.read_at(&node, attr.size.saturating_sub(1), &mut buf);
        }
        let _ = xfs.read_link(&node);
        let mut last = Vec::new();
        let _ = xfs.read_dir(&node, &mut |name, inner, _| {
            waiting.push(inner);
            last = name.to_vec();
            if waiting.len() < MOST { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let _ = xfs.lookup(&node, &last);
    }
}

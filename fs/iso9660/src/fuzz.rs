// SPDX-License-Identifier: BSD-3-Clause
//! The entry point for fuzzers.

use alloc::{vec, vec::Vec};
use core::ops::ControlFlow;

use filesystem::{Error, FileSystem};

use crate::{Iso9660, Node};

/// Maximum number of nodes that one run visits, so that directories that contain each other terminate.
const MOST_NODES: usize = 256;

/// Fuzz entry point: any bytes give a value or an error.
///
/// Opens the bytes as a volume, lists its boot entries and directories, reads links and both ends of files.
pub fn fuzz(data: &[u8]) {
    let _ = crate::probe(data);
    let Ok(iso) = Iso9660::open(data) else { return };
    let _ = iso.boot_entries();
    let mut waiting = vec![iso.root()];
    let mut looked_at = 0usize;
    while let Some(node) = waiting.pop() {
        let _ = iso.lookup(&node, b"EFI");
        let children = list(&iso, &node).unwrap_or_default();
        for child in children {
            // Cannot saturate: it ends at MOST_NODES.
            looked_at = looked_at.saturating_add(1);
            if looked_at > MOST_NODES {
                return;
            }
            let mut bytes = [0; 1024];
            let _ = iso.read_link(&child);
            let size = iso.attr(&child).map_or(0, |attr| attr.size);
            let _ = iso.read_at(&child, 0, &mut bytes);
            // Saturates at zero for a smaller file, which is read from its start.
            let _ = iso.read_at(&child, size.saturating_sub(512), &mut bytes);
            waiting.push(child);
        }
    }
}

fn list(iso: &Iso9660<&[u8]>, node: &Node) -> Result<Vec<Node>, Error> {
    let mut children = Vec::new();
    iso.read_dir(node, &mut |_, child, _| {
        children.push(child);
        if children.len() < MOST_NODES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(children)
}

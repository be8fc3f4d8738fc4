// SPDX-License-Identifier: BSD-3-Clause
//! The entry points for fuzzers.

use alloc::{vec, vec::Vec};
use core::ops::ControlFlow;

use block::Memory;
use filesystem::{Error, FileSystem, Timestamp};

use crate::{Fat, Node, edit::Editor};

/// Maximum number of nodes that one run visits, so that directories that contain each other terminate.
const MOST_NODES: usize = 256;

/// Fuzz entry point: any bytes give a value or an error.
///
/// Opens the bytes as a volume, lists its directories and reads the start and the end of its files.
pub fn fuzz(data: &[u8]) {
    let _ = crate::probe(data);
    let Ok(fat) = Fat::open(data) else { return };
    let mut waiting = vec![fat.root()];
    let mut looked_at = 0usize;
    while let Some(node) = waiting.pop() {
        let _ = fat.lookup(&node, b"EFI");
        let children = list(&fat, &node).unwrap_or_default();
        for child in children {
            // Cannot saturate: it ends at MOST_NODES.
            looked_at = looked_at.saturating_add(1);
            if looked_at > MOST_NODES {
                return;
            }
            let mut bytes = [0; 1024];
            let size = fat.attr(&child).map_or(0, |attr| attr.size);
            let _ = fat.read_at(&child, 0, &mut bytes);
            // Saturates at zero for a smaller file, which is read from its start.
            let _ = fat.read_at(&child, size.saturating_sub(512), &mut bytes);
            waiting.push(child);
        }
    }
}

/// Fuzz entry point: changing any bytes succeeds or is an error.
///
/// Opens the bytes as a volume and writes, renames and removes files in it, whatever fails.
pub fn fuzz_edit(data: &[u8]) {
    let Ok(mut editor) = Editor::open(Memory::new(data.to_vec())) else { return };
    let (time, content) = (Timestamp::default(), vec![0x5a; 3000]);
    let _ = editor.write("EFI/BOOT/BOOTX64.EFI", &content, time);
    let _ = editor.write("a new folder/with a new file.conf", &content, time);
    let _ = editor.rename("a new folder/with a new file.conf", "a new folder/and its name.conf");
    let _ = editor.rename("a rather long name.txt", "EFI/another.txt");
    let _ = editor.remove("EMPTY");
    let _ = editor.remove("a new folder/and its name.conf");
    let _ = editor.create_folder("EFI/Linux", time);
}

fn list(fat: &Fat<&[u8]>, node: &Node) -> Result<Vec<Node>, Error> {
    let mut children = Vec::new();
    fat.read_dir(node, &mut |_, child, _| {
        children.push(child);
        if children.len() < MOST_NODES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(children)
}

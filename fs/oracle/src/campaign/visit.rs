// SPDX-License-Identifier: BSD-3-Clause
//! A walk over a filesystem that may be damaged.

use std::ops::ControlFlow;

use filesystem::{FileSystem, FileType};

use super::Depth;

/// Maximum number of nodes to visit: images of campaigns have fewer than a hundred, damaged ones may seem to have more.
const MOST_NODES: usize = 500;
/// Maximum number of bytes to read of one file, and in one read of it.
const MOST_BYTES: u64 = 1024 * 1024;
const CHUNK: usize = 64 * 1024;
/// Number of offsets of a file at which its map is tested.
const PROBES: u64 = 16;

/// Statistics of a walk.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Visited {
    /// Nodes whose attributes were read, the root included.
    pub nodes: usize,
    /// Operations on folders, links and attributes that failed.
    pub failed: usize,
    /// Regular files of which every requested byte was read.
    pub files: usize,
    /// Regular files of which some bytes could not be read.
    pub unread: usize,
}

/// Walks over everything and continues after errors, so that damage in one place does not keep the reader's other code
/// from being tested. Bounded, whatever the filesystem claims.
pub fn visit<F: FileSystem>(filesystem: &F, depth: Depth) -> Visited {
    let mut visited = Visited::default();
    let mut todo = vec![filesystem.root()];
    let mut seen = 0;
    while let Some(node) = todo.pop() {
        seen += 1;
        let Ok(attr) = filesystem.attr(&node) else {
            visited.failed += 1;
            continue;
        };
        visited.nodes += 1;
        match attr.kind {
            FileType::Directory => {
                let mut names = Vec::new();
                // Never breaks: the reader must make sure that a folder ends.
                let all = filesystem.read_dir(&node, &mut |name, child, _| {
                    if seen + todo.len() + names.len() < MOST_NODES {
                        names.push((name.to_vec(), child));
                    }
                    ControlFlow::Continue(())
                });
                visited.failed += usize::from(all.is_err());
                for (name, child) in names {
                    visited.failed += usize::from(filesystem.lookup(&node, &name).is_err());
                    todo.push(child);
                }
            }
            FileType::Symlink => visited.failed += usize::from(filesystem.read_link(&node).is_err()),
            FileType::File => match read(filesystem, &node, attr.size, depth) {
                true => visited.files += 1,
                false => visited.unread += 1,
            },
            _ => {}
        }
    }
    visited
}

/// Reads single bytes all over the file and, with `Depth::All`, its whole beginning.
fn read<F: FileSystem>(filesystem: &F, node: &F::Node, size: u64, depth: Depth) -> bool {
    // Saturates for an empty file, which is read from its start.
    let last = size.saturating_sub(1);
    let mut is_whole = true;
    for probe in 0..=PROBES {
        let offset = (u128::from(last) * u128::from(probe) / u128::from(PROBES)) as u64;
        is_whole &= filesystem.read_at(node, offset, &mut [0]).is_ok();
    }
    let (mut offset, mut buf) = (0, vec![0; CHUNK]);
    while depth == Depth::All && offset < size.min(MOST_BYTES) {
        match filesystem.read_at(node, offset, &mut buf) {
            Ok(length) if length > 0 => offset += length as u64,
            _ => {
                is_whole = false;
                break;
            }
        }
    }
    is_whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tree;

    #[test]
    fn everything_is_visited_once() {
        let tree = Tree::new().file("/a/x", vec![1; 200_000]).symlink("/l", "a").dir("/b").file("/y", "");
        for depth in [Depth::Metadata, Depth::All] {
            assert_eq!(visit(&tree, depth), Visited { nodes: 6, failed: 0, files: 2, unread: 0 });
        }
    }
}

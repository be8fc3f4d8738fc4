// SPDX-License-Identifier: BSD-3-Clause
//! Walks a path to its node.

use alloc::{rc::Rc, vec::Vec};

use filesystem::{Error, FileType};

use crate::erased::{Erased, ErasedNode};

/// Maximum number of symbolic links in one path, as in Linux (`MAXSYMLINKS`).
const MOST_LINKS: usize = 40;
/// Maximum number of components of a path and all its links: each costs a lookup, and real paths have dozens.
const MOST_COMPONENTS: usize = 4096;

/// What to do if the last component is a symbolic link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Last {
    /// Follow it.
    Follow,
    /// Return the link itself.
    Keep,
}

/// Finds the node of `path`, which starts at `root` with or without a leading slash.
///
/// This terminates: each step consumes a component, at most 40 links add components, and their total is limited.
pub fn walk(
    filesystem: &dyn Erased,
    root: &ErasedNode,
    path: &[u8],
    last: Last,
) -> Result<ErasedNode, Error> {
    // Components still to walk, the next one last.
    let mut todo = components(path);
    // The folders from the root to `here`.
    let mut trail: Vec<ErasedNode> = Vec::new();
    let mut here = Rc::clone(root);
    let (mut links, mut done) = (0usize, 0usize);
    while let Some(name) = todo.pop() {
        // Cannot saturate: the path is in memory, and links bring few components.
        done = done.saturating_add(1);
        match name.as_slice() {
            b"." => expect_directory(filesystem, &here)?,
            b".." => {
                expect_directory(filesystem, &here)?;
                here = trail.pop().unwrap_or_else(|| Rc::clone(root));
            }
            name => {
                let next = filesystem.lookup(&here, name)?;
                let is_link = filesystem.attr(&next)?.kind == FileType::Symlink;
                if !is_link || (todo.is_empty() && last == Last::Keep) {
                    trail.push(here);
                    here = next;
                    continue;
                }
                // Cannot saturate: `MOST_LINKS` ends the walk.
                links = links.saturating_add(1);
                if links > MOST_LINKS {
                    return Err(Error::TooManyLinks);
                }
                let target = filesystem.read_link(&next)?;
                if target.is_empty() {
                    return Err(Error::NotFound);
                }
                if target.first() == Some(&b'/') {
                    trail.clear();
                    here = Rc::clone(root);
                }
                todo.extend(components(&target));
                // Saturates at zero if `done` is over the limit: no component may follow then.
                if todo.len() > MOST_COMPONENTS.saturating_sub(done) {
                    return Err(Error::TooManyLinks);
                }
            }
        }
    }
    Ok(here)
}

/// The components in reverse order. A trailing slash adds a component `.`: what is before it must be a directory, and
/// is followed if it is a link.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    let end = path.ends_with(b"/").then_some(b".".as_slice());
    let names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).chain(end);
    let mut names: Vec<_> = names.map(<[u8]>::to_vec).collect();
    names.reverse();
    names
}

fn expect_directory(filesystem: &dyn Erased, node: &ErasedNode) -> Result<(), Error> {
    match filesystem.attr(node)?.kind {
        FileType::Directory => Ok(()),
        _ => Err(Error::WrongType { expected: "directory" }),
    }
}

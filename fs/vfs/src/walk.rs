// SPDX-License-Identifier: BSD-3-Clause
//! From a path to a node.

use alloc::{rc::Rc, vec::Vec};

use filesystem::{Error, FileType};

use crate::erased::{Erased, ErasedNode};

/// Symbolic links of one path, as Linux allows (`MAXSYMLINKS`).
const MOST_LINKS: usize = 40;
/// Components of a path with those of all its links: each may be a look into a folder, and an honest path has dozens.
const MOST_COMPONENTS: usize = 4096;

/// What happens when the last component is a symbolic link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Last {
    /// It is followed.
    Follow,
    /// It is the result.
    Keep,
}

/// Finds the node of `path`, from `root` whether or not it starts with a slash.
///
/// It ends: each step takes a component, and at most 40 links add theirs, which are limited together.
pub fn walk(
    filesystem: &dyn Erased,
    root: &ErasedNode,
    path: &[u8],
    last: Last,
) -> Result<ErasedNode, Error> {
    // What is left to do, the next component last.
    let mut todo = components(path);
    // The folders from the root to where we are.
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
                // Saturates where more are done than may be: none may follow then.
                if todo.len() > MOST_COMPONENTS.saturating_sub(done) {
                    return Err(Error::TooManyLinks);
                }
            }
        }
    }
    Ok(here)
}

/// The components, the first one last. A slash at the end is one more, `.`: what stands before it must be a
/// directory, and is followed if it is a link.
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

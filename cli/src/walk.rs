// SPDX-License-Identifier: BSD-3-Clause
//! Walks a tree of an image within limits, even if the image is malformed.

use code::Code;
use vfs::{Error, Node};

use crate::codes;

/// Limit of nested folders.
const DEEPEST: usize = 256;
/// How often that limit may be reached before no more folders are entered: then folders contain each other.
const MOST_DEEP: u32 = 64;
/// Limit of names still to be visited: with the longest names, they need 47 MiB.
const MOST_WAITING: usize = 131_072;
/// Least bytes of the disk for a name, in any format.
const BYTES_PER_NAME: u64 = 8;
/// Limit of names for the largest image: a folder that contains itself ends within a minute.
const MOST_NAMES: u64 = 16_000_000;
/// Names and bytes that are allowed for even the smallest image.
const NAMES: u64 = 4096;
const BYTES: u64 = 1 << 30;
/// Files may be larger than the image, due to holes.
const HOLES: u64 = 16;

/// In which order a tree is visited.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// By the bytes of whole paths: `/a`, `/a-b`, `/a/c`.
    Bytes,
    /// A folder's content directly after it.
    Tree,
}

/// A node that is visited.
pub struct Visit<'v, 'a> {
    /// Its path.
    pub path: &'v [u8],
    /// Its own name; empty for the first.
    pub name: &'v [u8],
    /// Folders between it and the first.
    pub depth: usize,
    /// The node.
    pub node: &'v Node<'a>,
    /// Its attributes.
    pub attr: Result<filesystem::Attr, Error>,
    /// Why a folder is not entered, or only in part.
    pub trouble: Option<Trouble>,
}

/// Why something is left out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trouble {
    /// The stable code.
    pub code: Code,
    /// The cause.
    pub cause: String,
}

impl From<&Error> for Trouble {
    fn from(error: &Error) -> Self {
        Self { code: error.code(), cause: error.to_string() }
    }
}

/// What an image of a given size can plausibly hold: the bound for folders that contain themselves and for files of
/// holes only.
pub struct Budget {
    names: u64,
    bytes: u64,
    deep: u32,
}

impl Budget {
    /// The budget for images of `size` bytes in total.
    pub fn new(size: u64) -> Self {
        Self {
            names: (size / BYTES_PER_NAME).saturating_add(NAMES).min(MOST_NAMES),
            bytes: size.saturating_mul(HOLES).saturating_add(BYTES),
            deep: MOST_DEEP,
        }
    }

    /// Takes the bytes of a file that will be read.
    pub fn take(&mut self, bytes: u64) -> Result<(), Error> {
        let left = self.bytes.checked_sub(bytes).ok_or(Error::TooLarge { size: bytes, limit: self.bytes })?;
        self.bytes = left;
        Ok(())
    }

    fn take_names(&mut self, count: usize) -> Result<(), Trouble> {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let left = self.names.checked_sub(count);
        self.names = left.ok_or_else(|| limit("more names than an image of this size can hold"))?;
        Ok(())
    }
}

/// A folder whose names are being visited, the next one last.
struct Frame<'a> {
    prefix: Vec<u8>,
    items: Vec<Item<'a>>,
}

enum Item<'a> {
    Show(Vec<u8>, Node<'a>),
    Enter(Vec<u8>, Vec<Item<'a>>),
}

impl Item<'_> {
    /// Its sort key in its folder: a folder sorts as if its name ended in a slash.
    fn key(&self) -> impl Iterator<Item = u8> {
        let (name, slash) = match self {
            Self::Show(name, _) => (name, None),
            Self::Enter(name, _) => (name, Some(b'/')),
        };
        name.iter().copied().chain(slash)
    }
}

/// Visits `first`, which stands at `path`, and what is below it.
pub fn walk<'a, E>(
    first: Node<'a>,
    path: &[u8],
    order: Order,
    budget: &mut Budget,
    visit: &mut dyn FnMut(Visit<'_, 'a>, &mut Budget) -> Result<(), E>,
) -> Result<(), E> {
    let (first_path, mut waiting) = (absolute(path), 1usize);
    let mut frames = vec![Frame { prefix: first_path.clone(), items: vec![Item::Show(Vec::new(), first)] }];
    while let Some(depth) = frames.len().checked_sub(1) {
        let frame = &mut frames[depth];
        let Some(item) = frame.items.pop() else {
            frames.pop();
            continue;
        };
        let (name, node) = match item {
            Item::Show(name, node) => (name, node),
            Item::Enter(name, items) => {
                let base = if depth == 0 && frame.prefix == b"/" { b"" } else { frame.prefix.as_slice() };
                let prefix = [base, &name, b"/"].concat();
                frames.push(Frame { prefix, items });
                continue;
            }
        };
        waiting = waiting.saturating_sub(1);
        let whole = [frame.prefix.as_slice(), &name].concat();
        let attr = node.attr();
        let is_folder = attr.as_ref().is_ok_and(|attr| attr.kind == filesystem::FileType::Directory);
        let (items, trouble) = match is_folder.then(|| list(&node, depth, waiting, budget)) {
            Some(Ok((items, trouble))) => (Some(items), trouble),
            Some(Err(trouble)) => (None, Some(trouble)),
            None => (None, None),
        };
        visit(Visit { path: &whole, name: &name, depth, node: &node, attr, trouble }, budget)?;
        if let Some(items) = items.filter(|items| !items.is_empty()) {
            waiting += items.len();
            enter(&mut frames[depth].items, Item::Enter(name, items), order);
        }
    }
    Ok(())
}

/// Inserts a folder's content in order.
fn enter<'a>(items: &mut Vec<Item<'a>>, item: Item<'a>, order: Order) {
    let mut at = items.len();
    while order == Order::Bytes && at > 0 && items[at - 1].key().lt(item.key()) {
        at -= 1;
    }
    items.insert(at, item);
}

/// The names of a folder in reverse order, and why the list may be incomplete.
fn list<'a>(
    node: &Node<'a>,
    depth: usize,
    waiting: usize,
    budget: &mut Budget,
) -> Result<(Vec<Item<'a>>, Option<Trouble>), Trouble> {
    if budget.deep == 0 {
        return Err(limit("folders contain each other: no more are entered"));
    }
    if depth >= DEEPEST {
        budget.deep -= 1;
        return Err(limit("folders nested more than 256 deep"));
    }
    let list = node.listing().map_err(|error| Trouble::from(&error))?;
    let names = list.entries;
    if waiting.saturating_add(names.len()) > MOST_WAITING {
        return Err(limit("more than 131072 names are still to be visited"));
    }
    budget.take_names(names.len())?;
    let items = names.into_iter().rev().map(|(entry, node)| Item::Show(entry.name, node)).collect();
    Ok((items, list.rest.as_ref().map(Trouble::from)))
}

fn limit(cause: &str) -> Trouble {
    Trouble { code: codes::LIMIT, cause: cause.into() }
}

/// The absolute path, without redundant slashes.
fn absolute(path: &[u8]) -> Vec<u8> {
    let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect();
    [b"/", names.join(&b'/').as_slice()].concat()
}

#[cfg(test)]
mod tests {
    use oracle::Tree;
    use vfs::{Volume, Volumes};

    use super::*;

    fn paths(path: &[u8], order: Order) -> Vec<String> {
        let tree = Tree::new().file("/a/c", "").file("/a-b", "").file("/a/b/x", "").file("/a0", "");
        let volumes = Volumes::from_volumes(vec![Volume::new("hd0", tree)]);
        let volume = &volumes.all()[0];
        let mut found = Vec::new();
        let mut budget = Budget::new(0);
        walk::<()>(volume.open(path).unwrap(), path, order, &mut budget, &mut |visit, _| {
            found.push(String::from_utf8(visit.path.to_vec()).unwrap());
            assert_eq!(visit.trouble, None);
            Ok(())
        })
        .unwrap();
        found
    }

    #[test]
    fn paths_are_sorted_by_their_bytes() {
        let found = paths(b"/", Order::Bytes);
        assert_eq!(found, ["/", "/a", "/a-b", "/a/b", "/a/b/x", "/a/c", "/a0"]);
        assert!(found.is_sorted());
    }

    #[test]
    fn a_tree_has_the_content_of_a_folder_behind_it() {
        assert_eq!(paths(b"", Order::Tree), ["/", "/a", "/a/b", "/a/b/x", "/a/c", "/a-b", "/a0"]);
        assert_eq!(paths(b"a//b/", Order::Tree), ["/a/b", "/a/b/x"]);
    }

    #[test]
    fn a_budget_ends() {
        let mut budget = Budget { names: 2, bytes: 10, deep: MOST_DEEP };
        assert_eq!(budget.take(8), Ok(()));
        assert_eq!(budget.take(3), Err(Error::TooLarge { size: 3, limit: 2 }));
        assert_eq!(budget.take(2), Ok(()));
        assert_eq!(budget.take_names(2), Ok(()));
        assert_eq!(budget.take_names(1).unwrap_err().code, codes::LIMIT);
    }
}

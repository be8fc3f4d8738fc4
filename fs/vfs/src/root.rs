// SPDX-License-Identifier: BSD-3-Clause
//! Roots of a filesystem with several (subvolumes, snapshots), and how people name them.

use alloc::string::String;

/// Last component of the path of a snapper snapshot, `NUMBER/snapshot`.
const SNAPPER_FOLDER: &str = "snapshot";

/// A root of a filesystem: a subvolume, dataset or snapshot.
pub struct Root<Node> {
    /// Its path among the roots.
    pub path: RootPath,
    /// The format's own number for it: `subvolid=` of btrfs.
    pub number: Option<u64>,
    /// Its root directory.
    pub node: Node,
}

/// The path of a root in its filesystem.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum RootPath {
    /// The only root.
    #[default]
    Only,
    /// The top-level root, which contains the others.
    Top,
    /// The root at this path from the top, without leading or trailing slash: `@/.snapshots/1/snapshot`.
    Below(String),
}

impl RootPath {
    /// The path from the top; empty for the top itself, and for the only root.
    pub fn from_top(&self) -> &str {
        match self {
            Self::Only | Self::Top => "",
            Self::Below(path) => path,
        }
    }

    /// Its name for people: the path, or `/` for the top; empty for the only root.
    pub fn name(&self) -> &str {
        match self {
            Self::Top => "/",
            path => path.from_top(),
        }
    }
}

/// The root with this [name](RootPath::name).
impl From<String> for RootPath {
    fn from(name: String) -> Self {
        match name.trim_matches('/') {
            "" if name.is_empty() => Self::Only,
            "" => Self::Top,
            path if path.len() == name.len() => Self::Below(name),
            path => Self::Below(path.into()),
        }
    }
}

impl<Node> From<(String, Node)> for Root<Node> {
    fn from((name, node): (String, Node)) -> Self {
        Self { path: name.into(), number: None, node }
    }
}

/// A root as a user names it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RootName<'a> {
    /// Its path from the top, with or without leading and trailing slashes; `/` is the top itself.
    Path(&'a str),
    /// The format's own number.
    Number(u64),
    /// Snapper's number of a snapshot, whose path ends with `NUMBER/snapshot`.
    Snapper(u64),
}

impl<'a> RootName<'a> {
    /// Parses `@`, `/@`, `subvol=@`, `256` or `subvolid=256`. A path that looks like a number needs a leading slash.
    pub fn new(text: &'a str) -> Self {
        let number = text.strip_prefix("subvolid=").unwrap_or(text);
        match number.parse() {
            Ok(number) => Self::Number(number),
            Err(_) => Self::Path(text.strip_prefix("subvol=").unwrap_or(text)),
        }
    }

    /// As [`new`](Self::new), but a bare number is snapper's.
    pub fn of_snapshot(text: &'a str) -> Self {
        text.parse().map_or_else(|_| Self::new(text), Self::Snapper)
    }

    /// Whether it names the root with this path and number.
    pub(crate) fn means(self, path: &RootPath, number: Option<u64>) -> bool {
        match self {
            // The only root of a format without subvolumes has no number, and no name matches it.
            Self::Path(wanted) => {
                (number.is_some() || *path != RootPath::Only) && path.from_top() == wanted.trim_matches('/')
            }
            Self::Number(wanted) => number == Some(wanted),
            Self::Snapper(wanted) => snapper(path.from_top()) == Some(wanted),
        }
    }
}

/// Snapper's number of the snapshot at this path.
pub(crate) fn snapper(name: &str) -> Option<u64> {
    let (folder, last) = name.rsplit_once('/')?;
    let number = folder.rsplit('/').next()?;
    number.parse().ok().filter(|_| last == SNAPPER_FOLDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(name: &str) -> RootPath {
        String::from(name).into()
    }

    #[test]
    fn a_name_says_where_a_root_stands() {
        for (name, path, from_top, again) in [
            ("", RootPath::Only, "", ""),
            ("/", RootPath::Top, "", "/"),
            ("@/a", RootPath::Below("@/a".into()), "@/a", "@/a"),
            ("/@/", RootPath::Below("@".into()), "@", "@"),
        ] {
            let found = root(name);
            assert_eq!((found.from_top(), found.name()), (from_top, again));
            assert_eq!(found, path);
        }
    }

    #[test]
    fn subvolumes_are_named_by_path_or_number() {
        let cases = [
            ("@", "@", 256, true),
            ("/@/", "@", 256, true),
            ("subvol=/@", "@", 256, true),
            ("256", "@", 256, true),
            ("subvolid=256", "@", 256, true),
            ("@/.snapshots/5/snapshot", "@/.snapshots/5/snapshot", 300, true),
            ("/", "/", 5, true),
            ("subvolid=5", "/", 5, true),
            // The only root has no name.
            ("/", "", 5, true),
            ("@home", "@", 256, false),
            ("snapshot", "@/.snapshots/5/snapshot", 300, false),
            ("257", "@", 256, false),
            ("256", "256", 300, false),
            ("/256", "256", 300, true),
            ("", "@", 256, false),
            ("subvolid=x", "x", 256, false),
            ("99999999999999999999", "@", 256, false),
        ];
        for (wanted, name, number, is_meant) in cases {
            assert_eq!(RootName::new(wanted).means(&root(name), Some(number)), is_meant, "{wanted} {name}");
        }
    }

    #[test]
    fn nothing_means_a_filesystem_without_roots() {
        for wanted in ["/", "", "@", "5"] {
            assert!(!RootName::new(wanted).means(&RootPath::Only, None), "{wanted}");
        }
    }

    #[test]
    fn snapshots_are_named_by_snappers_number_too() {
        let cases = [
            ("5", "@/.snapshots/5/snapshot", true),
            ("5", "@snapshots/5/snapshot", true),
            ("5", "root/.snapshots/15/snapshot", false),
            ("5", "@/.snapshots/5/other", false),
            ("5", "/", false),
            ("/@/.snapshots/5/snapshot", "@/.snapshots/5/snapshot", true),
            ("subvolid=300", "@/.snapshots/5/snapshot", true),
        ];
        for (wanted, name, is_meant) in cases {
            let number = if name == "/" { 5 } else { 300 };
            assert_eq!(
                RootName::of_snapshot(wanted).means(&root(name), Some(number)),
                is_meant,
                "{wanted} {name}"
            );
        }
    }
}

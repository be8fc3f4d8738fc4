// SPDX-License-Identifier: BSD-3-Clause
//! Entries of the Boot Loader Specification in a menu of GRUB.

use alloc::{rc::Rc, string::String, vec::Vec};

use menu::Wait;
use vfs::VolumeId;

use super::{
    menu::Leaves,
    users::{Users, both},
};
use crate::{Access, Source, sizes::total};

/// The settings of a script for the entries of the Boot Loader Specification that it shows.
#[derive(Clone, Debug)]
pub struct BlsCfg {
    /// The volume whose entries they are.
    pub volume: VolumeId,
    /// Their folder, where it is not the usual one.
    pub folder: Option<String>,
    /// The variables that they may use.
    pub variables: Vec<(String, String)>,
    /// How long the menu waits.
    pub wait: Option<Wait>,
    /// The script.
    pub source: Option<Source>,
    /// The menu that they are shown in.
    pub menu: EnclosingMenu,
}

/// The menu around entries of the Boot Loader Specification.
#[derive(Clone, Debug)]
pub struct EnclosingMenu {
    /// Its `superusers`.
    pub superusers: Option<String>,
    /// The users with a password.
    pub users: Rc<Users>,
    /// Who may open it.
    pub access: Access,
    /// Its `default`; none if that is one of the menu's own entries.
    pub default: Option<String>,
    /// Its own entries before them, as indices among all of its own entries.
    pub before: Leaves,
    /// Its own entries after them.
    pub after: Leaves,
}

impl Default for EnclosingMenu {
    fn default() -> Self {
        Self {
            superusers: None,
            users: Rc::default(),
            access: Access::Anyone,
            default: Some(String::new()),
            before: Leaves::new(),
            after: Leaves::new(),
        }
    }
}

/// The default of a menu that shows entries of the Boot Loader Specification among its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Preferred {
    /// One of those, by its number among them.
    Bls(usize),
    /// One of the menu's own, by its place among them.
    Own(usize),
    /// One of the menu's own entries, which is marked already or starts nothing.
    Settled,
}

impl BlsCfg {
    /// The default, if there are `count` BLS entries; `named` finds one by its identifier or title. A number in
    /// `default` counts all entries of the menu.
    pub fn preferred(&self, count: usize, named: &dyn Fn(&str) -> Option<usize>) -> Preferred {
        let Some(default) = &self.menu.default else { return Preferred::Settled };
        let own =
            |leaf: Option<&Option<usize>>| leaf.copied().flatten().map_or(Preferred::Settled, Preferred::Own);
        let number =
            default.parse::<usize>().ok().and_then(|number| number.checked_sub(self.menu.before.len()));
        match number {
            Some(number) if number < count => return Preferred::Bls(number),
            Some(number) => {
                let leaf = number.checked_sub(count).and_then(|number| self.menu.after.get(number));
                if leaf.is_some() {
                    return own(leaf);
                }
            }
            None => {}
        }
        match named(default) {
            Some(at) => Preferred::Bls(at),
            None if self.menu.before.is_empty() => Preferred::Bls(0),
            None => own(self.menu.before.first()),
        }
    }

    /// Bytes of all user names that must be compared for an entry with these users.
    pub fn names_for(&self, users: &str) -> usize {
        total([self.menu.superusers.as_ref().map_or(0, String::len), users.len()])
    }

    /// Who may start an entry that names these users (`grub_users`); anyone if it names none.
    pub fn access(&self, users: &str) -> Access {
        let users = Some(users).filter(|users| !users.is_empty());
        both(&self.menu.access, self.menu.users.access(self.menu.superusers.as_deref(), users))
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    /// Two entries of the menu in front, the second of which starts nothing, and one behind.
    fn cfg(default: &str, before: Leaves) -> BlsCfg {
        let menu = EnclosingMenu {
            default: Some(default.into()),
            before,
            after: vec![Some(9)],
            ..EnclosingMenu::default()
        };
        BlsCfg { volume: VolumeId(0), folder: None, variables: Vec::new(), wait: None, source: None, menu }
    }

    #[test]
    fn numbers_count_the_entries_of_the_whole_menu() {
        let named = |name: &str| (name == "3d-6.1").then_some(2);
        let cases = [
            ("2", Preferred::Bls(0)),
            ("4", Preferred::Bls(2)),
            ("5", Preferred::Own(9)),
            ("3d-6.1", Preferred::Bls(2)),
            ("6", Preferred::Own(7)),
            ("none", Preferred::Own(7)),
        ];
        for (default, expected) in cases {
            assert_eq!(cfg(default, vec![Some(7), None]).preferred(3, &named), expected, "{default}");
        }
        for (default, expected) in
            [("0", Preferred::Bls(0)), ("3", Preferred::Own(9)), ("none", Preferred::Bls(0))]
        {
            assert_eq!(cfg(default, Leaves::new()).preferred(3, &named), expected, "{default}");
        }
        let settled = BlsCfg {
            menu: EnclosingMenu { default: None, ..EnclosingMenu::default() },
            ..cfg("", Leaves::new())
        };
        assert_eq!(settled.preferred(3, &named), Preferred::Settled);
    }
}

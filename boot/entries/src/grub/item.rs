// SPDX-License-Identifier: BSD-3-Clause
//! Items of a menu.

use alloc::{rc::Rc, string::String, vec::Vec};

use super::{environment::Environment, parser::Block};

/// An entry of the menu, not yet run.
#[derive(Clone, Debug)]
pub struct Item {
    pub title: String,
    pub id: String,
    /// Users, besides the superusers, who may select it if `superusers` is set; none: anyone may.
    pub users: Option<String>,
    /// The title and the words after it: the arguments of the body.
    pub arguments: Vec<String>,
    pub body: Block,
    pub kind: Kind,
    pub line: u32,
    /// The variables of its menu, if that is not the main menu.
    pub context: Option<Rc<Environment>>,
}

/// Kinds of items.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `menuentry`
    Entry,
    /// `submenu`
    Submenu,
    /// The position of BLS entries; the index into `Scripts::blscfg`.
    Bls(usize),
}

impl Item {
    /// Whether it is a submenu.
    pub fn is_submenu(&self) -> bool {
        self.kind == Kind::Submenu
    }

    /// The position of BLS entries.
    pub fn bls(index: usize, line: u32) -> Self {
        Self {
            title: String::new(),
            id: String::new(),
            users: None,
            arguments: Vec::new(),
            body: Block::default(),
            kind: Kind::Bls(index),
            line,
            context: None,
        }
    }
}

/// Gives items these variables, unless they already have those of their own menu.
pub fn in_context(mut menu: Vec<Item>, environment: Environment) -> Vec<Item> {
    let context = Rc::new(environment);
    for item in &mut menu {
        item.context.get_or_insert_with(|| Rc::clone(&context));
    }
    menu
}

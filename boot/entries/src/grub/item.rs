// SPDX-License-Identifier: BSD-3-Clause
//! Items of a menu.

use alloc::{rc::Rc, string::String, vec::Vec};

use super::{environment::Environment, parser::Block};

/// An entry of the menu, not yet run.
#[derive(Clone, Debug)]
pub struct Item {
    pub title: String,
    pub id: String,
    /// Who may choose it where `superusers` is set, besides these; none for anyone.
    pub users: Option<String>,
    /// The title and what stands behind it: the arguments that the body sees.
    pub arguments: Vec<String>,
    pub body: Block,
    pub kind: Kind,
    pub line: u32,
    /// The variables of its menu, where that is not the first one.
    pub context: Option<Rc<Environment>>,
}

/// Kinds of items.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `menuentry`
    Entry,
    /// `submenu`
    Submenu,
    /// Here stand the entries of the Boot Loader Specification: which of `Scripts::blscfg`.
    Bls(usize),
}

impl Item {
    /// Whether it is a menu itself.
    pub fn is_submenu(&self) -> bool {
        self.kind == Kind::Submenu
    }

    /// The place of entries of the Boot Loader Specification.
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

/// Items see these variables, unless they belong to a menu of their own.
pub fn in_context(mut menu: Vec<Item>, environment: Environment) -> Vec<Item> {
    let context = Rc::new(environment);
    for item in &mut menu {
        item.context.get_or_insert_with(|| Rc::clone(&context));
    }
    menu
}

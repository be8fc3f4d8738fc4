// SPDX-License-Identifier: BSD-3-Clause
//! Programs that start this loader again: GRUB with an entry for it, a shell with a script. Each start keeps all earlier
//! ones in memory, so a loop of them must end.

use alloc::format;

use crate::{Content, Refused, Variables, Vendor, codes};

/// Variable of this boot, two bytes: how many programs this loader has started that have not returned, and how many in
/// all.
pub const STARTED: &str = "CloudBootStarted";

/// At most so many within each other: a user may go back and forth, a loop does not end by itself.
const DEEPEST: u8 = 3;
/// So many in all, after which a loader that another one has led to starts none: several entries that lead back would
/// multiply.
const MOST: u8 = 16;

/// The programs that this loader has started in this boot.
#[derive(Clone, Copy, Default)]
struct Started {
    depth: u8,
    total: u8,
}

impl Started {
    fn read(variables: &dyn Variables) -> Self {
        match variables.read(Vendor::CloudBoot, STARTED).as_deref() {
            Some(&[depth, total]) => Self { depth, total },
            _ => Self::default(),
        }
    }

    fn write(self, variables: &dyn Variables) {
        variables.write(Vendor::CloudBoot, STARTED, &[self.depth, self.total]);
    }
}

/// Checks that `content` may start. Kernels always may: they do not return.
///
/// # Errors
/// It is a program, and too many of them have led back to this loader.
pub fn expect_end(variables: &dyn Variables, content: &Content) -> Result<(), Refused> {
    let Started { depth, total } = Started::read(variables);
    let is_loop = depth >= DEEPEST || (depth > 0 && total >= MOST);
    if !is_loop || !matches!(content, Content::Program { .. }) {
        return Ok(());
    }
    let cause = format!("{total} programs that this loader started have led back to it");
    Err(Refused { code: codes::NESTED, cause })
}

/// A start that counts as nested until [`Nesting::leave`].
pub struct Nesting(Option<Started>);

impl Nesting {
    /// Counts the start of `content`, if it is a program.
    pub fn enter(variables: &dyn Variables, content: &Content) -> Self {
        if !matches!(content, Content::Program { .. }) {
            return Self(None);
        }
        let Started { depth, total } = Started::read(variables);
        // Saturate far above the limits.
        let (depth, total) = (depth.saturating_add(1), total.saturating_add(1));
        Started { depth, total }.write(variables);
        Self(Some(Started { depth, total }))
    }

    /// The program has returned, or was never started.
    pub fn leave(self, variables: &dyn Variables) {
        let Some(entered) = self.0 else { return };
        // Programs that it led to count on. Cannot saturate: it was raised before.
        let depth = entered.depth.saturating_sub(1);
        Started { depth, total: Started::read(variables).total.max(entered.total) }.write(variables);
    }
}

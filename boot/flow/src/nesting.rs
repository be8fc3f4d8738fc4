// SPDX-License-Identifier: BSD-3-Clause
//! Programs that start this loader again: GRUB with an entry for it, a shell with a script. Each start keeps all earlier
//! ones in memory, so a loop of them must end.

use alloc::format;

use crate::{Content, Refused, Variables, Vendor, codes};

/// Variable of this boot: how many programs this loader has started that have not returned, one byte.
const NAME: &str = "CloudBootStarted";

/// At most so many: a user may go back and forth, a loop does not end by itself.
const MOST: u8 = 3;

/// A start that is counted until [`Nesting::leave`].
pub struct Nesting {
    before: u8,
}

impl Nesting {
    /// Counts the start of `content`. Kernels do not count: they do not return.
    ///
    /// # Errors
    /// It is a program, and [`MOST`] of them have not returned.
    pub fn enter(variables: &dyn Variables, content: &Content) -> Result<Option<Self>, Refused> {
        if !matches!(content, Content::Program { .. }) {
            return Ok(None);
        }
        let before =
            variables.read(Vendor::CloudBoot, NAME).and_then(|value| value.first().copied()).unwrap_or(0);
        if before >= MOST {
            let cause = format!("{before} programs that this loader started have led back to it");
            return Err(Refused { code: codes::NESTED, cause });
        }
        // Cannot saturate: it is below MOST.
        variables.write(Vendor::CloudBoot, NAME, &[before.saturating_add(1)]);
        Ok(Some(Self { before }))
    }

    /// The program has returned, or was never started.
    pub fn leave(self, variables: &dyn Variables) {
        match self.before {
            0 => variables.remove(Vendor::CloudBoot, NAME),
            before => variables.write(Vendor::CloudBoot, NAME, &[before]),
        }
    }
}

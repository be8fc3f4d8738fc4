// SPDX-License-Identifier: BSD-3-Clause
//! Machine types of PE files.

use core::fmt;

use crate::Arch;

/// `IMAGE_FILE_HEADER.Machine`: the processor architecture that a program is for, supported or not. Shown by the name
/// that Linux and Rust give it.
///
/// Spec: UEFI 2.11, section 2.1.1; Microsoft PE Format, "Machine Types".
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Machine(pub u16);

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (Arch::of_machine(self.0), self.0) {
            (Some(arch), _) => f.write_str(arch.name()),
            (None, 0x014c) => f.write_str("i386"),
            (None, 0x01c2) => f.write_str("arm"),
            (None, 0x5032) => f.write_str("riscv32"),
            (None, 0x6232) => f.write_str("loongarch32"),
            (None, other) => write!(f, "machine {other:#06x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn machines_of_others_have_names_too() {
        let shown = [0x014c, 0x01c2, 0x5032, 0x6232, 0x0200].map(|machine| Machine(machine).to_string());
        assert_eq!(shown, ["i386", "arm", "riscv32", "loongarch32", "machine 0x0200"]);
    }
}

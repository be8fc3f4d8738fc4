// SPDX-License-Identifier: BSD-3-Clause
//! The machine that the command runs on.

use std::env::consts::ARCH;

use arch::Arch;

use crate::{codes, failure::Failure};

/// The requested architecture; by default this machine's.
///
/// # Errors
/// When none is requested and cloud-boot does not support this machine's.
pub fn arch_or_own(arch: Option<Arch>) -> Result<Arch, Failure> {
    arch.map_or_else(|| named(ARCH), Ok)
}

/// The architecture with this name in Rust.
fn named(name: &str) -> Result<Arch, Failure> {
    let unknown =
        |_| Failure::new(codes::ARCH, "this machine", format!("{name} is not supported by cloud-boot"));
    name.parse().map_err(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_nothing_is_booted_for_has_to_say_what_is_meant() {
        assert_eq!(named("riscv64"), Ok(Arch::Riscv64));
        let Failure { code, cause, advice, .. } = named("s390x").unwrap_err();
        assert_eq!(code.to_string(), "E-CLI-ARCH");
        assert_eq!(cause, "s390x is not supported by cloud-boot");
        assert!(advice.contains("--arch"), "{advice}");
    }

    #[test]
    fn what_is_said_counts() {
        assert_eq!(arch_or_own(Some(Arch::Loongarch64)), Ok(Arch::Loongarch64));
        assert_eq!(
            arch_or_own(None).ok().map(|arch| arch.name()),
            Some(ARCH),
            "tests run where one is known"
        );
    }
}

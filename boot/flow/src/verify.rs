// SPDX-License-Identifier: BSD-3-Clause
//! Checking what was read before it runs.

use alloc::{format, string::String};

use image::{
    Machine,
    kernel::{self, Kind},
    pe::Pe,
};

use crate::{Failure, Payload, Phase, codes};

/// Something that has been checked. Only this module makes one.
#[derive(Debug)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// The thing itself, to hand it over.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// Checks that kernel or program are whole and of this machine, and unpacks a compressed kernel.
///
/// A local disk has no signature of ours to check: under Secure Boot the firmware checks the program's own
/// when it loads it.
///
/// # Errors
/// A [`Failure`] that says what is wrong.
pub fn verify(mut payload: Payload, machine: Machine) -> Result<Verified<Payload>, Failure> {
    let name = if payload.place.is_some() { "program" } else { "kernel" };
    let failed = |error: image::Error| Failure::new(Phase::Verify, name, error.code(), &error);
    if payload.place.is_none() && matches!(kernel::kind(&payload.image), Kind::Compressed(_)) {
        payload.image = kernel::unpack(&payload.image, LONGEST).map_err(failed)?;
    }
    let parsed = Pe::parse(&payload.image).map_err(failed)?;
    parsed.headers.expect_machine(machine).map_err(failed)?;
    if let Some(cause) = payload.devicetree.as_deref().and_then(wrong_tree) {
        return Err(Failure::new(Phase::Verify, "device tree", codes::DTB, &cause));
    }
    Ok(Verified(payload))
}

/// What is wrong with the header of a flattened device tree.
///
/// Spec: Devicetree Specification 0.4, section 5.2.
fn wrong_tree(tree: &[u8]) -> Option<String> {
    let word = |at: usize| Some(u32::from_be_bytes(*tree.get(at..)?.first_chunk()?));
    match (word(0), word(4)) {
        (Some(0xd00d_feed), Some(totalsize)) => {
            let is_whole = usize::try_from(totalsize).is_ok_and(|size| size <= tree.len());
            (!is_whole).then(|| format!("fdt_header.totalsize at byte 4: {totalsize} of {}", tree.len()))
        }
        (found, _) => Some(format!("fdt_header.magic at byte 0: found {:#x}", found.unwrap_or(0))),
    }
}

/// No kernel unpacks to more bytes.
const LONGEST: u64 = 512 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_tree_must_be_whole() {
        let tree = |totalsize: u32| [0xd00d_feed_u32.to_be_bytes(), totalsize.to_be_bytes()].concat();
        assert_eq!(wrong_tree(&tree(8)), None);
        assert_eq!(wrong_tree(&tree(9)).as_deref(), Some("fdt_header.totalsize at byte 4: 9 of 8"));
        assert!(wrong_tree(b"\xd0\x0d\xfe\xed").is_some(), "four bytes");
        assert!(wrong_tree(&[0; 40]).is_some());
    }
}

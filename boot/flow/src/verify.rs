// SPDX-License-Identifier: BSD-3-Clause
//! Checking what was read before it runs.

use image::{
    Machine,
    kernel::{self, Kind},
    pe::Pe,
};

use crate::{Failure, Payload, Phase};

/// Something that has been checked. Only this module makes one.
#[derive(Debug)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// The thing itself, to hand it over.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// Checks that the kernel is whole and of this machine.
///
/// A local disk has no signature of ours to check: under Secure Boot the firmware checks the kernel's own
/// when it loads it.
///
/// # Errors
/// A [`Failure`] that says what is wrong with the kernel.
pub fn verify(mut payload: Payload, machine: Machine) -> Result<Verified<Payload>, Failure> {
    let failed = |error: image::Error| Failure::new(Phase::Verify, "kernel", error.code(), &error);
    if matches!(kernel::kind(&payload.kernel), Kind::Compressed(_)) {
        payload.kernel = kernel::unpack(&payload.kernel, LONGEST).map_err(failed)?;
    }
    let parsed = Pe::parse(&payload.kernel).map_err(failed)?;
    parsed.headers.expect_machine(machine).map_err(failed)?;
    Ok(Verified(payload))
}

/// No kernel unpacks to more bytes.
const LONGEST: u64 = 512 * 1024 * 1024;

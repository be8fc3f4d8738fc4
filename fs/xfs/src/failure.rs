// SPDX-License-Identifier: BSD-3-Clause
//! Errors the size of one pointer: nearly every function here can fail, and this makes the code a third smaller.

use alloc::{borrow::Cow, boxed::Box};

use block::ReadError;
use filesystem::{Corrupt, Error, Fault, Format, Origin, Unsupported};

/// The error inside this crate; [`crate::Xfs`] returns it as an [`Error`].
#[derive(Debug)]
pub struct Failure(pub Box<Error>);

pub type Outcome<T> = Result<T, Failure>;

impl From<Error> for Failure {
    #[cold]
    fn from(error: Error) -> Self {
        Self(Box::new(error))
    }
}

impl From<ReadError> for Failure {
    #[cold]
    fn from(error: ReadError) -> Self {
        Self(Box::new(error.into()))
    }
}

impl From<Failure> for Error {
    #[cold]
    fn from(failure: Failure) -> Self {
        *failure.0
    }
}

/// An error about the bytes at `offset` of the device.
#[cold]
pub fn corrupt(
    fault: Fault,
    structure: &'static str,
    offset: impl Into<u64>,
    found: impl Into<u64>,
) -> Failure {
    at_byte(fault, structure, offset.into(), found.into())
}

#[cold]
#[inline(never)]
fn at_byte(fault: Fault, structure: &'static str, offset: u64, found: u64) -> Failure {
    Error::Corrupt(Corrupt { format: Format::Xfs, fault, structure, origin: Origin::Start, offset, found })
        .into()
}

#[cold]
pub fn unsupported(feature: impl Into<Cow<'static, str>>) -> Failure {
    Error::Unsupported(Unsupported { format: Format::Xfs, feature: feature.into() }).into()
}

// SPDX-License-Identifier: BSD-3-Clause
//! Why a command ends early.

use std::io;

use code::Code;
use filesystem::{Error, Format, Unsupported};

use crate::{advice, codes};

/// The error line: `cloud-boot: CODE object: cause; advice`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// The stable code.
    pub code: Code,
    /// What failed; printed escaped.
    pub object: Vec<u8>,
    /// Why; printed escaped.
    pub cause: String,
    /// Names that follow the cause; printed escaped.
    pub names: Vec<Vec<u8>>,
    /// What to do.
    pub advice: String,
}

impl Failure {
    /// A failure with the advice for its code from the tables.
    pub fn new(code: Code, object: impl AsRef<[u8]>, cause: impl ToString) -> Self {
        Self {
            code,
            object: object.as_ref().to_vec(),
            cause: cause.to_string(),
            names: Vec::new(),
            advice: advice::of(code),
        }
    }

    /// The failure to read a path of an image.
    pub fn of(error: &Error, object: impl AsRef<[u8]>) -> Self {
        let failure = Self::new(error.code(), object, error);
        let advice = match error {
            // The table's advice is about kernels.
            Error::NotFound => "cloud-boot fs ls shows what is there",
            Error::WrongType { .. } => "cloud-boot fs stat shows what it is",
            Error::Unsupported(Unsupported { format: Format::Qcow2 | Format::Vhd, .. }) => {
                "qemu-img convert -O raw makes an image without it"
            }
            _ => return failure,
        };
        Self { advice: advice.into(), ..failure }
    }
}

/// Why a command stops.
#[derive(Debug)]
pub enum Stop {
    /// The reader closed the output: not an error.
    Closed,
    /// It failed.
    Failed(Failure),
    /// The arguments contradict each other.
    Usage(clap::Error),
}

impl Stop {
    /// The failure to write to standard output.
    pub fn of_output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Failed(Failure::new(codes::OUTPUT, "standard output", error)),
        }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Failures that do not end a walk: at its end, the first is reported with the number of the others.
#[derive(Debug, Default)]
pub struct Failures {
    first: Option<Failure>,
    others: u64,
}

impl Failures {
    /// Keeps one.
    pub fn add(&mut self, failure: Failure) {
        match self.first {
            None => self.first = Some(failure),
            Some(_) => self.others += 1,
        }
    }

    /// Fails if there was a failure.
    pub fn end(self) -> Result<(), Stop> {
        self.into_failure().map_or(Ok(()), |failure| Err(failure.into()))
    }

    /// All of them as one.
    pub fn into_failure(self) -> Option<Failure> {
        let mut failure = self.first?;
        if self.others > 0 {
            failure.cause.push_str(&format!(
                " (and {} more {})",
                self.others,
                if self.others == 1 { "path" } else { "paths" }
            ));
        }
        Some(failure)
    }
}

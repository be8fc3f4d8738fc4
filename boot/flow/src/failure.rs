// SPDX-License-Identifier: BSD-3-Clause
//! A step that failed: which phase, on what, why.

use alloc::{format, string::String};
use core::fmt;

use code::Code;

/// The steps of a boot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// Reading the configuration.
    Configure,
    /// Finding disks, volumes and entries.
    Discover,
    /// Picking an entry.
    Choose,
    /// Getting a link and an address.
    Network,
    /// Reading or fetching kernel and initial RAM disk.
    Obtain,
    /// Checking what was read.
    Verify,
    /// Handing over.
    Start,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configure => "configure",
            Self::Discover => "discover",
            Self::Choose => "choose",
            Self::Network => "network",
            Self::Obtain => "obtain",
            Self::Verify => "verify",
            Self::Start => "start",
        })
    }
}

/// What the user is told of a step that failed: `failed: PHASE OBJECT: CODE cause`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// The step.
    pub phase: Phase,
    /// What it worked on: a volume, a file.
    pub object: String,
    /// The stable code.
    pub code: Code,
    /// The cause, in the words of the standard involved.
    pub cause: String,
}

impl Failure {
    /// A failure with an error's own text.
    pub fn new(phase: Phase, object: impl Into<String>, code: Code, cause: &dyn fmt::Display) -> Self {
        Self { phase, object: object.into(), code, cause: format!("{cause}") }
    }
}

impl Failure {
    /// All but the first word.
    pub(crate) fn detail(&self) -> impl fmt::Display {
        let Self { phase, object, code, cause } = self;
        fmt::from_fn(move |f| write!(f, "{phase} {object}: {code} {cause}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed: {}", self.detail())
    }
}

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
    /// Getting a link, an address, what the cloud says of the machine.
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
    /// Whether a registry was not reached, so that nothing is known of what it has.
    pub is_unreachable: bool,
}

impl Failure {
    /// A failure with an error's own text.
    pub fn new(phase: Phase, object: impl Into<String>, code: Code, cause: &dyn fmt::Display) -> Self {
        let is_unreachable = phase == Phase::Network;
        Self { phase, object: object.into(), code, cause: format!("{cause}"), is_unreachable }
    }

    /// A failure of an error that says by itself what is wrong with what: `CODE object: cause`, as those of `net` do.
    pub fn of(phase: Phase, code: Code, error: &dyn fmt::Display) -> Self {
        let (whole, code_text) = (format!("{error}"), format!("{code} "));
        let text = whole.strip_prefix(&code_text).unwrap_or(&whole);
        let (object, cause) = text.split_once(": ").unwrap_or(("?", text));
        Self::new(phase, object, code, &cause)
    }

    /// The same, where a registry was not reached.
    pub(crate) fn unreachable(self, is_unreachable: bool) -> Self {
        Self { is_unreachable: self.is_unreachable || is_unreachable, ..self }
    }

    /// All but the first word.
    pub(crate) fn detail(&self) -> impl fmt::Display {
        let Self { phase, object, code, cause, .. } = self;
        fmt::from_fn(move |f| write!(f, "{phase} {object}: {code} {cause}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed: {}", self.detail())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    #[test]
    fn an_error_is_taken_apart_once() {
        let of = |text: &str| format!("{}", Failure::of(Phase::Obtain, codes::SHORT, &text));
        assert_eq!(
            of("E-FS-SHORT host:5000/a: too short: 3"),
            "failed: obtain host:5000/a: E-FS-SHORT too short: 3"
        );
        assert_eq!(of("no colon"), "failed: obtain ?: E-FS-SHORT no colon");
    }
}

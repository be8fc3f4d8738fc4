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
    /// Getting a link, an address, the cloud's metadata.
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

/// A failed step as the user sees it: `failed: PHASE OBJECT: CODE cause`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// The step.
    pub phase: Phase,
    /// What the step worked on: a volume, a file.
    pub object: String,
    /// The stable code.
    pub code: Code,
    /// The cause, in the words of the standard involved.
    pub cause: String,
    /// Whether a server was not reached, so that the registry's current image is unknown and the cache may be used.
    pub is_unreachable: bool,
}

impl Failure {
    /// A failure whose cause is an error's own text.
    pub fn new(phase: Phase, object: impl Into<String>, code: Code, cause: &dyn fmt::Display) -> Self {
        let is_unreachable = phase == Phase::Network;
        Self { phase, object: object.into(), code, cause: format!("{cause}"), is_unreachable }
    }

    /// A failure from an error whose text is `CODE object: cause`, as errors of `net` are.
    pub fn of(phase: Phase, code: Code, error: &dyn fmt::Display) -> Self {
        let (whole, code_text) = (format!("{error}"), format!("{code} "));
        let text = whole.strip_prefix(&code_text).unwrap_or(&whole);
        let (object, cause) = text.split_once(": ").unwrap_or(("?", text));
        Self::new(phase, object, code, &cause)
    }

    /// The same, marked unreachable if `is_unreachable`.
    pub(crate) fn unreachable(self, is_unreachable: bool) -> Self {
        Self { is_unreachable: self.is_unreachable || is_unreachable, ..self }
    }

    /// The text without the leading `failed:`.
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

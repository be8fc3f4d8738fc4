// SPDX-License-Identifier: BSD-3-Clause
//! Why a configuration could not be used.

use alloc::string::String;

use code::Code;

use crate::codes;

/// What is wrong with a configuration or an entry.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] vfs::Error),
    /// A script has a syntax error.
    #[error("line {line}: {cause}")]
    Syntax {
        /// Line of the script, from 1.
        line: u32,
        /// What is wrong there.
        cause: &'static str,
    },
    /// A script does more than any real one.
    #[error("line {line}: more than {limit} {what}")]
    Limit {
        /// Line of the script, from 1.
        line: u32,
        /// What exceeds the limit.
        what: &'static str,
        /// How much is allowed.
        limit: u64,
    },
    /// A folder or file holds more than any real one.
    #[error("more than {limit} {what}: the others are left out")]
    TooMany {
        /// What exceeds the limit.
        what: &'static str,
        /// How much is allowed.
        limit: u64,
    },
    /// The configuration of a disk takes more than any real one.
    #[error("this disk has more than {limit} {what}: the rest is left out")]
    Budget {
        /// What exceeds the limit.
        what: &'static str,
        /// How much is allowed.
        limit: u64,
    },
    /// There is no memory for a text.
    #[error("no memory for a text of {bytes} bytes")]
    NoMemory {
        /// Bytes that were asked for.
        bytes: u64,
    },
    /// A file among the unified kernel images is not one.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// A command that does not exist here; GRUB's own reaction, too, is to go on.
    #[error("line {line}: the command {name} is unknown")]
    Command {
        /// Line of the script, from 1.
        line: u32,
        /// The command.
        name: String,
    },
    /// grubenv names an entry for one boot.
    #[error("next_entry of grubenv is used, but cannot be cleared: the loader does not write to this disk")]
    NextEntry,
    /// Only one root of a filesystem is searched, and entries there start files of another one.
    #[error("entries start files of the subvolume {root}, which is not searched")]
    OtherRoot {
        /// The path of that root from the top.
        root: String,
    },
    /// An entry starts no Linux kernel.
    #[error("the entry starts no kernel: {reason}")]
    NoKernel {
        /// The command that we do not have, or a missing one.
        reason: String,
    },
}

impl Error {
    /// Whether there is nothing that could be read: no problem, where nothing has to be there.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Read(vfs::Error::NotFound | vfs::Error::WrongType { .. }))
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Read(_) => codes::READ,
            Self::TooMany { .. } | Self::Budget { .. } => codes::TOO_MANY,
            Self::NoMemory { .. } => code::MEMORY,
            Self::Image(error) => error.code(),
            Self::Syntax { .. } => codes::SYNTAX,
            Self::Limit { .. } => codes::LIMIT,
            Self::Command { .. } => codes::COMMAND,
            Self::NextEntry => codes::NEXT_ENTRY,
            Self::OtherRoot { .. } => codes::OTHER_ROOT,
            Self::NoKernel { .. } => codes::KERNEL,
        }
    }
}

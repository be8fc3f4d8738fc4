// SPDX-License-Identifier: BSD-3-Clause
//! The codes of this crate's problems.

code::table! {
    /// What is wrong with settings.
    pub CODES;
    pub(crate) UNKNOWN: Code = "E-CONFIG-UNKNOWN",
        "there is no such key",
        "correct the spelling; [configuration.md](configuration.md) has all keys";
    pub(crate) VALUE: Code = "E-CONFIG-VALUE",
        "the key cannot have this value; a weaker source's value stands",
        "set what the message expects";
    pub(crate) LOCKED: Code = "E-CONFIG-LOCKED",
        "Secure Boot is on, and this source may not set the key",
        "put it into the signed loader's `.cmdline` section";
    pub(crate) IDLE: Code = "E-CONFIG-IDLE",
        "the key is right and does nothing here: it is for another program of this project, or for a later version",
        "nothing";
    pub(crate) LINE: Code = "E-CONFIG-LINE",
        "a source is not a command line (unreadable, too long, too many words) and is ignored as a whole",
        "shorten it: 64 KiB, 4096 words";
}

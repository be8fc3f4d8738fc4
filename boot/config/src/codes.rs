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
        "Secure Boot is on or a signature key is built in, and this source may not set the key; or it is one that \
         the metadata never may",
        "put it into the signed loader's `.cmdline` section; what metadata never may, into another source";
    pub(crate) MEMBER: Code = "E-CONFIG-MEMBER",
        "a member of the metadata document is misspelt or not of its type, and does not count",
        "write it as the message says; [configuration.md](configuration.md#metadata) has all members";
    pub(crate) PLAIN: Code = "E-CONFIG-PLAIN",
        "the metadata came by plain HTTP, or a DHCP server has named the image: it may be anybody's, and counts, \
         since the machine is not locked",
        "an https `cloudboot.metadata.url` and a `cloudboot.image`, or Secure Boot";
    pub(crate) IDLE: Code = "E-CONFIG-IDLE",
        "the key is right and does nothing here: it is for another program of this project, or for a later version",
        "nothing";
    pub(crate) LINE: Code = "E-CONFIG-LINE",
        "a source is not a command line (unreadable, too long, too many words) and is ignored as a whole",
        "shorten it: 64 KiB, 4096 words";
}

// SPDX-License-Identifier: BSD-3-Clause
//! The codes of this crate's problems.

code::table! {
    /// What is wrong with settings.
    pub CODES;
    pub(crate) UNKNOWN: Code = "E-CONFIG-UNKNOWN",
        "there is no such key",
        "correct the spelling; [configuration.md](configuration.md) has all keys";
    pub(crate) VALUE: Code = "E-CONFIG-VALUE",
        "the key does not accept this value; the value of a weaker source, if there is one, counts instead",
        "set it to what the message expects";
    pub(crate) LOCKED: Code = "E-CONFIG-LOCKED",
        "this source may not set the key while Secure Boot is on or a signature key is built in; or it is a key that \
         metadata may never set, or that only built-in settings may set",
        "put it into the `.cmdline` section of the signed loader; a key that metadata may never set, into another source";
    pub(crate) MEMBER: Code = "E-CONFIG-MEMBER",
        "a member of the metadata document is misspelt or has the wrong type, and is ignored",
        "correct it as the message says; [configuration.md](configuration.md#metadata) has all members";
    pub(crate) PLAIN: Code = "E-CONFIG-PLAIN",
        "the metadata came over plain HTTP, or a DHCP server named the image: anyone on the network may have sent it; \
         it is used because the machine is not locked",
        "set an https `cloudboot.metadata.url` and a `cloudboot.image`, or turn on Secure Boot";
    pub(crate) IDLE: Code = "E-CONFIG-IDLE",
        "the key is valid but has no effect here: it is for another program of this project, or for a later version",
        "nothing";
    pub(crate) LINE: Code = "E-CONFIG-LINE",
        "a source is unreadable, too long or has too many words, and is ignored as a whole",
        "shorten it to at most 64 KiB and 4096 words";
}

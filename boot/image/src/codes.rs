// SPDX-License-Identifier: BSD-3-Clause
//! The codes of this crate's own errors; those of damaged images are `damage`'s.

code::table! {
    /// Why an image that is not damaged cannot be used.
    pub CODES;
    pub(crate) LIMIT: Family = "E-IMAGE-*-LIMIT",
        "the content is larger than any real kernel (512 MiB unpacked)",
        "use another kernel";
    pub(crate) MACHINE: Code = "E-IMAGE-PE-MACHINE",
        "the program is for another architecture; both are named",
        "use an image for this machine's architecture";
}

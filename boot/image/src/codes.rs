// SPDX-License-Identifier: BSD-3-Clause
//! The codes of this crate's own errors; those of damaged images are `damage`'s.

code::table! {
    /// What keeps sound images from being used.
    pub CODES;
    pub(crate) LIMIT: Family = "E-IMAGE-*-LIMIT",
        "the content is larger than any honest kernel (512 MiB unpacked)",
        "another kernel";
    pub(crate) MACHINE: Code = "E-IMAGE-PE-MACHINE",
        "the program is for another architecture; both are named",
        "the right image for this machine";
}

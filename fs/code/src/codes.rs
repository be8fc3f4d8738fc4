// SPDX-License-Identifier: BSD-3-Clause
//! The codes of what fails the same way in every crate.

crate::table! {
    /// What fails the same way in every crate.
    pub CODES;
    pub MEMORY: Code = "E-MEMORY",
        "kernel (twice: the firmware copies it) and initrd do not fit into free memory, or a structure does not",
        "more memory, a smaller initrd";
}

// SPDX-License-Identifier: BSD-3-Clause
//! Codes of errors that are the same in every crate.

crate::table! {
    /// Errors that are the same in every crate.
    pub CODES;
    pub MEMORY: Code = "E-MEMORY",
        "not enough free memory for the initrd and the kernel (twice: the firmware copies it), or for a structure",
        "give the machine more memory, or use a smaller initrd";
}

// SPDX-License-Identifier: BSD-3-Clause
//! Error codes of devices.

code::table! {
    /// Errors of reading from devices.
    pub CODES;
    pub(crate) IO: Code = "E-IO",
        "the device reported an error; the message quotes its driver or the firmware",
        "check the disk, the cable, or the host's storage";
    pub(crate) LIMIT: Code = "E-BLOCK-LIMIT",
        "the search for something to boot reached its read limit; what was not read by then is left out",
        "remove or repair the disk or volume that needs so many reads, or select another one with `cloudboot.disk`";
}

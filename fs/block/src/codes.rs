// SPDX-License-Identifier: BSD-3-Clause
//! The codes of devices.

code::table! {
    /// What reading devices raises.
    pub CODES;
    pub(crate) IO: Code = "E-IO",
        "the device failed, in the firmware's words",
        "look at disk, cable, or the host's storage";
    pub(crate) LIMIT: Code = "E-BLOCK-LIMIT",
        "looking for something to boot has read as much as it may; what had not been read by then is left out",
        "remove or repair the disk or volume on which so much is read; `cloudboot.disk` chooses one";
}

// SPDX-License-Identifier: BSD-3-Clause
//! The codes of the command's own errors.

code::table! {
    /// What the command itself raises.
    pub CODES;
    pub(crate) IMAGE: Code = "E-CLI-IMAGE",
        "an image cannot be opened, or is given twice",
        "name a file or block device that you may read";
    pub(crate) BACKING: Code = "E-CLI-BACKING",
        "an overlay names a backing file that is not given, or one is given that none names",
        "`--backing FILE` for each file that an overlay names, no more";
    pub(crate) VOLUME: Code = "E-CLI-VOLUME",
        "no volume is meant, or more than one",
        "`--volume` with one that `cloud-boot inspect` shows";
    pub(crate) NONE: Code = "E-CLI-NONE",
        "no image holds a filesystem that can be read",
        "`cloud-boot inspect` shows what there is";
    pub(crate) DEVICE: Code = "E-CLI-DEVICE",
        "no device is meant, or more than one",
        "`--device` with one that `cloud-boot dev ls` shows";
    pub(crate) RANGE: Code = "E-CLI-RANGE",
        "the bytes asked for are not all on the device",
        "smaller `--offset` and `--length`";
    pub(crate) NAME: Code = "E-CLI-NAME",
        "a name in the image is none that a file can have here",
        "check the filesystem";
    pub(crate) KIND: Code = "E-CLI-KIND",
        "devices, pipes and sockets are not copied",
        "leave it out";
    pub(crate) TARGET: Code = "E-CLI-TARGET",
        "a file or folder cannot be written to; `fs cp` leaves what is there already as it is",
        "another target";
    pub(crate) LIMIT: Code = "E-CLI-LIMIT",
        "there are more names, or deeper folders, than an image of its size can honestly hold",
        "check the filesystem";
    pub(crate) OUTPUT: Code = "E-CLI-OUTPUT",
        "standard output cannot be written to",
        "look at what it leads to";
    pub(crate) NVRAM: Code = "E-CLI-NVRAM",
        "there are no UEFI variables, or damaged ones",
        "name the `*_VARS.fd` of a machine whose firmware is EDK II, or its efivarfs";
    pub(crate) LABEL: Code = "E-CLI-LABEL",
        "the label of this volume is not set",
        "as the message says";
    pub(crate) FILE: Code = "E-CLI-FILE",
        "a file of this machine cannot be read",
        "check its name and permissions";
}

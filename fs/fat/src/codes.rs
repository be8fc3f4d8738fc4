// SPDX-License-Identifier: BSD-3-Clause
//! The codes of this crate's own errors.

code::table! {
    /// What changing a volume raises.
    pub EDIT;
    pub(crate) NAME: Code = "E-FS-FAT-NAME",
        "FAT cannot hold a name of the path, or the path has more than 32 names",
        "choose another name";
    pub(crate) FULL: Code = "E-FS-FAT-FULL",
        "the volume, or a folder of it, has no room; nothing was changed",
        "remove files from the volume; `fsck.fat -a` gives back what power failures have left behind";
    pub(crate) REFUSED: Code = "E-FS-FAT-REFUSED",
        "what is at the path does not allow the change: a folder, a file, read-only, or not empty",
        "see the message; remove what is in the way";
}

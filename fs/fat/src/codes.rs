// SPDX-License-Identifier: BSD-3-Clause
//! Codes of this crate's own errors.

code::table! {
    /// Errors of changing a volume.
    pub EDIT;
    pub(crate) NAME: Code = "E-FS-FAT-NAME",
        "a name in the path is not valid on FAT, or the path has more than 32 names",
        "choose another name";
    pub(crate) FULL: Code = "E-FS-FAT-FULL",
        "the volume or a folder on it is full, or the file is too large for FAT; nothing was changed",
        "remove files from the volume; `fsck.fat -a` frees space that power failures left allocated";
    pub(crate) REFUSED: Code = "E-FS-FAT-REFUSED",
        "the file or folder at the path does not allow the change: it is a folder, a file, read-only, or not empty",
        "see the message; remove what is in the way";
}

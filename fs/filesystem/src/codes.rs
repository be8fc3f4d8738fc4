// SPDX-License-Identifier: BSD-3-Clause
//! Error codes of this crate.

code::table! {
    /// Errors of finding a file.
    pub FILES;
    pub(crate) NOT_FOUND: Code = "E-FS-NOTFOUND",
        "the kernel or initrd that the entry names does not exist",
        "create it (`update-initramfs -c -k all`), or run `update-grub`";
    pub(crate) TYPE: Code = "E-FS-TYPE",
        "the path leads to something other than a regular file",
        "put a regular file there";
    pub(crate) LINKS: Code = "E-FS-LINKS",
        "a path goes through more than 40 symbolic links; they may form a loop",
        "fix the links";
    pub(crate) SIZE: Code = "E-FS-SIZE",
        "a file or directory is too large for its purpose",
        "replace it with a smaller one; if its size is implausible, check the filesystem";
}

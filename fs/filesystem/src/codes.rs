// SPDX-License-Identifier: BSD-3-Clause
//! The codes of this crate's errors.

code::table! {
    /// What looking for a file raises.
    pub FILES;
    pub(crate) NOT_FOUND: Code = "E-FS-NOTFOUND",
        "the kernel or initrd that the entry names is not there",
        "make it (`update-initramfs -c -k all`), or run `update-grub`";
    pub(crate) TYPE: Code = "E-FS-TYPE",
        "the path leads to something other than a regular file",
        "put a file there";
    pub(crate) LINKS: Code = "E-FS-LINKS",
        "a path leads through more than 40 symbolic links",
        "mend the links";
    pub(crate) SIZE: Code = "E-FS-SIZE",
        "a file or directory is larger than its use allows",
        "put a smaller one there; where its size cannot be true, check the filesystem";
}

// SPDX-License-Identifier: BSD-3-Clause
//! The codes of this crate's errors.

code::table! {
    /// What is wrong with configurations and entries.
    pub CODES;
    pub(crate) READ: Code = "E-ENTRY-READ",
        "a configuration file cannot be read; the message says why",
        "do what the cause suggests";
    pub(crate) KERNEL: Code = "E-ENTRY-KERNEL",
        "a menu entry starts no Linux kernel for this machine",
        "nothing, unless you need that entry";
    pub(crate) OTHER_ROOT: Code = "E-ENTRY-SUBVOL",
        "entries in the chosen subvolume start files of another one, as in a copy of a system; they are left out, and kernels are found by name instead",
        "nothing, or set `cloudboot.disk.device` to that subvolume";
    pub(crate) TOO_MANY: Code = "E-ENTRY-LIMIT",
        "a folder, a file or a disk holds more configuration than any real one; the rest is ignored",
        "remove what nobody boots";
    pub(crate) SYNTAX: Code = "E-GRUB-SYNTAX",
        "grub.cfg has a syntax error; the message names the line",
        "`grub-script-check`, `update-grub`";
    pub(crate) COMMAND: Code = "E-GRUB-COMMAND",
        "grub.cfg uses a command that is not known here; the script goes on without it",
        "check whether the entry needs it";
    pub(crate) NEXT_ENTRY: Code = "E-GRUB-NEXT-ENTRY",
        "`next_entry` of grubenv was used, but cannot be cleared from here",
        "run `grub-editenv - unset next_entry` in the booted system";
    pub(crate) LIMIT: Code = "E-GRUB-LIMIT",
        "grub.cfg exceeds a limit (steps, nesting, entries, bytes) that no real one reaches; the message names the line",
        "simplify that script";
}

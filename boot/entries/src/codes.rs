// SPDX-License-Identifier: BSD-3-Clause
//! The codes of this crate's errors.

code::table! {
    /// What is wrong with configurations and entries.
    pub CODES;
    pub(crate) READ: Code = "E-ENTRY-READ",
        "a configuration file cannot be read; the message says why",
        "as the cause says";
    pub(crate) KERNEL: Code = "E-ENTRY-KERNEL",
        "a menu entry starts no Linux kernel of this machine",
        "nothing, if that entry is not wanted";
    pub(crate) OTHER_ROOT: Code = "E-ENTRY-SUBVOL",
        "entries in the chosen subvolume start files of another one, as those in a copy of a system do; they are left out, and kernels are looked for by name",
        "nothing, or `cloudboot.disk.device` with that subvolume";
    pub(crate) TOO_MANY: Code = "E-ENTRY-LIMIT",
        "a folder, a file or a disk holds more configuration than any honest one; the rest is left out",
        "remove what nobody boots";
    pub(crate) SYNTAX: Code = "E-GRUB-SYNTAX",
        "grub.cfg has a syntax error; the message names the line",
        "`grub-script-check`, `update-grub`";
    pub(crate) COMMAND: Code = "E-GRUB-COMMAND",
        "grub.cfg uses a command that is not known here; the script goes on without it",
        "look whether the entry needs it";
    pub(crate) NEXT_ENTRY: Code = "E-GRUB-NEXT-ENTRY",
        "`next_entry` of grubenv was honoured and cannot be cleared from here",
        "run `grub-editenv - unset next_entry` in the booted system";
    pub(crate) LIMIT: Code = "E-GRUB-LIMIT",
        "grub.cfg does more than an honest one (steps, nesting, entries, bytes); the message names the line",
        "simplify that script";
}

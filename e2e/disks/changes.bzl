"""What is different on a disk from the usual one: options of `e2e_disks mini` and `e2e_disks written`, by their names.

A new kind of disk is an option of the program and a line here. The rows of tables have these in `changes`.
"""

# Only disks of `mini`.

# A disc of ISO 9660 that has an MBR: the disc once more, and the ESP.
HYBRID = ["--hybrid"]

# The last version of grub.cfg stands in ext4's journal, and an earlier one in its place.
JOURNALLED = ["--journalled"]

# An MBR in place of a GPT: slots 1 and 2 are empty, 3 is the ESP, 4 the root.
MBR = ["--mbr"]

# The initrd that grub.cfg names is not there.
NO_INITRD = ["--omit-initrd"]

# The EFI shell and a script for it are in /EFI/tools. The script reconnects the drivers of all devices: handles and
# protocols of disks from before become invalid.
SHELL = ["--shell=reconnect -r"]

# The same, with a script that starts the loader of another disk.
SHELL_THAT_STARTS_THE_LOADER = ["--shell=" + line for line in [
    "for %i in 0 1 2 3 4 5 6 7",
    "if exist FS%i:\\EFI\\BOOT\\BOOTX64.EFI then",
    "FS%i:\\EFI\\BOOT\\BOOTX64.EFI",
    "endif",
    "endfor",
]]

# Two initrds more, around the real one.
THREE_INITRDS = ["--three-initrds"]

def canary(text):
    """The booted system prints `mini: canary TEXT`, which has no single quotes."""
    return ["--canary", text]

def compress(program):
    """The kernel is compressed by gzip or zstd."""
    return ["--compress", program]

def edit(before, after):
    """In grub.cfg, or in the entry of the Boot Loader Specification, `after` stands in place of `before`."""
    return ["--edit", before, after]

def failing_entries(count):
    """So many entries without a kernel stand in front."""
    return ["--failing-entries", str(count)]

def flip_kernel(offset):
    """The byte at this offset of the kernel's file has all bits flipped."""
    return ["--flip-kernel", str(offset)]

def kernel_name(name):
    """The kernel's file in /boot has this name, not the one that grub.cfg has."""
    return ["--kernel-name", name]

def link(name, target):
    """A symbolic link on the root, and where it leads to."""
    return ["--link", name, target]

def long_line(bytes):
    """A comment of so many bytes stands in front of the rest of grub.cfg."""
    return ["--long-line", str(bytes)]

def more_entries(count):
    """So many older entries, whose kernels are gone, stand beside the usual ones."""
    return ["--more-entries", str(count)]

def sector_size(bytes):
    """A logical block of the disk has so many bytes, not 512."""
    return ["--sector-size", str(bytes)]

def truncate_kernel(bytes):
    """So many bytes are missing at the kernel's end."""
    return ["--truncate-kernel", str(bytes)]

# Disks of both.

def flip(place):
    """A byte of a structure has all bits flipped: `STRUCTURE:OFFSET` (e2e/disks/src/faults.rs and src/written.rs)."""
    return ["--flip", place]

# Only disks of `written`.

# What boots stands in the log of XFS (shape rhel) or btrfs (at), and an earlier version in its place.
DIRTY_LOG = ["--dirty-log"]

def profile(name):
    """How btrfs keeps its data: single, dup (the default, metadata only), raid0 (data only), raid1 or raid6."""
    return ["--profile", name]

def flattened(changes):
    """The words of them all."""
    return [word for change in changes for word in change]

"""Boots of a disk with a kernel and busybox: rows of tables, and the disks that they need."""

load("//e2e/disks:mini.bzl", "mini_disk")
load(":defs.bzl", "LOADED", "qemu_test")

# What a row says of its disk, and not of its machine: the arguments of a mini_disk.
_OF_DISK = [
    "changes",
    "devicetree",
    "foreign_kernel",
    "keys",
    "shape",
]

def disk_part(row):
    """What a row says of its disk."""
    return {key: value for key, value in row.items() if key in _OF_DISK}

def machine_part(row):
    """What a row says of its machine."""
    return {key: value for key, value in row.items() if key not in _OF_DISK}

def disk_of(test, arch, row):
    """The disk of a test, `TEST_disk`, made when it is first asked for; the usual one where the row says nothing."""
    disk = disk_part(row)
    if not disk:
        return "//e2e/disks:mini_" + arch
    name = test + "_disk"
    if not native.existing_rule(name):
        mini_disk(
            name = name,
            arch = arch,
            **disk
        )
    return ":" + name

def mini_boot(name, arch = "x86_64", expect = LOADED, shown = [], beside = [], **row):
    """Arguments of a qemu_test that boots a mini disk up to its userspace.

    Args:
        name: of the test
        arch: x86_64, aarch64, riscv64 or loongarch64
        expect: patterns of what the loader says
        shown: patterns of what the booted system says
        beside: disks behind that one
        **row: more arguments of a mini_disk, or of a qemu_test
    """
    return machine_part(row) | {
        "arch": arch,
        "disks": [disk_of(name, arch, row)] + beside,
        "expect": expect + ["mini: userspace on " + arch] + shown,
        "name": name,
    }

def boot_tests(rows, arches = ["x86_64"]):
    """A test for each row on each architecture, NAME_ARCH, and its disk, NAME_ARCH_disk."""
    for arch in arches:
        for name, row in rows.items():
            qemu_test(**mini_boot("{}_{}".format(name, arch), arch, **row))

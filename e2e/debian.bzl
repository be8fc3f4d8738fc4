"""Debian in every way, to its prompt, and what it sees of us."""

load("@facts//:version.bzl", "VERSION")
load("//e2e/disks:debian.bzl", "debian_entry", "reinstalled_disk")
load("//e2e/disks:loaders.bzl", "with_loader")
load("//platforms:defs.bzl", "ARCHES")
load(":defs.bzl", "LOADED", "qemu_test")

# systemd gives devices 90 seconds, then there is no prompt; on a busy machine udev alone may need more.
_PATIENT = {"cloudboot.cmdline.extra": "systemd.default_device_timeout_sec=900"}

# To its prompt.
_PROMPT = [
    "Welcome to Debian",
    "login:",
]

# Each way, on every architecture. `disk` names the disk up to the architecture; by default a test has its own. On the
# architectures other than x86_64, only //e2e:full runs a way, unless it `is_everywhere`: each takes minutes, emulated,
# and what is special to a way does not depend on the architecture.
_WAYS = {
    "debian_iso": dict(
        disk = "//e2e/disks:debian_",
        settings = {},
        expect = LOADED,
        shown = ["Welcome to Debian"],
    ),
    "debian_esp": dict(
        boot = None,
        is_everywhere = True,
        expect = [
            "^discover 1 disk, ",
            "^choose \"Debian GNU/Linux\"",
            "^start \"Debian GNU/Linux\"",
        ],
    ),
    # Its kernel on the ESP as systemd installs it.
    "debian_bls": dict(
        expect = [
            "^choose \"Debian GNU/Linux*gpt15 /loader/entries/debian-",
            "^start \"Debian GNU/Linux",
            "e2e=bls",
        ],
    ),
    "debian_uki": dict(
        expect = [
            "^choose \"Debian GNU/Linux*gpt15 /EFI/Linux/debian-",
            "^start \"Debian GNU/Linux",
            "e2e=uki",
        ],
    ),
    # An entry that keys choose.
    "debian_menu": dict(
        disk = "//e2e/disks:debian_",
        settings = {"cloudboot.menu": "always"} | _PATIENT,
        expect = [
            "^ 1  Debian GNU/Linux  *GRUB hd",
            # The title is long: its middle is left out.
            "^ 2  Advanced opti*...*with Linux * GRUB hd",
            "type:2",
            "^choose \"Advanced options for Debian GNU/Linux / Debian GNU/Linux, with Linux ",
            "^start \"Advanced options for Debian GNU/Linux / Debian GNU/Linux, with Linux ",
        ],
    ),
}

# What is typed at the prompt, and what answers. systemd counts the loader's time, and reads the variables and the log.
_INTERFACE = [
    "type:systemctl is-system-running --wait; systemd-analyze time<enter>",
    "^Startup finished in * (firmware) + * (loader) + * (kernel) + * (userspace)",
    "type:cd /sys/firmware/efi/efivars; for v in Info EntrySelected Entries DevicePartUUID; do " +
    "cat Loader$v-*|tail -c +5|tr '\\0' ' ';echo;done<enter>",
    "^c l o u d - b o o t   " + " ".join(VERSION.elems()),
    "^g n u l i n u x - s i m p l e - ",
    "^g n u l i n u x - s i m p l e - ",
    "^a a a a a a a a - 0 0 0 f - 4 0 0 0 - 8 0 0 0 - ",
    "type:bootctl --no-pager status<enter>",
    "Firmware: UEFI *(Debian distribution of EDK II ",
    "Current Boot Loader:",
    "Product: cloud-boot " + VERSION,
    "Partition: /dev/disk/by-partuuid/aaaaaaaa-000f-4000-8000-00000000000f",
    "EFI/BOOT/BOOTX64.EFI",
    "Current Entry: gnulinux-simple-",
    "type:cat CloudBootLog-*|tail -c +5; echo<enter>",
    "^{\"version\":\"" + VERSION + "\",\"arch\":\"x86_64\",\"selected\":\"gnulinux-simple-",
]

# The same by our command, which is the content of the second disk.
_COMMAND = [
    "type:cd /tmp; cat /dev/vdb >c; chmod +x c; ./c nvram show --json >j; echo status: $?<enter>",
    "^status: 0",
    "type:i=$(sed 's/.*EntrySelected\",\"value\":\"//; s/\".*//' j); echo selected: $i<enter>",
    "^selected: gnulinux-simple-",
    "type:bootctl --no-pager status | grep -qx \" *Current Entry: $i\"; echo same: $?<enter>",
    "^same: 0",
    "type:grep -q '\"log\":{.*\"selected\":\"'$i j; echo logged: $?<enter>",
    "^logged: 0",
    # What is mounted is not overwritten, what nobody uses is.
    "type:./c iso --force --out /dev/vda1; echo status: $?<enter>",
    "^cloud-boot: E-CLI-TARGET /dev/vda1: Device or resource busy (os error 16); name one that you may write",
    "^status: 1",
    "type:umount -q /boot/efi; ./c iso --force --out /dev/vda15; echo status: $?<enter>",
    "^/dev/vda15: * MiB for x86_64, aarch64, riscv64, loongarch64",
    "^status: 0",
]

def debian_test(name, expect, settings = _PATIENT, shown = _PROMPT, **kwargs):
    """A whole Debian: a qemu_test that waits for minutes, up to the prompt or what else is `shown`."""
    qemu_test(
        name = name,
        timeout = 1500,
        expect = expect + shown,
        settings = settings,
        **kwargs
    )

def _disks(arch):
    """The disks of an architecture."""
    with_loader(
        name = "debian_esp_{}_disk".format(arch),
        arch = arch,
        # Its own kernel has written to it: mke2fs writes folders in another way.
        disk = "//e2e/disks:debian_{}_aged".format(arch),
        loader = "//loader:loader_" + arch,
    )
    for shape in ["bls", "uki"]:
        debian_entry(
            name = "debian_{}_{}_disk".format(shape, arch),
            arch = arch,
            shape = shape,
        )

    # What the demo asks for.
    native.alias(
        name = "debian_disk_" + arch,
        actual = "//e2e/disks:debian_" + arch,
        tags = ["manual"],
    )

def _way(name, arch, disk = None, is_everywhere = False, **row):
    test = "{}_{}".format(name, arch)
    debian_test(
        name = test,
        arch = arch,
        disks = [disk + arch if disk else ":{}_disk".format(test)],
        tags = [] if is_everywhere or arch == "x86_64" else ["manual"],
        **row
    )

def debian_tests():
    """A test of each way, and its disk."""
    for arch in ARCHES:
        _disks(arch)
        for name, row in _WAYS.items():
            _way(name, arch, **row)

    # A kernel, initrd and grub.cfg that dpkg and its scripts wrote on the running system, in folders with an index.
    reinstalled_disk(
        name = "debian_reinstalled_x86_64_disk",
        arch = "x86_64",
        disk = "//e2e/disks:debian_x86_64",
        tags = ["manual"],
    )
    debian_test(
        name = "debian_reinstalled_x86_64",
        disks = [":debian_reinstalled_x86_64_disk"],
        expect = LOADED,
    )

    # What the booted system sees of us.
    debian_test(
        name = "debian_interface_x86_64",
        boot = None,
        disks = [
            ":debian_esp_x86_64_disk",
            "//cli:cloud-boot_x86_64",
        ],
        expect = [],
        shown = [
            "login:",
            "type:root<enter>",
            "Password:",
            "type:root<enter>",
            "root@",
        ] + _INTERFACE + _COMMAND,
    )

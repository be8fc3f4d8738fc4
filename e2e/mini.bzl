"""A kernel and busybox: what a disk may hold, however it is attached, and more disks than one."""

load("//e2e/disks:changes.bzl", "THREE_INITRDS", "canary", "edit", "failing_entries")
load("//e2e/disks:mini.bzl", "device_tree", "mini_disk")
load("//iso:defs.bzl", "boot_iso")
load("//platforms:defs.bzl", "ARCHES")
load(":defs.bzl", "LOADED", "qemu_test", "words")
load(":mini_boot.bzl", "boot_tests")

_CONSOLES = {
    "x86_64": "ttyS0,115200",
    "aarch64": "ttyAMA0,115200",
    "riscv64": "ttyS0,115200",
    "loongarch64": "ttyS0,115200",
}

# Every architecture: what tells of the kernel.
_EVERYWHERE = {
    "mini_grub": dict(shown = ["mini: cmdline "]),
    "mini_bls": dict(
        shape = "bls",
        expect = [
            "type:<esc>",
            "^ 1  Debian GNU/Linux*BLS hd",
            "^ 2  Debian GNU/Linux*(1.0) *BLS hd",
            "type:<enter>",
            "^choose \"Debian GNU/Linux",
            "^obtain /mini/*/linux",
            "^obtain /mini/*/initrd",
            "^start \"Debian GNU/Linux",
        ],
        shown = ["mini=bls"],
        forbid = ["tries are not counted"],
    ),
    "mini_uki": dict(
        shape = "uki",
        expect = [
            "^choose \"Mini, unified\" from hd*gpt15 /EFI/Linux/mini.efi",
            "^obtain /EFI/Linux/mini.efi",
            "^start \"Mini, unified\"",
        ],
        shown = ["mini=uki"],
    ),
    # The menu choice goes by keys.
    "mini_menu": dict(
        settings = {"cloudboot.menu": "always"},
        expect = [
            "^ 1  Mini  *GRUB hd",
            # The title is long: its middle is left out.
            "^ 2  Advanced opti*...*(recovery mode) GRUB hd",
            "type:<down>e",
            "^Command line",
            # The row is full before it ends.
            "=recovery",
            "type: mini.edited=1<enter>",
            "^choose \"Advanced options for Mini / Mini, with Linux ",
            "^start \"Advanced options for Mini / Mini, with Linux ",
        ],
        shown = ["mini=recovery mini.edited=1"],
    ),
}

# Firmware that boots fast starts the drivers of what it boots from, and no others.
_WITHOUT_DRIVER = {
    "disk_without_driver": dict(
        in_boot_order = False,
        expect = [
            "^discover 1 disk, ",
            "^discover nothing yet: starting the drivers of all devices",
        ] + LOADED,
    ),
}

# However a disk is attached.
_BUSES = {
    "disk_by_" + bus: dict(bus = bus)
    for bus in ["nvme", "sata", "scsi", "usb", "cd"]
}

# Network cards of each kind: virtio that we drive, one that is too old for that, and another maker's.
_CARDS = [
    "virtio-net-pci,romfile=",
    "virtio-net-pci,romfile=,disable-legacy=off,disable-modern=on",
    "virtio-net-pci,romfile=,disable-legacy=on,host_mtu=1400",
    "e1000",
]

# Only x86_64.
_X86_64 = {
    # Settings by SMBIOS, as a cloud's operator gives them.
    "mini_extlinux": dict(
        shape = "extlinux",
        smbios = {
            "cloudboot.debug": "1",
            "cloudboot.cmdline.extra": "by.smbios=1",
            "cloudboot.tarket": "x",
        },
        expect = [
            "^configure: E-CONFIG-UNKNOWN cloudboot.tarket (SMBIOS): there is no such key",
            "  cloudboot.cmdline.extra=by.smbios=1 from SMBIOS",
        ] + LOADED,
        shown = ["mini=extlinux by.smbios=1"],
    ),
    "three_initrds": dict(
        changes = [
            THREE_INITRDS,
            # GRUB puts a file into an archive where it is told to.
            edit(" /boot/last.img", " newc:/boot/deep/fstab:/etc/fstab /boot/last.img"),
        ],
        expect = [
            "^obtain /boot/first.img",
            "^obtain /boot/initrd.img-",
            "^obtain /etc/fstab",
            "^obtain /boot/last.img",
        ],
        shown = ["mini: initrds deep first.img last.img"],
    ),
    # Behind none of the cards is the registry, so that the disk is booted, which the settings allow.
    "every_kind_of_network_card": dict(
        settings = {
            "cloudboot.debug": "1",
            "cloudboot.local": "1",
            "cloudboot.image": "oci://10.0.2.2:1/linux@sha256:" + "0" * 64,
        },
        qemu_options = [
            option
            for number, card in enumerate(_CARDS)
            for option in [
                "-netdev",
                "user,id=card{}".format(number),
                "-device",
                "{},netdev=card{},mac=52:54:00:00:00:0{}".format(card, number, number + 1),
            ]
        ],
        expect = [
            "^choose \"10.0.2.2:1/linux",
            "^network: virtio1 is left to the firmware's driver: no modern interface",
            "^  virtio0 52:54:00:00:00:01, MTU 1500, link",
            "^  virtio2 52:54:00:00:00:03, MTU 1400, link",
            "^  snp0 52:54:00:00:00:02, MTU 1500, link",
            "^  snp1 52:54:00:00:00:04, MTU 1500, link",
            "^failed: obtain https://10.0.2.2:1/v2/linux/manifests/sha256:*: E-NET-*; trying the next entry",
            "^choose \"Mini\"",
            "^start \"Mini\"",
        ],
        forbid = ["over budget"],
    ),
    # Two disks with the same system: the first one's is booted. Twin: second_of_two_disks.
    "two_disks": dict(
        beside = [":second_disk_x86_64"],
        expect = [
            "^discover 3 disks, ",
            "^choose \"Mini",
        ],
        shown = ["reboot: Power down"],
        forbid = ["mini: canary"],
    ),
    # Each failure is told, and nothing of it stays in memory: the fifty-first entry boots within the budget.
    "fifty_failing_entries": dict(
        changes = [failing_entries(50)],
        smbios = {"cloudboot.debug": "1"},
        expect = [
            "^failed: obtain /boot/none-0: E-FS-NOTFOUND *; trying the next entry",
            "^failed: obtain /boot/none-49: E-FS-NOTFOUND *; trying the next entry",
            "  used at most: stack ",
            "^start \"Mini\"",
        ],
        forbid = ["over budget"],
    ),
}

def _glob(arch):
    """A kernel that only its name tells of. Nothing on its disk names a console."""
    boot_iso(
        name = "iso_with_cmdline_" + arch,
        cmdline = words({
            "cloudboot.debug": "1",
            "cloudboot.console": _CONSOLES[arch],
        }),
        loaders = {"//loader:loader_" + arch: arch},
    )
    boot_tests({"mini_glob": dict(
        shape = "names",
        boot = ":iso_with_cmdline_" + arch,
        # The image as a disk: its GPT leads the firmware to the loader.
        medium = "disk",
        expect = ["  cloudboot.debug=1 from \\cloudboot\\cmdline"] + LOADED[:-1] + [
            "  used at most: stack ",
            "^start \"",
        ],
        # Budgets L3 and L5: the loader says when it needs more memory or stack.
        forbid = ["over budget"],
    )}, [arch])

def _tree(arch):
    """The kernel runs on the device tree that its entry names."""
    device_tree(
        name = "tree_" + arch,
        arch = arch,
        tags = ["manual"],
    )
    boot_tests({"devicetree": dict(
        devicetree = ":tree_" + arch,
        qemu_options = [
            "-machine",
            "acpi=off",
        ],
        expect = ["^obtain /boot/board.dtb"],
        shown = ["mini: model e2e-tree"],
    )}, [arch])

def _function_key():
    """A key without a character stops the countdown, as any other does."""
    qemu_test(
        name = "menu_stopped_by_a_function_key_x86_64",
        disks = ["//e2e/disks:mini_x86_64"],
        expect = [
            "^Boots the marked entry in ",
            "type:<f1>",
            "^Enter, 1-9 boot ",
        ],
        forbid = ["^start \""],
        settings = {"cloudboot.timeout": "10"},
        quiet_after = 15,
    )

def _second_disk():
    """The disk that is asked for."""
    mini_disk(
        name = "second_disk_x86_64",
        arch = "x86_64",
        changes = [canary("second disk")],
    )
    qemu_test(
        name = "second_of_two_disks_x86_64",
        disks = [
            "//e2e/disks:mini_x86_64",
            ":second_disk_x86_64",
        ],
        expect = [
            "^choose \"Mini",
            "mini: canary second disk",
        ],
        smbios = {"cloudboot.disk": "/dev/vdb"},
    )

def mini_tests():
    """A test of each of them, and its disk."""
    boot_tests(_EVERYWHERE, ARCHES)
    for arch in ARCHES:
        _glob(arch)
    boot_tests(_WITHOUT_DRIVER, ["x86_64", "aarch64"])
    boot_tests(_BUSES | _X86_64)
    for arch in ["aarch64", "riscv64"]:
        _tree(arch)
    _function_key()
    _second_disk()

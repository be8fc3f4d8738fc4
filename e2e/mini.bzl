"""A kernel and busybox: what a disk may hold, however it is attached, and more disks than one."""

load("//e2e/disks:mini.bzl", "device_tree", "mini_disk")
load("//iso:defs.bzl", "boot_iso")
load("//platforms:defs.bzl", "ARCHES")
load(":defs.bzl", "FIRST_LINE", "GRUB", "LOADED", "by_fw_cfg", "qemu_test")

_CONSOLES = {
    "x86_64": "ttyS0,115200",
    "aarch64": "ttyAMA0,115200",
    "riscv64": "ttyS0,115200",
    "loongarch64": "ttyS0,115200",
}

def _contents():
    """What tells of the kernel, and what an entry may name."""
    for arch in ARCHES:
        # Nothing on that disk names a console.
        boot_iso(
            name = "iso_with_cmdline_" + arch,
            cmdline = "cloudboot.debug=1 cloudboot.console=" + _CONSOLES[arch],
            loaders = {"//loader:loader_" + arch: arch},
        )
        mini_disk(
            name = "mini_glob_disk_" + arch,
            arch = arch,
            shape = "names",
        )
        qemu_test(
            name = "mini_grub_" + arch,
            arch = arch,
            boot = "//iso:boot",
            disks = ["//e2e/disks:mini_" + arch],
            expect = [FIRST_LINE + arch] + LOADED + [
                "mini: userspace on " + arch,
                "mini: cmdline ",
            ],
            forbid = GRUB,
        )
        qemu_test(
            name = "mini_glob_" + arch,
            arch = arch,
            boot = ":iso_with_cmdline_" + arch,
            disks = [":mini_glob_disk_" + arch],
            expect = [
                FIRST_LINE + arch,
                "  cloudboot.debug=1 from \\cloudboot\\cmdline",
            ] + LOADED[:-1] + [
                "  used at most: stack ",
                "^start \"",
                "mini: userspace on " + arch,
            ],
            # Budgets L3 and L5: the loader says when it needs more memory or stack.
            forbid = GRUB + ["over budget"],
            # The image as a disk: its GPT leads the firmware to the loader.
            medium = "disk",
        )

    # What a disk may hold besides grub.cfg.  The menu choice goes by keys, and its setting by QEMU's fw_cfg.
    for arch in ARCHES:
        mini_disk(
            name = "bls_disk_" + arch,
            arch = arch,
            shape = "bls",
        )
        qemu_test(
            name = "mini_bls_" + arch,
            arch = arch,
            boot = "//iso:boot",
            disks = [":bls_disk_" + arch],
            expect = [
                FIRST_LINE + arch,
                "type:<esc>",
                "^ 1  Debian GNU/Linux*BLS hd",
                "^ 2  Debian GNU/Linux*(1.0) *BLS hd",
                "type:<enter>",
                "^choose \"Debian GNU/Linux",
                "^obtain /mini/*/linux",
                "^obtain /mini/*/initrd",
                "^start \"Debian GNU/Linux",
                "mini: userspace on " + arch,
                "mini=bls",
            ],
            forbid = GRUB + ["tries are not counted"],
        )
        mini_disk(
            name = "uki_disk_" + arch,
            arch = arch,
            shape = "uki",
        )
        qemu_test(
            name = "mini_uki_" + arch,
            arch = arch,
            boot = "//iso:boot",
            disks = [":uki_disk_" + arch],
            expect = [
                FIRST_LINE + arch,
                "^choose \"Mini, unified\" from hd*gpt15 /EFI/Linux/mini.efi",
                "^obtain /EFI/Linux/mini.efi",
                "^start \"Mini, unified\"",
                "mini: userspace on " + arch,
                "mini=uki",
            ],
            forbid = GRUB,
        )
        qemu_test(
            name = "mini_menu_" + arch,
            arch = arch,
            boot = "//iso:boot",
            disks = ["//e2e/disks:mini_" + arch],
            expect = [
                FIRST_LINE + arch,
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
                "mini: userspace on " + arch,
                "mini=recovery mini.edited=1",
            ],
            forbid = GRUB,
            qemu_options = by_fw_cfg("cloudboot.menu=always"),
        )

    # A key without a character stops the countdown, as any other does.
    qemu_test(
        name = "menu_stopped_by_a_function_key_x86_64",
        arch = "x86_64",
        boot = "//iso:boot",
        disks = ["//e2e/disks:mini_x86_64"],
        expect = [
            FIRST_LINE + "x86_64",
            "^Boots the marked entry in ",
            "type:<f1>",
            "^Enter, 1-9 boot ",
        ],
        forbid = GRUB + ["^start \""],
        qemu_options = by_fw_cfg("cloudboot.timeout=10"),
        quiet_after = 15,
    )

    mini_disk(
        name = "extlinux_disk_x86_64",
        arch = "x86_64",
        shape = "extlinux",
    )

    # Settings by SMBIOS, as a cloud's operator gives them.
    qemu_test(
        name = "mini_extlinux_x86_64",
        arch = "x86_64",
        boot = "//iso:boot",
        disks = [":extlinux_disk_x86_64"],
        expect = [
            FIRST_LINE + "x86_64",
            "^configure: E-CONFIG-UNKNOWN cloudboot.tarket (SMBIOS): there is no such key",
            "  cloudboot.cmdline.extra=by.smbios=1 from SMBIOS",
        ] + LOADED + [
            "mini: userspace on x86_64",
            "mini=extlinux by.smbios=1",
        ],
        forbid = GRUB,
        qemu_options = [
            "-smbios",
            "type=11,value=cloudboot:debug=1,value=cloudboot:cmdline.extra=by.smbios=1,value=cloudboot:tarket=x",
        ],
    )

    mini_disk(
        name = "three_initrds_disk_x86_64",
        arch = "x86_64",
        # GRUB puts a file into an archive where it is told to.
        edit = {" /boot/last.img": " newc:/boot/deep/fstab:/etc/fstab /boot/last.img"},
        three_initrds = True,
    )

    qemu_test(
        name = "three_initrds_x86_64",
        arch = "x86_64",
        boot = "//iso:boot",
        disks = [":three_initrds_disk_x86_64"],
        expect = [
            FIRST_LINE + "x86_64",
            "^obtain /boot/first.img",
            "^obtain /boot/initrd.img-",
            "^obtain /etc/fstab",
            "^obtain /boot/last.img",
            "mini: userspace on x86_64",
            "mini: initrds deep first.img last.img",
        ],
        forbid = GRUB,
    )

    # The kernel runs on the tree that its entry names.
    for arch in [
        "aarch64",
        "riscv64",
    ]:
        device_tree(
            name = "tree_" + arch,
            arch = arch,
            tags = ["manual"],
        )
        mini_disk(
            name = "tree_disk_" + arch,
            arch = arch,
            devicetree = ":tree_" + arch,
        )
        qemu_test(
            name = "devicetree_" + arch,
            arch = arch,
            boot = "//iso:boot",
            disks = [":tree_disk_" + arch],
            expect = [
                FIRST_LINE + arch,
                "^obtain /boot/board.dtb",
                "mini: userspace on " + arch,
                "mini: model e2e-tree",
            ],
            forbid = GRUB,
            qemu_options = [
                "-machine",
                "acpi=off",
            ],
        )


def _buses():
    """However a disk is attached, and what else is."""
    # However a disk is attached.
    for bus in [
        "nvme",
        "sata",
        "scsi",
        "usb",
        "cd",
    ]:
        qemu_test(
            name = "disk_by_{}_x86_64".format(bus),
            arch = "x86_64",
            boot = "//iso:boot",
            bus = bus,
            disks = ["//e2e/disks:mini_x86_64"],
            expect = [FIRST_LINE + "x86_64"] + LOADED + ["mini: userspace on x86_64"],
            forbid = GRUB,
        )

    # Firmware that boots fast starts the drivers of what it boots from, and no others.
    for arch in [
        "x86_64",
        "aarch64",
    ]:
        qemu_test(
            name = "disk_without_driver_" + arch,
            arch = arch,
            boot = "//iso:boot",
            disks = ["//e2e/disks:mini_" + arch],
            expect = [
                FIRST_LINE + arch,
                "^discover 1 disk, ",
                "^discover nothing yet: starting the drivers of all devices",
            ] + LOADED + ["mini: userspace on " + arch],
            forbid = GRUB,
            in_boot_order = False,
        )

    # Network cards of each kind: virtio that we drive, one that is too old for that, and another maker's. Behind none
    # of them is the registry, so that the disk is booted, which the settings allow.
    qemu_test(
        name = "network_cards_x86_64",
        arch = "x86_64",
        boot = "//iso:boot",
        disks = ["//e2e/disks:mini_x86_64"],
        expect = [
            FIRST_LINE + "x86_64",
            "^choose \"10.0.2.2:1/linux",
            "^network: virtio1 is left to the firmware's driver: no modern interface",
            "^  virtio0 52:54:00:00:00:01, MTU 1500, link",
            "^  virtio2 52:54:00:00:00:03, MTU 1400, link",
            "^  snp0 52:54:00:00:00:02, MTU 1500, link",
            "^  snp1 52:54:00:00:00:04, MTU 1500, link",
            "^failed: obtain https://10.0.2.2:1/v2/linux/manifests/sha256:*: E-NET-*; trying the next entry",
            "^choose \"Mini\"",
            "^start \"Mini\"",
            "mini: userspace on x86_64",
        ],
        forbid = GRUB + ["over budget"],
        qemu_options = by_fw_cfg(
            "cloudboot.debug=1 cloudboot.local=1 cloudboot.image=oci://10.0.2.2:1/linux@sha256:" + "0" * 64,
        ) + [
            option
            for number, card in enumerate([
                "virtio-net-pci,romfile=",
                "virtio-net-pci,romfile=,disable-legacy=off,disable-modern=on",
                "virtio-net-pci,romfile=,disable-legacy=on,host_mtu=1400",
                "e1000",
            ])
            for option in [
                "-netdev",
                "user,id=card{}".format(number),
                "-device",
                "{},netdev=card{},mac=52:54:00:00:00:0{}".format(card, number, number + 1),
            ]
        ],
    )


def _several():
    """More disks than one, and more entries."""
    mini_disk(
        name = "second_disk_x86_64",
        arch = "x86_64",
        canary = "second disk",
    )

    # Two disks with the same system: the first one's is booted, or the one that is asked for.
    qemu_test(
        name = "two_disks_x86_64",
        arch = "x86_64",
        boot = "//iso:boot",
        disks = [
            "//e2e/disks:mini_x86_64",
            ":second_disk_x86_64",
        ],
        expect = [
            FIRST_LINE + "x86_64",
            "^discover 3 disks, ",
            "^choose \"Mini",
            "mini: userspace on x86_64",
            "reboot: Power down",
        ],
        forbid = GRUB + ["mini: canary"],
    )

    qemu_test(
        name = "second_of_two_disks_x86_64",
        arch = "x86_64",
        boot = "//iso:boot",
        disks = [
            "//e2e/disks:mini_x86_64",
            ":second_disk_x86_64",
        ],
        expect = [
            FIRST_LINE + "x86_64",
            "^choose \"Mini",
            "mini: canary second disk",
        ],
        forbid = GRUB,
        qemu_options = [
            "-smbios",
            "type=11,value=cloudboot:disk=/dev/vdb",
        ],
    )

    mini_disk(
        name = "failing_disk_x86_64",
        arch = "x86_64",
        failing_entries = 50,
    )

    # Each failure is told, and nothing of it stays in memory: the fifty-first entry boots within the budget.
    qemu_test(
        name = "fifty_failing_entries_x86_64",
        arch = "x86_64",
        boot = "//iso:boot",
        disks = [":failing_disk_x86_64"],
        expect = [
            FIRST_LINE + "x86_64",
            "^failed: obtain /boot/none-0: E-FS-NOTFOUND *; trying the next entry",
            "^failed: obtain /boot/none-49: E-FS-NOTFOUND *; trying the next entry",
            "  used at most: stack ",
            "^start \"Mini\"",
            "mini: userspace on x86_64",
        ],
        forbid = GRUB + ["over budget"],
        qemu_options = [
            "-smbios",
            "type=11,value=cloudboot:debug=1",
        ],
    )


def mini_tests():
    """A test of each of them, and its disk."""
    _contents()
    _buses()
    _several()

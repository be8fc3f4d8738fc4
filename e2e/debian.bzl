"""Debian in every way, to its prompt, and what it sees of us."""

load("@facts//:version.bzl", "VERSION")
load("//e2e/disks:debian.bzl", "debian_entry", "reinstalled_disk")
load("//e2e/disks:loaders.bzl", "with_loader")
load("//platforms:defs.bzl", "ARCHES")
load(":defs.bzl", "FIRST_LINE", "GRUB", "LOADED", "by_fw_cfg", "qemu_test")

# systemd gives devices 90 seconds, then there is no prompt; on a busy machine udev alone may need more.
_PATIENT = "cloudboot.cmdline.extra=systemd.default_device_timeout_sec=900"

# Only //e2e:full boots Debian in every way on every architecture: emulated, each of them takes minutes, and what is
# special to a way does not depend on the architecture.
_FULL = {
    arch: [] if arch == "x86_64" else ["manual"]
    for arch in ARCHES
}

def debian_tests():
    """A test of each way, and its disk."""
    # What the demo asks for.
    for arch in ARCHES:
        native.alias(
            name = "debian_disk_" + arch,
            actual = "//e2e/disks:debian_" + arch,
            tags = ["manual"],
        )

    for arch in ARCHES:
        with_loader(
            name = "debian_esp_disk_" + arch,
            arch = arch,
            # Its own kernel has written to it: mke2fs writes folders in another way.
            disk = "//e2e/disks:debian_{}_aged".format(arch),
            loader = "//loader:loader_" + arch,
        )
        qemu_test(
            name = "debian_iso_" + arch,
            timeout = 1500,
            arch = arch,
            boot = "//iso:boot",
            disks = ["//e2e/disks:debian_" + arch],
            expect = [FIRST_LINE + arch] + LOADED + ["Welcome to Debian"],
            forbid = GRUB,
            tags = _FULL[arch],
        )
        qemu_test(
            name = "debian_esp_" + arch,
            timeout = 1500,
            arch = arch,
            disks = [":debian_esp_disk_" + arch],
            expect = [
                FIRST_LINE + arch,
                "^discover 1 disk, ",
                "^choose \"Debian GNU/Linux\"",
                "^start \"Debian GNU/Linux\"",
                "Welcome to Debian",
                "login:",
            ],
            forbid = GRUB,
            qemu_options = by_fw_cfg(_PATIENT),
        )

    # A kernel, initrd and grub.cfg that dpkg and its scripts wrote on the running system, in folders with an index.
    reinstalled_disk(
        name = "reinstalled_disk_x86_64",
        arch = "x86_64",
        disk = "//e2e/disks:debian_x86_64",
        tags = ["manual"],
    )

    qemu_test(
        name = "debian_reinstalled_x86_64",
        timeout = 1500,
        arch = "x86_64",
        boot = "//iso:boot",
        disks = [":reinstalled_disk_x86_64"],
        expect = [FIRST_LINE + "x86_64"] + LOADED + [
            "Welcome to Debian",
            "login:",
        ],
        forbid = GRUB,
        qemu_options = by_fw_cfg(_PATIENT),
    )

    # Debian to its prompt by every other way: its kernel on the ESP as systemd installs it, and an entry that keys
    # choose.
    for arch in ARCHES:
        for shape, file in [
            ("bls", "loader/entries/debian-"),
            ("uki", "EFI/Linux/debian-"),
        ]:
            debian_entry(
                name = "debian_{}_disk_{}".format(shape, arch),
                arch = arch,
                shape = shape,
            )
            qemu_test(
                name = "debian_{}_{}".format(shape, arch),
                timeout = 1500,
                arch = arch,
                boot = "//iso:boot",
                disks = [":debian_{}_disk_{}".format(shape, arch)],
                expect = [
                    FIRST_LINE + arch,
                    "^choose \"Debian GNU/Linux*gpt15 /" + file,
                    "^start \"Debian GNU/Linux",
                    "e2e=" + shape,
                    "Welcome to Debian",
                    "login:",
                ],
                forbid = GRUB,
                qemu_options = by_fw_cfg(_PATIENT),
                tags = _FULL[arch],
            )

    for arch in ARCHES:
        qemu_test(
            name = "debian_menu_" + arch,
            timeout = 1500,
            arch = arch,
            boot = "//iso:boot",
            disks = ["//e2e/disks:debian_" + arch],
            expect = [
                FIRST_LINE + arch,
                "^ 1  Debian GNU/Linux  *GRUB hd",
                # The title is long: its middle is left out.
                "^ 2  Advanced opti*...*with Linux * GRUB hd",
                "type:2",
                "^choose \"Advanced options for Debian GNU/Linux / Debian GNU/Linux, with Linux ",
                "^start \"Advanced options for Debian GNU/Linux / Debian GNU/Linux, with Linux ",
                "Welcome to Debian",
                "login:",
            ],
            forbid = GRUB,
            qemu_options = by_fw_cfg("cloudboot.menu=always " + _PATIENT),
            tags = _FULL[arch],
        )

    # What the booted system sees of us: systemd counts the loader's time, and reads the variables and the log. So does
    # our command, which is the content of the second disk.
    qemu_test(
        name = "debian_interface_x86_64",
        timeout = 1500,
        arch = "x86_64",
        disks = [
            ":debian_esp_disk_x86_64",
            "//cli:cloud-boot_x86_64",
        ],
        expect = [
            FIRST_LINE + "x86_64",
            "login:",
            "type:root<enter>",
            "Password:",
            "type:root<enter>",
            "root@",
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
        ],
        forbid = GRUB,
        qemu_options = by_fw_cfg(_PATIENT),
    )

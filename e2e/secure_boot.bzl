"""Secure Boot with a key of our own: the signed loader starts a signed kernel, and nothing else."""

load("//e2e/disks:loaders.bzl", "secure_boot", "signed")
load("//e2e/disks:mini.bzl", "mini_disk")
load("//iso:defs.bzl", "boot_iso")
load(":defs.bzl", "FIRST_LINE", "GRUB", "LOADED", "qemu_test")

def secure_boot_tests():
    """A test of each kernel, and its disk."""
    secure_boot(
        name = "secure_vars_x86_64",
        arch = "x86_64",
        tags = ["manual"],
        vars = "@firmware//:x86_64_vars.fd",
    )

    signed(
        name = "signed_loader_x86_64",
        arch = "x86_64",
        keys = ":secure_vars_x86_64",
        program = "//loader:loader_x86_64",
        tags = ["manual"],
    )

    boot_iso(
        name = "signed_iso_x86_64",
        cmdline = "cloudboot.debug=1 cloudboot.cmdline=init=/bin/sh",
        loaders = {":signed_loader_x86_64": "x86_64"},
        tags = ["manual"],
    )

    mini_disk(
        name = "signed_disk_x86_64",
        arch = "x86_64",
        keys = ":secure_vars_x86_64",
    )

    mini_disk(
        name = "signed_and_flipped_disk_x86_64",
        arch = "x86_64",
        flip_kernel = 5000000,
        keys = ":secure_vars_x86_64",
    )

    for name, disk, expect, forbid in [
        (
            "signed_kernel_starts_with_secure_boot_x86_64",
            ":signed_disk_x86_64",
            LOADED + ["mini: userspace on x86_64"],
            [],
        ),
    ] + [
        (
            name,
            disk,
            [
                "^failed: start Mini: E-SECUREBOOT-REFUSED EFI_ACCESS_DENIED: Secure Boot is on",
                "returning to the firmware",
            ],
            [
                "EFI stub:",
                "Linux version",
                "mini:",
            ],
        )
        for name, disk in [
            ("unsigned_kernel_is_refused_with_secure_boot_x86_64", "//e2e/disks:mini_x86_64"),
            # A byte of its body: without Secure Boot nobody would see it.
            ("flipped_kernel_is_refused_with_secure_boot_x86_64", ":signed_and_flipped_disk_x86_64"),
        ]
    ]:
        qemu_test(
            name = name,
            arch = "x86_64",
            boot = ":signed_iso_x86_64",
            code = "@firmware//:x86_64_secboot_code.fd",
            disks = [disk],
            expect = [
                FIRST_LINE + "x86_64, *, Secure Boot on",
                "^configure: E-CONFIG-LOCKED cloudboot.cmdline (\\cloudboot\\cmdline): this machine is locked",
            ] + expect,
            forbid = GRUB + ["init=/bin/sh"] + forbid,
            qemu_options = [
                "-machine",
                "smm=on",
                "-global",
                "driver=cfi.pflash01,property=secure,value=on",
            ],
            quiet_after = 0 if not forbid else 5,
            vars = ":secure_vars_x86_64",
        )

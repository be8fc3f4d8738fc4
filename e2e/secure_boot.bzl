"""Secure Boot with a key of our own: the signed loader starts a signed kernel, and nothing else."""

load("//e2e/disks:changes.bzl", "flip_kernel")
load("//e2e/disks:loaders.bzl", "secure_boot", "signed")
load("//iso:defs.bzl", "boot_iso")
load(":defs.bzl", "KERNEL", "LOADED", "negative_test", "words")
load(":mini_boot.bzl", "disk_of", "mini_boot")

# What a locked machine does not let its ESP say.
_WISHED = "init=/bin/sh"
_LOCKED = "^configure: E-CONFIG-LOCKED cloudboot.cmdline (\\cloudboot\\cmdline): this machine is locked"

_TWIN = "signed_kernel_starts_with_secure_boot_x86_64"

# Kernels that are refused.
_REFUSED = {
    "unsigned_kernel": dict(),
    # A byte of its body: without Secure Boot nobody would see it.
    "flipped_kernel": dict(
        changes = [flip_kernel(5000000)],
        keys = ":secure_vars_x86_64",
    ),
}

def _loader():
    """The key, the loader that it signs, and the image that has it."""
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
        cmdline = words({
            "cloudboot.debug": "1",
            "cloudboot.cmdline": _WISHED,
        }),
        loaders = {":signed_loader_x86_64": "x86_64"},
        tags = ["manual"],
    )

def secure_boot_tests():
    """A test of each kernel, and its disk."""
    _loader()
    twin = mini_boot(
        _TWIN,
        boot = ":signed_iso_x86_64",
        expect = [_LOCKED] + LOADED,
        forbid = [_WISHED],
        keys = ":secure_vars_x86_64",
        secure_boot = True,
    )
    for name, row in _REFUSED.items():
        test = name + "_is_refused_with_secure_boot_x86_64"
        negative_test(
            name = test,
            twin = twin,
            message = [
                _LOCKED,
                "^failed: start Mini: E-SECUREBOOT-REFUSED EFI_ACCESS_DENIED: Secure Boot is on",
            ],
            forbid = [_WISHED] + KERNEL,
            disks = [disk_of(test, "x86_64", row)],
            quiet_after = 5,
        )

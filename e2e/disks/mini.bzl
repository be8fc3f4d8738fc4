"""Disks with a kernel and busybox, each good or wrong in one thing."""

load(":actions.bzl", "DISK_ATTRS", "DebianPackagesInfo", "PACKAGES", "SecureBootInfo", "make_file")
load(":changes.bzl", "flattened")

def _mini_disk_impl(ctx):
    packages = ctx.attr.packages[DebianPackagesInfo]
    foreign = ctx.attr.foreign_kernel
    keys = ctx.attr.keys[SecureBootInfo] if ctx.attr.keys else None
    options = {
        "kernel": foreign[DebianPackagesInfo].kernel if foreign else packages.kernel,
        "version": packages.version,
        "busybox": packages.busybox,
        "shape": ctx.attr.shape,
        "devicetree": ctx.file.devicetree,
        "stub": packages.stub if ctx.attr.shape == "uki" else None,
        "sign-with": keys.key if keys else None,
        "certificate": keys.certificate if keys else None,
    }
    return make_file(ctx, ".raw", "mini", options, "MiniDisk", "Making a mini disk", changes = ctx.attr.changes)

_mini_disk = rule(
    implementation = _mini_disk_impl,
    doc = "Use the macro mini_disk, which knows the architecture's packages.",
    attrs = DISK_ATTRS | {
        "changes": attr.string_list(),
        "devicetree": attr.label(allow_single_file = True),
        "foreign_kernel": attr.label(providers = [DebianPackagesInfo]),
        "keys": attr.label(providers = [SecureBootInfo]),
        "packages": PACKAGES,
        "shape": attr.string(
            default = "grub",
            values = ["grub", "names", "bls", "uki", "extlinux"],
        ),
    },
)

def mini_disk(name, arch, changes = [], tags = [], **kwargs):
    """A disk with a Debian kernel and busybox, made when a test needs it: NAME.raw.

    It prints `mini: userspace on ARCH` and `mini: cmdline ...` and switches the machine off.

    Args:
        name: of the target
        arch: x86_64, aarch64, riscv64 or loongarch64
        changes: what is different from a good disk, of changes.bzl
        tags: as usual
        **kwargs: as of every rule, and
            devicetree: a tree that the entry names
            foreign_kernel: packages of another architecture whose kernel it is
            keys: the secure_boot whose key signs the kernel
            shape: what tells of the kernel: grub (grub.cfg), names (nothing), bls, uki, extlinux
    """
    _mini_disk(
        name = name,
        arch = arch,
        changes = flattened(changes),
        packages = "//e2e/disks:packages_" + arch,
        tags = ["manual"] + tags,
        **kwargs
    )

def _device_tree_impl(ctx):
    return make_file(ctx, ".dtb", "device-tree", {}, "DeviceTree", "Taking QEMU's device tree")

device_tree = rule(
    implementation = _device_tree_impl,
    doc = "The device tree of QEMU's machine with another model, `e2e-tree-ARCH...`: aarch64 and riscv64.",
    attrs = DISK_ATTRS,
)

"""Disks with XFS or btrfs, in the shapes of the distributions that use them, written by Linux's own drivers."""

load(":actions.bzl", "DISK_ATTRS", "DebianPackagesInfo", "ENV", "RootPartsInfo")

# What each shape has as its root.
_FILESYSTEMS = {
    "at": "btrfs",
    "fedora": "btrfs",
    "ostree": "xfs",
    "plain": "xfs",
    "rhel": "xfs",
    "suse": "btrfs",
}

def _root_parts_impl(ctx):
    def declare(name):
        return ctx.actions.declare_file("{}/{}".format(ctx.label.name, name))

    kernel, version = declare("kernel"), declare("version")
    modules = {name: declare(name + ".cpio") for name in ["btrfs", "esp", "xfs"]}
    args = ctx.actions.args()
    args.add("parts")
    args.add("--arch", ctx.attr.arch)
    args.add("--root", ctx.file.root)
    args.add("--kernel", kernel)
    args.add("--version", version)
    for name, archive in modules.items():
        args.add("--" + name, archive)
    outputs = [kernel, version] + modules.values()
    ctx.actions.run(
        executable = ctx.executable._disks,
        arguments = [args],
        inputs = [ctx.file.root],
        outputs = outputs,
        env = ENV,
        mnemonic = "RootParts",
        progress_message = "Picking kernel and modules for {} out of its root".format(ctx.attr.arch),
    )
    return [
        DefaultInfo(files = depset(outputs)),
        RootPartsInfo(kernel = kernel, modules = modules, version = version),
    ]

root_parts = rule(
    implementation = _root_parts_impl,
    doc = "Kernel and modules of a Debian root: the packages of mini_disk have no modules.",
    attrs = DISK_ATTRS | {
        "root": attr.label(
            mandatory = True,
            allow_single_file = True,
        ),
    },
)

def _one_linux(_os, _inputs):
    return {
        "cpu": 1,
        "memory": 500,
    }

def _written_disks_impl(ctx):
    args = ctx.actions.args()
    args.add("written")
    args.add("--arch", ctx.attr.arch)
    for out in ctx.outputs.outs:
        args.add("--out", out)
    args.add("--shape", ctx.attr.shape)
    if ctx.attr.profile:
        args.add("--profile", ctx.attr.profile)
    if ctx.attr.dirty_log:
        args.add("--dirty-log")
    for place in ctx.attr.flip:
        args.add("--flip", place)
    if ctx.file.root:
        inputs = [ctx.file.root]
        args.add("--root", ctx.file.root)
    else:
        parts = ctx.attr.parts[RootPartsInfo]
        busybox = ctx.attr.packages[DebianPackagesInfo].busybox
        modules = parts.modules[_FILESYSTEMS[ctx.attr.shape]]
        inputs = [parts.kernel, parts.version, modules, busybox]
        args.add("--kernel", parts.kernel)
        args.add("--version", parts.version)
        args.add("--modules", modules)
        args.add("--busybox", busybox)
    ctx.actions.run(
        executable = ctx.executable._disks,
        arguments = [args],
        inputs = inputs,
        outputs = ctx.outputs.outs,
        env = ENV,
        mnemonic = "WrittenDisks",
        progress_message = "Having Linux write %{label}",
        resource_set = _one_linux,
    )
    return [DefaultInfo(files = depset(ctx.outputs.outs))]

_written_disks = rule(
    implementation = _written_disks_impl,
    doc = "Use the macro written_disks, which knows the architecture's root and packages.",
    attrs = DISK_ATTRS | {
        "dirty_log": attr.bool(),
        "flip": attr.string_list(),
        "outs": attr.output_list(mandatory = True),
        "packages": attr.label(providers = [DebianPackagesInfo]),
        "parts": attr.label(providers = [RootPartsInfo]),
        "profile": attr.string(values = ["", "single", "dup", "raid0", "raid1", "raid6"]),
        "root": attr.label(allow_single_file = True),
        "shape": attr.string(
            mandatory = True,
            values = _FILESYSTEMS.keys(),
        ),
    },
)

def legs_of(name, legs):
    """The disks of written_disks, in the order of its legs."""
    return [name + ".raw"] if legs == 1 else ["{}_{}.raw".format(name, leg + 1) for leg in range(legs)]

def written_disks(name, arch, shape, legs = 1, debian = False, tags = [], **kwargs):
    """Disks of one system, made when a test needs them: NAME.raw, or NAME_1.raw and so on if there are several.

    A mini system has the kernel of the architecture's Debian. Its initrd mounts the root as the command line says,
    prints its line of /proc/mounts and a file that is there, `mini: a file on the root, e2e=now`, and switches the
    machine off. What must not boot has `e2e=earlier`.

    Args:
        name: of the target
        arch: x86_64, aarch64, riscv64 or loongarch64
        shape: which filesystems there are, and what tells of the kernel: rhel, fedora, suse, at, plain or ostree
            (e2e/disks/src/written/shape.rs)
        legs: how many disks the root stands on
        debian: whether it is a whole Debian
        tags: as usual
        **kwargs: what is different from a good disk, and visibility:
            dirty_log: True leaves what boots in the log of XFS (rhel) or btrfs (at), and an earlier version in its
                place
            flip: bytes of structures that have all bits flipped, as `STRUCTURE:OFFSET` (e2e/disks/src/written.rs)
            profile: of btrfs: single, dup (the default, metadata only), raid0 (data only), raid1, raid6
    """
    content = {"root": "//e2e/disks:root_" + arch} if debian else {
        "packages": "//e2e/disks:packages_" + arch,
        "parts": "//e2e/disks:parts_" + arch,
    }
    _written_disks(
        name = name,
        arch = arch,
        outs = legs_of(name, legs),
        shape = shape,
        tags = ["manual"] + tags,
        **(content | kwargs)
    )

"""Disks with XFS or btrfs, in the shapes of the distributions that use them, written by Linux's own drivers."""

load(":actions.bzl", "DISK_ATTRS", "DebianPackagesInfo", "FILE", "RootPartsInfo", "run_disks")
load(":changes.bzl", "flattened")

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
    outs = [kernel, version] + modules.values()
    options = {
        "root": ctx.file.root,
        "kernel": kernel,
        "version": version,
    } | modules
    message = "Picking kernel and modules out of a root"
    run_disks(ctx, "parts", options, outs, "RootParts", message, out = [])
    return [
        DefaultInfo(files = depset(outs)),
        RootPartsInfo(kernel = kernel, modules = modules, version = version),
    ]

root_parts = rule(
    implementation = _root_parts_impl,
    doc = "Kernel and modules of a Debian root: the packages of mini_disk have no modules.",
    attrs = DISK_ATTRS | {"root": FILE},
)

def _one_linux(_os, _inputs):
    return {
        "cpu": 1,
        "memory": 500,
    }

def _content(ctx):
    """Options that say what is on the disks: a whole Debian, or a mini system."""
    if ctx.file.root:
        return {"root": ctx.file.root}
    parts = ctx.attr.parts[RootPartsInfo]
    return {
        "kernel": parts.kernel,
        "version": parts.version,
        "modules": parts.modules[_FILESYSTEMS[ctx.attr.shape]],
        "busybox": ctx.attr.packages[DebianPackagesInfo].busybox,
    }

def _written_disks_impl(ctx):
    outs = ctx.outputs.outs
    options = {"shape": ctx.attr.shape} | _content(ctx)
    run_disks(
        ctx,
        "written",
        options,
        outs,
        "WrittenDisks",
        "Having Linux write {}".format(ctx.label.name),
        changes = ctx.attr.changes,
        out = [out.path for out in outs],
        resource_set = _one_linux,
    )
    return [DefaultInfo(files = depset(outs))]

_written_disks = rule(
    implementation = _written_disks_impl,
    doc = "Use the macro written_disks, which knows the architecture's root and packages.",
    attrs = DISK_ATTRS | {
        "changes": attr.string_list(),
        "outs": attr.output_list(mandatory = True),
        "packages": attr.label(providers = [DebianPackagesInfo]),
        "parts": attr.label(providers = [RootPartsInfo]),
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

def written_disks(name, arch, shape, legs = 1, changes = [], debian = False, tags = [], **kwargs):
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
        changes: what is different from a good disk, of changes.bzl
        debian: whether it is a whole Debian
        tags: as usual
        **kwargs: as of every rule
    """
    content = {"root": "//e2e/disks:root_" + arch} if debian else {
        "packages": "//e2e/disks:packages_" + arch,
        "parts": "//e2e/disks:parts_" + arch,
    }
    _written_disks(
        name = name,
        arch = arch,
        outs = legs_of(name, legs),
        changes = flattened(changes),
        shape = shape,
        tags = ["manual"] + tags,
        **(content | kwargs)
    )

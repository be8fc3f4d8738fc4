"""Debian itself: packages, roots and disks. What needs the network stands in actions of its own, cached by
Bazel like any other: a root is made once for a toolbox and program."""

load(
    ":actions.bzl",
    "DISK_ATTRS",
    "DebianPackagesInfo",
    "ENV",
    "FILE",
    "PACKAGES",
    "make_file",
    "run_disks",
    "words_of",
)

# Neither can run in the sandbox: one uid is not enough for a root, and the sandbox has no network.
_NETWORK = {
    "no-sandbox": "1",
    "requires-network": "1",
}

_ROOT_ATTRS = {
    "arch": attr.string(mandatory = True),
    "_roots": attr.label(default = "//e2e/roots:e2e_roots", executable = True, cfg = "exec"),
}

def _run_roots(ctx, subcommand, options, mnemonic, message):
    """One action of //e2e/roots:e2e_roots, which makes the files that options name."""
    args = ctx.actions.args()
    args.add_all([subcommand, "--arch", ctx.attr.arch] + words_of(options))
    ctx.actions.run(
        executable = ctx.executable._roots,
        arguments = [args],
        outputs = options.values(),
        env = ENV,
        execution_requirements = _NETWORK,
        mnemonic = mnemonic,
        progress_message = message.format(ctx.attr.arch),
    )

def _debian_packages_impl(ctx):
    files = {
        name: ctx.actions.declare_file("{}/{}".format(ctx.label.name, name))
        for name in ["kernel", "version", "busybox", "stub"]
    }
    _run_roots(ctx, "packages", files, "DebianPackages", "Fetching kernel and busybox for {}")
    return [
        DefaultInfo(files = depset(files.values())),
        DebianPackagesInfo(**files),
    ]

debian_packages = rule(
    implementation = _debian_packages_impl,
    doc = "Kernel and busybox of an architecture.",
    attrs = _ROOT_ATTRS,
)

def _debian_root_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".tar.zst")
    _run_roots(ctx, "root", {"out": out}, "DebianRoot", "Making a Debian root for {} (minutes, once)")
    return [DefaultInfo(files = depset([out]))]

debian_root = rule(
    implementation = _debian_root_impl,
    doc = "A root filesystem made by mmdebstrap.",
    attrs = _ROOT_ATTRS,
)

def _one_machine(_os, _inputs):
    return {
        "cpu": 1,
        "memory": 1400,
    }

DebianDiskInfo = provider(
    doc = "What a Debian disk was made of.",
    fields = {
        "grub_cfg": "its grub.cfg",
        "root": "its root, .tar.zst",
    },
)

def _debian_disk_impl(ctx):
    grub_cfg = ctx.actions.declare_file(ctx.label.name + "/grub.cfg")
    aged = ctx.actions.declare_file(ctx.label.name + "/aged.raw")
    out = ctx.actions.declare_file(ctx.label.name + ".raw")
    root = ctx.file.root
    options = {
        "root": root,
        "aged": aged,
    }
    message = "Booting the root to run its update-grub"
    run_disks(ctx, "first-boot", options, [grub_cfg, aged], "FirstBoot", message, resource_set = _one_machine)
    options = {
        "root": root,
        "grub-cfg": grub_cfg,
    }
    run_disks(ctx, "debian", options, [out], "DebianDisk", "Making a Debian disk")
    return [
        DefaultInfo(files = depset([out])),
        DebianDiskInfo(grub_cfg = grub_cfg, root = root),
        OutputGroupInfo(aged = depset([aged])),
    ]

_debian_disk = rule(
    implementation = _debian_disk_impl,
    doc = "Use the macro debian_disk, which knows the architecture's root.",
    attrs = DISK_ATTRS | {"root": FILE},
)

def debian_disk(name, arch, tags = [], **kwargs):
    """A Debian in the shape of its cloud image, made when a test needs it: NAME.raw, no EFI program on it.

    NAME.raw was never mounted. NAME_aged is the same Debian after its first boot: its own kernel has written to it, and
    its folders /boot and /etc have grown past one block.

    Args:
        name: of the target
        arch: x86_64, aarch64, riscv64 or loongarch64
        tags: as usual
        **kwargs: as of every rule
    """
    _debian_disk(
        name = name,
        arch = arch,
        root = "//e2e/disks:root_" + arch,
        tags = ["manual"] + tags,
        **kwargs
    )
    native.filegroup(
        name = name + "_aged",
        srcs = [name],
        output_group = "aged",
        tags = ["manual"] + tags,
        **kwargs
    )

def _reinstalled_disk_impl(ctx):
    info = ctx.attr.disk[DebianDiskInfo]
    options = {
        "root": info.root,
        "grub-cfg": info.grub_cfg,
    }
    message = "Having dpkg install the kernel once more"
    return make_file(ctx, ".raw", "reinstall", options, "Reinstall", message, resource_set = _one_machine)

reinstalled_disk = rule(
    implementation = _reinstalled_disk_impl,
    doc = "Another disk of a debian_disk's root, aged as that one's, on which dpkg has installed the kernel again.",
    attrs = DISK_ATTRS | {
        "disk": attr.label(
            mandatory = True,
            providers = [DebianDiskInfo],
        ),
    },
)

def _debian_entry_impl(ctx):
    info = ctx.attr.disk[DebianDiskInfo]
    options = {
        "disk": ctx.file.disk,
        "root": info.root,
        "grub-cfg": info.grub_cfg,
        "stub": ctx.attr.packages[DebianPackagesInfo].stub,
        "shape": ctx.attr.shape,
    }
    return make_file(ctx, ".raw", "debian-entry", options, "DebianEntry", "Putting an entry on a Debian disk")

_debian_entry = rule(
    implementation = _debian_entry_impl,
    doc = "Use the macro debian_entry, which knows the architecture's disk.",
    attrs = DISK_ATTRS | {
        "disk": attr.label(
            mandatory = True,
            allow_single_file = True,
            providers = [DebianDiskInfo],
        ),
        "packages": PACKAGES,
        "shape": attr.string(
            mandatory = True,
            values = ["bls", "uki"],
        ),
    },
)

def debian_entry(name, arch, shape, tags = [], **kwargs):
    """A copy of a Debian disk with its own kernel and initrd on the ESP, too, as systemd installs them: NAME.raw.

    Args:
        name: of the target
        arch: x86_64, aarch64, riscv64 or loongarch64
        shape: what tells of them: bls (by kernel-install) or uki (by ukify)
        tags: as usual
        **kwargs: as of every rule
    """
    _debian_entry(
        name = name,
        arch = arch,
        disk = "//e2e/disks:debian_" + arch,
        packages = "//e2e/disks:packages_" + arch,
        shape = shape,
        tags = ["manual"] + tags,
        **kwargs
    )

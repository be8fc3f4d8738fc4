"""Disks with a kernel and busybox, each good or wrong in one thing."""

load(":actions.bzl", "DISK_ATTRS", "DebianPackagesInfo", "SecureBootInfo", "run_disks")

def _add_faults(args, attr):
    """What is wrong with a mini disk, or odd."""
    if attr.failing_entries:
        args.add("--failing-entries", str(attr.failing_entries))
    if attr.more_entries:
        args.add("--more-entries", str(attr.more_entries))
    if attr.long_line:
        args.add("--long-line", str(attr.long_line))
    for before, after in attr.edit.items():
        args.add_all(["--edit", before, after])
    if attr.truncate_kernel:
        args.add("--truncate-kernel", str(attr.truncate_kernel))
    if attr.flip_kernel >= 0:
        args.add("--flip-kernel", str(attr.flip_kernel))
    if not attr.initrd:
        args.add("--omit-initrd")
    for place in attr.flip:
        args.add("--flip", place)

def _mini_disk_impl(ctx):
    packages = ctx.attr.packages[DebianPackagesInfo]
    foreign = ctx.attr.foreign_kernel
    kernel = foreign[DebianPackagesInfo].kernel if foreign else packages.kernel
    out = ctx.actions.declare_file(ctx.label.name + ".raw")
    args = ctx.actions.args()
    args.add("--kernel", kernel)
    args.add("--version", packages.version)
    args.add("--busybox", packages.busybox)
    if ctx.attr.canary:
        args.add("--canary", ctx.attr.canary)
    args.add("--shape", ctx.attr.shape)
    if ctx.attr.three_initrds:
        args.add("--three-initrds")
    if ctx.file.devicetree:
        args.add("--devicetree", ctx.file.devicetree)
    if ctx.attr.kernel_name:
        args.add("--kernel-name", ctx.attr.kernel_name)
    if ctx.attr.compress:
        args.add("--compress", ctx.attr.compress)
    if ctx.attr.sector_size:
        args.add("--sector-size", str(ctx.attr.sector_size))
    if ctx.attr.journalled:
        args.add("--journalled")
    if ctx.attr.mbr:
        args.add("--mbr")
    if ctx.attr.hybrid:
        args.add("--hybrid")
    if ctx.attr.shell:
        args.add("--shell")
    for name, target in ctx.attr.links.items():
        args.add_all(["--link", name, target])
    _add_faults(args, ctx.attr)
    inputs = [kernel, packages.version, packages.busybox] + ctx.files.devicetree
    if ctx.attr.shape == "uki":
        args.add("--stub", packages.stub)
        inputs.append(packages.stub)
    if ctx.attr.keys:
        info = ctx.attr.keys[SecureBootInfo]
        args.add("--sign-with", info.key)
        args.add("--certificate", info.certificate)
        inputs += [info.key, info.certificate]
    run_disks(ctx, "mini", args, inputs, out, "MiniDisk", "Making a mini disk")
    return [DefaultInfo(files = depset([out]))]

_mini_disk = rule(
    implementation = _mini_disk_impl,
    doc = "Use the macro mini_disk, which knows the architecture's packages.",
    attrs = DISK_ATTRS | {
        "canary": attr.string(),
        "compress": attr.string(values = ["", "gzip", "zstd"]),
        "devicetree": attr.label(allow_single_file = True),
        "edit": attr.string_dict(),
        "failing_entries": attr.int(),
        "flip": attr.string_list(),
        "flip_kernel": attr.int(default = -1),
        "foreign_kernel": attr.label(providers = [DebianPackagesInfo]),
        "hybrid": attr.bool(),
        "initrd": attr.bool(default = True),
        "journalled": attr.bool(),
        "kernel_name": attr.string(),
        "keys": attr.label(providers = [SecureBootInfo]),
        "links": attr.string_dict(),
        "long_line": attr.int(),
        "mbr": attr.bool(),
        "more_entries": attr.int(),
        "packages": attr.label(
            mandatory = True,
            providers = [DebianPackagesInfo],
        ),
        "sector_size": attr.int(),
        "shape": attr.string(
            default = "grub",
            values = ["grub", "names", "bls", "uki", "extlinux"],
        ),
        "shell": attr.bool(),
        "three_initrds": attr.bool(),
        "truncate_kernel": attr.int(),
    },
)

def mini_disk(name, arch, tags = [], **kwargs):
    """A disk with a Debian kernel and busybox, made when a test needs it: NAME.raw.

    It prints `mini: userspace on ARCH` and `mini: cmdline ...` and switches the machine off.  The disk that a
    negative test boots differs from its positive twin in one attribute.

    Args:
        name: of the target
        arch: x86_64, aarch64, riscv64 or loongarch64
        tags: as usual
        **kwargs: what is different from a good disk, and visibility:
            canary: a text without single quotes, printed as `mini: canary TEXT`
            compress: gzip or zstd, which compresses the kernel
            devicetree: a tree that the entry names
            edit: texts of grub.cfg, or of the Boot Loader Specification's entry, and what stands there instead
            failing_entries: how many entries without a kernel stand in front
            flip: bytes of structures that have all bits flipped, as `STRUCTURE:OFFSET` (e2e/disks/src/faults.rs)
            flip_kernel: offset of the byte of the kernel's file that has all bits flipped
            foreign_kernel: packages of another architecture whose kernel it is
            hybrid: True makes a medium that is a disc of ISO 9660 and has an MBR: the disc once more, and the ESP
            initrd: False leaves the initrd out that grub.cfg names
            journalled: True leaves the last version of grub.cfg in ext4's journal, and an earlier one in its place
            kernel_name: of the file in /boot, instead of the one that grub.cfg names
            keys: the secure_boot whose key signs the kernel
            links: symbolic links on the root and where they lead to
            long_line: bytes of a comment in front of the rest of grub.cfg
            mbr: True makes an MBR in place of a GPT: slots 1 and 2 are empty, 3 is the ESP, 4 the root
            more_entries: how many older entries whose kernels are gone stand beside the usual ones
            sector_size: bytes of a logical block of the disk, if not 512
            shape: what tells of the kernel: grub (grub.cfg), names (nothing), bls, uki, extlinux
            shell: True puts the EFI shell and a script for it into /EFI/tools
            three_initrds: True puts two more around the real one
            truncate_kernel: how many bytes are missing at the kernel's end
    """
    _mini_disk(
        name = name,
        arch = arch,
        packages = "//e2e/disks:packages_" + arch,
        tags = ["manual"] + tags,
        **kwargs
    )

def _device_tree_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".dtb")
    run_disks(ctx, "device-tree", ctx.actions.args(), [], out, "DeviceTree", "Taking QEMU's device tree")
    return [DefaultInfo(files = depset([out]))]

device_tree = rule(
    implementation = _device_tree_impl,
    doc = "The device tree of QEMU's machine with another model, `e2e-tree-ARCH...`: aarch64 and riscv64.",
    attrs = DISK_ATTRS,
)

"""What is pushed to a registry to be booted from there."""

load(":actions.bzl", "DISK_ATTRS", "DebianPackagesInfo", "ENV", "RootPartsInfo")

_ARTIFACT = ["vmlinuz", "initrd.img", "cmdline.txt"]

def _mini_artifact_impl(ctx):
    packages = ctx.attr.packages[DebianPackagesInfo]
    names = ["mini.efi"] if ctx.attr.uki else _ARTIFACT
    if ctx.attr.alpine:
        names = names + ["modloop", "host.apkovl.tar.gz"]
    outputs = [ctx.actions.declare_file("{}/{}".format(ctx.label.name, name)) for name in names]

    # Modules are those of one kernel.
    kernel = ctx.attr.parts[RootPartsInfo] if ctx.attr.parts else packages
    inputs = [kernel.kernel, kernel.version, packages.busybox]
    args = ctx.actions.args()
    args.add_all(["artifact", "--arch", ctx.attr.arch, "--out", outputs[0].dirname])
    args.add("--kernel", kernel.kernel)
    args.add("--version", kernel.version)
    args.add("--busybox", packages.busybox)
    if ctx.attr.parts:
        args.add("--modules", kernel.modules["esp"])
        args.add("--command", ctx.file.command)
        inputs += [kernel.modules["esp"], ctx.file.command]
    if ctx.attr.alpine:
        args.add("--alpine")
    if ctx.attr.uki:
        args.add("--stub", packages.stub)
        inputs.append(packages.stub)
    ctx.actions.run(
        executable = ctx.executable._disks,
        arguments = [args],
        inputs = inputs,
        outputs = outputs,
        env = ENV,
        mnemonic = "MiniArtifact",
        progress_message = "Making the parts of an artifact for " + ctx.attr.arch,
    )
    return [DefaultInfo(files = depset(outputs))]

_mini_artifact = rule(
    implementation = _mini_artifact_impl,
    doc = "Use the macro mini_artifact, which knows the architecture's packages.",
    attrs = DISK_ATTRS | {
        "alpine": attr.bool(),
        "command": attr.label(allow_single_file = True),
        "packages": attr.label(
            mandatory = True,
            providers = [DebianPackagesInfo],
        ),
        "parts": attr.label(providers = [RootPartsInfo]),
        "uki": attr.bool(),
    },
)

def mini_artifact(name, arch, blesses = False, tags = [], **kwargs):
    """What a mini_disk starts, as files to be pushed: NAME/vmlinuz, NAME/initrd.img and NAME/cmdline.txt.

    Its command line has `mini=network`.

    Args:
        name: of the target
        arch: x86_64, aarch64, riscv64 or loongarch64
        blesses: True has the booted system mount the ESP of the first virtio disk and call `cloud-boot status --bless`
        tags: as usual
        **kwargs: as of every rule, and
            alpine: True adds the parts of Alpine's netboot, NAME/modloop and NAME/host.apkovl.tar.gz, with an initrd
                that looks for them as Alpine does
            uki: True makes one unified kernel image of them, NAME/mini.efi
    """
    _mini_artifact(
        name = name,
        arch = arch,
        command = "//cli:cloud-boot_" + arch if blesses else None,
        parts = "//e2e/disks:parts_" + arch if blesses else None,
        packages = "//e2e/disks:packages_" + arch,
        tags = ["manual"] + tags,
        **kwargs
    )

def _debian_artifact_impl(ctx):
    outputs = [ctx.actions.declare_file("{}/{}".format(ctx.label.name, name)) for name in _ARTIFACT]
    root = ctx.file.root
    args = ctx.actions.args()
    args.add_all(["debian-artifact", "--arch", ctx.attr.arch, "--out", outputs[0].dirname])
    args.add("--root", root)
    ctx.actions.run(
        executable = ctx.executable._disks,
        arguments = [args],
        inputs = [root],
        outputs = outputs,
        env = ENV,
        mnemonic = "DebianArtifact",
        progress_message = "Making an initrd of a Debian root for " + ctx.attr.arch,
    )
    return [DefaultInfo(files = depset(outputs))]

_debian_artifact = rule(
    implementation = _debian_artifact_impl,
    doc = "Use the macro debian_artifact, which knows the architecture's root.",
    attrs = DISK_ATTRS | {
        "root": attr.label(
            mandatory = True,
            allow_single_file = True,
        ),
    },
)

def debian_artifact(name, arch, tags = [], **kwargs):
    """A whole Debian, as files to be pushed: its root is the initrd, in which its systemd runs.

    Kernel modules, GRUB and fstab are left out. Its command line has `e2e=network`.

    Args:
        name: of the target
        arch: x86_64, aarch64, riscv64 or loongarch64
        tags: as usual
        **kwargs: as of every rule
    """
    _debian_artifact(
        name = name,
        arch = arch,
        root = "//e2e/disks:root_" + arch,
        tags = ["manual"] + tags,
        **kwargs
    )

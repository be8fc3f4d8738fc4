"""What is pushed to a registry to be booted from there."""

load(":actions.bzl", "DISK_ATTRS", "DebianPackagesInfo", "FILE", "PACKAGES", "RootPartsInfo", "run_disks")

_ARTIFACT = ["vmlinuz", "initrd.img", "cmdline.txt"]

def _parts(ctx, subcommand, names, options, mnemonic, message):
    """An action that makes these parts in a folder of the target's name."""
    outs = [ctx.actions.declare_file("{}/{}".format(ctx.label.name, name)) for name in names]
    run_disks(ctx, subcommand, options, outs, mnemonic, message, out = [outs[0].dirname])
    return [DefaultInfo(files = depset(outs))]

def _mini_artifact_impl(ctx):
    packages = ctx.attr.packages[DebianPackagesInfo]
    parts = ctx.attr.parts[RootPartsInfo] if ctx.attr.parts else None
    names = ["mini.efi"] if ctx.attr.uki else _ARTIFACT
    if ctx.attr.alpine:
        names = names + ["modloop", "host.apkovl.tar.gz"]

    # Modules are those of one kernel.
    kernel = parts or packages
    options = {
        "kernel": kernel.kernel,
        "version": kernel.version,
        "busybox": packages.busybox,
        "modules": parts.modules["esp"] if parts else None,
        "command": ctx.file.command,
        "alpine": ctx.attr.alpine,
        "stub": packages.stub if ctx.attr.uki else None,
    }
    return _parts(ctx, "artifact", names, options, "MiniArtifact", "Making the parts of an artifact")

_mini_artifact = rule(
    implementation = _mini_artifact_impl,
    doc = "Use the macro mini_artifact, which knows the architecture's packages.",
    attrs = DISK_ATTRS | {
        "alpine": attr.bool(),
        "command": attr.label(allow_single_file = True),
        "packages": PACKAGES,
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
    options = {"root": ctx.file.root}
    message = "Making an initrd of a Debian root"
    return _parts(ctx, "debian-artifact", _ARTIFACT, options, "DebianArtifact", message)

_debian_artifact = rule(
    implementation = _debian_artifact_impl,
    doc = "Use the macro debian_artifact, which knows the architecture's root.",
    attrs = DISK_ATTRS | {"root": FILE},
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

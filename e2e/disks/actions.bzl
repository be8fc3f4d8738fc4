"""What the rules of this folder share: the program that makes disks, and what they tell each other."""

# Of the toolbox; its digest is part of every action's key.
ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

DebianPackagesInfo = provider(
    doc = "Files out of Debian's packages.",
    fields = {
        "kernel": "the kernel's file",
        "stub": "systemd's stub of unified kernel images",
        "version": "a file with its version",
        "busybox": "a static busybox",
    },
)

RootPartsInfo = provider(
    doc = "What a mini system takes from a Debian root.",
    fields = {
        "kernel": "the kernel's file",
        "modules": "by filesystem, an archive of the modules with which the kernel reads it (`esp`: FAT and variables)",
        "version": "a file with its version",
    },
)

SecureBootInfo = provider(
    doc = "A key that firmware trusts.",
    fields = {
        "certificate": "the certificate",
        "key": "the private key",
    },
)

DISK_ATTRS = {
    "arch": attr.string(mandatory = True),
    "_disks": attr.label(
        default = "//e2e/disks:e2e_disks",
        executable = True,
        cfg = "exec",
    ),
}

def run_disks(ctx, subcommand, args, inputs, out, mnemonic, message, resource_set = None, more_outputs = []):
    """One action of //e2e/disks:e2e_disks, sandboxed like any other."""
    ctx.actions.run(
        executable = ctx.executable._disks,
        arguments = [subcommand, "--arch", ctx.attr.arch, "--out", out.path, args],
        inputs = inputs,
        outputs = [out] + more_outputs,
        env = ENV,
        mnemonic = mnemonic,
        progress_message = "{} for {}".format(message, ctx.attr.arch),
        resource_set = resource_set,
    )

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

# A file that a rule cannot do without.
FILE = attr.label(
    mandatory = True,
    allow_single_file = True,
)

PACKAGES = attr.label(
    mandatory = True,
    providers = [DebianPackagesInfo],
)

DISK_ATTRS = {
    "arch": attr.string(mandatory = True),
    "_disks": attr.label(
        default = "//e2e/disks:e2e_disks",
        executable = True,
        cfg = "exec",
    ),
}

def words_of(options):
    """Options of a command line. A value of True is an option without one; what is empty is left out."""
    words = []
    for name, value in options.items():
        if value:
            words += ["--" + name] if value == True else ["--" + name, value]
    return words

def files_of(options, outs):
    """Files that options name, other than those that are made."""
    return [value for value in options.values() if type(value) == "File" and value not in outs]

def run_disks(ctx, subcommand, options, outs, mnemonic, message, changes = [], out = None, resource_set = None):
    """One action of //e2e/disks:e2e_disks, sandboxed like any other.

    Args:
        ctx: of a rule with DISK_ATTRS
        subcommand: of the program
        options: its options and their values; files among them are inputs of the action
        outs: what it makes
        mnemonic: of the action
        message: what Bazel shows while it runs
        changes: more words of its command line
        out: paths that the program is told to make; by default the first of `outs`
        resource_set: what it needs of the machine
    """
    words = [subcommand, "--arch", ctx.attr.arch]
    for path in [outs[0].path] if out == None else out:
        words += ["--out", path]
    args = ctx.actions.args()
    args.add_all(words + words_of(options) + changes)
    ctx.actions.run(
        executable = ctx.executable._disks,
        arguments = [args],
        inputs = files_of(options, outs),
        outputs = outs,
        env = ENV,
        mnemonic = mnemonic,
        progress_message = "{} for {}".format(message, ctx.attr.arch),
        resource_set = resource_set,
    )

def make_file(ctx, suffix, subcommand, options, mnemonic, message, **kwargs):
    """What a rule returns that makes one file, NAME with the suffix, by run_disks."""
    out = ctx.actions.declare_file(ctx.label.name + suffix)
    run_disks(ctx, subcommand, options, [out], mnemonic, message, **kwargs)
    return [DefaultInfo(files = depset([out]))]

"""Loaders signed, set up and put on a disk, and the variables of the machines that start them."""

load(":actions.bzl", "DISK_ATTRS", "ENV", "SecureBootInfo", "run_disks")

def _secure_boot_impl(ctx):
    vars = ctx.actions.declare_file(ctx.label.name + ".fd")
    key = ctx.actions.declare_file(ctx.label.name + ".key")
    certificate = ctx.actions.declare_file(ctx.label.name + ".pem")
    ctx.actions.run(
        executable = ctx.executable._disks,
        arguments = ["enrol", "--arch", ctx.attr.arch, "--out", vars.path] +
                    ["--vars", ctx.file.vars.path, "--key", key.path, "--certificate", certificate.path],
        inputs = [ctx.file.vars],
        outputs = [vars, key, certificate],
        env = ENV,
        mnemonic = "Enrol",
        progress_message = "Enrolling a key of our own",
    )
    return [
        DefaultInfo(files = depset([vars])),
        SecureBootInfo(certificate = certificate, key = key),
    ]

secure_boot = rule(
    implementation = _secure_boot_impl,
    doc = "A variable store with Secure Boot on and one key of ours in PK, KEK and db: NAME.fd.",
    attrs = DISK_ATTRS | {
        "vars": attr.label(
            mandatory = True,
            allow_single_file = True,
        ),
    },
)

def _signed_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".efi")
    info = ctx.attr.keys[SecureBootInfo]
    args = ctx.actions.args()
    args.add("--program", ctx.file.program)
    args.add("--key", info.key)
    args.add("--certificate", info.certificate)
    inputs = [ctx.file.program, info.key, info.certificate]
    run_disks(ctx, "sign", args, inputs, out, "Sign", "Signing a program")
    return [DefaultInfo(files = depset([out]))]

signed = rule(
    implementation = _signed_impl,
    doc = "An EFI program, signed with the key of a secure_boot: NAME.efi.",
    attrs = DISK_ATTRS | {
        "keys": attr.label(
            mandatory = True,
            providers = [SecureBootInfo],
        ),
        "program": attr.label(
            mandatory = True,
            allow_single_file = True,
        ),
    },
)

def _with_loader_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".raw")
    args = ctx.actions.args()
    args.add("--disk", ctx.file.disk)
    args.add("--loader", ctx.file.loader)
    if ctx.attr.cmdline:
        args.add("--cmdline", ctx.attr.cmdline)
    inputs = [ctx.file.disk, ctx.file.loader]
    run_disks(ctx, "with-loader", args, inputs, out, "DiskWithLoader", "Putting a loader on a disk")
    return [DefaultInfo(files = depset([out]))]

_with_loader = rule(
    implementation = _with_loader_impl,
    doc = "Use the macro with_loader.",
    attrs = DISK_ATTRS | {
        "cmdline": attr.string(),
        "disk": attr.label(
            mandatory = True,
            allow_single_file = True,
        ),
        "loader": attr.label(
            mandatory = True,
            allow_single_file = True,
        ),
    },
)

def with_loader(name, arch, disk, loader, tags = [], **kwargs):
    """A copy of a disk with an EFI program as \\EFI\\BOOT\\BOOT*.EFI on its ESP: NAME.raw.

    Args:
        name: of the target
        arch: x86_64, aarch64, riscv64 or loongarch64
        disk: a mini_disk or debian_disk of it
        loader: the EFI program
        tags: as usual
        **kwargs: as of every rule, and
            cmdline: settings of the loader, on the ESP as \\cloudboot\\cmdline
    """
    _with_loader(
        name = name,
        arch = arch,
        disk = disk,
        loader = loader,
        tags = ["manual"] + tags,
        **kwargs
    )

def _settings_in_variables_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".fd")
    args = ctx.actions.args()
    args.add("--vars", ctx.file.vars)
    for option in ["cmdline", "target", "load_options"]:
        if getattr(ctx.attr, option):
            args.add("--" + option.replace("_", "-"), getattr(ctx.attr, option))
    run_disks(ctx, "variables", args, [ctx.file.vars], out, "Variables", "Setting variables")
    return [DefaultInfo(files = depset([out]))]

settings_in_variables = rule(
    implementation = _settings_in_variables_impl,
    doc = "A copy of a variable store with settings of the loader: NAME.fd.",
    attrs = DISK_ATTRS | {
        "cmdline": attr.string(doc = "the variable CloudBootCmdline, in UCS-2"),
        "load_options": attr.string(
            doc = "what the program on the ESP of a with_loader is given, which is started before all others then",
        ),
        "target": attr.string(doc = "the variable CloudBootTarget, in UTF-8"),
        "vars": attr.label(
            mandatory = True,
            allow_single_file = True,
        ),
    },
)

def _settings_in_section_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".efi")
    args = ctx.actions.args()
    args.add("--program", ctx.file.program)
    args.add("--cmdline", ctx.attr.cmdline)
    run_disks(ctx, "section", args, [ctx.file.program], out, "Section", "Building settings in")
    return [DefaultInfo(files = depset([out]))]

settings_in_section = rule(
    implementation = _settings_in_section_impl,
    doc = "A copy of a loader with a section .cmdline, made by ukify: NAME.efi.",
    attrs = DISK_ATTRS | {
        "cmdline": attr.string(mandatory = True),
        "program": attr.label(
            mandatory = True,
            allow_single_file = True,
        ),
    },
)

"""Loaders signed, set up and put on a disk, and the variables of the machines that start them."""

load(":actions.bzl", "DISK_ATTRS", "FILE", "SecureBootInfo", "make_file", "run_disks")

def _secure_boot_impl(ctx):
    vars = ctx.actions.declare_file(ctx.label.name + ".fd")
    key = ctx.actions.declare_file(ctx.label.name + ".key")
    certificate = ctx.actions.declare_file(ctx.label.name + ".pem")
    options = {
        "vars": ctx.file.vars,
        "key": key,
        "certificate": certificate,
    }
    run_disks(ctx, "enrol", options, [vars, key, certificate], "Enrol", "Enrolling a key of our own")
    return [
        DefaultInfo(files = depset([vars])),
        SecureBootInfo(certificate = certificate, key = key),
    ]

secure_boot = rule(
    implementation = _secure_boot_impl,
    doc = "A variable store with Secure Boot on and one key of ours in PK, KEK and db: NAME.fd.",
    attrs = DISK_ATTRS | {"vars": FILE},
)

def _signed_impl(ctx):
    info = ctx.attr.keys[SecureBootInfo]
    options = {
        "program": ctx.file.program,
        "key": info.key,
        "certificate": info.certificate,
    }
    return make_file(ctx, ".efi", "sign", options, "Sign", "Signing a program")

signed = rule(
    implementation = _signed_impl,
    doc = "An EFI program, signed with the key of a secure_boot: NAME.efi.",
    attrs = DISK_ATTRS | {
        "keys": attr.label(
            mandatory = True,
            providers = [SecureBootInfo],
        ),
        "program": FILE,
    },
)

def _with_loader_impl(ctx):
    options = {
        "disk": ctx.file.disk,
        "loader": ctx.file.loader,
        "cmdline": ctx.attr.cmdline,
    }
    return make_file(ctx, ".raw", "with-loader", options, "DiskWithLoader", "Putting a loader on a disk")

_with_loader = rule(
    implementation = _with_loader_impl,
    doc = "Use the macro with_loader.",
    attrs = DISK_ATTRS | {
        "cmdline": attr.string(),
        "disk": FILE,
        "loader": FILE,
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
    options = {
        "vars": ctx.file.vars,
        "cmdline": ctx.attr.cmdline,
        "target": ctx.attr.target,
        "load-options": ctx.attr.load_options,
    }
    return make_file(ctx, ".fd", "variables", options, "Variables", "Setting variables")

settings_in_variables = rule(
    implementation = _settings_in_variables_impl,
    doc = "A copy of a variable store with settings of the loader: NAME.fd.",
    attrs = DISK_ATTRS | {
        "cmdline": attr.string(doc = "the variable CloudBootCmdline, in UCS-2"),
        "load_options": attr.string(
            doc = "what the program on the ESP of a with_loader is given, which is started before all others then",
        ),
        "target": attr.string(doc = "the variable CloudBootTarget, in UTF-8"),
        "vars": FILE,
    },
)

def _settings_in_section_impl(ctx):
    options = {
        "program": ctx.file.program,
        "cmdline": ctx.attr.cmdline,
    }
    return make_file(ctx, ".efi", "section", options, "Section", "Building settings in")

settings_in_section = rule(
    implementation = _settings_in_section_impl,
    doc = "A copy of a loader with a section .cmdline, made by ukify: NAME.efi.",
    attrs = DISK_ATTRS | {
        "cmdline": attr.string(mandatory = True),
        "program": FILE,
    },
)

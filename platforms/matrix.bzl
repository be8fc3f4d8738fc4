"""Builds one rust_binary for every architecture of //platforms:defs.bzl."""

load("@rules_rust//rust:defs.bzl", "rust_binary", "rust_clippy")
load("@rules_rust//rust:rust_common.bzl", "DepInfo")
load("//tools/lint:defs.bzl", "clippy_test", "format_test")
load(":defs.bzl", "ARCHES")

ProgramInfo = provider(
    doc = "The parts of a program.",
    fields = {"crates": "depset of the CrateInfo of every crate that it depends on, procedural macros included"},
)

def _to_platform_impl(_settings, attr):
    # The same build is tested and shipped, in every build mode.
    return {
        "//command_line_option:compilation_mode": "opt",
        "//command_line_option:platforms": [str(attr.platform)],
    }

_to_platform = transition(
    implementation = _to_platform_impl,
    inputs = [],
    outputs = [
        "//command_line_option:compilation_mode",
        "//command_line_option:platforms",
    ],
)

def _built(ctx):
    """The file of this name, and the providers of the program."""
    # A transition makes the attribute a list of one.
    target, src = ctx.attr.src[0], ctx.files.src[0]
    out = ctx.actions.declare_file(ctx.attr.out)
    if ctx.attr.elf2efi:
        ctx.actions.run(
            executable = ctx.executable._elf2efi,
            arguments = [src.path, out.path],
            inputs = [src],
            outputs = [out],
            mnemonic = "Elf2Efi",
        )
    else:
        ctx.actions.symlink(output = out, target_file = src)
    if DepInfo in target:
        return out, [ProgramInfo(crates = target[DepInfo].transitive_crates)]
    return out, []

def _built_for_impl(ctx):
    out, providers = _built(ctx)
    return [DefaultInfo(files = depset([out]))] + providers

def _program_for_impl(ctx):
    out, providers = _built(ctx)
    return [DefaultInfo(files = depset([out]), executable = out)] + providers

_BUILT_FOR = {
    "src": attr.label(cfg = _to_platform, mandatory = True),
    "platform": attr.label(mandatory = True),
    "out": attr.string(mandatory = True),
    "elf2efi": attr.bool(),
    "_elf2efi": attr.label(default = "//toolchains/elf2efi", executable = True, cfg = "exec"),
    "_allowlist_function_transition": attr.label(
        default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
    ),
}

built_for = rule(
    implementation = _built_for_impl,
    doc = "`src` built for `platform`, under the name `out`.",
    attrs = _BUILT_FOR,
)

program_for = rule(
    implementation = _program_for_impl,
    doc = "The same for a Linux program: `bazel run` starts it.",
    attrs = _BUILT_FOR,
    executable = True,
)

def _lint(name, os, srcs, edition = "2024", **_kwargs):
    """name_format_test, and name_clippy_test for the first architecture."""
    arch = ARCHES.keys()[0]
    format_test(
        name = name + "_format_test",
        srcs = srcs,
        edition = edition,
    )
    rust_clippy(
        name = name + "_clippy_bin",
        tags = ["manual"],
        deps = [name + "_bin"],
    )
    built_for(
        name = name + "_clippy",
        src = name + "_clippy_bin",
        out = name + ".clippy",
        platform = Label("//platforms:{}_{}".format(arch, os)),
        tags = ["manual"],
    )
    clippy_test(
        name = name + "_clippy_test",
        clippy = name + "_clippy",
    )

def uefi_binary(name, visibility = None, arches = ARCHES.keys(), **kwargs):
    """name_ARCH for each of these architectures (name-ARCH.efi), name for all of them, and tests of style."""
    _lint(name, "uefi", **kwargs)
    rust_binary(
        name = name + "_bin",
        target_compatible_with = [Label("//platforms:uefi")],
        tags = ["manual"],
        **kwargs
    )
    for arch in arches:
        built_for(
            name = "{}_{}".format(name, arch),
            src = name + "_bin",
            out = "{}-{}.efi".format(name, arch),
            elf2efi = bool(ARCHES[arch].elf2efi),
            platform = Label("//platforms:{}_uefi".format(arch)),
            visibility = visibility,
        )
    native.filegroup(
        name = name,
        srcs = ["{}_{}".format(name, arch) for arch in arches],
        visibility = visibility,
    )
    _with_symbols(name, visibility, **kwargs)

def _with_symbols(name, visibility, **kwargs):
    """name_symbols: the program for x86_64 with its symbols, for //bench:size."""
    rust_binary(
        name = name + "_symbols_bin",
        rustc_flags = [
            "-Cstrip=none",
            "-Clink-arg=/DEBUG:SYMTAB",
        ],
        tags = ["manual"],
        target_compatible_with = [Label("//platforms:uefi")],
        **kwargs
    )
    built_for(
        name = name + "_symbols",
        src = name + "_symbols_bin",
        out = name + "-symbols.efi",
        platform = Label("//platforms:x86_64_uefi"),
        tags = ["manual"],
        visibility = visibility,
    )

def linux_binary(name, visibility = None, **kwargs):
    """The same for static Linux programs."""
    _lint(name, "linux", **kwargs)
    rust_binary(
        name = name + "_bin",
        target_compatible_with = ["@platforms//os:linux"],
        tags = ["manual"],
        **kwargs
    )
    for arch in ARCHES:
        program_for(
            name = "{}_{}".format(name, arch),
            src = name + "_bin",
            out = "{}-{}".format(name, arch),
            platform = Label("//platforms:{}_linux".format(arch)),
            visibility = visibility,
        )
    native.filegroup(
        name = name,
        srcs = ["{}_{}".format(name, arch) for arch in ARCHES],
        visibility = visibility,
    )

def all_platforms(name, src, os, visibility = None):
    """name_ARCH: the library `src` compiled for each architecture, and name for all of them."""
    for arch in ARCHES:
        built_for(
            name = "{}_{}".format(name, arch),
            src = src,
            out = "{}-{}.rlib".format(name, arch),
            platform = Label("//platforms:{}_{}".format(arch, os)),
            tags = ["manual"],
            visibility = visibility,
        )
    native.filegroup(
        name = name,
        srcs = ["{}_{}".format(name, arch) for arch in ARCHES],
        tags = ["manual"],
        visibility = visibility,
    )

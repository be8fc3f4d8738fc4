"""@facts: what the build reads from the checkout and from the toolbox before it starts."""

# Written by tools/toolbox/make.sh.
_TOOLBOX = "/etc/cloud-boot-toolbox"

def _version(manifest):
    """The version in the table [workspace.package] of a Cargo.toml."""
    table = manifest.partition("\n[workspace.package]\n")[2].partition("\n[")[0]
    for line in table.splitlines():
        key, _, value = line.partition(" = ")
        if key == "version":
            return value.strip("\"")
    fail("Cargo.toml has no version in [workspace.package]")

def _facts_impl(rctx):
    manifest = rctx.read(Label("//:Cargo.toml"))
    rctx.file("version.bzl", """\
\"\"\"The one version of everything that is released: workspace.package.version of /Cargo.toml.\"\"\"

VERSION = "{}"
""".format(_version(manifest)))

    # The toolbox's packages. With CLOUD_BOOT_TOOLBOX=none they are unknown.
    if rctx.path(_TOOLBOX).exists:
        rctx.symlink(_TOOLBOX, "toolbox")
    else:
        rctx.file("toolbox", "")
    rctx.file("BUILD.bazel", "exports_files([\"toolbox\"])\n")

facts_repository = repository_rule(
    implementation = _facts_impl,
    local = True,
)

def _ext(_mctx):
    facts_repository(name = "facts")

facts = module_extension(implementation = _ext)

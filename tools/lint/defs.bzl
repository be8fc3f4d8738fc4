"""Tests of style, for any target: rules_rust's own skip what the host platform cannot run."""

load("@bazel_skylib//rules:build_test.bzl", "build_test")

def _tool_test_impl(ctx):
    test = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(
        output = test,
        target_file = ctx.executable.tool,
        is_executable = True,
    )
    runfiles = ctx.runfiles(files = ctx.files.data).merge(ctx.attr.tool[DefaultInfo].default_runfiles)
    return [
        DefaultInfo(executable = test, runfiles = runfiles),
        RunEnvironmentInfo(environment = ctx.attr.env),
    ]

tool_test = rule(
    implementation = _tool_test_impl,
    doc = "Passes if `tool` does, called with `args` ($(rootpath) of `data` expanded).",
    test = True,
    attrs = {
        "data": attr.label_list(allow_files = True),
        "env": attr.string_dict(),
        "tool": attr.label(mandatory = True, executable = True, cfg = "target"),
    },
)

def format_test(name, srcs, edition = "2024"):
    """rustfmt --check of `srcs`."""
    rustfmt = "@rust_dist//:bin/rustfmt"
    tool_test(
        name = name,
        size = "small",
        args = [
            "format",
            "$(rootpath {})".format(rustfmt),
            "$(rootpath //:rustfmt.toml)",
            edition,
        ] + ["$(rootpath {})".format(s) for s in srcs],
        data = srcs + [rustfmt, "//:rustfmt.toml"],
        tool = Label("//tools/lint"),
    )

def clippy_test(name, clippy):
    """Passes if `clippy`, a rust_clippy built for some platform, builds (--@rules_rust//:clippy_flags)."""
    build_test(
        name = name,
        targets = [clippy],
    )

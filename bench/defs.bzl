"""Benchmark programs."""

def _to_opt_impl(_settings, _attr):
    return {"//command_line_option:compilation_mode": "opt"}

_to_opt = transition(
    implementation = _to_opt_impl,
    inputs = [],
    outputs = ["//command_line_option:compilation_mode"],
)

def _optimised_impl(ctx):
    program = ctx.actions.declare_file(ctx.label.name + "_optimised")
    ctx.actions.symlink(
        output = program,
        target_file = ctx.executable.program,
        is_executable = True,
    )
    environment = {name: ctx.expand_location(value, ctx.attr.data) for name, value in ctx.attr.env.items()}
    return [
        DefaultInfo(executable = program, runfiles = ctx.runfiles(files = ctx.files.data)),
        RunEnvironmentInfo(environment = environment),
    ]

optimised = rule(
    implementation = _optimised_impl,
    doc = "`program`, always built with -c opt: other builds say nothing about speed.",
    executable = True,
    attrs = {
        "data": attr.label_list(allow_files = True),
        "env": attr.string_dict(doc = "its environment; $(rlocationpath) of `data` is expanded"),
        "program": attr.label(cfg = _to_opt, executable = True, mandatory = True),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)

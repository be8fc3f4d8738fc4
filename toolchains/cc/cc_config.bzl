"""Small C toolchains: what rules_rust asks of them is a linker and its flags."""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "ACTION_NAMES")
load(
    "@bazel_tools//tools/cpp:cc_toolchain_config_lib.bzl",
    "action_config",
    "env_entry",
    "env_set",
    "feature",
    "flag_group",
    "flag_set",
    "tool",
)

_COMPILE = [
    ACTION_NAMES.assemble,
    ACTION_NAMES.preprocess_assemble,
    ACTION_NAMES.c_compile,
    ACTION_NAMES.cpp_compile,
]

_LINK = [
    ACTION_NAMES.cpp_link_executable,
    ACTION_NAMES.cpp_link_dynamic_library,
    ACTION_NAMES.cpp_link_nodeps_dynamic_library,
]

def _impl(ctx):
    linker = tool(tool = ctx.file.linker) if ctx.file.linker else tool(path = ctx.attr.linker_path)
    actions = [action_config(action_name = a, enabled = True, tools = [linker]) for a in _LINK]

    # rules_rust's build scripts ask for these even where nothing is C.  The UEFI
    # toolchains have no C compiler: a crate that wants one must fail.
    compiler = tool(path = ctx.attr.cc_path)
    actions += [action_config(action_name = a, enabled = True, tools = [compiler]) for a in _COMPILE]
    actions.append(action_config(
        action_name = ACTION_NAMES.cpp_link_static_library,
        enabled = True,
        tools = [tool(path = ctx.attr.ar_path)],
    ))
    features = [
        feature(name = "no_legacy_features"),
        feature(name = "supports_pic", enabled = True),
        # gcc looks for the native ld on PATH, and rules_rust's actions have none.
        feature(
            name = "path",
            enabled = True,
            env_sets = [env_set(actions = _LINK, env_entries = [env_entry("PATH", "/usr/bin:/bin")])],
        ),
    ]
    if ctx.attr.link_flags:
        features.append(feature(
            name = "link_flags",
            enabled = True,
            flag_sets = [flag_set(actions = _LINK, flag_groups = [flag_group(flags = ctx.attr.link_flags)])],
        ))
    return cc_common.create_cc_toolchain_config_info(
        ctx = ctx,
        toolchain_identifier = ctx.label.name,
        compiler = "gcc",
        target_cpu = ctx.attr.cpu,
        target_system_name = ctx.attr.cpu,
        target_libc = "unknown",
        abi_version = "unknown",
        abi_libc_version = "unknown",
        features = features,
        action_configs = actions,
    )

cc_config = rule(
    implementation = _impl,
    provides = [CcToolchainConfigInfo],
    attrs = {
        "cpu": attr.string(mandatory = True),
        "linker": attr.label(allow_single_file = True),
        "linker_path": attr.string(),
        "cc_path": attr.string(default = "/bin/false"),
        "ar_path": attr.string(default = "/bin/false"),
        "link_flags": attr.string_list(),
    },
)

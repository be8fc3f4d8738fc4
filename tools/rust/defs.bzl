"""The house shape of a Rust crate: library, tests, style."""

load("@rules_rust//rust:defs.bzl", "rust_binary", "rust_clippy", "rust_doc", "rust_library", "rust_test")
load("//tools/lint:defs.bzl", "clippy_test", "format_test", "tool_test")

_EDITION = "2024"

# Of every library.
_LINTS = ["-Funsafe_code", "-Wmissing_docs"]

# Of those that read what others wrote: they return errors and never panic.  Their tests may.
LIBRARY_LINTS = _LINTS + ["-Dclippy::" + lint for lint in [
    "arithmetic_side_effects",
    "as_conversions",
    "expect_used",
    "indexing_slicing",
    "panic",
    "unwrap_used",
]]

# The folders of the layers below programs.
_LIBRARIES = ["boot", "fs", "net"]

def _users():
    """Who may depend on a crate of this package: the groups of //tools/rust, which are the dependency law."""
    folder = native.package_name().split("/")[0]
    group = {"boot": "above_boot", "fs": "above_fs", "net": "above_boot"}.get(folder, "programs")
    return ["//tools/rust:" + group]

# Whatever else the machine does: a test that takes 30 s on a quiet one may take ten times as long.
_TIMEOUT = "long"

def _checked(name, target, tests, srcs, doc = True, testonly = False):
    """Format, clippy (warnings denied) and documentation of a crate, as tests."""
    format_test(
        name = name + "_format_test",
        srcs = srcs,
        edition = _EDITION,
    )
    rust_clippy(
        name = name + "_clippy",
        testonly = True,
        tags = ["manual"],
        deps = [target] + tests,
    )
    clippy_test(
        name = name + "_clippy_test",
        clippy = name + "_clippy",
    )
    if doc:
        rust_doc(
            name = name + "_doc",
            testonly = testonly,
            crate = target,
            rustdoc_flags = ["-Dwarnings"],
        )

def _tests(name, crate, deps, test_deps, test_data, test_env, library, unit = True, version = "0.0.0"):
    """name_test for the tests in src/, NAME_test for every tests/NAME.rs."""
    tests = []
    if unit:
        tests.append(name + "_test")
        rust_test(
            name = name + "_test",
            size = "small",
            timeout = _TIMEOUT,
            crate = crate,
            data = test_data,
            edition = _EDITION,
            env = test_env,
            version = version,
            deps = test_deps,
        )
    for file in native.glob(["tests/*.rs"], allow_empty = True):
        test = "{}_{}_test".format(name, file.removeprefix("tests/").removesuffix(".rs"))
        tests.append(test)
        rust_test(
            name = test,
            size = "medium",
            timeout = _TIMEOUT,
            srcs = [file],
            data = test_data,
            edition = _EDITION,
            env = test_env,
            tags = ["cpu:1"],
            version = version,
            deps = ([library] if library else []) + deps + test_deps,
        )
        if file == "tests/campaign.rs":
            _campaign(name, test, test_env)
    return tests

def _campaign(name, test, test_env):
    """name_campaign: the same test with ten times as many mutants, for //fs:campaign."""
    tool_test(
        name = name + "_campaign",
        size = "large",
        env = test_env | {"CLOUD_BOOT_MUTANTS": "10000"},
        tags = [
            "cpu:1",
            "manual",
        ],
        tool = test,
        visibility = ["//visibility:public"],
    )

def rust_crate(name, deps = [], test_deps = [], test_data = [], test_env = {}, testonly = False, proc_macro_deps = [], version = "0.0.0", visibility = None, is_strict = None, rustc_flags = [], **kwargs):
    """A library of src/**/*.rs.

    Args:
        name: of the crate and of its folder
        deps: of the library
        test_deps: what only the tests in src/ and tests/ use
        test_data: files that the tests read
        test_env: their environment, $(rootpath) expanded
        testonly: only tests may depend on it
        proc_macro_deps: procedural macros of this workspace
        version: what CARGO_PKG_VERSION says, in the tests, too
        visibility: of the library, by default all layers from its own upwards
        is_strict: whether clippy refuses what can panic; by default in fs, boot and net, but not in what only tests use
        rustc_flags: more flags of the library
        **kwargs: more of the library: compile_data, rustc_env
    """
    if is_strict == None:
        is_strict = native.package_name().split("/")[0] in _LIBRARIES and not testonly
    rust_library(
        name = name,
        testonly = testonly,
        srcs = native.glob(["src/**/*.rs"]),
        crate_name = name,
        edition = _EDITION,
        proc_macro_deps = proc_macro_deps,
        rustc_flags = (LIBRARY_LINTS if is_strict else _LINTS) + rustc_flags,
        version = version,
        visibility = visibility or _users(),
        deps = deps,
        **kwargs
    )
    tests = _tests(name, name, deps, test_deps, test_data, test_env, name, version = version)
    _checked(name, name, tests, native.glob(["src/**/*.rs", "tests/*.rs"]), testonly = testonly)

def rust_tool(name, deps = [], test_deps = [], test_data = [], test_env = {}, data = [], args = [], visibility = ["//visibility:public"]):
    """A program of src/**/*.rs that runs on the build machine; arguments as of rust_crate."""
    rust_binary(
        name = name,
        srcs = native.glob(["src/**/*.rs"]),
        args = args,
        crate_name = name,
        data = data,
        edition = _EDITION,
        visibility = visibility,
        deps = deps,
    )
    tests = _tests(name, name, deps, test_deps, test_data, test_env, None)
    _checked(name, name, tests, native.glob(["src/**/*.rs", "tests/*.rs"]), doc = False)

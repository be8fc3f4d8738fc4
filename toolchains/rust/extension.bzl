"""@rust_dist: the Rust compiler and standard library of the toolbox."""

load(":debian.bzl", "debian_rust", "debian_tinyjson")

_LINUX = [
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "riscv64gc-unknown-linux-gnu",
    "loongarch64-unknown-linux-gnu",
]

def _ext(_mctx):
    debian_rust(
        name = "rust_dist",
        std_triples = _LINUX,
    )
    debian_tinyjson(
        name = "debian_tinyjson",
        build_file = "@rules_rust//util/process_wrapper:BUILD.tinyjson.bazel",
    )

rust_dist = module_extension(implementation = _ext)

"""@crates: the packages of Cargo.lock, with the BUILD files that crate_universe made
(third_party/crates/repin.rs).  cargo downloads, Bazel checks every checksum of the
lock file; no address is written anywhere."""

load("//platforms:defs.bzl", "ARCHES")

def _packages(lock):
    """[(name, version, sha256)] of the packages that come from a registry."""
    found = []
    for block in lock.split("[[package]]")[1:]:
        entry = {}
        for line in block.splitlines():
            key, eq, value = line.partition(" = \"")
            if eq:
                entry[key] = value[:-1]
        if "checksum" in entry:
            found.append((entry["name"], entry["version"], entry["checksum"]))
    return found

def _fetch(rctx, manifest, lock, triples, build):
    """Downloads with cargo, unpacks with Bazel.

    Args:
        rctx: the repository
        manifest: path of a Cargo.toml
        lock: text of its Cargo.lock
        triples: fetches what these need, no more
        build: NAME-VERSION -> text of its BUILD file
    Returns:
        the packages of the lock file that `build` lacks
    """
    cargo = rctx.which("cargo")
    if not cargo:
        fail("cargo not found")
    cmd = [cargo, "fetch", "--locked", "--manifest-path", manifest]
    for t in triples:
        cmd += ["--target", t]
    res = rctx.execute(cmd, timeout = 1800, quiet = False)
    if res.return_code:
        fail("cargo fetch: " + res.stderr)

    home = rctx.getenv("CARGO_HOME") or rctx.getenv("HOME") + "/.cargo"
    caches = rctx.path(home + "/registry/cache").readdir()
    missing = []
    for name, version, sha256 in _packages(lock):
        slug = "{}-{}".format(name, version)
        if slug not in build:
            missing.append(slug)
            continue
        for cache in caches:
            file = cache.get_child(slug + ".crate")
            if file.exists:
                rctx.download_and_extract(
                    "file://{}".format(file),
                    output = slug,
                    sha256 = sha256,
                    type = "tar.gz",
                    stripPrefix = slug,
                )
                rctx.delete(slug + "/BUILD")
                rctx.file(slug + "/BUILD.bazel", build[slug])
                break
        # else: a package for a platform that is not in `triples`.
    return missing

def _slug(file):
    return file.removeprefix("BUILD.").removesuffix(".bazel")

def _impl(rctx):
    missing = _fetch(
        rctx,
        rctx.path(rctx.attr.manifest),
        rctx.read(rctx.attr.lockfile),
        [t for a in ARCHES.values() for t in (a.uefi, a.linux)],
        {
            _slug(f.name.removeprefix("gen/")): rctx.read(f)
            for f in rctx.attr.build_files
        },
    )
    if missing:
        fail("no BUILD file for {}: run tools/bazel run //third_party:repin".format(missing))
    for patch in rctx.attr.patches:
        rctx.patch(patch, strip = 1)
    rctx.file("BUILD.bazel", rctx.read(Label("//third_party/crates:gen/HUB.bazel")))

crates_repository = repository_rule(
    implementation = _impl,
    attrs = {
        "manifest": attr.label(mandatory = True),
        "lockfile": attr.label(mandatory = True),
        "build_files": attr.label_list(),
        "patches": attr.label_list(),
    },
)

def _own_labels(text):
    """@cui__NAME-VERSION//:x -> //NAME-VERSION:x: one repository for all packages."""
    first, rest = text.split("@cui__")[0], text.split("@cui__")[1:]
    return first + "".join(["//" + r.replace("//:", ":", 1) for r in rest])

def _cui_impl(rctx):
    crates = rctx.path(Label("@rules_rust//crate_universe/3rdparty/crates:BUILD.bazel")).dirname
    texts = {f.basename: _own_labels(rctx.read(f)) for f in crates.readdir()}
    _fetch(
        rctx,
        rctx.path(Label("@rules_rust//crate_universe:Cargo.toml")),
        rctx.read(Label("@rules_rust//crate_universe:Cargo.lock")),
        ["x86_64-unknown-linux-gnu"],
        {_slug(name): text for name, text in texts.items()},
    )
    rctx.file("BUILD.bazel", texts["BUILD.bazel"])
    rctx.file("defs.bzl", texts["defs.bzl"])

# What cargo-bazel itself is made of, instead of rules_rust's own @cui with its downloads.
cui_repository = repository_rule(implementation = _cui_impl)

def _ext(mctx):
    cui_repository(name = "cui")
    # Watched, so that a living server sees a repin: a folder's listing is not.
    index = mctx.path(Label("//third_party/crates:BUILD.bazel")).dirname.get_child("gen").get_child("INDEX")
    mctx.watch(index)
    for mod in mctx.modules:
        for tag in mod.tags.from_cargo:
            crates_repository(
                name = tag.name,
                manifest = tag.manifest,
                lockfile = tag.lockfile,
                patches = tag.patches,
                build_files = [
                    "//third_party/crates:gen/" + name
                    for name in (mctx.read(index).splitlines() if index.exists else [])
                ],
            )

crates = module_extension(
    implementation = _ext,
    tag_classes = {
        "from_cargo": tag_class(attrs = {
            "name": attr.string(default = "crates"),
            "manifest": attr.label(mandatory = True),
            "lockfile": attr.label(mandatory = True),
            "patches": attr.label_list(),
        }),
    },
)

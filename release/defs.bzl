"""The files of a release, in one folder."""

load("//platforms:matrix.bzl", "ProgramInfo")

def _is_own(crate):
    return not crate.owner.repo_name

def _key(crate):
    """NAME-VERSION of a package of Cargo.lock, or the folder of a crate of this workspace."""
    return crate.owner.package

def _manifest(crate):
    """The Cargo.toml of a package of Cargo.lock."""
    for file in crate.compile_data.to_list():
        if file.short_path.endswith("/{}/Cargo.toml".format(_key(crate))):
            return file
    fail("{} has no Cargo.toml among its compile_data".format(crate.owner))

def _artifact(file, kind, name = None, arch = None, linked = []):
    return struct(
        name = name or file.basename,
        path = file.path,
        kind = kind,
        arch = arch,
        crates = sorted({_key(crate): True for crate in linked}),
    )

def _graph(ctx):
    """(what src/graph.rs reads, the files that it names)"""
    crates, manifests, files, artifacts = {}, {}, [ctx.file.image], []
    image = "cloud-boot-{}.iso".format(ctx.attr.version)
    artifacts.append(_artifact(ctx.file.image, "image", name = image))
    for kind, programs in (("loader", ctx.attr.loaders), ("command", ctx.attr.commands)):
        for target, arch in programs.items():
            file = target[DefaultInfo].files.to_list()[0]
            linked = [c for c in target[ProgramInfo].crates.to_list() if c.type != "proc-macro"]
            files.append(file)
            artifacts.append(_artifact(file, kind, arch = arch, linked = linked))
            for crate in linked:
                # A crate occurs once for each platform, perhaps with different dependencies.
                deps = crates.setdefault(_key(crate), {})
                called = [dep.crate_info for dep in crate.deps.to_list() if dep.crate_info]
                deps.update({_key(c): True for c in called if c.type != "proc-macro"})
                if not _is_own(crate):
                    manifests[_key(crate)] = _manifest(crate)
    graph = struct(
        artifacts = artifacts,
        crates = [
            struct(
                key = key,
                manifest = manifests[key].path if key in manifests else None,
                deps = sorted(crates[key]),
            )
            for key in sorted(crates)
        ],
    )
    return graph, files + manifests.values()

def _release_files_impl(ctx):
    version = ctx.attr.version
    folder = "cloud-boot-" + version
    declare = lambda name: ctx.actions.declare_file("{}/{}".format(folder, name))
    graph, inputs = _graph(ctx)
    json_file = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(json_file, json.encode(graph))

    sums = declare("SHA256SUMS")
    outputs = [declare(artifact.name) for artifact in graph.artifacts]
    outputs += [declare("cloud-boot-{}.spdx.json".format(version)), sums]
    args = ctx.actions.args()
    args.add("assemble")
    args.add("--version", version)
    args.add("--graph", json_file)
    args.add("--lock", ctx.file._lock)
    args.add("--toolbox", ctx.file._toolbox)
    args.add("--out", sums.dirname)
    ctx.actions.run(
        executable = ctx.executable._release,
        arguments = [args],
        inputs = inputs + [json_file, ctx.file._lock, ctx.file._toolbox],
        outputs = outputs,
        mnemonic = "ReleaseFiles",
        progress_message = "Assembling " + folder,
    )

    # The only action that knows the commit: a new commit rebuilds nothing else.
    provenance = declare("cloud-boot-{}.provenance.json".format(version))
    args = ctx.actions.args()
    args.add("provenance")
    args.add("--sums", sums)
    args.add("--lock", ctx.file._lock)
    args.add("--toolbox", ctx.file._toolbox)
    args.add("--toolbox-lock", ctx.file._toolbox_lock)
    args.add("--status", ctx.info_file)
    args.add("--out", provenance)
    ctx.actions.run(
        executable = ctx.executable._release,
        arguments = [args],
        inputs = [sums, ctx.file._lock, ctx.file._toolbox, ctx.file._toolbox_lock, ctx.info_file],
        outputs = [provenance],
        mnemonic = "ReleaseProvenance",
    )
    return [DefaultInfo(files = depset(outputs + [provenance]))]

release_files = rule(
    implementation = _release_files_impl,
    doc = """The folder cloud-boot-VERSION: image, programs, SHA256SUMS, SPDX document, SLSA provenance.

    The crates in the document are those that rules_rust links (CrateInfo, by way of //platforms:matrix.bzl), for
    each program: Cargo.lock would also list those of other platforms, of tests and of build scripts.""",
    attrs = {
        "commands": attr.label_keyed_string_dict(
            doc = "Linux programs by the architecture that they are for",
            mandatory = True,
            providers = [ProgramInfo],
        ),
        "image": attr.label(
            allow_single_file = True,
            doc = "the boot image; its time is that of the release",
            mandatory = True,
        ),
        "loaders": attr.label_keyed_string_dict(
            doc = "UEFI programs by the architecture that they are for",
            mandatory = True,
            providers = [ProgramInfo],
        ),
        "version": attr.string(mandatory = True),
        "_lock": attr.label(
            allow_single_file = True,
            default = "//:Cargo.lock",
        ),
        "_release": attr.label(
            cfg = "exec",
            default = "//release",
            executable = True,
        ),
        "_toolbox": attr.label(
            allow_single_file = True,
            default = "@facts//:toolbox",
        ),
        "_toolbox_lock": attr.label(
            allow_single_file = True,
            default = "//tools:toolbox/toolbox.lock",
        ),
    },
)

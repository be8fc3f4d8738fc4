"""Filesystem images that Linux's own driver has written and aged, made in actions that Bazel caches."""

# Of the toolbox; its digest is part of every action's key.
_ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

# What mount(2) is told where the image does not say otherwise.
_MOUNT = {
    "ext4": "errors=continue",
    "vfat": "utf8=1,tz=UTC",
}

def _aged_image_impl(ctx):
    image = ctx.actions.declare_file(ctx.label.name + ".zst")
    manifest = ctx.actions.declare_file(ctx.label.name + ".manifest")
    args = ctx.actions.args()
    args.add("--out", image)
    args.add("--manifest", manifest)
    args.add("--filesystem", ctx.attr.filesystem)
    args.add("--mib", str(ctx.attr.mib))
    args.add("--operations", str(ctx.attr.operations))
    args.add("--seed", str(ctx.attr.seed))
    args.add("--names", str(ctx.attr.names))
    args.add("--most", str(ctx.attr.most))
    args.add("--crash", "true" if ctx.attr.crash else "false")
    args.add("--mount", ctx.attr.mount or _MOUNT[ctx.attr.filesystem])
    args.add("--")
    args.add_all(ctx.attr.mkfs)
    ctx.actions.run(
        executable = ctx.executable._ager,
        arguments = [args],
        outputs = [image, manifest],
        env = _ENV,
        mnemonic = "AgedImage",
        progress_message = "Ageing %{label}",
    )
    return [DefaultInfo(files = depset([image, manifest]))]

aged_image = rule(
    implementation = _aged_image_impl,
    doc = "NAME.zst, an image, and NAME.manifest, what Linux reads from it; for `oracle::aged`.",
    attrs = {
        "crash": attr.bool(
            doc = "power fails while the image is mounted: the manifest is of Linux's own replay",
        ),
        "filesystem": attr.string(
            doc = "which driver of Linux",
            mandatory = True,
            values = _MOUNT.keys(),
        ),
        "mib": attr.int(doc = "size in MiB", default = 32),
        "mkfs": attr.string_list(
            doc = "the command that makes the filesystem, without the image's name at its end",
            mandatory = True,
        ),
        "most": attr.int(doc = "most names in all", default = 1 << 20),
        "mount": attr.string(doc = "other options of the mount that ages it"),
        "names": attr.int(doc = "most names that one operation gives a folder", default = 1000),
        "operations": attr.int(doc = "random operations", default = 1500),
        "seed": attr.int(doc = "of the random numbers", mandatory = True),
        "_ager": attr.label(
            default = "//fs/oracle/ager",
            executable = True,
            # Optimised as the tests are: it hashes every file.
            cfg = "target",
        ),
    },
)

def aged_images(name, kinds, filesystem, seeds = [0], **kwargs):
    """An image of each kind and seed, named NAME/KIND or NAME/KIND-SEED.

    Args:
        name: of the folder, which a test finds by the variable AGED of its environment, and of all of them
        kinds: by name, the attributes of aged_image in which they differ
        filesystem: which driver of Linux
        seeds: as many images of each kind
        **kwargs: attributes that all have
    """
    images = []
    for kind, attributes in kinds.items():
        for seed in seeds:
            image = "{}/{}{}".format(name, kind, "-{}".format(seed) if len(seeds) > 1 else "")
            aged_image(
                name = image,
                testonly = True,
                filesystem = filesystem,
                # Each kind has random numbers of its own.
                seed = seed + len(images),
                **(kwargs | attributes)
            )
            images.append(image)
    native.filegroup(
        name = name,
        testonly = True,
        srcs = images,
        tags = kwargs.get("tags", []),
    )

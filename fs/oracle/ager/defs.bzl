"""Filesystem images written and aged by Linux's own drivers, made in actions that Bazel caches."""

# Of the toolbox; its digest is part of every action's key.
_ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

# What mount(2) is told where the image does not say otherwise.
_MOUNT = {
    "btrfs": "",
    "ext4": "errors=continue",
    "vfat": "utf8=1,tz=UTC",
    "xfs": "",
}

def _aged_image_impl(ctx):
    name = ctx.label.name
    suffixes = [".zst", ".manifest", ".recipe"]
    suffixes += [".{}.zst".format(number + 1) for number in range(len(ctx.attr.more))]
    if ctx.attr.filesystem == "btrfs":
        suffixes += [".default.manifest", ".subvolumes"]
    outputs = [ctx.actions.declare_file(name + suffix) for suffix in suffixes]
    args = ctx.actions.args()
    args.add("--out", outputs[0].path.removesuffix(".zst"))
    args.add("--filesystem", ctx.attr.filesystem)
    for mib in [ctx.attr.mib] + ctx.attr.more:
        args.add("--disk", str(mib))
    for command in ctx.attr.halfway:
        args.add("--halfway", command)
    for key in ["operations", "seed", "names", "most", "pieces", "largest"]:
        args.add("--" + key, str(getattr(ctx.attr, key)))
    for key in ["crash", "unfinished"]:
        args.add("--" + key, "true" if getattr(ctx.attr, key) else "false")
    args.add("--mount", ctx.attr.mount or _MOUNT[ctx.attr.filesystem])
    args.add("--")
    args.add_all(ctx.attr.mkfs)
    ctx.actions.run(
        executable = ctx.executable._ager,
        arguments = [args],
        outputs = outputs,
        env = _ENV,
        mnemonic = "AgedImage",
        progress_message = "Ageing %{label}",
    )
    return [DefaultInfo(files = depset(outputs))]

aged_image = rule(
    implementation = _aged_image_impl,
    doc = """NAME.zst, an image; NAME.manifest, what Linux reads; NAME.recipe, how it was made. For `oracle::aged`.

Further disks are NAME.1.zst and so on. Of btrfs, NAME.manifest has all subvolumes, NAME.subvolumes lists them, and
NAME.default.manifest is what a mount shows that asks for none.""",
    attrs = {
        "crash": attr.bool(
            doc = "power fails while the image is mounted: the manifest is that of Linux's own replay",
        ),
        "filesystem": attr.string(
            doc = "which driver of Linux",
            mandatory = True,
            values = _MOUNT.keys(),
        ),
        "halfway": attr.string_list(
            doc = "XFS and btrfs: shell commands in the guest; the image is /mnt, the disks are /dev/ubda, …",
        ),
        "largest": attr.int(doc = "XFS and btrfs: KiB of the largest file in the series of sizes", default = 1024),
        "mib": attr.int(doc = "size in MiB", default = 32),
        "mkfs": attr.string_list(
            doc = "the command that makes the filesystem, without the names of its disks at its end",
            mandatory = True,
        ),
        "more": attr.int_list(doc = "sizes in MiB of further disks"),
        "most": attr.int(doc = "maximum number of all names", default = 1 << 20),
        "mount": attr.string(doc = "additional mount options while it is aged"),
        "names": attr.int(doc = "maximum number of names that one operation adds to a folder", default = 1000),
        "operations": attr.int(doc = "number of random operations", default = 1500),
        "pieces": attr.int(doc = "XFS and btrfs: number of extents of the most fragmented file", default = 1500),
        "seed": attr.int(doc = "seed of the random numbers", mandatory = True),
        "unfinished": attr.bool(
            doc = "XFS: power fails again and again until an operation with several transactions is left unfinished",
        ),
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

"""The hybrid boot image: one file that boots as CD and as disk."""

def _boot_iso_impl(ctx):
    image = ctx.actions.declare_file(ctx.label.name + ".iso")
    esp = ctx.actions.declare_file(ctx.label.name + ".esp")
    args = ctx.actions.args()
    inputs = []
    for target, arch in ctx.attr.loaders.items():
        files = target[DefaultInfo].files.to_list()
        if len(files) != 1:
            fail("{} is to be one file, not {}".format(target.label, len(files)))
        args.add("--efi")
        args.add(files[0], format = arch + "=%s")
        inputs += files
    args.add("--epoch", str(ctx.attr.epoch))
    if ctx.attr.cmdline:
        args.add("--cmdline", ctx.attr.cmdline)
    args.add("--label", ctx.attr.volume_label)
    args.add("--out", image)
    args.add("--esp", esp)
    ctx.actions.run(
        executable = ctx.executable._iso,
        arguments = [args],
        inputs = inputs,
        outputs = [image, esp],
        mnemonic = "BootIso",
        progress_message = "Making %{output}",
    )
    return [
        DefaultInfo(files = depset([image])),
        OutputGroupInfo(esp = depset([esp])),
    ]

boot_iso = rule(
    implementation = _boot_iso_impl,
    doc = """NAME.iso, a hybrid boot image with one UEFI program for each architecture.

    The output group `esp` has NAME.esp, its EFI system partition alone.""",
    attrs = {
        "cmdline": attr.string(
            doc = "settings of the loaders, on the image as \\cloudboot\\cmdline",
        ),
        "epoch": attr.int(
            doc = "time of everything in the image, in seconds since 1970",
            # 2026-01-01 00:00:00 UTC, raised at each release.
            default = 1767225600,
        ),
        "loaders": attr.label_keyed_string_dict(
            allow_empty = False,
            allow_files = True,
            doc = "programs by the architecture that they are for",
            mandatory = True,
        ),
        "volume_label": attr.string(
            default = "CLOUD_BOOT",
            doc = "label of both filesystems",
        ),
        "_iso": attr.label(
            cfg = "exec",
            default = "//iso",
            executable = True,
        ),
    },
)

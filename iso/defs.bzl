"""The hybrid boot image: one file that boots as CD and as disk."""

def _boot_iso_impl(ctx):
    image = ctx.actions.declare_file(ctx.label.name + ".iso")
    esp = ctx.actions.declare_file(ctx.label.name + ".esp")
    args = ctx.actions.args()
    inputs = []
    for target, arch in ctx.attr.loaders.items():
        files = target[DefaultInfo].files.to_list()
        if len(files) != 1:
            fail("{} must be one file, not {}".format(target.label, len(files)))
        args.add("--efi")
        args.add(files[0], format = arch + "=%s")
        inputs += files
    if ctx.attr.epoch >= 0:
        args.add("--epoch", str(ctx.attr.epoch))
    if ctx.attr.cmdline:
        args.add("--cmdline", ctx.attr.cmdline)
    if ctx.attr.volume_label:
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
            doc = "time of everything in the image, in seconds since 1970; that of the release if negative",
            default = -1,
        ),
        "loaders": attr.label_keyed_string_dict(
            allow_empty = False,
            allow_files = True,
            doc = "programs by the architecture that they are for",
            mandatory = True,
        ),
        "volume_label": attr.string(
            doc = "label of both filesystems, if not that of the release",
        ),
        "_iso": attr.label(
            cfg = "exec",
            default = "//iso:program",
            executable = True,
        ),
    },
)

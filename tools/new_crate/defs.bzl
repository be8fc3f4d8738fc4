"""A crate as the program makes it."""

def _new_crate_files_impl(ctx):
    folder = "{}/{}/{}".format(ctx.bin_dir.path, ctx.label.package, ctx.attr.crate.split("/")[1])
    ctx.actions.run(
        executable = ctx.executable._new_crate,
        arguments = ["files", ctx.attr.crate, folder],
        outputs = ctx.outputs.outs,
        mnemonic = "NewCrate",
        progress_message = "Making the crate " + ctx.attr.crate,
    )

new_crate_files = rule(
    implementation = _new_crate_files_impl,
    doc = "The files of a new crate, below a folder of its name.",
    attrs = {
        "crate": attr.string(
            doc = "FOLDER/NAME",
            mandatory = True,
        ),
        "outs": attr.output_list(
            allow_empty = False,
            doc = "those of the files that are used",
        ),
        "_new_crate": attr.label(
            cfg = "exec",
            default = ":new_crate",
            executable = True,
        ),
    },
)

"""The book, what writes its pages, and what their tests have to know."""

def _book_impl(ctx):
    out = ctx.actions.declare_directory(ctx.label.name)
    ctx.actions.run(
        executable = "/usr/bin/mdbook",
        arguments = ["build", ctx.file.book.dirname, "--dest-dir", out.path],
        inputs = ctx.files.srcs + [ctx.file.book],
        outputs = [out],
        env = {"PATH": "/usr/bin:/bin"},
        mnemonic = "MdBook",
        progress_message = "Making %{output}",
    )
    return [DefaultInfo(files = depset([out]))]

book = rule(
    implementation = _book_impl,
    doc = "The folder NAME with the pages as HTML, by the toolbox's mdBook.",
    attrs = {
        "book": attr.label(
            allow_single_file = [".toml"],
            doc = "book.toml, beside the pages",
            mandatory = True,
        ),
        "srcs": attr.label_list(
            allow_files = [
                ".css",
                ".md",
                ".svg",
            ],
            doc = "pages, and what stands beside them",
            mandatory = True,
        ),
    },
)

def _names_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".txt")
    ctx.actions.write(out, "".join([name + "\n" for name in ctx.attr.names]))
    return [DefaultInfo(files = depset([out]))]

names = rule(
    implementation = _names_impl,
    doc = "NAME.txt, a line for each of `names`: the targets of a package whose names loops make.",
    attrs = {"names": attr.string_list(mandatory = True)},
)

def _command_impl(ctx):
    program = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(
        output = program,
        target_file = ctx.executable.tool,
        is_executable = True,
    )
    runfiles = ctx.runfiles(files = ctx.files.data).merge(ctx.attr.tool[DefaultInfo].default_runfiles)
    return [DefaultInfo(executable = program, runfiles = runfiles)]

command = rule(
    implementation = _command_impl,
    doc = "Runs `tool` with `args` ($(rootpath) of `data` expanded). Without it, `data` need not be built.",
    executable = True,
    attrs = {
        "data": attr.label_list(allow_files = True),
        "tool": attr.label(
            mandatory = True,
            executable = True,
            cfg = "target",
        ),
    },
)

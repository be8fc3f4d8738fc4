"""Consoles that pages show: what a test's machine prints, as an output of the build."""

load("//e2e/disks:actions.bzl", "ENV")
load("//e2e/disks:changes.bzl", "SHELL", "edit")
load("//e2e/disks:mini.bzl", "mini_disk")
load("//iso:defs.bzl", "boot_iso")
load(":defs.bzl", "LOADED", "qemu_test")

def _one_machine(_os, _inputs):
    return {
        "cpu": 1,
        "memory": 1400,
    }

def _console_impl(ctx):
    out = ctx.actions.declare_directory(ctx.label.name)
    test = ctx.attr.test[DefaultInfo].files_to_run
    ctx.actions.run(
        executable = test,
        outputs = [out],
        env = ENV | ctx.attr.test[RunEnvironmentInfo].environment | {
            "E2E_RUNFILES": "{}.runfiles/{}".format(test.executable.path, ctx.workspace_name),
            # For QEMU's temporary files. In place of /tmp it takes /var/tmp, which cannot be written in the sandbox.
            "TEST_TMPDIR": "/dev/shm",
            "TEST_UNDECLARED_OUTPUTS_DIR": out.path,
        },
        mnemonic = "Console",
        progress_message = "Booting a machine for %{output}",
        resource_set = _one_machine,
    )
    return [DefaultInfo(files = depset([out]))]

console = rule(
    implementation = _console_impl,
    doc = "The folder NAME with the console of a qemu_test, console.raw and console.log. The test must pass.",
    attrs = {
        "test": attr.label(
            mandatory = True,
            cfg = "target",
            executable = True,
        ),
    },
)

def _disk(name, title, changes = []):
    """A disk of the system `title`; its grub.cfg is of the shape that update-grub writes."""
    mini_disk(
        name = name,
        arch = "x86_64",
        # Pages show it: no version of a kernel in titles, no line of the kernel before those of userspace, and a line
        # of ours for its command line.
        changes = [
            edit("Advanced options for Mini", "Advanced options"),
            edit("Mini, with Linux @VERSION@", title),
            edit("'Mini'", "'{}'".format(title)),
            edit(" mini=default", " quiet"),
            edit("root=UUID=11111111-2222-4333-8444-00000000000a", "root=/dev/vda1"),
        ] + changes,
    )

def console_tests():
    """The tests whose consoles the README shows (//docs:generate), and these consoles."""
    _disk("console_disk_1_x86_64", "Debian GNU/Linux", [SHELL])
    _disk("console_disk_2_x86_64", "Fedora Linux")
    boot_iso(
        name = "console_iso_x86_64",
        loaders = {"//loader:loader_x86_64": "x86_64"},
    )
    qemu_test(
        name = "console_of_boot_x86_64",
        boot = ":console_iso_x86_64",
        disks = [":console_disk_1_x86_64"],
        expect = LOADED + [
            "mini: userspace on x86_64",
            "mini: cmdline ",
        ],
        tags = ["manual"],
    )
    qemu_test(
        name = "console_of_menu_x86_64",
        boot = ":console_iso_x86_64",
        disks = [
            ":console_disk_1_x86_64",
            ":console_disk_2_x86_64",
        ],
        expect = [
            "^ 1  Debian GNU/Linux  *GRUB hd",
            "^Enter, 1-9 boot ",
            "type:<down>",
            # The row that is marked now, drawn again.
            "^ 2  ",
        ],
        forbid = ["^start \""],
        settings = {"cloudboot.menu": "always"},
        # Until the whole screen is drawn.
        quiet_after = 3,
        tags = ["manual"],
    )
    for name in ["boot", "menu"]:
        console(
            name = name + "_console",
            testonly = True,
            tags = ["manual"],
            test = ":console_of_{}_x86_64".format(name),
            visibility = ["//docs:__pkg__"],
        )

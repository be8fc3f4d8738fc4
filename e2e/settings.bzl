"""Settings of the loader from every source at once: which one wins, and what none may do on a locked machine."""

load("//e2e/disks:changes.bzl", "edit")
load("//e2e/disks:loaders.bzl", "settings_in_section", "settings_in_variables", "signed", "with_loader")
load("//iso:defs.bzl", "boot_iso")
load(":defs.bzl", "qemu_test", "words")
load(":mini_boot.bzl", "boot_tests")

# What each source sets, from the weakest to the strongest: all that the ones before it set, and one key less, which is
# theirs then.
_SECTION = {
    "cloudboot.debug": None,
    "cloudboot.retry": "1",
    "cloudboot.timeout": "1",
    "cloudboot.failure": "menu",
    "cloudboot.cmdline.extra": "source=1",
    "cloudboot.menu": "always",
    "cloudboot.console": "x1",
}
_FILE = {
    "cloudboot.timeout": "2",
    "cloudboot.failure": "reboot",
    "cloudboot.cmdline.extra": "source=2",
    "cloudboot.menu": "always",
    "cloudboot.console": "x2",
}
_LOAD_OPTIONS = {
    "cloudboot.failure": "firmware",
    "cloudboot.cmdline.extra": "source=3",
    "cloudboot.menu": "always",
    "cloudboot.console": "x3",
}
_VARIABLE = {
    "cloudboot.cmdline.extra": "source=4",
    "cloudboot.menu": "always",
    "cloudboot.console": "x4",
}
_SMBIOS = {
    "cloudboot.menu": "hidden",
    "cloudboot.console": "x5",
}
_FW_CFG = {"cloudboot.console": "x6"}

# What an attacker with each of them would like.
_WISHED = {"cloudboot.cmdline": "init=/bin/sh"}

# The kernel's words in the entry of a mini disk.
_OPTIONS = " root=UUID=11111111-2222-4333-8444-00000000000a ro console=ttyS0,115200 mini=default"

def _test(name, arch, base, program, file, load_options, variable, vars, expect, shown, **kwargs):
    """The loader on the ESP of a copy of `base`, started by a boot option of a copy of the store `vars`."""
    with_loader(
        name = name + "_disk",
        arch = arch,
        cmdline = words(file),
        disk = base,
        loader = program,
    )
    settings_in_variables(
        name = name + "_vars",
        arch = arch,
        cmdline = words(variable),
        load_options = words(load_options),
        tags = ["manual"],
        target = "linux",
        vars = vars,
    )
    qemu_test(
        name = name,
        arch = arch,
        boot = None,
        disks = [":{}_disk".format(name)],
        expect = expect + [
            "^choose \"Mini\"",
            "mini: userspace on " + arch,
        ] + shown,
        # Otherwise the firmware makes an option of its own for the disk, and starts that one first.
        in_boot_order = False,
        vars = ":{}_vars".format(name),
        **kwargs
    )

def _every_source(arch):
    name = "settings_of_every_source_" + arch
    settings_in_section(
        name = name + "_loader",
        arch = arch,
        cmdline = words(_SECTION),
        program = "//loader:loader_" + arch,
        tags = ["manual"],
    )
    _test(
        name = name,
        arch = arch,
        base = "//e2e/disks:mini_" + arch,
        program = ":{}_loader".format(name),
        file = _FILE,
        load_options = _LOAD_OPTIONS,
        variable = _VARIABLE,
        vars = "@firmware//:{}_vars.fd".format(arch),
        smbios = _SMBIOS,
        settings = _FW_CFG,
        expect = [
            "^  cloudboot.debug=1 from the .cmdline section",
            "^  cloudboot.retry=1 from the .cmdline section",
            "^  cloudboot.timeout=2 from \\cloudboot\\cmdline",
            "^  cloudboot.failure=firmware from LoadOptions",
            "^  cloudboot.cmdline.extra=source=4 from EFI variable",
            "^  cloudboot.target=linux from EFI variable",
            "^  cloudboot.menu=hidden from SMBIOS",
            "^  cloudboot.console=x6 from fw_cfg",
        ],
        shown = ["mini=default source=4"],
        forbid = ["^configure: E-"],
    )

def _locked():
    name = "settings_when_locked_x86_64"
    settings_in_section(
        name = name + "_unsigned",
        arch = "x86_64",
        cmdline = words({
            "cloudboot.debug": None,
            "cloudboot.cmdline.extra": "built.in=1",
        }),
        program = "//loader:loader_x86_64",
        tags = ["manual"],
    )
    signed(
        name = name + "_loader",
        arch = "x86_64",
        keys = ":secure_vars_x86_64",
        program = ":{}_unsigned".format(name),
        tags = ["manual"],
    )
    _test(
        name = name,
        arch = "x86_64",
        base = ":signed_kernel_starts_with_secure_boot_x86_64_disk",
        program = ":{}_loader".format(name),
        file = _WISHED,
        load_options = _WISHED,
        variable = _WISHED,
        vars = ":secure_vars_x86_64",
        smbios = _WISHED,
        settings = _WISHED,
        secure_boot = True,
        expect = [
            "^configure: E-CONFIG-LOCKED cloudboot.cmdline ({}): this machine is locked".format(source)
            for source in ["\\cloudboot\\cmdline", "LoadOptions", "EFI variable", "SMBIOS", "fw_cfg"]
        ] + [
            "^  cloudboot.cmdline.extra=built.in=1 from the .cmdline section",
            "^  cloudboot.target=linux from EFI variable",
        ],
        shown = ["mini=default built.in=1"],
        forbid = ["init=/bin/sh"],
    )

def _no_word():
    """A kernel whose entry gives it no word gets those that the system's files give: here /etc/fstab's root."""
    name = "entry_without_options"
    boot_iso(
        name = name + "_x86_64_iso",
        cmdline = words({"cloudboot.console": "ttyS0,115200"}),
        loaders = {"//loader:loader_x86_64": "x86_64"},
    )
    boot_tests({name: dict(
        changes = [edit(_OPTIONS, "")],
        boot = ":{}_x86_64_iso".format(name),
        expect = [
            "^choose \"Mini\" from hd*gpt1 /boot/grub/grub.cfg",
            "^start \"Mini\": root=UUID=11111111-2222-4333-8444-00000000000a ro console=ttyS0,115200 (",
        ],
    )})

def _too_long():
    """A file of settings that is too long is named, and the older file is not read in its place."""
    name = "settings_too_long_x86_64"
    with_loader(
        name = name + "_disk",
        arch = "x86_64",
        cmdline = words({"cloudboot.cmdline.extra": "x" * 70000}),
        disk = "//e2e/disks:mini_x86_64",
        loader = "//loader:loader_x86_64",
    )
    qemu_test(
        name = name,
        boot = None,
        disks = [":{}_disk".format(name)],
        expect = [
            "^configure: E-CONFIG-LINE (\\cloudboot\\cmdline): longer than 64 KiB",
            "^choose \"Mini\"",
            "mini: userspace on x86_64",
        ],
        forbid = ["xxxxxxxx"],
    )

def settings_tests():
    """Tests of settings, and of what a kernel is given."""
    for arch in ["x86_64", "aarch64"]:
        _every_source(arch)
    _locked()
    _no_word()
    _too_long()

"""Settings of the loader from every source at once: which one wins, and what none may do on a locked machine."""

load("//e2e/disks:loaders.bzl", "settings_in_section", "settings_in_variables", "signed", "with_loader")
load("//e2e/disks:mini.bzl", "mini_disk")
load("//iso:defs.bzl", "boot_iso")
load(":defs.bzl", "FIRST_LINE", "GRUB", "qemu_test")

# From the weakest to the strongest. Each sets what the ones before it set, and one key less, which is theirs then.
_SECTION = "cloudboot.debug cloudboot.retry=1 cloudboot.timeout=1 cloudboot.failure=menu " + \
            "cloudboot.cmdline.extra=source=1 cloudboot.menu=always cloudboot.console=x1"
_FILE = "cloudboot.timeout=2 cloudboot.failure=reboot " + \
        "cloudboot.cmdline.extra=source=2 cloudboot.menu=always cloudboot.console=x2"
_LOAD_OPTIONS = "cloudboot.failure=firmware " + \
                "cloudboot.cmdline.extra=source=3 cloudboot.menu=always cloudboot.console=x3"
_VARIABLE = "cloudboot.cmdline.extra=source=4 cloudboot.menu=always cloudboot.console=x4"
_SMBIOS = "value=cloudboot:menu=hidden,value=cloudboot:console=x5"
_FW_CFG = "cloudboot.console=x6"

# What an attacker with each of them would like.
_WISHED = "cloudboot.cmdline=init=/bin/sh"

def _machine(loader, disk, vars, arch, file, load_options, variable):
    """The loader on the disk's ESP, started by a boot option; NAME is the disk's and the store's name."""
    with_loader(
        name = disk,
        arch = arch,
        cmdline = file,
        disk = loader.disk,
        loader = loader.program,
    )
    settings_in_variables(
        name = vars,
        arch = arch,
        cmdline = variable,
        load_options = load_options,
        tags = ["manual"],
        target = "linux",
        vars = loader.vars,
    )

def _every_source(arch):
    name = "settings_of_every_source_" + arch
    settings_in_section(
        name = name + "_loader",
        arch = arch,
        cmdline = _SECTION,
        program = "//loader:loader_" + arch,
        tags = ["manual"],
    )
    _machine(
        struct(
            disk = "//e2e/disks:mini_" + arch,
            program = ":{}_loader".format(name),
            vars = "@firmware//:{}_vars.fd".format(arch),
        ),
        disk = name + "_disk",
        vars = name + "_vars",
        arch = arch,
        file = _FILE,
        load_options = _LOAD_OPTIONS,
        variable = _VARIABLE,
    )
    qemu_test(
        name = name,
        arch = arch,
        disks = [":{}_disk".format(name)],
        expect = [
            FIRST_LINE + arch,
            "^  cloudboot.debug=1 from the .cmdline section",
            "^  cloudboot.retry=1 from the .cmdline section",
            "^  cloudboot.timeout=2 from \\cloudboot\\cmdline",
            "^  cloudboot.failure=firmware from LoadOptions",
            "^  cloudboot.cmdline.extra=source=4 from EFI variable",
            "^  cloudboot.target=linux from EFI variable",
            "^  cloudboot.menu=hidden from SMBIOS",
            "^  cloudboot.console=x6 from fw_cfg",
            "^choose \"Mini\"",
            "mini: userspace on " + arch,
            "mini=default source=4",
        ],
        forbid = GRUB + ["^configure: E-"],
        # Otherwise the firmware makes an option of its own for the disk, and starts that one first.
        in_boot_order = False,
        qemu_options = [
            "-smbios",
            "type=11," + _SMBIOS,
            "-fw_cfg",
            "name=opt/org.cloudboot/cmdline,string=" + _FW_CFG,
        ],
        vars = ":{}_vars".format(name),
    )

def _locked():
    name = "settings_when_locked_x86_64"
    settings_in_section(
        name = name + "_unsigned",
        arch = "x86_64",
        cmdline = "cloudboot.debug cloudboot.cmdline.extra=built.in=1",
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
    _machine(
        struct(
            disk = ":signed_disk_x86_64",
            program = ":{}_loader".format(name),
            vars = ":secure_vars_x86_64",
        ),
        disk = name + "_disk",
        vars = name + "_vars",
        arch = "x86_64",
        file = _WISHED,
        load_options = _WISHED,
        variable = _WISHED,
    )
    refused = "^configure: E-CONFIG-LOCKED cloudboot.cmdline ({}): this machine is locked"
    qemu_test(
        name = name,
        arch = "x86_64",
        code = "@firmware//:x86_64_secboot_code.fd",
        disks = [":{}_disk".format(name)],
        expect = [
            FIRST_LINE + "x86_64, *, Secure Boot on",
        ] + [
            refused.format(source)
            for source in ["\\cloudboot\\cmdline", "LoadOptions", "EFI variable", "SMBIOS", "fw_cfg"]
        ] + [
            "^  cloudboot.cmdline.extra=built.in=1 from the .cmdline section",
            "^  cloudboot.target=linux from EFI variable",
            "^choose \"Mini\"",
            "mini: userspace on x86_64",
            "mini=default built.in=1",
        ],
        forbid = GRUB + ["init=/bin/sh"],
        in_boot_order = False,
        qemu_options = [
            "-machine",
            "smm=on",
            "-global",
            "driver=cfi.pflash01,property=secure,value=on",
            "-smbios",
            "type=11,value=cloudboot:cmdline=init=/bin/sh",
            "-fw_cfg",
            "name=opt/org.cloudboot/cmdline,string=" + _WISHED,
        ],
        vars = ":{}_vars".format(name),
    )

def _no_word():
    """A kernel whose entry gives it no word gets those that the system's files give: here /etc/fstab's root."""
    name = "entry_without_options_x86_64"
    mini_disk(
        name = name + "_disk",
        arch = "x86_64",
        edit = {" root=UUID=11111111-2222-4333-8444-00000000000a ro console=ttyS0,115200 mini=default": ""},
    )
    boot_iso(
        name = name + "_iso",
        cmdline = "cloudboot.console=ttyS0,115200",
        loaders = {"//loader:loader_x86_64": "x86_64"},
    )
    qemu_test(
        name = name,
        arch = "x86_64",
        boot = ":{}_iso".format(name),
        disks = [":{}_disk".format(name)],
        expect = [
            FIRST_LINE + "x86_64",
            "^choose \"Mini\" from hd*gpt1 /boot/grub/grub.cfg",
            "^start \"Mini\": root=UUID=11111111-2222-4333-8444-00000000000a ro console=ttyS0,115200 (",
            "mini: userspace on x86_64",
        ],
        forbid = GRUB,
    )

def _too_long():
    """A file of settings that is too long is named, and the older file is not read in its place."""
    name = "settings_too_long_x86_64"
    with_loader(
        name = name + "_disk",
        arch = "x86_64",
        cmdline = "cloudboot.cmdline.extra=" + "x" * 70000,
        disk = "//e2e/disks:mini_x86_64",
        loader = "//loader:loader_x86_64",
    )
    qemu_test(
        name = name,
        arch = "x86_64",
        disks = [":{}_disk".format(name)],
        expect = [
            FIRST_LINE + "x86_64",
            "^configure: E-CONFIG-LINE (\\cloudboot\\cmdline): longer than 64 KiB",
            "^choose \"Mini\"",
            "mini: userspace on x86_64",
        ],
        forbid = GRUB + ["xxxxxxxx"],
    )

def settings_tests():
    """Tests of settings, and of what a kernel is given."""
    for arch in ["x86_64", "aarch64"]:
        _every_source(arch)
    _locked()
    _no_word()
    _too_long()

"""What real machines have: other blocks, long menus, programs that come back."""

load("//e2e/disks:mini.bzl", "mini_disk")
load(":defs.bzl", "FIRST_LINE", "GRUB", "by_fw_cfg", "qemu_test")

# Starts the shell by its path before anything else.
_SHELL_FIRST = """\
menuentry 'Shell' {
    search --no-floppy --label --set=root UEFI
    chainloader /EFI/tools/shellx64.efi
}
menuentry 'Mini' """

# Long enough for firmware to notice what happens to a disk.
_WAITING = "cloudboot.menu=always cloudboot.timeout=10"

_ROBUST = {
    "sectors_of_4096_bytes": struct(
        disk = {"sector_size": 4096},
        machine = {"block_size": 4096},
        expect = ["^choose \"Mini\" from hd*gpt1 "],
    ),
    "sixty_four_entries": struct(
        disk = {"failing_entries": 62},
        machine = {"qemu_options": by_fw_cfg("cloudboot.menu=always")},
        expect = [
            "^Entries 1 to 18 of 64",
            "    Failing 17 ",
            "type:" + 20 * "<down>",
            "^Entries 4 to 21 of 64",
            "type:/Mini, w<enter>",
            "^choose \"Advanced options for Mini / Mini, with Linux ",
        ],
    ),
    # The limit is told, and the right one boots; neither takes long.
    "ten_thousand_menu_entries": struct(
        disk = {"more_entries": 10000},
        machine = {"loader_seconds": 60},
        expect = [
            "^warning: discover hd*gpt1 /boot/grub/grub.cfg: E-GRUB-LIMIT line *: more than 1000 menu entries",
            "^choose \"Mini\" from hd*gpt1 /boot/grub/grub.cfg",
        ],
    ),
    "ten_thousand_bls_entries": struct(
        disk = {
            "more_entries": 10000,
            "shape": "bls",
        },
        machine = {
            "loader_seconds": 60,
            "qemu_options": by_fw_cfg("cloudboot.menu=hidden"),
        },
        expect = [
            "^warning: discover hd*gpt15 /loader/entries: E-ENTRY-LIMIT more than 1000 boot entries",
            "^choose \"Debian GNU/Linux",
        ],
        forbid = ["^failed:"],
    ),
    # The EFI shell runs the script that stands beside it, so that it knows where it is, and returns.
    "program_that_returns": struct(
        disk = {
            "edit": {"menuentry 'Mini' ": _SHELL_FIRST},
            "shell": True,
        },
        expect = [
            "^choose \"Shell\" from hd*gpt1 /boot/grub/grub.cfg",
            "^obtain /EFI/tools/shellx64.efi ",
            "^e2e: a script beside the shell",
            "^failed: start Shell: E-HANDOVER-RETURNED the program returned to the loader; trying the next entry",
            "^choose \"Mini\" from hd*gpt1 ",
        ],
    ),
    # Its slots 1 and 2 are empty, which the firmware does not count: it is told where the program stands all the same.
    "program_on_an_mbr": struct(
        disk = {
            "edit": {"menuentry 'Mini' ": _SHELL_FIRST},
            "mbr": True,
            "shell": True,
        },
        expect = [
            "^choose \"Shell\" from hd*msdos4 /boot/grub/grub.cfg",
            "^obtain /EFI/tools/shellx64.efi ",
            "^e2e: a script beside the shell",
            "^failed: start Shell: E-HANDOVER-RETURNED the program returned to the loader; trying the next entry",
            "^choose \"Mini\" from hd*msdos4 ",
        ],
    ),
    # What a medium for disc drives and sticks has, as a stick: a program in its appended partition, of which the table
    # says more than the disc does, and a kernel on the disc, which is there once although partition 1 has it, too.
    "program_on_a_hybrid_medium": struct(
        disk = {
            "edit": {"menuentry 'Mini' ": _SHELL_FIRST},
            "hybrid": True,
            "shell": True,
        },
        expect = [
            "^discover 2 disks, ",
            "^choose \"Shell\" from hd* /boot/grub/grub.cfg",
            "^obtain /EFI/tools/shellx64.efi ",
            "^e2e: a script beside the shell",
            "^failed: start Shell: E-HANDOVER-RETURNED the program returned to the loader; trying the next entry",
            "^choose \"Mini\" from hd* ",
        ],
    ),
    # While the menu waits, the first of two sticks is pulled.
    "stick_that_is_pulled": struct(
        disk = {"edit": {"menuentry 'Mini' ": "menuentry 'Stick' "}},
        beside = ["//e2e/disks:mini_x86_64"],
        machine = {
            "bus": "usb",
            "qemu_options": by_fw_cfg(_WAITING),
        },
        expect = [
            "^discover 3 disks, ",
            "^Boots the marked entry in ",
            "type:<monitor>device_del slot0<enter><monitor>",
            "^choose \"Stick\" from hd*gpt1 ",
            "^failed: obtain /boot/vmlinuz*: E-IO *the disk is gone, or another medium is in it; trying the next entry",
            "^choose \"Mini\" from hd*gpt1 ",
        ],
    ),
    # While the menu waits, another medium is put into the first of two drives.
    "medium_that_is_exchanged": struct(
        disk = {
            "compress": "gzip",
            "edit": {"menuentry 'Mini' ": "menuentry 'Disc' "},
        },
        beside = ["//e2e/disks:mini_x86_64"],
        machine = {
            "bus": "cd",
            "qemu_options": by_fw_cfg(_WAITING),
        },
        expect = [
            "^discover 3 disks, ",
            "^Boots the marked entry in ",
            "type:<monitor>change disk0 -f e2e/disks/mini_x86_64.raw raw read-only<enter><monitor>",
            "^choose \"Disc\" from hd*gpt1 ",
            "^failed: obtain /boot/vmlinuz*: E-IO *the disk is gone, or another medium is in it; trying the next entry",
            "^choose \"Mini\" from hd*gpt1 ",
        ],
    ),
    # The entry of this partition is renamed, and no other.
    "tries_on_an_mbr": struct(
        disk = {
            "mbr": True,
            "shape": "bls",
        },
        machine = {"qemu_options": by_fw_cfg("cloudboot.menu=hidden")},
        expect = [
            "^choose \"Debian GNU/Linux*from hd*msdos3 /loader/entries/mini-",
            "^start \"Debian GNU/Linux",
        ],
        forbid = ["tries are not counted"],
    ),
}

def robust_tests():
    """A test of each of them, NAME_x86_64, and its disk."""
    for name, case in _ROBUST.items():
        test = name + "_x86_64"
        mini_disk(
            name = test + "_disk",
            arch = "x86_64",
            **case.disk
        )
        qemu_test(
            name = test,
            arch = "x86_64",
            boot = "//iso:boot",
            disks = [":{}_disk".format(test)] + getattr(case, "beside", []),
            expect = [FIRST_LINE + "x86_64"] + case.expect + ["mini: userspace on x86_64"],
            forbid = GRUB + getattr(case, "forbid", []),
            **getattr(case, "machine", {})
        )

"""What real machines have: other blocks, long menus, programs that come back."""

load(
    "//e2e/disks:changes.bzl",
    "HYBRID",
    "MBR",
    "SHELL",
    "SHELL_THAT_STARTS_THE_LOADER",
    "compress",
    "edit",
    "failing_entries",
    "more_entries",
    "sector_size",
)
load(":mini_boot.bzl", "boot_tests")

# The shell's entry, by its path, stands before anything else.
_SHELL_FIRST = edit("menuentry 'Mini' ", """\
menuentry 'Shell' {
    search --no-floppy --label --set=root UEFI
    chainloader /EFI/tools/shellx64.efi
}
menuentry 'Mini' """)

def _called(title):
    """The entry has another title, so that it is told from that of a second disk."""
    return edit("menuentry 'Mini' ", "menuentry '{}' ".format(title))

# Long enough for firmware to notice what happens to a disk.
_WAITING = {
    "cloudboot.menu": "always",
    "cloudboot.timeout": "10",
}

def _after_the_shell(place):
    """The shell runs the script that stands beside it, so that it knows where it is, and returns."""
    return [
        "^choose \"Shell\" from {} /boot/grub/grub.cfg".format(place),
        "^obtain /EFI/tools/shellx64.efi ",
        "^e2e: a script beside the shell",
        "^failed: start Shell: E-HANDOVER-RETURNED the program returned to the loader; trying the next entry",
        "^choose \"Mini\" from {} ".format(place),
    ]

def _while_the_menu_waits(typed, title):
    """The first of two disks goes, by what is typed, and the entry of that title fails."""
    return [
        "^discover 3 disks, ",
        "^Boots the marked entry in ",
        "type:<monitor>{}<enter><monitor>".format(typed),
        "^choose \"{}\" from hd*gpt1 ".format(title),
        "^failed: obtain /boot/vmlinuz*: E-IO *the disk is gone, or another medium is in it; trying the next entry",
        "^choose \"Mini\" from hd*gpt1 ",
    ]

_ROBUST = {
    "sectors_of_4096_bytes": dict(
        changes = [sector_size(4096)],
        block_size = 4096,
        expect = ["^choose \"Mini\" from hd*gpt1 "],
    ),
    "sixty_four_entries": dict(
        changes = [failing_entries(62)],
        settings = {"cloudboot.menu": "always"},
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
    "ten_thousand_menu_entries": dict(
        changes = [more_entries(10000)],
        loader_seconds = 60,
        expect = [
            "^warning: discover hd*gpt1 /boot/grub/grub.cfg: E-GRUB-LIMIT line *: more than 1000 menu entries",
            "^choose \"Mini\" from hd*gpt1 /boot/grub/grub.cfg",
        ],
    ),
    "ten_thousand_bls_entries": dict(
        shape = "bls",
        changes = [more_entries(10000)],
        loader_seconds = 60,
        settings = {"cloudboot.menu": "hidden"},
        expect = [
            "^warning: discover hd*gpt15 /loader/entries: E-ENTRY-LIMIT more than 1000 boot entries",
            "^choose \"Debian GNU/Linux",
        ],
        forbid = ["^failed:"],
    ),
    "program_that_returns": dict(
        changes = [_SHELL_FIRST, SHELL],
        expect = _after_the_shell("hd*gpt1"),
    ),
    # As a GRUB does whose only entry is the loader. The fourth loader within the others starts no program any more.
    "program_that_starts_the_loader_again": dict(
        changes = [_SHELL_FIRST, SHELL_THAT_STARTS_THE_LOADER],
        expect = 3 * [
            "^choose \"Shell\" from hd*gpt1 ",
            "^obtain /EFI/tools/shellx64.efi ",
            "^e2e: a script beside the shell",
            "^cloud-boot ",
        ] + [
            "^choose \"Shell\" from hd*gpt1 ",
            "^failed: start Shell: E-HANDOVER-NESTED 3 programs that this loader started have led back to it; trying *",
            "^choose \"Mini\" from hd*gpt1 ",
        ],
    ),
    # Its slots 1 and 2 are empty, which the firmware does not count: it is told where the program stands all the same.
    "program_on_an_mbr": dict(
        changes = [_SHELL_FIRST, MBR, SHELL],
        expect = _after_the_shell("hd*msdos4"),
    ),
    # What a medium for disc drives and sticks has, as a stick: a program in its appended partition, of which the table
    # says more than the disc does, and a kernel on the disc, which is there once although partition 1 has it, too.
    "program_on_a_hybrid_medium": dict(
        changes = [_SHELL_FIRST, HYBRID, SHELL],
        expect = ["^discover 2 disks, "] + _after_the_shell("hd*"),
    ),
    # The first of two sticks is pulled.
    "stick_that_is_pulled": dict(
        changes = [_called("Stick")],
        beside = ["//e2e/disks:mini_x86_64"],
        bus = "usb",
        settings = _WAITING,
        expect = _while_the_menu_waits("device_del slot0", "Stick"),
    ),
    # Another medium is put into the first of two drives.
    "medium_that_is_exchanged": dict(
        changes = [_called("Disc"), compress("gzip")],
        beside = ["//e2e/disks:mini_x86_64"],
        bus = "cd",
        settings = _WAITING,
        expect = _while_the_menu_waits("change disk0 -f e2e/disks/mini_x86_64.raw raw read-only", "Disc"),
    ),
    # The entry of this partition is renamed, and no other.
    "tries_on_an_mbr": dict(
        shape = "bls",
        changes = [MBR],
        settings = {"cloudboot.menu": "hidden"},
        expect = [
            "^choose \"Debian GNU/Linux*from hd*msdos3 /loader/entries/mini-",
            "^start \"Debian GNU/Linux",
        ],
        forbid = ["tries are not counted"],
    ),
}

def robust_tests():
    """A test of each of them, NAME_x86_64, and its disk."""
    boot_tests(_ROBUST)

"""Disks that cannot be booted, each with its own message, and their twins, which differ in one thing and boot."""

load(
    "//e2e/disks:changes.bzl",
    "JOURNALLED",
    "NO_INITRD",
    "SHELL",
    "compress",
    "edit",
    "flip",
    "flip_kernel",
    "kernel_name",
    "link",
    "long_line",
    "truncate_kernel",
)
load("//e2e/disks:loaders.bzl", "with_loader")
load(":defs.bzl", "KERNEL", "NOTHING_ELSE", "negative_test", "qemu_test")
load(":mini_boot.bzl", "disk_of", "disk_part", "machine_part", "mini_boot")

# Far inside the kernel's file, compressed or not.
_MIDDLE = 5000000

def _odd(loop = "false", target = "real", line = 100000):
    """A grub.cfg of GRUB's own, stranger than update-grub's: a loop, a long comment, and a kernel behind a link.

    Only its entry tells of that kernel.
    """
    return [
        edit("### END /etc/grub.d/00_header ###", "while {}; do true; done".format(loop)),
        edit("/boot/@KERNEL@-@VERSION@ ", "/boot/linux "),
        kernel_name("real"),
        link("boot/linux", target),
        long_line(line),
    ]

# Where nothing sets the menu's time, there would be a countdown.
_HIDDEN = {"cloudboot.menu": "hidden"}

# What boots, and what the loader says of it. Rows without `expect` stand in other tables, which make the tests.
_TWINS = {
    "mini_grub": dict(),
    "mini_bls": dict(shape = "bls"),
    "mini_glob": dict(shape = "names"),
    "program_that_returns": dict(),
    "odd_grub_cfg": dict(
        changes = _odd(),
        expect = ["^obtain /boot/linux ("],
    ),
    "gzip_kernel": dict(
        changes = [compress("gzip")],
        expect = [],
    ),
    "zstd_kernel": dict(
        changes = [compress("zstd")],
        expect = [],
    ),
    # The journal was not replayed where `mini=earlier` is seen.
    "journal_is_replayed": dict(
        changes = [JOURNALLED],
        expect = [],
        forbid = ["mini=earlier"],
    ),
    # On a disk that it can write to, the firmware would have repaired the first header before we see it.
    "backup_gpt": dict(
        changes = [flip("gpt:16")],
        read_only = True,
        expect = ["^warning: discover hd*: E-FS-GPT-CSUM GPT: GPT header.HeaderCRC32 at byte 528: "],
    ),
}

# What is refused: the line that says why, the twin (mini_grub where it is not named), and in which byte, name or number
# it differs: what is `wrong` beside the twin's changes, or `changes` in their place, or another machine.
#
# A bit that flips in the body of a plain kernel is not here: nothing in the file tells, so that neither we nor the
# firmware can see it, and that kernel starts. A compressed kernel's own checksum sees it, and so does its signature
# with Secure Boot on (flipped_kernel_is_refused_with_secure_boot_x86_64).
_REFUSED = {
    # The kernel.
    "truncated_kernel": dict(
        message = "^failed: verify kernel: E-IMAGE-PE-TRUNCATED ",
        wrong = [truncate_kernel(1)],
    ),
    # The P of the PE header's signature.
    "flipped_kernel_header": dict(
        message = "^failed: verify kernel: E-IMAGE-PE-MAGIC ",
        wrong = [flip_kernel(64)],
    ),
    "kernel_of_another_architecture": dict(
        message = "^failed: verify kernel: E-IMAGE-PE-MACHINE ",
        foreign_kernel = "//e2e/disks:packages_aarch64",
    ),
    "flipped_gzip_kernel": dict(
        twin = "gzip_kernel",
        message = "^failed: verify kernel: E-IMAGE-GZIP-",
        wrong = [flip_kernel(_MIDDLE)],
    ),
    "flipped_zstd_kernel": dict(
        twin = "zstd_kernel",
        message = "^failed: verify kernel: E-IMAGE-ZSTD-",
        wrong = [flip_kernel(_MIDDLE)],
    ),

    # The initrd.
    "missing_initrd": dict(
        message = "^failed: obtain /boot/initrd*: E-FS-NOTFOUND ",
        wrong = [NO_INITRD],
    ),
    # Its size on a FAT, which has clusters for no more than there is. On ext4 it would end in a hole, which is zeros.
    "initrd_longer_than_its_file": dict(
        twin = "mini_bls",
        message = "^failed: obtain /mini/*/initrd: E-FS-FAT-TRUNCATED FAT: cluster chain of DIR_FileSize ",
        wrong = [flip("slot:INITRD:30")],
        settings = _HIDDEN,
    ),

    # What ext4 says of it. A byte of s_uuid: nothing but the checksum speaks of it.
    "corrupted_superblock": dict(
        message = "^failed: discover hd*gpt1: E-FS-EXT4-CSUM ext4: ext4_super_block.s_checksum ",
        wrong = [flip("superblock:104")],
    ),
    "corrupted_group_descriptor": dict(
        message = "^failed: discover hd*gpt1 /boot/grub/grub.cfg: E-ENTRY-READ ext4: ext4_group_desc.bg_checksum ",
        wrong = [flip("group:8")],
    ),
    "corrupted_directory": dict(
        message = "^failed: discover hd*gpt1 /boot/grub/grub.cfg: E-ENTRY-READ ext4: ext4_dir_entry_tail.det_checksum ",
        wrong = [flip("content:/boot:40")],
    ),
    "corrupted_inode": dict(
        twin = "odd_grub_cfg",
        message = "^failed: obtain /boot/linux: E-FS-EXT4-CSUM ext4: ext4_inode.i_checksum",
        wrong = [flip("inode:/boot/real:4")],
    ),
    # s_uuid of the journal's superblock. A last transaction that is not whole is no fault: it never happened.
    "corrupted_journal": dict(
        twin = "journal_is_replayed",
        message = "^failed: discover hd*gpt1: E-FS-EXT4-CSUM ext4: journal_superblock_t.s_checksum ",
        wrong = [flip("content:<8>:48")],
    ),
    "loop_of_links": dict(
        twin = "odd_grub_cfg",
        message = "^failed: obtain /boot/linux: E-FS-LINKS ",
        changes = _odd(target = "linux"),
    ),

    # The partition table.
    "gpt_with_both_headers_broken": dict(
        twin = "backup_gpt",
        message = "^failed: discover hd*: E-FS-GPT-CSUM GPT: GPT header.HeaderCRC32 at byte 528: ",
        wrong = [flip("backup-gpt:16")],
        read_only = False,
    ),

    # What is configured.
    "endless_grub_cfg": dict(
        twin = "odd_grub_cfg",
        message = "^failed: discover hd*gpt1 /boot/grub/grub.cfg: E-GRUB-LIMIT line *: more than 1000000 steps",
        changes = _odd(loop = "true"),
    ),
    "grub_cfg_with_a_line_of_10_mib": dict(
        twin = "odd_grub_cfg",
        message = "^failed: discover hd*gpt1 /boot/grub/grub.cfg: E-ENTRY-READ too large: 1048*, the limit is 1048576",
        changes = _odd(line = 10 << 20),
    ),
    # A path ends at the root of the volume that its entry stands on; that file is on the root filesystem.
    "entry_that_escapes_its_root": dict(
        twin = "mini_bls",
        message = "^failed: obtain /../../etc/fstab: E-FS-NOTFOUND ",
        wrong = [edit("/mini/@VERSION@/linux", "/../../etc/fstab")],
        settings = _HIDDEN,
    ),
    "entry_without_a_kernel": dict(
        twin = "mini_bls",
        message = "^warning: discover hd*gpt15 /loader/entries/mini-*: E-ENTRY-KERNEL the entry starts no kernel",
        wrong = [edit("linux      /mini", "linus      /mini")],
    ),
    "disk_without_os": dict(
        twin = "mini_glob",
        message = "^failed: choose entries: E-CHOOSE-NONE ",
        wrong = [kernel_name("memo")],
    ),

    # Whoever asks for one program is not served another when it comes back.
    "shell_that_comes_back": dict(
        twin = "program_that_returns",
        message = "^failed: start EFI shell: E-HANDOVER-RETURNED the program returned to the loader",
        changes = [SHELL],
        smbios = {"cloudboot.target": "auto-efi-shell"},
    ),

    # The machine. Half-way through the kernel, which has the MiB 45 to 55 of the disk.
    "kernel_with_a_read_error": dict(
        message = "^failed: obtain /boot/vmlinuz*: E-IO reading at byte *: EFI status DEVICE_ERROR",
        read_error = 50,
    ),
    "too_little_memory": dict(
        message = "^failed: obtain /boot/* E-MEMORY * MiB wanted, * MiB of memory free",
        memory = 64,
    ),
}

def _other_loader():
    """Two versions of the loader, and nothing else that could be booted: neither starts the other."""
    name = "another_version_of_the_loader_is_refused_x86_64"
    with_loader(
        name = name + "_disk",
        arch = "x86_64",
        disk = ":disk_without_os_is_refused_x86_64_disk",
        # Signed, so that it has other bytes, and more of them.
        loader = ":signed_loader_x86_64",
    )
    qemu_test(
        name = name,
        timeout = 60,
        disks = [":{}_disk".format(name)],
        expect = [
            "^failed: choose entries: E-CHOOSE-NONE ",
            "returning to the firmware",
            NOTHING_ELSE,
        ],
        forbid = KERNEL + ["^choose \""],
        quiet_after = 1,
    )

def _twin(name):
    """Arguments of a twin's test; of that of another table, its disks."""
    row = _TWINS[name]
    test = name + "_x86_64"
    if "expect" not in row:
        return {
            "disks": native.existing_rule(test)["disks"],
            "name": test,
        }
    return mini_boot(test, shown = ["mini=default"], **row)

def _refused(name, message, twin = "mini_grub", wrong = [], **row):
    test = name + "_is_refused_x86_64"
    positive = disk_part(_TWINS[twin])
    disk = disk_part(row)
    if wrong:
        disk["changes"] = positive.get("changes", []) + wrong
    differences = machine_part(row)
    if disk:
        differences["disks"] = [disk_of(test, "x86_64", positive | disk)]
    negative_test(
        name = test,
        twin = _twin(twin),
        message = [message],
        after = [NOTHING_ELSE],
        # Budget L4.
        loader_seconds = 60,
        **differences
    )

def refused_tests():
    """A test of each of them, NAME_is_refused_x86_64, and those of their twins, NAME_x86_64; and their disks."""
    _other_loader()
    for name, row in _REFUSED.items():
        _refused(name, **row)

"""Disks that cannot be booted, each with its own message, and their twins, which differ in one thing and boot."""

load("//e2e/disks:loaders.bzl", "signed", "with_loader")
load("//e2e/disks:mini.bzl", "mini_disk")
load(":defs.bzl", "FIRST_LINE", "GRUB", "by_fw_cfg", "qemu_test")

# A kernel's first lines, and those of the canary behind it.
_KERNEL = [
    "EFI stub:",
    "Linux version",
    "mini:",
]

# Far inside the kernel's file, compressed or not.
_MIDDLE = 5000000

# A grub.cfg of GRUB's own, stranger than update-grub's: a loop, a comment of 100 kB, a kernel that only its entry
# tells of, behind a link.
_ODD = {
    "edit": {
        "### END /etc/grub.d/00_header ###": "while false; do true; done",
        "/boot/@KERNEL@-@VERSION@ ": "/boot/linux ",
    },
    "kernel_name": "real",
    "links": {"boot/linux": "real"},
    "long_line": 100000,
}

# Where nothing sets the menu's time, there would be a countdown.
_HIDDEN = {"qemu_options": by_fw_cfg("cloudboot.menu=hidden")}

# What is refused: the line that says why, what is wrong with the disk, and by which test's disk it differs in one
# byte, name or number only.
#
# A bit that flips in the body of a plain kernel is not here: nothing in the file tells, so that neither we nor the
# firmware can see it, and that kernel starts. A compressed kernel's own checksum sees it, and so does its signature
# with Secure Boot on (flipped_kernel_is_refused_with_secure_boot_x86_64).
_REFUSED = {
    # The kernel. Twins: mini_grub, gzip_kernel, zstd_kernel.
    "truncated_kernel": struct(
        message = "^failed: verify kernel: E-IMAGE-PE-TRUNCATED ",
        disk = {"truncate_kernel": 1},
    ),
    # The P of the PE header's signature.
    "flipped_kernel_header": struct(
        message = "^failed: verify kernel: E-IMAGE-PE-MAGIC ",
        disk = {"flip_kernel": 64},
    ),
    "kernel_of_another_architecture": struct(
        message = "^failed: verify kernel: E-IMAGE-PE-MACHINE ",
        disk = {"foreign_kernel": "//e2e/disks:packages_aarch64"},
    ),
    "flipped_gzip_kernel": struct(
        message = "^failed: verify kernel: E-IMAGE-GZIP-",
        disk = {
            "compress": "gzip",
            "flip_kernel": _MIDDLE,
        },
    ),
    "flipped_zstd_kernel": struct(
        message = "^failed: verify kernel: E-IMAGE-ZSTD-",
        disk = {
            "compress": "zstd",
            "flip_kernel": _MIDDLE,
        },
    ),

    # The initrd. Twins: mini_grub, mini_bls.
    "missing_initrd": struct(
        message = "^failed: obtain /boot/initrd*: E-FS-NOTFOUND ",
        disk = {"initrd": False},
    ),
    # Its size on a FAT, which has clusters for no more than there is. On ext4 it would end in a hole, which is zeros.
    "initrd_longer_than_its_file": struct(
        message = "^failed: obtain /mini/*/initrd: E-FS-FAT-TRUNCATED FAT: cluster chain of DIR_FileSize ",
        disk = {
            "flip": ["slot:INITRD:30"],
            "shape": "bls",
        },
        machine = _HIDDEN,
    ),

    # What ext4 says of it. Twins: mini_grub, odd_grub_cfg, journal_is_replayed. A byte of s_uuid: nothing but the
    # checksum speaks of it.
    "corrupted_superblock": struct(
        message = "^failed: discover hd*gpt1: E-FS-EXT4-CSUM ext4: ext4_super_block.s_checksum ",
        disk = {"flip": ["superblock:104"]},
    ),
    "corrupted_group_descriptor": struct(
        message = "^failed: discover hd*gpt1 /boot/grub/grub.cfg: E-ENTRY-READ ext4: ext4_group_desc.bg_checksum ",
        disk = {"flip": ["group:8"]},
    ),
    "corrupted_directory": struct(
        message = "^failed: discover hd*gpt1 /boot/grub/grub.cfg: E-ENTRY-READ ext4: ext4_dir_entry_tail.det_checksum ",
        disk = {"flip": ["content:/boot:40"]},
    ),
    "corrupted_inode": struct(
        message = "^failed: obtain /boot/linux: E-FS-EXT4-CSUM ext4: ext4_inode.i_checksum",
        disk = _ODD | {"flip": ["inode:/boot/real:4"]},
    ),
    # s_uuid of the journal's superblock. A last transaction that is not whole is no fault: it never happened.
    "corrupted_journal": struct(
        message = "^failed: discover hd*gpt1: E-FS-EXT4-CSUM ext4: journal_superblock_t.s_checksum ",
        disk = {
            "flip": ["content:<8>:48"],
            "journalled": True,
        },
    ),
    "loop_of_links": struct(
        message = "^failed: obtain /boot/linux: E-FS-LINKS ",
        disk = _ODD | {"links": {"boot/linux": "linux"}},
    ),

    # The partition table. Twin: backup_gpt.
    "gpt_with_both_headers_broken": struct(
        message = "^failed: discover hd*: E-FS-GPT-CSUM GPT: GPT header.HeaderCRC32 at byte 528: ",
        disk = {"flip": [
            "gpt:16",
            "backup-gpt:16",
        ]},
    ),

    # What is configured. Twins: odd_grub_cfg, mini_bls, mini_glob.
    "endless_grub_cfg": struct(
        message = "^failed: discover hd*gpt1 /boot/grub/grub.cfg: E-GRUB-LIMIT line *: more than 1000000 steps",
        disk = _ODD | {"edit": _ODD["edit"] | {
            "### END /etc/grub.d/00_header ###": "while true; do true; done",
        }},
    ),
    "grub_cfg_with_a_line_of_10_mib": struct(
        message = "^failed: discover hd*gpt1 /boot/grub/grub.cfg: E-ENTRY-READ 1048* is more than the limit of 1048576",
        disk = _ODD | {"long_line": 10 << 20},
    ),
    # A path ends at the root of the volume that its entry stands on; that file is on the root filesystem.
    "entry_that_escapes_its_root": struct(
        message = "^failed: obtain /../../etc/fstab: E-FS-NOTFOUND ",
        disk = {
            "edit": {"/mini/@VERSION@/linux": "/../../etc/fstab"},
            "shape": "bls",
        },
        machine = _HIDDEN,
    ),
    "entry_without_a_kernel": struct(
        message = "^warning: discover hd*gpt15 /loader/entries/mini-*: E-ENTRY-KERNEL the entry starts no kernel",
        disk = {
            "edit": {"linux      /mini": "linus      /mini"},
            "shape": "bls",
        },
    ),
    "disk_without_os": struct(
        message = "^failed: choose entries: E-CHOOSE-NONE ",
        disk = {
            "kernel_name": "memo",
            "shape": "names",
        },
    ),

    # Whoever asks for one program is not served another when it comes back. Twin: program_that_returns.
    "shell_that_comes_back": struct(
        message = "^failed: start EFI shell: E-HANDOVER-RETURNED the program returned to the loader",
        disk = {"shell": True},
        machine = {"qemu_options": [
            "-smbios",
            "type=11,value=cloudboot:target=auto-efi-shell",
        ]},
    ),

    # The machine, with the disk of mini_grub. Half-way through the kernel, which has the MiB 45 to 55 of the disk.
    "kernel_with_a_read_error": struct(
        message = "^failed: obtain /boot/vmlinuz*: E-IO reading at byte *: EFI status DEVICE_ERROR",
        machine = {"read_error": 50},
    ),
    "too_little_memory": struct(
        message = "^failed: obtain /boot/* E-MEMORY * MiB wanted, * MiB of memory free",
        machine = {"memory": 64},
    ),
}

# What boots all the same, each with what it must say.
_TWINS = {
    "odd_grub_cfg": struct(
        disk = _ODD,
        expect = ["^obtain /boot/linux (", "mini=default"],
    ),
    "gzip_kernel": struct(
        disk = {"compress": "gzip"},
        expect = ["mini=default"],
    ),
    "zstd_kernel": struct(
        disk = {"compress": "zstd"},
        expect = ["mini=default"],
    ),
    # The journal was not replayed where `mini=earlier` is seen.
    "journal_is_replayed": struct(
        disk = {"journalled": True},
        expect = ["mini=default"],
        forbid = ["mini=earlier"],
    ),
    # On a disk that it can write to, the firmware would have repaired the first header before we see it.
    "backup_gpt": struct(
        disk = {"flip": ["gpt:16"]},
        machine = {"read_only": True},
        expect = [
            "^warning: discover hd*: E-FS-GPT-CSUM GPT: GPT header.HeaderCRC32 at byte 528: ",
            "mini=default",
        ],
    ),
}

def _other_loader():
    """Two versions of the loader, and nothing else that could be booted: neither starts the other."""
    name = "another_version_of_the_loader_is_refused_x86_64"

    # Signed, so that it has other bytes, and more of them.
    signed(
        name = name + "_loader",
        arch = "x86_64",
        keys = ":secure_vars_x86_64",
        program = "//loader:loader_x86_64",
        tags = ["manual"],
    )
    mini_disk(
        name = name + "_empty",
        arch = "x86_64",
        kernel_name = "memo",
        shape = "names",
    )
    with_loader(
        name = name + "_disk",
        arch = "x86_64",
        disk = ":{}_empty".format(name),
        loader = ":{}_loader".format(name),
    )
    qemu_test(
        name = name,
        timeout = 60,
        arch = "x86_64",
        boot = "//iso:boot",
        disks = [":{}_disk".format(name)],
        expect = [
            FIRST_LINE + "x86_64",
            "^failed: choose entries: E-CHOOSE-NONE ",
            "returning to the firmware",
            "^BdsDxe: No bootable option",
        ],
        forbid = _KERNEL + GRUB + ["^choose \""],
        quiet_after = 1,
    )

def refused_tests():
    """A test of each of them, NAME_is_refused_x86_64 and NAME_x86_64, and its disk."""
    _other_loader()
    for name, case in _REFUSED.items():
        test = name + "_is_refused_x86_64"
        qemu_test(
            name = test,
            # Budget L4.
            loader_seconds = 60,
            arch = "x86_64",
            boot = "//iso:boot",
            disks = [_disk(test, case)],
            expect = [
                FIRST_LINE + "x86_64",
                case.message,
                "returning to the firmware",
                "^BdsDxe: No bootable option",
            ],
            forbid = _KERNEL + GRUB,
            # It waits for a key then.
            quiet_after = 1,
            **getattr(case, "machine", {})
        )
    for name, case in _TWINS.items():
        test = name + "_x86_64"
        qemu_test(
            name = test,
            arch = "x86_64",
            boot = "//iso:boot",
            disks = [_disk(test, case)],
            expect = [FIRST_LINE + "x86_64"] + case.expect[:-1] + [
                "mini: userspace on x86_64",
                case.expect[-1],
            ],
            forbid = GRUB + getattr(case, "forbid", []),
            **getattr(case, "machine", {})
        )

def _disk(test, case):
    if not hasattr(case, "disk"):
        return "//e2e/disks:mini_x86_64"
    mini_disk(
        name = test + "_disk",
        arch = "x86_64",
        **case.disk
    )
    return ":{}_disk".format(test)

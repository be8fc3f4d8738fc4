"""Kinds of ext2, ext3 and ext4 that are aged."""

def _mke2fs(*arguments):
    return ["mke2fs", "-q", "-F"] + list(arguments)

# Of inline data, Linux 7.2 makes inodes whose checksums it refuses itself where more operations come together
# (`iget: checksum invalid`): nothing could be compared then.
_FEW = 1500

# Features that change what is on the disk, in as few images as show each of them beside others.
KINDS = {
    "bigalloc": {
        "mkfs": _mke2fs("-t", "ext4", "-b", "1024", "-O", "bigalloc", "-C", "8192"),
    },
    "crash": {
        "crash": True,
        "mkfs": _mke2fs("-t", "ext4", "-b", "4096"),
    },
    "crash_data": {
        "crash": True,
        "mkfs": _mke2fs("-t", "ext4", "-b", "1024", "-O", "inline_data"),
        "mount": "data=journal",
        "operations": _FEW,
    },
    "crash_ext3": {
        "crash": True,
        "mkfs": _mke2fs("-t", "ext3", "-b", "1024"),
    },
    "ext2": {
        "mkfs": _mke2fs("-t", "ext2", "-b", "1024", "-O", "^dir_index"),
    },
    "ext3": {
        "mkfs": _mke2fs("-t", "ext3", "-b", "4096", "-I", "128"),
    },
    "ext4": {
        "mib": 48,
        "mkfs": _mke2fs("-t", "ext4", "-b", "4096"),
        "names": 3000,
    },
    # Casefolded folders are not among them: User-mode Linux is built without CONFIG_UNICODE.
    "features": {
        "mkfs": _mke2fs(
            "-t",
            "ext4",
            "-b",
            "1024",
            "-O",
            "fast_commit,mmp,project,quota,sparse_super2,stable_inodes",
            "-E",
            "mmp_update_interval=1",
        ),
    },
    "inline_data": {
        "mkfs": _mke2fs("-t", "ext4", "-b", "4096", "-O", "inline_data,quota"),
        "operations": _FEW,
    },
    "many_names": {
        # 10 000 names in one folder: an index of two levels.
        "mib": 64,
        "mkfs": _mke2fs("-t", "ext4", "-b", "1024", "-O", "large_dir", "-N", "24000"),
        "names": 10000,
    },
    "meta_bg": {
        "mkfs": _mke2fs("-t", "ext4", "-b", "1024", "-g", "1024", "-O", "meta_bg,^resize_inode,^extent,^64bit"),
    },
    "no_checksums": {
        "mkfs": _mke2fs("-t", "ext4", "-b", "2048", "-O", "^metadata_csum,^64bit,ea_inode"),
    },
    "no_index": {
        "mkfs": _mke2fs("-t", "ext4", "-b", "1024", "-O", "^dir_index"),
    },
} | {
    # For the campaigns, which want little to read.
    name: {
        "crash": name == "small_crash",
        "mib": 4,
        "mkfs": _mke2fs("-t", "ext4", "-b", "1024", "-N", "128", "-O", "inline_data"),
        "most": 58,
        "names": 40,
        "operations": 700,
    }
    for name in ["small", "small_crash"]
}

"""The aged btrfs images: how each is made."""

def _mkfs(*arguments):
    return ["mkfs.btrfs", "-q", "-f"] + list(arguments)

# MiB. About the smallest size that mkfs.btrfs accepts for several disks, twice what it needs for one copy of everything
# on one disk, and the smallest with mixed block groups.
_MIB = 128
_SINGLE = 96
_MIXED = 16

def _profile(disks, profile, *arguments, **kwargs):
    """Several disks; the last one is somewhat larger."""
    return {
        "more": [_MIB] * (disks - 2) + [_MIB + 24] if disks > 1 else [],
        "mkfs": _mkfs("-d", profile, "-m", profile, *arguments),
    } | kwargs

def _single(*arguments, **kwargs):
    """One disk, one copy."""
    return {
        "mib": _SINGLE,
        "mkfs": _mkfs("-d", "single", "-m", "single", *arguments),
    } | kwargs

# Runs mkfs.btrfs on the first disk only: the others are used later.
_FIRST = ["sh", "-c", "mkfs.btrfs -q -f -d single -m dup $0"]

# Profiles, checksums, compression and other variations of the format, in as few images as show each together with
# others.
_KINDS = {
    "btrfs": {
        # With the defaults of mkfs.btrfs.
        "mib": 2 * _MIB,
        "mkfs": _mkfs(),
        "operations": 1000,
    },
    "crash": _single("--csum", "xxhash", crash = True, mount = "compress=zstd"),
    "crash_raid1": _profile(2, "raid1", "--csum", "sha256", crash = True, operations = 600),
    "lzo": _single("--csum", "blake2", "-n", "4096", mount = "compress-force=lzo", operations = 1000),
    "profiles": {
        # Data in several profiles, and the number of a removed disk.
        "halfway": [
            "btrfs device remove /dev/ubdb /mnt",
            "btrfs device add -f /dev/ubdd /mnt",
            "btrfs balance start -f -mconvert=raid1c3 -sconvert=raid1 /mnt",
            "btrfs balance start -dconvert=raid1,limit=1 /mnt",
        ],
        "mib": 2 * _MIB,
        "mkfs": ["sh", "-c", "mkfs.btrfs -q -f -d single -m raid1 $0 $1 $2"],
        "more": [2 * _MIB] * 3,
        "operations": 800,
    },
    "raid0": _profile(3, "raid0", operations = 800),
    "raid10": _profile(4, "raid10", "--csum", "xxhash", mount = "compress=zlib", operations = 800),
    "raid5": _profile(3, "raid5", mount = "compress=zstd", operations = 800),
    "raid6": _profile(5, "raid6", "--csum", "blake2", mount = "compress=lzo", operations = 800),
    "zstd": _single("-O", "squota", mount = "compress-force=zstd", operations = 1000),
} | {
    # For the campaigns, which need small images.
    name: {
        "crash": name == "small_crash",
        "largest": 0,
        "mib": _MIXED,
        "mkfs": _mkfs("-M", "-n", "4096"),
        "most": 58,
        "mount": "compress=zstd",
        "names": 40,
        "operations": 300,
        "pieces": 60,
    }
    for name in ["small", "small_crash"]
}

# More images.
_MORE = {
    "converted": {
        # Converted from ext4: chunks are where the files were.
        "mib": 256,
        "mkfs": ["sh", "-c", "mke2fs -q -F -t ext4 -b 4096 -d /usr/lib/grub $0 && btrfs-convert $0 >/dev/null"],
    },
    "crash_in_place": _single(crash = True, mount = "nodatacow"),
    "crash_mixed": {
        "crash": True,
        "mib": 48,
        "mkfs": _mkfs("-M", "-n", "4096", "-O", "^no-holes"),
    },
    "crash_node64k": _single("-n", "65536", crash = True, mib = 256, mount = "compress=lzo"),
    "crash_raid6": _profile(4, "raid6", crash = True, mount = "compress=zlib", operations = 600),
    "defragmented": _single(
        halfway = ["btrfs filesystem defragment -r -czstd /mnt || true"],
        mount = "autodefrag",
    ),
    "dup": {
        "mib": 240,
        "mkfs": _mkfs("-d", "dup", "-m", "dup"),
    },
    "grown": {
        "halfway": [
            "btrfs device add -f /dev/ubdb /dev/ubdc /mnt",
            "btrfs balance start -f -dconvert=raid1 -mconvert=raid1 /mnt",
            "btrfs filesystem resize 1:-16M /mnt",
        ],
        "mib": 2 * _MIB + 32,
        "mkfs": _FIRST,
        "more": [2 * _MIB] * 2,
        "operations": 800,
    },
    "in_place": _single(mount = "nodatacow"),
    "many_names": _single(names = 10000),
    "metadata_uuid": {
        "mib": _SINGLE,
        "mkfs": ["sh", "-c", "mkfs.btrfs -q -f -d single -m single $0 && btrfstune -f -m $0"],
    },
    "mixed": {
        "mib": 48,
        "mkfs": _mkfs("-M", "-n", "4096"),
        "mount": "compress=zstd",
    },
    "mixed_raid1": {
        "mib": 96,
        "mkfs": _mkfs("-M", "-n", "4096", "-d", "raid1", "-m", "raid1"),
        "more": [96],
    },
    "no_checksums_of_data": _single(mount = "nodatasum,max_inline=0"),
    "node32k": _single("-n", "32768", "--csum", "sha256"),
    "node64k": _single("-n", "65536", mib = 256, mount = "compress=zlib"),
    "node8k": _single("-n", "8192", "--csum", "xxhash", mount = "max_inline=4095"),
    "old": _single(
        "-O",
        "^no-holes,^free-space-tree,^block-group-tree,^extref,^skinny-metadata",
        mount = "space_cache=v1",
    ),
    "quota": _single("-O", "quota"),
    "raid0_6": _profile(6, "raid0", mount = "compress=lzo", operations = 800),
    "raid10_6": _profile(6, "raid10", "--csum", "sha256", operations = 800),
    "raid1": _profile(2, "raid1", "--csum", "blake2"),
    "raid1_3": _profile(3, "raid1", mount = "compress=zstd"),
    "raid1c3": _profile(3, "raid1c3", operations = 800),
    "raid1c4": _profile(4, "raid1c4", "--csum", "xxhash", operations = 800),
    "raid5_2": _profile(2, "raid5", mount = "compress=zlib", operations = 800),
    "raid5_4": _profile(4, "raid5", "--csum", "sha256", "-n", "65536", operations = 800),
    "raid5_and_raid6": {
        "halfway": ["btrfs balance start -dconvert=raid6,limit=1 /mnt"],
        "mib": 2 * _MIB,
        "mkfs": _mkfs("-d", "raid5", "-m", "raid1c4"),
        "more": [2 * _MIB] * 3,
        "operations": 800,
    },
    "raid6_3": _profile(3, "raid6", operations = 800),
    "raid6_6": _profile(6, "raid6", "--csum", "xxhash", mount = "compress=zstd", operations = 800),
    "replaced": {
        "halfway": [
            # It needs space for another block group.
            "btrfs balance start -dusage=50 /mnt",
            "btrfs replace start -B -f 2 /dev/ubdc /mnt",
        ],
        "mib": 2 * _MIB,
        "mkfs": ["sh", "-c", "mkfs.btrfs -q -f -d raid1 -m raid1 $0 $1"],
        "more": [2 * _MIB] * 2,
        "operations": 800,
    },
    "sizes": {
        # 0 bytes to 64 MiB.
        "largest": 65536,
        "mib": 400,
        "mkfs": _mkfs("-d", "single", "-m", "single"),
        "mount": "compress=zstd",
    },
    "sprout": {
        # The half-finished state stays on the first disk, which is not written any more.
        "halfway": [
            "umount /mnt",
            "btrfstune -f -S 1 /dev/ubda",
            "mount -t btrfs /dev/ubda /mnt",
            "btrfs device add -f /dev/ubdb /mnt",
            "mount -o remount,rw /mnt",
        ],
        "mkfs": _FIRST,
        "more": [_MIB],
    },
    "xxhash": _single("--csum", "xxhash", "-O", "^block-group-tree", mount = "compress-force=zstd:15"),
    "zlib": _single("--csum", "sha256", "-n", "4096", mount = "compress-force=zlib:9"),
}

# For every build.
KINDS = {name: {"mib": _MIB} | kind for name, kind in _KINDS.items()}

# For //fs:matrix.
MATRIX = KINDS | {name: {"mib": _MIB} | kind for name, kind in _MORE.items()}

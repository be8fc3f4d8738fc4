"""The aged XFS images: how each is made."""

# Less than the 300 MiB that mkfs.xfs requires by default: the format has no such limit. The log takes 8 of them.
_MIB = 48

def _mkfs(*arguments):
    return ["mkfs.xfs", "--unsupported", "-q", "-f"] + list(arguments)

# Without checksums; only then may a block have 512 bytes and an inode 256.
_V4 = ["-m", "crc=0"]

# Without all features that came after checksums.
_OLD = [
    "-m",
    "finobt=0,rmapbt=0,reflink=0,bigtime=0,inobtcount=0",
    "-i",
    "sparse=0,nrext64=0,exchange=0",
]

# Features that change the format, in as few images as show each together with others.
_KINDS = {
    "block1k": {
        "mkfs": _mkfs("-b", "size=1024", "-n", "size=4096"),
    },
    "crash": {
        "crash": True,
        "mkfs": _mkfs("-n", "parent=1"),
        "unfinished": True,
    },
    "crash_v4": {
        "crash": True,
        "mkfs": _mkfs("-b", "size=1024", *_V4),
    },
    "metadir": {
        "mkfs": _mkfs("-m", "metadir=1,uquota,gquota,pquota", "-n", "parent=1", "-i", "size=1024"),
    },
    "old": {
        "mkfs": _mkfs(*_OLD),
    },
    "v4": {
        # Blocks of 512 bytes: trees are as deep as possible.
        "mkfs": _mkfs("-b", "size=512", "-i", "size=256", "-n", "ftype=0", *_V4),
    },
    "xfs": {
        "mkfs": _mkfs(),
        "pieces": 3000,
    },
} | {
    # For the campaigns, which need small images; the smallest that mkfs.xfs makes.
    name: {
        "crash": name == "small_crash",
        "largest": 0,
        "mib": 16,
        "mkfs": _mkfs("-b", "size=1024" if name == "small" else "size=4096"),
        "most": 58,
        "names": 40,
        "operations": 500,
        "pieces": 60,
    }
    for name in ["small", "small_crash"]
}

# More images.
_MORE = {
    "agcount": {
        "mib": 256,
        "mkfs": _mkfs("-d", "agcount=15"),
    },
    "block2k": {
        "mkfs": _mkfs("-b", "size=2048", "-m", "rmapbt=0", "-i", "maxpct=80"),
    },
    "case_insensitive": {
        "mkfs": _mkfs("-n", "version=ci"),
    },
    "case_insensitive_v4": {
        "mkfs": _mkfs("-n", "version=ci", *_V4),
    },
    "crash_block1k": {
        "crash": True,
        "mkfs": _mkfs("-b", "size=1024"),
        "unfinished": True,
    },
    "crash_case_insensitive": {
        "crash": True,
        "mkfs": _mkfs("-n", "version=ci", "-m", "rmapbt=0"),
    },
    "crash_meta_uuid": {
        "crash": True,
        "mkfs": [
            "sh",
            "-c",
            "mkfs.xfs --unsupported -q -f $0 && xfs_admin -U 0e1f0001-0000-4000-8000-000000000001 $0",
        ],
    },
    "crash_large_folder_blocks": {
        "crash": True,
        "mib": 96,
        "mkfs": _mkfs("-n", "size=65536"),
    },
    "crash_log_v1": {
        "crash": True,
        "mkfs": _mkfs("-l", "version=1,lazy-count=0", *_V4),
    },
    "crash_old": {
        "crash": True,
        "mkfs": _mkfs(*_OLD),
    },
    "crash_quota": {
        "crash": True,
        "mkfs": _mkfs("-m", "metadir=1,uquota,gquota,pquota", "-n", "parent=1"),
        "unfinished": True,
    },
    "crash_sector4k": {
        "crash": True,
        # Its records are short: after four of five power failures, nothing is unfinished.
        "mkfs": _mkfs("-s", "size=4096", "-l", "su=4096"),
    },
    "crash_su256k": {
        "crash": True,
        "mib": 64,
        "mkfs": _mkfs("-l", "version=2,su=262144"),
        "mount": "logbsize=256k",
        "unfinished": True,
    },
    "crash_su32k": {
        "crash": True,
        "mkfs": _mkfs("-l", "version=2,su=32768", "-i", "nrext64=0"),
        "mount": "logbsize=32k",
        "unfinished": True,
    },
    "inode2k": {
        "mkfs": _mkfs("-i", "size=2048,nrext64=0"),
    },
    "inode512_v4": {
        "mkfs": _mkfs("-i", "size=512,attr=1", *_V4),
    },
    "large_folder_blocks": {
        "mib": 96,
        "mkfs": _mkfs("-n", "size=65536"),
        "names": 4000,
    },
    "many_names": {
        # 10 000 names in one directory, in blocks of 1 KiB: a tree maps the directory's blocks.
        "mib": 64,
        "mkfs": _mkfs("-b", "size=1024", "-n", "parent=1"),
        "names": 10000,
    },
    "meta_uuid": {
        "mkfs": [
            "sh",
            "-c",
            "mkfs.xfs --unsupported -q -f $0 && xfs_admin -U 0e1f0001-0000-4000-8000-000000000001 $0",
        ],
    },
    "one_group": {
        "mkfs": _mkfs("-d", "agcount=1", "-m", "finobt=0,inobtcount=0,rmapbt=0"),
    },
    "quota": {
        "mkfs": _mkfs("-m", "metadir=0", "-i", "exchange=0"),
        "mount": "uquota,gquota,pquota",
    },
    "sector4k": {
        "mkfs": _mkfs("-s", "size=4096", "-m", "bigtime=0", "-l", "su=4096"),
    },
    "sizes": {
        # 0 bytes to 64 MiB.
        "largest": 65536,
        "mib": 400,
        "mkfs": _mkfs(),
    },
    "sparse_inodes": {
        # Free space is in pieces of seven blocks when many inodes are made: a chunk needs eight, half a chunk four.
        "halfway": [
            "dd if=/dev/zero of=/mnt/fill bs=64k 2>/dev/null || true",
            "seq -f 'fpunch %.0f 28672' 0 65536 30000000 | xfs_io /mnt/fill",
            "seq -f /mnt/sparse-%g 1500 | xargs touch",
        ],
        "mkfs": _mkfs("-m", "reflink=0"),
    },
    "stripes": {
        "mib": 64,
        "mkfs": _mkfs("-d", "su=65536,sw=4", "-i", "size=512,nrext64=1", "-m", "inobtcount=0"),
    },
    "supported": {
        # With the defaults of mkfs.xfs.
        "mib": 300,
        "mkfs": ["mkfs.xfs", "-q", "-f"],
    },
}

# For every build.
KINDS = {name: {"mib": _MIB} | kind for name, kind in _KINDS.items()}

# For //fs:matrix.
MATRIX = KINDS | {name: {"mib": _MIB} | kind for name, kind in _MORE.items()}

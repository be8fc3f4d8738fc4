"""Kinds of FAT that are aged."""

def _mkfs(bits, *arguments):
    return ["mkfs.fat", "-F", bits, "-i", "0e1f0001"] + list(arguments)

# No power failure: without a journal, Linux itself cannot read all of what is left.
KINDS = {
    "fat12": {
        "mib": 16,
        "mkfs": _mkfs("12", "-s", "16"),
    },
    "fat16": {
        "mkfs": _mkfs("16"),
    },
    "fat32": {
        "mib": 40,
        "mkfs": _mkfs("32", "-s", "1"),
        "names": 2000,
    },
} | {
    # For the campaigns, which want little to read.
    "small" + bits: {
        "mib": 3,
        "mkfs": _mkfs(bits, "-s", "2" if bits == "12" else "1"),
        "most": 58,
        "names": 40,
        "operations": 700,
    }
    for bits in ["12", "16", "32"]
}

"""Machines that keep the image they have started, and start it where the registry cannot be reached."""

load("//e2e/disks:artifacts.bzl", "mini_artifact")
load("//platforms:defs.bzl", "ARCHES")
load(":defs.bzl", "FIRST_LINE", "GRUB", "qemu_test")
load(":network_parts.bzl", "KERNEL", "LEASE", "OBTAINED", "TAG", "tags_of")

# Firmware breaks lines behind the 80th column: the code ends before that.
_UNREACHED = "^warning: obtain https://@REGISTRY@/v2/boot/mini/manifests/1: E-NET-"

# What a machine says that keeps its image.
_FILLS_CACHE = [
    OBTAINED,
    "^cache keeps sha256:* in a (",
    "^start \"",
]

# What a machine says whose registry is away, and which has kept its image.
_FROM_CACHE = [
    _UNREACHED,
    "^cache looks for @REGISTRY@/boot/mini:1",
    "^signed @REGISTRY@/boot/mini:1 sha256:",
    "^cache a @REGISTRY@/boot/mini:1 -> sha256:",
    "^start \"",
]

# Boots of a machine with a cache that has booted before, on x86_64: what happens between the two, and what the second
# one says.
_CACHED = {
    # The booted system says that it is good. Of the second boot the tries are not counted any more, as it finds out.
    "cache_blessed": struct(
        blesses = True,
        then = ["registry-dies"],
        expect = _FROM_CACHE + [
            "mini: userspace on x86_64",
            "^tries of this boot are not counted",
        ],
        forbid = [
            "E-CACHE-",
            "mini: failed",
        ],
    ),
    "cache_changed_is_refused": struct(
        then = [
            "registry-dies",
            "cache-is-changed",
        ],
        expect = [
            _UNREACHED,
            "^warning: obtain cache a *: E-CACHE-FILES digest is ",
            "^failed: obtain https://@REGISTRY@/v2/boot/mini/manifests/1: E-NET-",
        ],
        forbid = KERNEL + ["^start \""],
        quiet_after = 1,
    ),
    # What the registry offers is in a slot, and what is wrong there is fetched.
    "cache_changed_is_mended": struct(
        is_full = True,
        then = ["cache-is-changed"],
        expect = [
            "^warning: obtain cache a *: E-CACHE-FILES digest is ",
            OBTAINED,
            "^start \"",
            "mini: userspace on x86_64",
        ],
        forbid = [_UNREACHED],
    ),
}

def _cached(name, arch, then, expect, forbid, artifact = None, shown = [], quiet_after = 0, tags = []):
    """A machine with a cache that has booted before: what the earlier boot ends with is `shown`."""
    qemu_test(
        name = name,
        timeout = 900,
        arch = arch,
        artifact = artifact,
        expect = [
            FIRST_LINE + arch,
            LEASE,
        ] + expect,
        forbid = GRUB + forbid,
        quiet_after = quiet_after,
        network = {
            "earlier": {
                "expect": [FIRST_LINE + arch] + _FILLS_CACHE + ["mini: userspace on " + arch] + shown,
                "then": then,
            },
            "settings": TAG + " cloudboot.cache=1",
            "signing": {
                "by": ["a"],
                "keys": ["a"],
            },
        },
        tags = tags,
    )

def _cut_off():
    """Power fails in the boot that fills the cache, in ten places: the loader is found, and starts an image."""
    qemu_test(
        name = "signed_cache_cut_off_x86_64",
        timeout = 2400,
        arch = "x86_64",
        expect = [
            FIRST_LINE + "x86_64",
            LEASE,
            "^signed @REGISTRY@/boot/mini:1 sha256:",
            OBTAINED,
            "^start \"",
            "mini: userspace on x86_64",
        ],
        forbid = GRUB,
        network = {
            "earlier": {
                "cuts": 10,
                "expect": _FILLS_CACHE + [
                    "mini: userspace on x86_64",
                    "mini=network",
                ],
                "then": [],
            },
            "settings": TAG + " cloudboot.cache=1",
            "signing": {
                "by": ["a"],
                "keys": ["a"],
            },
        },
        tags = ["manual"],
    )

def signed_cache_tests():
    """Tests signed_cache_ARCH and signed_cache_NAME_x86_64."""
    for arch in ARCHES:
        # Two boots, emulated. Twin on x86_64: signed_cache_changed_is_refused_x86_64.
        _cached(
            name = "signed_cache_" + arch,
            arch = arch,
            then = ["registry-dies"],
            expect = _FROM_CACHE + [
                "mini: userspace on " + arch,
                "mini=network",
            ],
            forbid = ["E-CACHE-"],
            tags = [] if arch == "x86_64" else ["manual"],
        )
    _cut_off()
    for name, case in _CACHED.items():
        test = "signed_{}_x86_64".format(name)
        artifact, shown = None, []
        if getattr(case, "blesses", False):
            artifact = ":{}_artifact".format(test)
            shown = [
                "^blessed: /EFI/cloud-boot/cache/a/record.cb",
                "mini: the ESP is unmounted",
            ]
            mini_artifact(
                name = test + "_artifact",
                arch = "x86_64",
                blesses = True,
            )
        _cached(
            name = test,
            arch = "x86_64",
            then = case.then,
            expect = case.expect,
            forbid = case.forbid,
            artifact = artifact,
            shown = shown,
            quiet_after = getattr(case, "quiet_after", 0),
            tags = tags_of(case),
        )

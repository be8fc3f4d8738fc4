"""Machines that keep the image they have started, and start it where the registry cannot be reached."""

load("//platforms:defs.bzl", "ARCHES")
load(":defs.bzl", "first_line", "negative_test", "qemu_test")
load(":network_parts.bzl", "LEASE", "NOTHING_STARTS", "OBTAINED", "SIGNED", "TAG", "network_boot")

# Firmware breaks lines behind the 80th column: the code ends before that.
_UNREACHED = "^warning: obtain https://@REGISTRY@/v2/boot/mini/manifests/1: E-NET-"

_CHANGED = "^warning: obtain cache a *: E-CACHE-FILES digest is "

# What a machine says that keeps its image.
_FILLS_CACHE = [
    OBTAINED,
    "^cache keeps sha256:* in a (",
    "^start \"",
]

# What a machine says whose registry is away, and which has kept its image.
_FROM_CACHE = [
    LEASE,
    _UNREACHED,
    "^cache looks for @REGISTRY@/boot/mini:1",
    SIGNED,
    "^cache a @REGISTRY@/boot/mini:1 -> sha256:",
]

# Boots of a machine with a cache that has booted before: what happens between the two, and what the second one says.
# What the first one ends with is `earlier`.
_CACHED = {
    # On every architecture: two boots, emulated.
    "signed_cache": dict(
        then = ["registry-dies"],
        said = _FROM_CACHE,
        forbid = ["E-CACHE-"],
    ),
    # The booted system says that it is good. Of the second boot the tries are not counted any more, as it finds out.
    "signed_cache_blessed": dict(
        artifact = {"blesses": True},
        earlier = [
            "^blessed: /EFI/cloud-boot/cache/a/record.cb",
            "mini: the ESP is unmounted",
        ],
        then = ["registry-dies"],
        said = _FROM_CACHE,
        shown = ["^tries of this boot are not counted"],
        forbid = [
            "E-CACHE-",
            "mini: failed",
        ],
    ),
    # What the registry offers is in a slot, and what is wrong there is fetched.
    "signed_cache_changed_is_mended": dict(
        is_full = True,
        then = ["cache-is-changed"],
        said = [
            LEASE,
            _CHANGED,
            OBTAINED,
        ],
        shown = [],
        forbid = [_UNREACHED],
    ),
}

def _network(earlier):
    """A machine with a cache whose image is signed, and its earlier boot."""
    return {
        "earlier": earlier,
        "signing": {
            "by": ["a"],
            "keys": ["a"],
        },
    }

def _earlier(arch, then, shown = []):
    """The boot that fills the cache."""
    return {
        "expect": [first_line(arch)] + _FILLS_CACHE + ["mini: userspace on " + arch] + shown,
        "then": then,
    }

def _case(name, then, said, arch = "x86_64", earlier = [], **row):
    """Arguments of the qemu_test of a row."""
    return network_boot(
        "{}_{}".format(name, arch),
        said,
        arch,
        network = _network(_earlier(arch, then, earlier)),
        settings = TAG | {"cloudboot.cache": "1"},
        timeout = 900,
        **row
    )

def _changed():
    """What is wrong in the cache is not started where the registry is away."""
    negative_test(
        name = "signed_cache_changed_is_refused_x86_64",
        twin = _case("signed_cache", **_CACHED["signed_cache"]),
        message = [
            LEASE,
            _UNREACHED,
            _CHANGED,
            "^failed: obtain https://@REGISTRY@/v2/boot/mini/manifests/1: E-NET-",
        ],
        forbid = NOTHING_STARTS,
        network = _network(_earlier("x86_64", [
            "registry-dies",
            "cache-is-changed",
        ])),
    )

def _cut_off():
    """Power fails in the boot that fills the cache, in ten places: the loader is found, and starts an image."""
    qemu_test(**network_boot(
        "signed_cache_cut_off_x86_64",
        [
            LEASE,
            SIGNED,
            OBTAINED,
        ],
        forbid = [],
        is_full = True,
        network = _network({
            "cuts": 10,
            "expect": _FILLS_CACHE + [
                "mini: userspace on x86_64",
                "mini=network",
            ],
            "then": [],
        }),
        settings = TAG | {"cloudboot.cache": "1"},
        shown = [],
        timeout = 2400,
    ))

def signed_cache_tests():
    """A test of each of them, NAME_x86_64, and signed_cache_ARCH of every architecture."""
    for name, row in _CACHED.items():
        for arch in ARCHES if name == "signed_cache" else ["x86_64"]:
            full = {} if arch == "x86_64" else {"is_full": True}
            qemu_test(**_case(name, arch = arch, **(row | full)))
    _changed()
    _cut_off()

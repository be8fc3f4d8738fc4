"""Boots from a registry with a signature key built into the loader: what is signed starts, and nothing else does."""

load("//platforms:defs.bzl", "ARCHES")
load(":defs.bzl", "negative_test", "qemu_test")
load(":network_parts.bzl", "LEASE", "NOTHING_STARTS", "OBTAINED", "SIGNED", "TAG", "network_boot", "tags_of")

def _by_a(**more):
    """The key that is built in signs."""
    return {
        "by": ["a"],
        "keys": ["a"],
    } | more

# What boots, on x86_64. With `is_full` it is in //e2e:full only.
_BOOTS = {
    "signed_by_tag": dict(signing = _by_a(form = "tag")),
    "signed_epoch": dict(signing = _by_a(
        epoch = 5,
        started = {"epoch": 5},
    )),
    # What a booted system writes there keeps nothing from starting, and is removed.
    "signed_forged_epoch": dict(
        is_full = True,
        signing = _by_a(
            epoch = 5,
            started = {"forged": 9},
        ),
        expect = ["^warning: verify CloudBootEpoch-*: E-TRUST-FLOOR "],
    ),
    # The index says for whom the image is, and only it is signed.
    "signed_index": dict(signing = _by_a(index = True)),
    # By a certificate for an identity, with a log and a timestamp.
    "signed_keyless": dict(signing = {"keyless": "good"}),
    "signed_by_two_of_three": dict(
        is_full = True,
        signing = {
            "by": ["a", "c"],
            "keys": ["a", "b", "c"],
            "threshold": 2,
        },
    ),

    # On every architecture.
    "signed": dict(signing = _by_a()),
}

# What is refused, on x86_64: the line that says so, the twin (`signed` where it is not named), and how it is signed in
# place of the twin, or what is wrong beside that.
_REFUSED = {
    "unsigned_image": dict(
        message = "E-TRUST-UNSIGNED ",
        signing = {"keys": ["a"]},
    ),
    "image_signed_by_another": dict(
        message = "E-TRUST-SIGNER ",
        signing = _by_a(by = ["b"]),
    ),
    "signature_of_another_image": dict(
        twin = "signed_by_tag",
        message = "E-TRUST-SUBJECT ",
        signing = _by_a(
            form = "tag",
            of_another = True,
        ),
    ),
    "image_signed_by_one_of_two": dict(
        is_full = True,
        twin = "signed_by_two_of_three",
        message = "E-TRUST-THRESHOLD ",
        signing = {
            "by": ["a"],
            "keys": ["a", "b"],
            "threshold": 2,
        },
    ),
    "older_epoch": dict(
        twin = "signed_epoch",
        message = "E-TRUST-EPOCH ",
        signing = _by_a(
            epoch = 4,
            started = {"epoch": 5},
        ),
    ),
    "expired_identity": dict(
        twin = "signed_keyless",
        message = "E-TRUST-CERT ",
        signing = {"keyless": "expired"},
    ),
    "bundle_of_another_subject": dict(
        twin = "signed_keyless",
        message = "E-TRUST-SUBJECT ",
        signing = {"keyless": "of-another"},
    ),
    "swapped_child_of_index": dict(
        twin = "signed_index",
        message = "E-NET-OCI-DIGEST ",
        wrong = {"damage": {"flip": "child"}},
    ),
    "signed_and_tampered_image": dict(
        message = "E-NET-OCI-DIGEST ",
        wrong = {"damage": {"flip": "initrd.img"}},
    ),
}

def _case(name, signing, arch = "x86_64", expect = [], is_full = False):
    """Arguments of the qemu_test of a row."""
    return network_boot(
        "{}_{}".format(name, arch),
        [LEASE, SIGNED, OBTAINED] + expect,
        arch,
        is_full = is_full,
        network = {"signing": signing},
        settings = TAG,
    )

def _refused(name, message, twin = "signed", signing = None, wrong = {}, is_full = False):
    case = _case(twin, **_BOOTS[twin])
    negative_test(
        name = name + "_is_refused_x86_64",
        twin = case,
        message = [
            LEASE,
            "^failed: *" + message,
        ],
        forbid = NOTHING_STARTS,
        network = case["network"] | wrong | ({"signing": signing} if signing else {}),
        tags = tags_of(is_full),
    )

def _epochs_forgotten():
    """An older image is refused until the operator has the epochs forgotten: at a menu that is not locked.

    So the key is beside the loader, not in it.
    """
    older = "^failed: verify @REGISTRY@/boot/mini:1: E-TRUST-EPOCH "
    qemu_test(**network_boot(
        "signed_epochs_forgotten_x86_64",
        [
            "x epochs",
            "type:<enter>",
            LEASE,
            SIGNED,
            older,
            "x epochs",
            "type:x",
            "This machine keeps 1 epochs of signed images",
            "y forget them",
            "type:y",
            "Epochs forgotten: 1",
            # Now there is nothing to forget.
            "f firmware setup  / filter",
            "type:<enter>",
            OBTAINED,
        ],
        forbid = [],
        network = {"signing": {
            "beside": ["a"],
            "by": ["a"],
            "epoch": 4,
            "started": {"epoch": 5},
        }},
        settings = TAG | {
            "cloudboot.menu": "always",
            "cloudboot.cosign.key": "/cloudboot/a.pub",
        },
    ))

def _cut_cable():
    """A cut cable starts no disk that nobody vouches for, unless settings that are built in say so."""
    cut = {
        "cards": ["silent:virtio-net-pci"],
        "local": True,
    }
    no_answer = "^failed: *E-NET-DHCP "
    negative_test(
        name = "local_disk_with_cut_cable_is_refused_x86_64",
        twin = {
            "expect": [
                no_answer,
                "^start \"Local\"",
                "mini: userspace on x86_64",
                "mini=local",
            ],
            "name": "local_disk_with_cut_cable_starts_x86_64",
            "network": cut | {"signing": _by_a(cmdline = "cloudboot.local=1")},
            "settings": TAG | {"cloudboot.net.wait": "3"},
            "timeout": 600,
        },
        message = [no_answer],
        forbid = NOTHING_STARTS,
        network = cut | {"signing": _by_a()},
    )

def signature_tests():
    """A test of each of them, NAME_x86_64 and NAME_is_refused_x86_64, and signed_ARCH of every architecture."""
    _cut_cable()
    _epochs_forgotten()
    for name, row in _BOOTS.items():
        for arch in ARCHES if name == "signed" else ["x86_64"]:
            qemu_test(**_case(name, arch = arch, **row))
    for name, row in _REFUSED.items():
        _refused(name, **row)

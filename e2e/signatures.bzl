"""Boots from a registry with a signature key built into the loader: what is signed starts, and nothing else does."""

load("//platforms:defs.bzl", "ARCHES")
load(":defs.bzl", "FIRST_LINE", "GRUB", "qemu_test")
load(":network_parts.bzl", "KERNEL", "LEASE", "OBTAINED", "TAG", "tags_of")

# What boots, on x86_64. With `is_full` it is in //e2e:full only.
_BOOTS = {
    "by_tag": struct(signing = {
        "by": ["a"],
        "form": "tag",
        "keys": ["a"],
    }),
    # Twin of older_epoch.
    "epoch": struct(signing = {
        "by": ["a"],
        "epoch": 5,
        "keys": ["a"],
        "started": {"epoch": 5},
    }),
    # What a booted system writes there keeps nothing from starting, and is removed.
    "forged_epoch": struct(
        is_full = True,
        expect = ["^warning: verify CloudBootEpoch-*: E-TRUST-FLOOR "],
        signing = {
            "by": ["a"],
            "epoch": 5,
            "keys": ["a"],
            "started": {"forged": 9},
        },
    ),
    # The index says for whom the image is, and only it is signed.
    "index": struct(signing = {
        "by": ["a"],
        "index": True,
        "keys": ["a"],
    }),
    # By a certificate for an identity, with a log and a timestamp.
    "keyless": struct(signing = {"keyless": "good"}),
    "by_two_of_three": struct(
        is_full = True,
        signing = {
            "by": [
                "a",
                "c",
            ],
            "keys": [
                "a",
                "b",
                "c",
            ],
            "threshold": 2,
        },
    ),
}

# What is refused, on x86_64: twins are signed_x86_64 and those named.
_REFUSED = {
    "unsigned": struct(
        message = "E-TRUST-UNSIGNED ",
        signing = {"keys": ["a"]},
    ),
    "signed_by_another": struct(
        message = "E-TRUST-SIGNER ",
        signing = {
            "by": ["b"],
            "keys": ["a"],
        },
    ),
    # Twin: signed_by_tag.
    "signature_of_another_image": struct(
        message = "E-TRUST-SUBJECT ",
        signing = {
            "by": ["a"],
            "form": "tag",
            "keys": ["a"],
            "of_another": True,
        },
    ),
    # Twin: signed_by_two_of_three.
    "signed_by_one_of_two": struct(
        is_full = True,
        message = "E-TRUST-THRESHOLD ",
        signing = {
            "by": ["a"],
            "keys": [
                "a",
                "b",
            ],
            "threshold": 2,
        },
    ),
    # Twin: signed_epoch.
    "older_epoch": struct(
        message = "E-TRUST-EPOCH ",
        signing = {
            "by": ["a"],
            "epoch": 4,
            "keys": ["a"],
            "started": {"epoch": 5},
        },
    ),
    # Twins of the next two: signed_keyless.
    "identity_expired": struct(
        message = "E-TRUST-CERT ",
        signing = {"keyless": "expired"},
    ),
    "bundle_of_another_subject": struct(
        message = "E-TRUST-SUBJECT ",
        signing = {"keyless": "of-another"},
    ),
    # Twin: signed_index.
    "child_of_index_swapped": struct(
        damage = {"flip": "child"},
        message = "E-NET-OCI-DIGEST ",
        signing = {
            "by": ["a"],
            "index": True,
            "keys": ["a"],
        },
    ),
    "signed_and_tampered": struct(
        damage = {"flip": "initrd.img"},
        message = "E-NET-OCI-DIGEST ",
        signing = {
            "by": ["a"],
            "keys": ["a"],
        },
    ),
}

def _boot(name, arch, signing, expect = [], tags = []):
    qemu_test(
        name = name,
        timeout = 600,
        arch = arch,
        expect = [
            FIRST_LINE + arch,
            LEASE,
            "^signed @REGISTRY@/boot/mini:1 sha256:",
            OBTAINED,
        ] + expect + [
            "^start \"",
            "mini: userspace on " + arch,
            "mini=network",
        ],
        forbid = GRUB + ["over budget"],
        network = {
            "settings": TAG,
            "signing": signing,
        },
        tags = tags,
    )

def _epochs_forgotten():
    """An older image is refused until the operator has the epochs forgotten: at a menu that is not locked.

    So the key is beside the loader, not in it.
    """
    older = "^failed: verify @REGISTRY@/boot/mini:1: E-TRUST-EPOCH "
    qemu_test(
        name = "signed_epochs_forgotten_x86_64",
        timeout = 600,
        arch = "x86_64",
        expect = [
            FIRST_LINE + "x86_64",
            "x epochs",
            "type:<enter>",
            LEASE,
            "^signed @REGISTRY@/boot/mini:1 sha256:",
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
            "^start \"",
            "mini: userspace on x86_64",
            "mini=network",
        ],
        forbid = GRUB,
        network = {
            "settings": TAG + " cloudboot.menu=always cloudboot.cosign.key=/cloudboot/a.pub",
            "signing": {
                "beside": ["a"],
                "by": ["a"],
                "epoch": 4,
                "started": {"epoch": 5},
            },
        },
    )

def _cut_cable():
    """A cut cable starts no disk that nobody vouches for, unless settings that are built in say so."""
    cut = {
        "cards": ["silent:virtio-net-pci"],
        "local": True,
        "settings": TAG + " cloudboot.net.wait=3",
    }
    signing = {
        "by": ["a"],
        "keys": ["a"],
    }
    begin = [
        FIRST_LINE + "x86_64",
        "^failed: *E-NET-DHCP ",
    ]
    qemu_test(
        name = "signed_cable_cut_local_x86_64",
        timeout = 600,
        arch = "x86_64",
        expect = begin + [
            "^start \"Local\"",
            "mini: userspace on x86_64",
            "mini=local",
        ],
        forbid = GRUB,
        network = cut | {"signing": signing | {"cmdline": "cloudboot.local=1"}},
    )
    qemu_test(
        name = "local_disk_with_cable_cut_is_refused_x86_64",
        timeout = 600,
        arch = "x86_64",
        expect = begin + ["returning to the firmware"],
        forbid = KERNEL + GRUB + ["^start \""],
        quiet_after = 1,
        network = cut | {"signing": signing},
    )

def signature_tests():
    """Tests signed_ARCH, signed_NAME_x86_64 and NAME_is_refused_x86_64."""
    for arch in ARCHES:
        _boot("signed_" + arch, arch, {
            "by": ["a"],
            "keys": ["a"],
        })
    _cut_cable()
    _epochs_forgotten()
    for name, case in _BOOTS.items():
        _boot("signed_{}_x86_64".format(name), "x86_64", case.signing, getattr(case, "expect", []), tags_of(case))
    for name, case in _REFUSED.items():
        network = {
            "settings": TAG,
            "signing": case.signing,
        }
        if hasattr(case, "damage"):
            network["damage"] = case.damage
        qemu_test(
            name = "{}_is_refused_x86_64".format(name),
            timeout = 600,
            arch = "x86_64",
            expect = [
                FIRST_LINE + "x86_64",
                LEASE,
                "^failed: *" + case.message,
                "returning to the firmware",
            ],
            forbid = KERNEL + GRUB + ["^start \""],
            quiet_after = 1,
            network = network,
            tags = tags_of(case),
        )

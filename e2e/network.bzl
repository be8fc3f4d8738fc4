"""Boots from a registry: what is around the machine, and what the loader says of it."""

load("//e2e/disks:artifacts.bzl", "debian_artifact")
load("//platforms:defs.bzl", "ARCHES")
load(":defs.bzl", "FIRST_LINE", "GRUB", "qemu_test")
load(
    ":network_parts.bzl",
    "CA",
    "ENTRY",
    "IMAGE",
    "LEASE",
    "OBTAINED",
    "OPENSTACK",
    "PLAIN",
    "UKI",
    "artifact_of",
    "tags_of",
    "with_settings",
)

# The loader says what it used, and whether that is over its budget.
_MEASURED = IMAGE + " cloudboot.debug=1"

# A lease, the registry's name, and no other name below `test`.
_REGISTRY = [
    "--dhcp-range=10.9.0.50,10.9.0.60,10m",
    "--dhcp-option=6,10.9.0.1",
    "--local=/test/",
    "--host-record=registry.test,10.9.0.1",
]

# SRV records of a registry with two replicas.
_REPLICAS = _REGISTRY + [
    "--srv-host=_oci._tcp.registry.test,registry.test,443,2,1",
]

# Nobody listens at that port.
_DEAD_REPLICA = "--srv-host=_oci._tcp.registry.test,registry.test,444,1,1"

# It is tried first.
_MIRRORED = PLAIN | {"settings": PLAIN["settings"] + " cloudboot.mirror=@REGISTRY@=@MIRROR@"}

# What boots, on x86_64: what is around the machine, and what the loader says of it. With `is_full` it is in //e2e:full
# only.
_BOOTS = {
    "uki": struct(artifact = {"uki": True}),
    # Another program's artifact, with its defaults.
    "oras": struct(
        is_full = True,
        network = {"pushed_by": "oras"},
    ),
    "skopeo": struct(
        is_full = True,
        network = {"pushed_by": "skopeo"},
    ),
    "names_by_dns": struct(
        is_full = True,
        network = {"wire": "dnsmasq"},
        lease = "^dhcp 10.9.0.",
    ),
    "ipv6_only": struct(
        network = {
            "addresses": ["fd09::1/64"],
            "dnsmasq": [
                "--enable-ra",
                "--dhcp-range=fd09::,ra-only,64",
                "--dhcp-option=option6:dns-server,[fd09::1]",
                "--local=/test/",
                "--host-record=registry.test,fd09::1",
            ],
            "wire": "dnsmasq",
        },
        lease = "via ",
    ),
    # No DHCP is there.
    "static_address": struct(
        is_full = True,
        network = {
            "dnsmasq": [
                "--local=/test/",
                "--host-record=registry.test,10.9.0.1",
            ],
            "settings": IMAGE + " cloudboot.net.static=10.9.0.77/24:10.9.0.1:10.9.0.1",
            "wire": "dnsmasq",
        },
        lease = "^static 10.9.0.77/24 via ",
    ),
    # What has no tag is lost at the switch, and so the loader has no lease without the setting.
    "vlan": struct(
        is_full = True,
        network = {
            "line": {"vlan": 42},
            "settings": IMAGE + " cloudboot.net.vlan=42",
            "wire": "dnsmasq",
        },
        lease = "^dhcp 10.9.0.",
    ),
    "srv_with_a_dead_replica": struct(
        network = {
            "dnsmasq": _REPLICAS + [_DEAD_REPLICA],
            "host": "_oci._tcp.registry.test",
            "wire": "dnsmasq",
        },
        lease = "^dhcp 10.9.0.",
    ),
    "redirected_blobs": struct(
        is_measured = True,
        network = {
            "blobs": "redirected",
            "settings": _MEASURED,
        },
    ),
    # Nobody but the proxy knows the registry's name.
    "proxy": struct(
        is_full = True,
        network = {
            "host": "registry.test",
            "proxy": True,
            "settings": IMAGE + " cloudboot.net.proxy=@PROXY@",
        },
    ),
    "e1000": struct(network = {"cards": ["e1000"]}),
    "virtio_modern": struct(
        is_full = True,
        network = {"cards": ["virtio-net-pci,disable-legacy=on"]},
    ),
    # The firmware has random numbers for the loader.
    "random_numbers": struct(
        is_full = True,
        machine = {"qemu_options": [
            "-device",
            "virtio-rng-pci",
        ]},
    ),
    "two_cards": struct(network = {"cards": [
        "virtio-net-pci",
        "silent:virtio-net-pci",
    ]}),
    "login": struct(
        is_full = True,
        network = {
            "login": True,
            "settings": IMAGE + " rd.cloudboot.user=me rd.cloudboot.pass=hunter2",
        },
    ),
    "plain_http": struct(
        is_full = True,
        network = {
            "certificate": "none",
            "settings": IMAGE + " cloudboot.insecure=1",
        },
    ),
    "tag_without_signatures": struct(
        is_full = True,
        network = {"settings": "cloudboot.image=@TAG@ cloudboot.cosign=off " + CA},
    ),
    "index": struct(
        is_full = True,
        network = {"damage": {"index": [
            "arm64",
            "amd64",
        ]}},
    ),
    # The machine says that it is OpenStack's, and is told by its service what to boot.
    "image_by_metadata": struct(
        network = {
            "metadata": "{\"uuid\": \"1\", \"cloudboot\": {\"image\": \"@REFERENCE@\"}}",
            "settings": "cloudboot.net.wait=60 " + CA,
            "wire": "dnsmasq",
        },
        lease = "^dhcp 10.9.0.",
        expect = [
            "^metadata http://169.254.169.254/openstack/latest/meta_data.json (",
            "^configure: E-CONFIG-PLAIN ",
        ],
        machine = {"qemu_options": OPENSTACK},
    ),
    # A volume says it, and no service is asked.
    "image_by_seed": struct(
        network = {
            "seed": "{\"cloudboot\": {\"image\": \"@REFERENCE@\"}}",
            "settings": CA,
        },
        # What is read from a disk comes before the network.
        lease = "^metadata hd1 /cloudboot.json (",
        expect = [LEASE],
    ),
    # Who gives the machine its address says what it boots: DHCP's option 67.
    "image_by_dhcp": struct(
        network = {
            "dnsmasq": _REGISTRY + ["--dhcp-option=67,@REFERENCE@"],
            "settings": "cloudboot.net.wait=60 " + CA,
            "wire": "dnsmasq",
        },
        lease = "^dhcp 10.9.0.",
        expect = [
            "^dhcp names @REGISTRY@/boot/mini:1",
            "^configure: E-CONFIG-PLAIN cloudboot.image (DHCP)",
        ],
    ),
    # Both by the document: they belong together.
    "login_by_metadata": struct(
        is_full = True,
        network = {
            "login": True,
            "metadata": "{\"cloudboot\": {\"image\": \"@REFERENCE@\", \"registry\": " +
                        "{\"user\": \"me\", \"pass\": \"hunter2\"}}}",
            "settings": "cloudboot.net.wait=60 " + CA,
            "wire": "dnsmasq",
        },
        lease = "^dhcp 10.9.0.",
        machine = {"qemu_options": OPENSTACK},
    ),

    # What the card receives after it was stopped is not written to memory that is the kernel's by then.
    "traffic": struct(
        network = {
            "traffic": True,
            "wire": "dnsmasq",
        },
        lease = "^dhcp 10.9.0.",
    ),
    "traffic_by_the_firmware": struct(
        is_full = True,
        network = {
            "cards": ["e1000"],
            "traffic": True,
            "wire": "dnsmasq",
        },
        lease = "^dhcp 10.9.0.",
    ),

    # What is wrong on the way, and does not matter.
    "cut_at_half": struct(
        network = {
            "blobs": "redirected",
            "line": {"cut": 50},
            "wire": "dnsmasq",
        },
        lease = "^dhcp 10.9.0.",
    ),
    "lossy_and_slow": struct(
        is_full = True,
        network = {
            "line": {
                "delay": 100,
                "late": 50,
                "late_by": 20,
                "loss": 20,
                "seed": 14,
            },
            "wire": "dnsmasq",
        },
        lease = "^dhcp 10.9.0.",
    ),
    "busy_registry": struct(
        is_full = True,
        network = PLAIN | {"front": "busy"},
    ),
    "dead_mirror": struct(
        is_full = True,
        network = _MIRRORED | {"mirror": "dead"},
    ),
    "tampering_mirror": struct(
        is_full = True,
        network = _MIRRORED | {"mirror": "tamper"},
    ),

    # Alpine's modules and overlay are where its programs look for them.
    "alpine": struct(
        is_full = True,
        artifact = {"alpine": True},
        shown = [
            "mini=network apkovl=/apkovl.tar.gz modloop=http://localhost/modloop",
            "^mini: apkovl from the overlay",
            "^mini: modloop whole",
        ],
    ),
}

def _entry_with_url():
    """An entry of a disk names a UKI by its URL, and nothing needs to vouch for it."""
    qemu_test(
        name = "network_entry_with_url_x86_64",
        timeout = 600,
        arch = "x86_64",
        artifact = UKI,
        expect = [
            FIRST_LINE + "x86_64",
            "^choose \"Mini by URL\" from hd",
            LEASE,
            "^obtain https://@PART@ (",
            "^start \"Mini by URL\"",
            "mini: userspace on x86_64",
            "mini=network",
        ],
        forbid = GRUB + ["over budget"],
        network = {
            "entry": ENTRY,
            "settings": "cloudboot.cosign=off cloudboot.menu=hidden " + CA,
        },
    )

def _debian():
    """A whole Debian is the initrd, up to its prompt: minutes where it is emulated."""
    for arch in ["x86_64", "aarch64"]:
        name = "network_debian_" + arch
        debian_artifact(
            name = name + "_artifact",
            arch = arch,
        )
        qemu_test(
            name = name,
            timeout = 1500,
            arch = arch,
            artifact = ":{}_artifact".format(name),
            expect = [
                FIRST_LINE + arch,
                LEASE,
                OBTAINED,
                "^start \"",
                "e2e=network",
                "Welcome to Debian",
                "login:",
            ],
            forbid = GRUB,
            # A first root may be half of it.
            memory = 2048,
            network = with_settings({}),
            tags = ["manual"],
        )

def network_tests():
    """Tests network_NAME_x86_64, and network_ARCH of every architecture."""
    for arch in ARCHES:
        qemu_test(
            name = "network_" + arch,
            timeout = 600,
            arch = arch,
            expect = [
                FIRST_LINE + arch,
                LEASE,
                OBTAINED,
                # Budgets L3 and L5.
                "  used at most: stack ",
                "^start \"",
                "mini: userspace on " + arch,
                "mini=network",
            ],
            forbid = GRUB + ["over budget"],
            network = with_settings({"settings": _MEASURED}),
        )
    for name, case in _BOOTS.items():
        test = "network_{}_x86_64".format(name)
        qemu_test(
            name = test,
            timeout = 600,
            arch = "x86_64",
            artifact = artifact_of(test, case),
            expect = [
                FIRST_LINE + "x86_64",
                getattr(case, "lease", LEASE),
            ] + getattr(case, "expect", []) + [OBTAINED] + (
                ["  used at most: stack "] if getattr(case, "is_measured", False) else []
            ) + [
                "^start \"",
                "mini: userspace on x86_64",
            ] + getattr(case, "shown", ["mini=network"]),
            forbid = GRUB + ["over budget"],
            network = with_settings(getattr(case, "network", {})),
            tags = tags_of(case),
            **getattr(case, "machine", {})
        )
    _entry_with_url()
    _debian()

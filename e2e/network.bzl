"""Boots from a registry: what is around the machine, and what the loader says of it."""

load("//e2e/disks:artifacts.bzl", "debian_artifact")
load("//platforms:defs.bzl", "ARCHES")
load(":debian.bzl", "debian_test")
load(":defs.bzl", "qemu_test")
load(":network_parts.bzl", "CA", "IMAGE", "LEASE", "MEASURED", "OBTAINED", "OPENSTACK", "network_boot")

# The wire on which this machine has names and leases.
_WIRE = {"wire": "dnsmasq"}

_LEASE_ON_WIRE = "^dhcp 10.9.0."

# Names below `test`: the registry's, and no other.
_NAMES = [
    "--local=/test/",
    "--host-record=registry.test,10.9.0.1",
]

# A lease, and these names.
_REGISTRY = [
    "--dhcp-range=10.9.0.50,10.9.0.60,10m",
    "--dhcp-option=6,10.9.0.1",
] + _NAMES

# SRV records of a registry with two replicas. Nobody listens at the port of the second.
_REPLICAS = [
    "--srv-host=_oci._tcp.registry.test,registry.test,443,2,1",
    "--srv-host=_oci._tcp.registry.test,registry.test,444,1,1",
]

# The small server of faults has no certificate.
_PLAIN = {"certificate": "none"}

_INSECURE = IMAGE | {"cloudboot.insecure": "1"}

# It is tried first.
_MIRRORED = _INSECURE | {"cloudboot.mirror": "@REGISTRY@=@MIRROR@"}

_LOGIN = {
    "rd.cloudboot.user": "me",
    "rd.cloudboot.pass": "hunter2",
}

# The image is told by something that is asked for a minute.
_TOLD = {"cloudboot.net.wait": "60"} | CA

# What boots, on x86_64: what is around the machine, and what the loader says of it. With `is_full` it is in //e2e:full
# only.
_BOOTS = {
    "network_uki": dict(artifact = {"uki": True}),
    # Another program's artifact, with its defaults.
    "network_oras": dict(
        is_full = True,
        network = {"pushed_by": "oras"},
    ),
    "network_skopeo": dict(
        is_full = True,
        network = {"pushed_by": "skopeo"},
    ),
    "network_names_by_dns": dict(
        is_full = True,
        network = _WIRE,
    ),
    "network_ipv6_only": dict(
        network = _WIRE | {
            "addresses": ["fd09::1/64"],
            "dnsmasq": [
                "--enable-ra",
                "--dhcp-range=fd09::,ra-only,64",
                "--dhcp-option=option6:dns-server,[fd09::1]",
                "--local=/test/",
                "--host-record=registry.test,fd09::1",
            ],
        },
        lease = "via ",
    ),
    # No DHCP is there.
    "network_static_address": dict(
        is_full = True,
        network = _WIRE | {"dnsmasq": _NAMES},
        settings = IMAGE | {"cloudboot.net.static": "10.9.0.77/24:10.9.0.1:10.9.0.1"},
        lease = "^static 10.9.0.77/24 via ",
    ),
    # What has no tag is lost at the switch, and so the loader has no lease without the setting.
    "network_vlan": dict(
        is_full = True,
        network = _WIRE | {"line": {"vlan": 42}},
        settings = IMAGE | {"cloudboot.net.vlan": "42"},
    ),
    "network_srv_with_a_dead_replica": dict(
        network = _WIRE | {
            "dnsmasq": _REGISTRY + _REPLICAS,
            "host": "_oci._tcp.registry.test",
        },
    ),
    "network_redirected_blobs": dict(
        network = {"blobs": "redirected"},
        settings = MEASURED,
    ),
    # Nobody but the proxy knows the registry's name.
    "network_proxy": dict(
        is_full = True,
        network = {
            "host": "registry.test",
            "proxy": True,
        },
        settings = IMAGE | {"cloudboot.net.proxy": "@PROXY@"},
    ),
    "network_e1000": dict(network = {"cards": ["e1000"]}),
    "network_virtio_modern": dict(
        is_full = True,
        network = {"cards": ["virtio-net-pci,disable-legacy=on"]},
    ),
    # The firmware has random numbers for the loader.
    "network_random_numbers": dict(
        is_full = True,
        qemu_options = [
            "-device",
            "virtio-rng-pci",
        ],
    ),
    "network_two_cards": dict(network = {"cards": [
        "virtio-net-pci",
        "silent:virtio-net-pci",
    ]}),
    "network_login": dict(
        is_full = True,
        network = {"login": True},
        settings = IMAGE | _LOGIN,
    ),
    "network_plain_http": dict(
        is_full = True,
        network = _PLAIN,
        settings = _INSECURE,
    ),
    "network_tag_without_signatures": dict(
        is_full = True,
        settings = {
            "cloudboot.image": "@TAG@",
            "cloudboot.cosign": "off",
        } | CA,
    ),
    "network_index": dict(
        is_full = True,
        network = {"damage": {"index": [
            "arm64",
            "amd64",
        ]}},
    ),
    # An entry of a disk names a UKI by its URL, and nothing needs to vouch for it.
    "network_entry_with_url": dict(
        artifact = ":network_uki_x86_64_artifact",
        network = {"entry": "title Mini by URL\nuki-url https://@PART@\n"},
        settings = {
            "cloudboot.cosign": "off",
            "cloudboot.menu": "hidden",
        } | CA,
        said = [
            "^choose \"Mini by URL\" from hd",
            LEASE,
            "^obtain https://@PART@ (",
        ],
        title = "Mini by URL\"",
    ),
    # The machine says that it is OpenStack's, and is told by its service what to boot.
    "network_image_by_metadata": dict(
        network = _WIRE | {
            "metadata": "{\"uuid\": \"1\", \"cloudboot\": {\"image\": \"@REFERENCE@\"}}",
        },
        settings = _TOLD,
        expect = [
            "^metadata http://169.254.169.254/openstack/latest/meta_data.json (",
            "^configure: E-CONFIG-PLAIN ",
        ],
        qemu_options = OPENSTACK,
    ),
    # A volume says it, and no service is asked.
    "network_image_by_seed": dict(
        network = {"seed": "{\"cloudboot\": {\"image\": \"@REFERENCE@\"}}"},
        settings = CA,
        # What is read from a disk comes before the network.
        lease = "^metadata hd1 /cloudboot.json (",
        expect = [LEASE],
    ),
    # Who gives the machine its address says what it boots: DHCP's option 67.
    "network_image_by_dhcp": dict(
        network = _WIRE | {"dnsmasq": _REGISTRY + ["--dhcp-option=67,@REFERENCE@"]},
        settings = _TOLD,
        expect = [
            "^dhcp names @REGISTRY@/boot/mini:1",
            "^configure: E-CONFIG-PLAIN cloudboot.image (DHCP)",
        ],
    ),
    # Both by the document: they belong together.
    "network_login_by_metadata": dict(
        is_full = True,
        network = _WIRE | {
            "login": True,
            "metadata": "{\"cloudboot\": {\"image\": \"@REFERENCE@\", \"registry\": " +
                        "{\"user\": \"me\", \"pass\": \"hunter2\"}}}",
        },
        settings = _TOLD,
        qemu_options = OPENSTACK,
    ),

    # What the card receives after it was stopped is not written to memory that is the kernel's by then.
    "network_traffic": dict(network = _WIRE | {"traffic": True}),
    "network_traffic_by_the_firmware": dict(
        is_full = True,
        network = _WIRE | {
            "cards": ["e1000"],
            "traffic": True,
        },
    ),

    # What is wrong on the way, and does not matter.
    "network_cut_at_half": dict(
        network = _WIRE | {
            "blobs": "redirected",
            "line": {"cut": 50},
        },
    ),
    "network_lossy_and_slow": dict(
        is_full = True,
        network = _WIRE | {"line": {
            "delay": 100,
            "late": 50,
            "late_by": 20,
            "loss": 20,
            "seed": 14,
        }},
    ),
    "network_busy_registry": dict(
        is_full = True,
        network = _PLAIN | {"front": "busy"},
        settings = _INSECURE,
    ),
    "network_dead_mirror": dict(
        is_full = True,
        network = _PLAIN | {"mirror": "dead"},
        settings = _MIRRORED,
    ),
    "network_tampering_mirror": dict(
        is_full = True,
        network = _PLAIN | {"mirror": "tamper"},
        settings = _MIRRORED,
    ),

    # Alpine's modules and overlay are where its programs look for them.
    "network_alpine": dict(
        is_full = True,
        artifact = {"alpine": True},
        shown = [
            "mini=network apkovl=/apkovl.tar.gz modloop=http://localhost/modloop",
            "^mini: apkovl from the overlay",
            "^mini: modloop whole",
        ],
    ),

    # On every architecture.
    "network": dict(settings = MEASURED),
}

def network_case(name, arch = "x86_64"):
    """Arguments of the qemu_test of a row."""
    return _case("{}_{}".format(name, arch), arch, **_BOOTS[name])

def _case(test, arch, network = {}, settings = IMAGE, lease = None, expect = [], said = None, **row):
    lease = lease or (_LEASE_ON_WIRE if network.get("wire") == "dnsmasq" else LEASE)
    used = ["  used at most: stack "] if settings == MEASURED else []
    return network_boot(
        test,
        said or [lease] + expect + [OBTAINED] + used,
        arch,
        network = network,
        settings = settings,
        **row
    )

def _debian(arch):
    """A whole Debian is the initrd, up to its prompt: minutes where it is emulated."""
    name = "network_debian_" + arch
    debian_artifact(
        name = name + "_artifact",
        arch = arch,
    )
    debian_test(
        name = name,
        arch = arch,
        artifact = ":{}_artifact".format(name),
        expect = [
            LEASE,
            OBTAINED,
            "^start \"",
            "e2e=network",
        ],
        # A first root may be half of it.
        memory = 2048,
        network = {},
        settings = IMAGE,
        tags = ["manual"],
    )

def network_tests():
    """A test of each of them, NAME_x86_64, and network_ARCH of every architecture."""
    for name in _BOOTS:
        for arch in ARCHES if name == "network" else ["x86_64"]:
            qemu_test(**network_case(name, arch))
    for arch in ["x86_64", "aarch64"]:
        _debian(arch)

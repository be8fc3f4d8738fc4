"""Boots from a registry, and what is refused: each with its own message, and with a twin that differs in one thing."""

load("//e2e/disks:defs.bzl", "debian_artifact", "mini_artifact", "signed")
load("//platforms:defs.bzl", "ARCHES")
load(":defs.bzl", "FIRST_LINE", "GRUB", "qemu_test")

# A kernel's first lines, and those of the canary behind it. With its space: the artifact is called mini:1.
KERNEL = [
    "EFI stub:",
    "Linux version",
    "mini: ",
]

# Where the runner puts the root certificate.
_CA = "cloudboot.ca=/cloudboot/ca.pem"

_IMAGE = "cloudboot.image=@REFERENCE@ " + _CA

# The loader says what it used, and whether that is over its budget.
_MEASURED = _IMAGE + " cloudboot.debug=1"

# On QEMU's user network the machine has this address.
LEASE = "^dhcp 10.0.2.15/24 via "

# The loader's line about the artifact, up to where firmware may break it.
OBTAINED = "^oci @REGISTRY@/boot/mini:1 -> sha256:"

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

# What a machine of that cloud says of itself. (Its manufacturer stays QEMU: fw_cfg is looked at on no other.)
_OPENSTACK = [
    "-smbios",
    "type=1,product=OpenStack Nova",
]

# Nobody listens at that port.
_DEAD_REPLICA = "--srv-host=_oci._tcp.registry.test,registry.test,444,1,1"

# The small server of faults has no certificate.
_PLAIN = {
    "certificate": "none",
    "settings": _IMAGE + " cloudboot.insecure=1",
}

# It is tried first.
_MIRRORED = _PLAIN | {"settings": _PLAIN["settings"] + " cloudboot.mirror=@REGISTRY@=@MIRROR@"}

# A disk whose only entry is an image of the network.
_ENTRY = "title Mini by URL\nuki-url https://@PART@\n"

# The artifact of network_uki_x86_64.
_UKI = ":network_uki_x86_64_artifact"

# A login that is not in the document, for a machine whose document chooses the image.
_LOGIN = "cloudboot.net.wait=60 rd.cloudboot.user=me rd.cloudboot.pass=hunter2 " + _CA

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
            "settings": _IMAGE + " cloudboot.net.proxy=@PROXY@",
        },
    ),
    "e1000": struct(network = {"cards": ["e1000"]}),
    "virtio_modern": struct(
        is_full = True,
        network = {"cards": ["virtio-net-pci,disable-legacy=on"]},
    ),
    "two_cards": struct(network = {"cards": [
        "virtio-net-pci",
        "silent:virtio-net-pci",
    ]}),
    "login": struct(
        is_full = True,
        network = {
            "login": True,
            "settings": _IMAGE + " rd.cloudboot.user=me rd.cloudboot.pass=hunter2",
        },
    ),
    "plain_http": struct(
        is_full = True,
        network = {
            "certificate": "none",
            "settings": _IMAGE + " cloudboot.insecure=1",
        },
    ),
    "tag_without_signatures": struct(
        is_full = True,
        network = {"settings": "cloudboot.image=@TAG@ cloudboot.cosign=off " + _CA},
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
            "settings": "cloudboot.net.wait=60 " + _CA,
            "wire": "dnsmasq",
        },
        lease = "^dhcp 10.9.0.",
        expect = [
            "^metadata http://169.254.169.254/openstack/latest/meta_data.json (",
            "^configure: E-CONFIG-PLAIN ",
        ],
        machine = {"qemu_options": _OPENSTACK},
    ),
    # A volume says it, and no service is asked.
    "image_by_seed": struct(
        network = {
            "seed": "{\"cloudboot\": {\"image\": \"@REFERENCE@\"}}",
            "settings": _CA,
        },
        # What is read from a disk comes before the network.
        lease = "^metadata hd1 /cloudboot.json (",
        expect = [LEASE],
    ),
    # Who gives the machine its address says what it boots: DHCP's option 67.
    "image_by_dhcp": struct(
        network = {
            "dnsmasq": _REGISTRY + ["--dhcp-option=67,@REFERENCE@"],
            "settings": "cloudboot.net.wait=60 " + _CA,
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
            "settings": "cloudboot.net.wait=60 " + _CA,
            "wire": "dnsmasq",
        },
        lease = "^dhcp 10.9.0.",
        machine = {"qemu_options": _OPENSTACK},
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
        network = _PLAIN | {"front": "busy"},
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

# A machine whose metadata wants more than it may have where Secure Boot is on.
_GREEDY = "{\"cloudboot\": {\"ca\": \"/x\", \"cosign\": \"off\", \"insecure\": \"1\", \"image\": \"@REFERENCE@\"}}"

# What is refused, on x86_64: what is wrong, and the line that says so. Twins: network_x86_64, and those named.
_REFUSED = {
    # Every byte is checked.
    "tampered_initrd": struct(
        message = "E-NET-OCI-DIGEST ",
        network = {"damage": {"flip": "initrd.img"}},
    ),
    "tampered_manifest": struct(
        is_full = True,
        message = "E-NET-OCI-DIGEST ",
        network = {"damage": {"flip": "manifest"}},
    ),
    "truncated_kernel": struct(
        is_full = True,
        message = "E-NET-HTTP-SIZE ",
        network = {"damage": {"truncate": "vmlinuz"}},
    ),
    # Before it is fetched.
    "initrd_larger_than_memory": struct(
        message = "E-MEMORY ",
        network = {"damage": {"claim": [
            "initrd.img",
            4 << 30,
        ]}},
    ),
    # Twin: network_index.
    "index_without_this_platform": struct(
        is_full = True,
        message = "E-NET-OCI-PLATFORM ",
        network = {"damage": {"index": ["arm64"]}},
    ),

    # Who the registry is.
    "expired_certificate": struct(
        is_full = True,
        message = "E-NET-TLS-EXPIRED ",
        network = {"certificate": "expired"},
    ),
    "certificate_of_another_name": struct(
        is_full = True,
        message = "E-NET-TLS-NAME ",
        network = {"certificate": "other-name"},
    ),
    "unknown_ca": struct(
        message = "E-NET-TLS-ISSUER ",
        network = {"certificate": "unknown"},
    ),
    # Twin: network_plain_http.
    "plain_http": struct(
        is_full = True,
        message = "E-NET-TLS-PLAIN ",
        network = {"certificate": "none"},
    ),
    # Twin: network_tag_without_signatures.
    "tag": struct(
        message = "E-TRUST-PIN ",
        network = {"settings": "cloudboot.image=@TAG@ " + _CA},
    ),
    # Twin: network_busy_registry, which differs in what the server does to blobs.
    "redirect_loop": struct(
        is_full = True,
        message = "E-NET-HTTP-REDIRECT ",
        network = _PLAIN | {"front": "redirect-loop"},
    ),
    "a_byte_a_second": struct(
        is_full = True,
        message = "E-NET-HTTP-STALL ",
        network = _PLAIN | {"front": "drip"},
    ),
    "endless_chunks": struct(
        is_full = True,
        message = "E-NET-HTTP-SIZE ",
        network = _PLAIN | {"front": "endless"},
    ),
    # The document chooses the registry, and the password is not its own. Twin: network_login_by_metadata.
    "login_for_metadata": struct(
        message = "E-TRUST-LOGIN ",
        network = {
            "login": True,
            "metadata": "{\"cloudboot\": {\"image\": \"@REFERENCE@\"}}",
            "settings": _LOGIN,
            "wire": "dnsmasq",
        },
        machine = {"qemu_options": _OPENSTACK},
    ),
    # Twin: network_entry_with_url.
    "entry_with_url": struct(
        is_full = True,
        message = "E-TRUST-URL ",
        artifact = _UKI,
        network = {
            "entry": _ENTRY,
            "settings": "cloudboot.menu=hidden " + _CA,
        },
    ),
    # Twin: network_login.
    "wrong_password": struct(
        is_full = True,
        message = "E-NET-OCI-LOGIN ",
        network = {
            "login": True,
            "settings": _IMAGE + " rd.cloudboot.user=me rd.cloudboot.pass=hunter3",
        },
    ),

    # The network.
    "dhcp_without_answer": struct(
        message = "E-NET-DHCP ",
        network = {
            "cards": ["silent:virtio-net-pci"],
            "settings": _IMAGE + " cloudboot.net.wait=3",
        },
    ),
    # Twin: network_names_by_dns.
    "unknown_name": struct(
        message = "E-NET-DNS-NXDOMAIN ",
        network = {
            "host": "register.test",
            "wire": "dnsmasq",
        },
    ),
}

def _with_settings(network):
    return {"settings": _IMAGE} | network

def _tags(case):
    return ["manual"] if getattr(case, "is_full", False) else []

def _artifact(test, case):
    """The target with the parts, if they are not the usual ones."""
    made = getattr(case, "artifact", None)
    if not made or type(made) == "string":
        return made
    mini_artifact(
        name = test + "_artifact",
        arch = "x86_64",
        **made
    )
    return ":{}_artifact".format(test)

def _entry_with_url():
    """An entry of a disk names a UKI by its URL, and nothing needs to vouch for it."""
    qemu_test(
        name = "network_entry_with_url_x86_64",
        timeout = 600,
        arch = "x86_64",
        artifact = _UKI,
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
            "entry": _ENTRY,
            "settings": "cloudboot.cosign=off cloudboot.menu=hidden " + _CA,
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
            network = _with_settings({}),
            tags = ["manual"],
        )

def _locked_metadata():
    """Secure Boot is on: what answers as the cloud's metadata sets nothing that is trusted."""
    name = "network_greedy_metadata_is_refused_x86_64"
    signed(
        name = name + "_loader",
        arch = "x86_64",
        keys = ":secure_vars_x86_64",
        program = "//loader:loader_x86_64",
        tags = ["manual"],
    )
    qemu_test(
        name = name,
        timeout = 600,
        arch = "x86_64",
        code = "@firmware//:x86_64_secboot_code.fd",
        expect = [
            FIRST_LINE + "x86_64, *, Secure Boot on",
            "^dhcp 10.9.0.",
            "^metadata http://169.254.169.254/openstack/latest/meta_data.json (",
            "^configure: E-CONFIG-* cloudboot.ca (the metadata)",
            "^configure: E-CONFIG-* cloudboot.cosign (the metadata)",
            "^configure: E-CONFIG-* cloudboot.insecure (the metadata)",
            "^configure: E-CONFIG-* cloudboot.image (the metadata)",
            "returning to the firmware",
        ],
        forbid = KERNEL + GRUB + ["^start \""],
        loader = ":{}_loader".format(name),
        network = {
            "metadata": _GREEDY,
            "settings": "cloudboot.net.wait=60",
            "wire": "dnsmasq",
        },
        qemu_options = _OPENSTACK + [
            "-machine",
            "smm=on",
            "-global",
            "driver=cfi.pflash01,property=secure,value=on",
        ],
        quiet_after = 1,
        vars = ":secure_vars_x86_64",
    )

def network_tests():
    """Tests network_NAME_x86_64 and network_NAME_is_refused_x86_64, and network_ARCH of every architecture."""
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
            network = _with_settings({"settings": _MEASURED}),
        )
    for name, case in _BOOTS.items():
        test = "network_{}_x86_64".format(name)
        qemu_test(
            name = test,
            timeout = 600,
            arch = "x86_64",
            artifact = _artifact(test, case),
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
            network = _with_settings(getattr(case, "network", {})),
            tags = _tags(case),
            **getattr(case, "machine", {})
        )
    _entry_with_url()
    _debian()
    _locked_metadata()
    for name, case in _REFUSED.items():
        test = "network_{}_is_refused_x86_64".format(name)
        qemu_test(
            name = test,
            timeout = 600,
            arch = "x86_64",
            artifact = _artifact(test, case),
            expect = [
                FIRST_LINE + "x86_64",
                "^failed: *" + case.message,
                "returning to the firmware",
            ],
            forbid = KERNEL + GRUB + ["^start \""],
            # It waits for a key, or for the network, then.
            quiet_after = 1,
            network = _with_settings(case.network),
            tags = _tags(case),
            **getattr(case, "machine", {})
        )

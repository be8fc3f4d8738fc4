"""What is refused of a registry, and on the way to it: each with its message, and a twin that differs in one thing."""

load("//e2e/disks:loaders.bzl", "signed")
load(":defs.bzl", "FIRST_LINE", "GRUB", "qemu_test")
load(
    ":network_parts.bzl",
    "CA",
    "ENTRY",
    "IMAGE",
    "KERNEL",
    "OPENSTACK",
    "PLAIN",
    "UKI",
    "artifact_of",
    "tags_of",
    "with_settings",
)

# A login that is not in the document, for a machine whose document chooses the image.
_LOGIN = "cloudboot.net.wait=60 rd.cloudboot.user=me rd.cloudboot.pass=hunter2 " + CA

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
        network = {"settings": "cloudboot.image=@TAG@ " + CA},
    ),
    # Twin: network_busy_registry, which differs in what the server does to blobs.
    "redirect_loop": struct(
        is_full = True,
        message = "E-NET-HTTP-REDIRECT ",
        network = PLAIN | {"front": "redirect-loop"},
    ),
    "a_byte_a_second": struct(
        is_full = True,
        message = "E-NET-HTTP-STALL ",
        network = PLAIN | {"front": "drip"},
    ),
    "endless_chunks": struct(
        is_full = True,
        message = "E-NET-HTTP-SIZE ",
        network = PLAIN | {"front": "endless"},
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
        machine = {"qemu_options": OPENSTACK},
    ),
    # Twin: network_entry_with_url.
    "entry_with_url": struct(
        is_full = True,
        message = "E-TRUST-URL ",
        artifact = UKI,
        network = {
            "entry": ENTRY,
            "settings": "cloudboot.menu=hidden " + CA,
        },
    ),
    # Twin: network_login.
    "wrong_password": struct(
        is_full = True,
        message = "E-NET-OCI-LOGIN ",
        network = {
            "login": True,
            "settings": IMAGE + " rd.cloudboot.user=me rd.cloudboot.pass=hunter3",
        },
    ),

    # The network.
    "dhcp_without_answer": struct(
        message = "E-NET-DHCP ",
        network = {
            "cards": ["silent:virtio-net-pci"],
            "settings": IMAGE + " cloudboot.net.wait=3",
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
        qemu_options = OPENSTACK + [
            "-machine",
            "smm=on",
            "-global",
            "driver=cfi.pflash01,property=secure,value=on",
        ],
        quiet_after = 1,
        vars = ":secure_vars_x86_64",
    )

def network_refused_tests():
    """Tests network_NAME_is_refused_x86_64."""
    _locked_metadata()
    for name, case in _REFUSED.items():
        test = "network_{}_is_refused_x86_64".format(name)
        qemu_test(
            name = test,
            timeout = 600,
            arch = "x86_64",
            artifact = artifact_of(test, case),
            expect = [
                FIRST_LINE + "x86_64",
                "^failed: *" + case.message,
                "returning to the firmware",
            ],
            forbid = KERNEL + GRUB + ["^start \""],
            # It waits for a key, or for the network, then.
            quiet_after = 1,
            network = with_settings(case.network),
            tags = tags_of(case),
            **getattr(case, "machine", {})
        )

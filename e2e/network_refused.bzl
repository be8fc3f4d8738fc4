"""What is refused of a registry, and on the way to it: each with its message, and a twin that differs in one thing."""

load(":defs.bzl", "negative_test", "qemu_test")
load(":network.bzl", "network_case")
load(":network_parts.bzl", "CA", "IMAGE", "NOTHING_STARTS", "OPENSTACK", "tags_of")

# A machine whose metadata wants more than it may have where Secure Boot is on.
_GREEDY = "{\"cloudboot\": {\"ca\": \"/x\", \"cosign\": \"off\", \"insecure\": \"1\", \"image\": \"@REFERENCE@\"}}"

# What is refused, on x86_64: the line that says so, the twin (a row of network.bzl; `network` by default), and what is
# wrong: what differs around the machine, or `settings` in place of those of the twin.
_REFUSED = {
    # Every byte is checked.
    "network_tampered_initrd": dict(
        message = "E-NET-OCI-DIGEST ",
        wrong = {"damage": {"flip": "initrd.img"}},
    ),
    "network_tampered_manifest": dict(
        is_full = True,
        message = "E-NET-OCI-DIGEST ",
        wrong = {"damage": {"flip": "manifest"}},
    ),
    "network_truncated_kernel": dict(
        is_full = True,
        message = "E-NET-HTTP-SIZE ",
        wrong = {"damage": {"truncate": "vmlinuz"}},
    ),
    # Before it is fetched.
    "network_initrd_larger_than_memory": dict(
        message = "E-MEMORY ",
        wrong = {"damage": {"claim": [
            "initrd.img",
            4 << 30,
        ]}},
    ),
    "network_index_without_this_platform": dict(
        is_full = True,
        twin = "network_index",
        message = "E-NET-OCI-PLATFORM ",
        wrong = {"damage": {"index": ["arm64"]}},
    ),

    # Who the registry is.
    "network_expired_certificate": dict(
        is_full = True,
        message = "E-NET-TLS-EXPIRED ",
        wrong = {"certificate": "expired"},
    ),
    "network_certificate_of_another_name": dict(
        is_full = True,
        message = "E-NET-TLS-NAME ",
        wrong = {"certificate": "other-name"},
    ),
    "network_unknown_ca": dict(
        message = "E-NET-TLS-ISSUER ",
        wrong = {"certificate": "unknown"},
    ),
    "network_plain_http": dict(
        is_full = True,
        twin = "network_plain_http",
        message = "E-NET-TLS-PLAIN ",
        settings = IMAGE,
    ),
    "network_tag": dict(
        twin = "network_tag_without_signatures",
        message = "E-TRUST-PIN ",
        settings = {"cloudboot.image": "@TAG@"} | CA,
    ),
    # It differs from its twin in what the server does to blobs.
    "network_redirect_loop": dict(
        is_full = True,
        twin = "network_busy_registry",
        message = "E-NET-HTTP-REDIRECT ",
        wrong = {"front": "redirect-loop"},
    ),
    "network_a_byte_a_second": dict(
        is_full = True,
        twin = "network_busy_registry",
        message = "E-NET-HTTP-STALL ",
        wrong = {"front": "drip"},
    ),
    "network_endless_chunks": dict(
        is_full = True,
        twin = "network_busy_registry",
        message = "E-NET-HTTP-SIZE ",
        wrong = {"front": "endless"},
    ),
    # The document chooses the registry, and the password is not its own.
    "network_login_for_metadata": dict(
        twin = "network_login_by_metadata",
        message = "E-TRUST-LOGIN ",
        wrong = {"metadata": "{\"cloudboot\": {\"image\": \"@REFERENCE@\"}}"},
        settings = {
            "cloudboot.net.wait": "60",
            "rd.cloudboot.user": "me",
            "rd.cloudboot.pass": "hunter2",
        } | CA,
    ),
    "network_entry_with_url": dict(
        is_full = True,
        twin = "network_entry_with_url",
        message = "E-TRUST-URL ",
        settings = {"cloudboot.menu": "hidden"} | CA,
    ),
    "network_wrong_password": dict(
        is_full = True,
        twin = "network_login",
        message = "E-NET-OCI-LOGIN ",
        settings = IMAGE | {
            "rd.cloudboot.user": "me",
            "rd.cloudboot.pass": "hunter3",
        },
    ),

    # The network.
    "network_dhcp_without_answer": dict(
        message = "E-NET-DHCP ",
        wrong = {"cards": ["silent:virtio-net-pci"]},
        settings = IMAGE | {"cloudboot.net.wait": "3"},
    ),
    "network_unknown_name": dict(
        twin = "network_names_by_dns",
        message = "E-NET-DNS-NXDOMAIN ",
        wrong = {"host": "register.test"},
    ),
}

def _refused(name, message, twin = "network", wrong = {}, settings = None, is_full = False):
    case = network_case(twin)

    # What the usual boot measures beside does not matter here.
    settings = settings or (IMAGE if twin == "network" else case["settings"])
    negative_test(
        name = name + "_is_refused_x86_64",
        twin = case,
        message = ["^failed: *" + message],
        forbid = NOTHING_STARTS,
        network = case["network"] | wrong,
        settings = settings,
        tags = tags_of(is_full),
    )

def _locked_metadata():
    """Secure Boot is on: what answers as the cloud's metadata sets nothing that is trusted."""
    qemu_test(
        name = "network_greedy_metadata_is_refused_x86_64",
        timeout = 600,
        expect = [
            "^dhcp 10.9.0.",
            "^metadata http://169.254.169.254/openstack/latest/meta_data.json (",
        ] + [
            "^configure: E-CONFIG-* cloudboot.{} (the metadata)".format(key)
            for key in ["ca", "cosign", "insecure", "image"]
        ] + ["returning to the firmware"],
        forbid = NOTHING_STARTS,
        loader = ":signed_loader_x86_64",
        network = {
            "metadata": _GREEDY,
            "wire": "dnsmasq",
        },
        qemu_options = OPENSTACK,
        quiet_after = 1,
        secure_boot = True,
        settings = {"cloudboot.net.wait": "60"},
    )

def network_refused_tests():
    """A test of each of them, NAME_is_refused_x86_64."""
    _locked_metadata()
    for name, row in _REFUSED.items():
        _refused(name, **row)

"""What the boots from a registry share, those that start and those that are refused."""

load("//e2e/disks:artifacts.bzl", "mini_artifact")
load(":defs.bzl", "KERNEL")

# Where the runner puts the root certificate.
CA = {"cloudboot.ca": "/cloudboot/ca.pem"}

IMAGE = {"cloudboot.image": "@REFERENCE@"} | CA

# With a key built in the tag suffices: whoever has signed what it leads to vouches for it. The certificate is built in,
# too, since the machine is locked.
TAG = {"cloudboot.image": "@TAG@"}

# The loader says what it used, and whether that is over its budget.
MEASURED = IMAGE | {"cloudboot.debug": "1"}

# On QEMU's user network the machine has this address.
LEASE = "^dhcp 10.0.2.15/24 via "

# The loader's line about the artifact, up to where firmware may break it.
OBTAINED = "^oci @REGISTRY@/boot/mini:1 -> sha256:"

# Its line about a signature.
SIGNED = "^signed @REGISTRY@/boot/mini:1 sha256:"

# What a machine of that cloud says of itself. (Its manufacturer stays QEMU: fw_cfg is looked at on no other.)
OPENSTACK = [
    "-smbios",
    "type=1,product=OpenStack Nova",
]

# Nothing may start. With a space behind the canary's name: the artifact is called mini:1.
NOTHING_STARTS = ["mini: " if line == "mini:" else line for line in KERNEL] + ["^start \""]

def tags_of(is_full):
    """Tags of a test: those that are full are in //e2e:full only."""
    return ["manual"] if is_full else []

def artifact_of(test, artifact):
    """The target with the parts, made when it is first asked for; None for the usual ones.

    Args:
        test: the test's name
        artifact: what is special, arguments of a mini_artifact; or a target, or None
    """
    if not artifact or type(artifact) == "string":
        return artifact
    name = test + "_artifact"
    if not native.existing_rule(name):
        mini_artifact(
            name = name,
            arch = "x86_64",
            **artifact
        )
    return ":" + name

def network_boot(
        name,
        said,
        arch = "x86_64",
        artifact = None,
        forbid = ["over budget"],
        is_full = False,
        network = {},
        settings = IMAGE,
        shown = ["mini=network"],
        timeout = 600,
        title = "",
        **kwargs):
    """Arguments of a qemu_test that boots from a registry up to the userspace of a mini system.

    Args:
        name: of the test
        said: patterns of what the loader says before it starts the kernel
        arch: x86_64, aarch64, riscv64 or loongarch64
        artifact: what is special about it, as of artifact_of
        forbid: as of a qemu_test
        is_full: whether it is in //e2e:full only
        network: as of a qemu_test
        settings: as of a qemu_test
        shown: patterns of what the booted system says
        timeout: as of a qemu_test
        title: what the title of the entry starts with
        **kwargs: more arguments of a qemu_test
    """
    return kwargs | {
        "arch": arch,
        "artifact": artifact_of(name, artifact),
        "expect": said + [
            "^start \"" + title,
            "mini: userspace on " + arch,
        ] + shown,
        "forbid": forbid,
        "name": name,
        "network": network,
        "settings": settings,
        "tags": tags_of(is_full),
        "timeout": timeout,
    }

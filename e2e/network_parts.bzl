"""What the boots from a registry share, those that start and those that are refused."""

load("//e2e/disks:artifacts.bzl", "mini_artifact")

# A kernel's first lines, and those of the canary behind it. With its space: the artifact is called mini:1.
KERNEL = [
    "EFI stub:",
    "Linux version",
    "mini: ",
]

# Where the runner puts the root certificate.
CA = "cloudboot.ca=/cloudboot/ca.pem"

IMAGE = "cloudboot.image=@REFERENCE@ " + CA

# With a key built in the tag suffices: whoever has signed what it leads to vouches for it. The certificate is built in,
# too, since the machine is locked.
TAG = "cloudboot.image=@TAG@"

# On QEMU's user network the machine has this address.
LEASE = "^dhcp 10.0.2.15/24 via "

# The loader's line about the artifact, up to where firmware may break it.
OBTAINED = "^oci @REGISTRY@/boot/mini:1 -> sha256:"

# What a machine of that cloud says of itself. (Its manufacturer stays QEMU: fw_cfg is looked at on no other.)
OPENSTACK = [
    "-smbios",
    "type=1,product=OpenStack Nova",
]

# The small server of faults has no certificate.
PLAIN = {
    "certificate": "none",
    "settings": IMAGE + " cloudboot.insecure=1",
}

# A disk whose only entry is an image of the network.
ENTRY = "title Mini by URL\nuki-url https://@PART@\n"

# The artifact of network_uki_x86_64.
UKI = ":network_uki_x86_64_artifact"

def with_settings(network):
    """What the runner is told of the network, where nothing else sets the image."""
    return {"settings": IMAGE} | network

def tags_of(case):
    """Tags of a test: with `is_full` it is in //e2e:full only."""
    return ["manual"] if getattr(case, "is_full", False) else []

def artifact_of(test, case):
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

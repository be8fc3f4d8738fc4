"""What `cloud-boot inspect` calls the default entry is what the loader boots, on every layout."""

load("//platforms:defs.bzl", "ARCHES")
load(":defs.bzl", "INSPECTED", "qemu_test")

# Disks of other tests, on every architecture.
_EVERYWHERE = {
    "grub": "//e2e/disks:mini_@ARCH@",
    "names": ":mini_glob_@ARCH@_disk",
    "bls": ":mini_bls_@ARCH@_disk",
    "uki": ":mini_uki_@ARCH@_disk",
    "debian": "//e2e/disks:debian_@ARCH@",
    "debian_bls": ":debian_bls_@ARCH@_disk",
    "debian_uki": ":debian_uki_@ARCH@_disk",
}

# Only on x86_64.
_X86_64 = {
    "extlinux": [":mini_extlinux_x86_64_disk"],
    "three_initrds": [":three_initrds_x86_64_disk"],
    "entry_without_options": [":entry_without_options_x86_64_disk"],
    "two_disks": [
        ":second_disk_x86_64",
        ":mini_bls_x86_64_disk",
    ],
    "xfs_boot": [":xfs_boot_x86_64_disk.raw"],
    "btrfs_snapshot": [":btrfs_snapshot_x86_64_disk.raw"],
    "btrfs_raid6": [
        ":btrfs_raid6_with_two_legs_missing_x86_64_disk_5.raw",
        ":btrfs_raid6_with_two_legs_missing_x86_64_disk_2.raw",
        ":btrfs_raid6_with_two_legs_missing_x86_64_disk_4.raw",
    ],
}

def _test(layout, arch, disks):
    qemu_test(
        name = "inspect_agrees_on_{}_{}".format(layout, arch),
        arch = arch,
        disks = disks,
        expect = [INSPECTED],
    )

def inspected_tests():
    """A test of each layout, inspect_agrees_on_LAYOUT_ARCH."""
    for arch in ARCHES:
        for layout, disk in _EVERYWHERE.items():
            _test(layout, arch, [disk.replace("@ARCH@", arch)])
    for layout, disks in _X86_64.items():
        _test(layout, "x86_64", disks)
    for arch in ["aarch64", "riscv64"]:
        _test("devicetree", arch, [":devicetree_{}_disk".format(arch)])

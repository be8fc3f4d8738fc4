"""XFS and btrfs, healthy and not, as the distributions have them and as Linux wrote them."""

load("//e2e/disks:written.bzl", "legs_of", "written_disks")
load("//platforms:defs.bzl", "ARCHES")
load(":defs.bzl", "FIRST_LINE", "GRUB", "by_fw_cfg", "qemu_test")

# A kernel's first lines, and those of the canary behind it.
_KERNEL = [
    "EFI stub:",
    "Linux version",
    "mini:",
]

# The command line in an older snapshot, and on a filesystem whose log was not replayed.
_EARLIER = ["e2e=earlier"]

# systemd gives devices 90 seconds; on a busy machine udev alone may need more.
_PATIENT = "cloudboot.cmdline.extra=systemd.default_device_timeout_sec=900"

# The root as its kernel mounts it, and a file on it.
def _mounted(filesystem, options = ""):
    return ["/root {} ro*{}".format(filesystem, options), "mini: a file on the root, e2e=now"]

_XFS = _mounted("xfs")

# Budgets L3 and L5, where a filesystem wants most: disks to be rebuilt, and logs.
_MEASURED = "cloudboot.debug=1"

# What boots: the disks, which of them the machine has (all by default), and what it says.
_BOOTING = {
    # Red Hat's entries take `$kernelopts` of /grub2/grubenv; the default one is not the one for a rescue.
    "xfs_boot": struct(
        disk = {"shape": "rhel"},
        title = "Mini (",
        place = "hd*gpt2 /loader/entries/",
        mounted = _XFS,
    ),
    # A link leads to each entry once more; it is there once, beside the one for a rescue.
    "btrfs_subvolume_with_ext4_boot": struct(
        disk = {"shape": "fedora"},
        entries = 2,
        title = "Mini (",
        place = "hd*gpt2 /loader/entries/",
        mounted = _mounted("btrfs", "subvol=/root "),
    ),
    # Two deployments of ostree: bootupd's stub finds /boot, a link leads to the entries of each, and `ostree=` names a
    # link to the system; another link leads to all of /boot once more.
    "ostree_deployment": struct(
        disk = {"shape": "ostree"},
        entries = 2,
        title = "Mini 2 (ostree:0)",
        place = "hd*gpt2 /loader/entries/ostree-2.conf",
        initrd = "initramfs-*.img",
        mounted = _XFS,
    ),
    # The volume's root is the default subvolume, a snapshot; an older one has other entries.
    "btrfs_snapshot": struct(
        disk = {"shape": "suse"},
        title = "Mini\"",
        place = "hd*gpt2:@/.snapshots/1/snapshot /boot/grub2/grub.cfg",
        mounted = _mounted("btrfs", "subvol=/@/.snapshots/1/snapshot "),
    ),
    # The disk of the one before; the older snapshot is chosen, and mounted by the kernel.
    "btrfs_snapshot_by_setting": struct(
        disks = [":btrfs_snapshot_x86_64_disk.raw"],
        settings = "cloudboot.disk.device=@/.snapshots/2/snapshot",
        title = "Mini\"",
        place = "hd*gpt2:@/.snapshots/2/snapshot /boot/grub2/grub.cfg",
        mounted = [
            "/root btrfs ro*subvol=/@/.snapshots/2/snapshot ",
            "mini: a file on the root, e2e=earlier",
        ],
        forbid = ["e2e=now"],
    ),
    "btrfs_raid0": struct(
        disk = {
            "legs": 2,
            "profile": "raid0",
            "shape": "at",
        },
        title = "Mini\"",
        place = "hd*gpt2:@ /boot/grub/grub.cfg",
        mounted = _mounted("btrfs", "subvol=/@ "),
    ),
    "btrfs_raid1_with_a_leg_missing": struct(
        disk = {
            "legs": 2,
            "profile": "raid1",
            "shape": "at",
        },
        legs = [0],
        warnings = ["^warning: discover hd*gpt2: E-FS-BTRFS-DEGRADED btrfs: device 2 (*) is missing"],
        title = "Mini\"",
        place = "hd*gpt2:@ /boot/grub/grub.cfg",
        mounted = _mounted("btrfs", "degraded*subvol=/@ "),
    ),
    "btrfs_raid6_with_two_legs_missing": struct(
        disk = {
            "legs": 5,
            "profile": "raid6",
            "shape": "at",
        },
        legs = [0, 2, 3],
        settings = _MEASURED,
        warnings = [
            "^warning: discover hd*gpt2: E-FS-BTRFS-DEGRADED btrfs: device 2 (*) is missing",
            "^warning: discover hd*gpt2: E-FS-BTRFS-DEGRADED btrfs: device 5 (*) is missing",
        ],
        title = "Mini\"",
        place = "hd*gpt2:@ /boot/grub/grub.cfg",
        mounted = _mounted("btrfs", "degraded*subvol=/@ "),
    ),
    # One copy of two, of the root of the tree that has /boot.
    "btrfs_with_a_broken_copy": struct(
        disk = {
            "flip": ["tree:256:200"],
            "profile": "dup",
            "shape": "at",
        },
        title = "Mini\"",
        place = "hd*gpt2:@ /boot/grub/grub.cfg",
        mounted = _mounted("btrfs", "subvol=/@ "),
    ),
    # What boots stands in the log only.
    "xfs_log_is_replayed": struct(
        disk = {
            "dirty_log": True,
            "shape": "rhel",
        },
        settings = _MEASURED,
        title = "Mini (",
        place = "hd*gpt2 /loader/entries/",
        mounted = _XFS,
    ),
    # Twin: xfs_log_is_replayed. A record in the middle: power may fail while the last ones are written. What stands on
    # the disk without the log is started.
    "xfs_with_a_broken_log": struct(
        disk = {
            "dirty_log": True,
            "flip": ["log:2:100"],
            "shape": "rhel",
        },
        warnings = ["^warning: discover hd*gpt2: E-FS-XFS-DEGRADED XFS: its log is not replayed (XFS: xlog_rec_header"],
        title = "Mini (",
        place = "hd*gpt2 /loader/entries/",
        mounted = _XFS,
        forbid = [],
    ),
    # Kernel, initrd and configuration stand in the tree log only, by an fsync of each.
    "btrfs_log_is_replayed": struct(
        disk = {
            "dirty_log": True,
            "shape": "at",
        },
        settings = _MEASURED,
        title = "Mini\"",
        place = "hd*gpt2:@ /boot/grub/grub.cfg",
        # Linux has as much to replay.
        mounted = ["BTRFS info *: start tree-log replay"] + _mounted("btrfs", "subvol=/@ "),
    ),
}

# What is refused, and the line that says why. Each differs from what boots in one byte or one leg.
_REFUSED = {
    # Twin: xfs_boot. A name in the only block of /boot.
    "xfs_with_a_broken_directory": struct(
        disk = {
            "flip": ["content:/:100"],
            "shape": "rhel",
        },
        message = "^failed: discover hd*gpt2 *XFS: xfs_dir3_blk_hdr.crc ",
    ),
    # Twin: btrfs_with_a_broken_copy, which has another.
    "btrfs_with_a_broken_node": struct(
        disk = {
            "flip": ["tree:256:200"],
            "profile": "single",
            "shape": "at",
        },
        message = "^failed: discover hd*gpt2:@ *btrfs: btrfs_header.csum ",
    ),
    # Twin: btrfs_snapshot_by_setting, whose disk it is. A number of a snapshot.
    "btrfs_snapshot_that_is_not_there": struct(
        disks = [":btrfs_snapshot_x86_64_disk.raw"],
        settings = "cloudboot.disk.device=@/.snapshots/3/snapshot",
        message = "^failed: discover @/.snapshots/3/snapshot: E-DISK-DEVICE no such subvolume; available: @/",
    ),
    # Twin: btrfs_raid0, whose first disk it is.
    "btrfs_raid0_with_a_leg_missing": struct(
        disks = [":btrfs_raid0_x86_64_disk_1.raw"],
        message = "^failed: obtain /boot/vmlinuz-*: E-FS-BTRFS-MISSING btrfs: cannot be read without device 2 (",
    ),
}

def _disks(test, arch, case):
    """Makes the disks of a case, if it has none; those that the machine has."""
    if hasattr(case, "disks"):
        return case.disks
    name = test + "_disk"
    written_disks(
        name = name,
        arch = arch,
        **case.disk
    )
    disks = legs_of(name, case.disk.get("legs", 1))
    return [":" + disks[leg] for leg in getattr(case, "legs", range(len(disks)))]

def _settings(case):
    """Options of QEMU with the settings of a case, if it has any."""
    return by_fw_cfg(case.settings) if hasattr(case, "settings") else []

def _debian(name, shape, title, place, mounted):
    """A whole Debian, to its prompt."""
    written_disks(
        name = name + "_disk",
        arch = "x86_64",
        debian = True,
        shape = shape,
    )
    qemu_test(
        name = name,
        timeout = 1500,
        arch = "x86_64",
        boot = "//iso:boot",
        disks = [":{}_disk.raw".format(name)],
        expect = [
            FIRST_LINE + "x86_64",
            "^discover 2 disks, ",
            "^choose \"{}* from {}".format(title, place),
            "^obtain *vmlinuz-",
            "^obtain *initrd.img-",
            "^start \"" + title,
            "Command line: *e2e=now",
            mounted,
            "Welcome to Debian",
            "login:",
        ],
        forbid = GRUB + _EARLIER,
        qemu_options = by_fw_cfg(_PATIENT),
    )

def _root_of(filesystem, shape, options, arch):
    """FILESYSTEM_root_ARCH: kernel, initrd and grub.cfg on the root itself."""
    name = "{}_root_{}".format(filesystem, arch)
    written_disks(
        name = name + "_disk",
        arch = arch,
        shape = shape,
    )
    qemu_test(
        name = name,
        arch = arch,
        boot = "//iso:boot",
        disks = [":{}_disk.raw".format(name)],
        expect = [
            FIRST_LINE + arch,
            "^discover 2 disks, ",
            "^choose \"Mini\" from hd*gpt2{} /boot/grub/grub.cfg".format(":@" if shape == "at" else ""),
            "^obtain /boot/vmlinu",
            "^obtain /boot/initrd",
            "^start \"Mini\"",
            "mini: userspace on " + arch,
        ] + _mounted(filesystem, options),
        forbid = GRUB,
    )

def filesystem_tests():
    """A test of each of them, and its disks."""
    _debian(
        "debian_xfs_x86_64",
        shape = "rhel",
        title = "Debian GNU/Linux (",
        place = "hd*gpt2 /loader/entries/",
        mounted = "XFS (vda3): Mounting V5 Filesystem",
    )
    _debian(
        "debian_btrfs_x86_64",
        shape = "suse",
        title = "Debian GNU/Linux\"",
        place = "hd*gpt2:@/.snapshots/1/snapshot /boot/grub2/grub.cfg",
        mounted = "BTRFS info (device vda2): first mount",
    )
    for arch in ARCHES:
        _root_of("xfs", "plain", "", arch)
        _root_of("btrfs", "at", "subvol=/@ ", arch)
    for name, case in _BOOTING.items():
        test = name + "_x86_64"
        disks = _disks(test, "x86_64", case)
        used = ["  used at most: stack "] if getattr(case, "settings", "") == _MEASURED else []
        qemu_test(
            name = test,
            arch = "x86_64",
            boot = "//iso:boot",
            disks = disks,
            expect = [
                FIRST_LINE + "x86_64",
                "^discover {} disks, {}".format(
                    len(disks) + 1,
                    "* {} entries".format(case.entries) if hasattr(case, "entries") else "",
                ),
            ] + getattr(case, "warnings", []) + [
                "^choose \"{}* from {}".format(case.title, case.place),
                "^obtain *vmlinuz-",
                "^obtain *" + getattr(case, "initrd", "initrd.img-"),
            ] + used + [
                "^start \"" + case.title,
                "mini: userspace on x86_64",
            ] + case.mounted,
            forbid = GRUB + getattr(case, "forbid", _EARLIER) + ["over budget"],
            qemu_options = _settings(case),
        )
    for name, case in _REFUSED.items():
        test = name + "_is_refused_x86_64"
        qemu_test(
            name = test,
            # Budget L4.
            loader_seconds = 60,
            arch = "x86_64",
            boot = "//iso:boot",
            disks = _disks(test, "x86_64", case),
            expect = [
                FIRST_LINE + "x86_64",
                case.message,
                "returning to the firmware",
                "^BdsDxe: No bootable option",
            ],
            forbid = _KERNEL + GRUB,
            qemu_options = _settings(case),
            # It waits for a key then.
            quiet_after = 1,
        )

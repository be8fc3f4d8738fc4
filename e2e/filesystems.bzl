"""XFS and btrfs, healthy and not, as the distributions have them and as Linux wrote them."""

load("//e2e/disks:changes.bzl", "DIRTY_LOG", "flip", "profile")
load("//e2e/disks:written.bzl", "legs_of", "written_disks")
load("//platforms:defs.bzl", "ARCHES")
load(":debian.bzl", "debian_test")
load(":defs.bzl", "NOTHING_ELSE", "negative_test", "qemu_test")

# The command line in an older snapshot, and on a filesystem whose log was not replayed.
_EARLIER = ["e2e=earlier"]

# Budgets L3 and L5, where a filesystem wants most: disks to be rebuilt, and logs.
_MEASURED = {"cloudboot.debug": "1"}

def _mounted(filesystem, options = ""):
    """The root as its kernel mounts it, and a file on it."""
    return ["/root {} ro*{}".format(filesystem, options), "mini: a file on the root, e2e=now"]

# What the loader says of the entry on the disks of a shape (//e2e/disks:written.bzl): its title, the place of its
# configuration, and its initrd; and how the root is mounted then.
_SHAPES = {
    "rhel": dict(
        title = "Mini (",
        place = "hd*gpt2 /loader/entries/",
        mounted = _mounted("xfs"),
    ),
    "fedora": dict(
        title = "Mini (",
        place = "hd*gpt2 /loader/entries/",
        mounted = _mounted("btrfs", "subvol=/root "),
    ),
    "ostree": dict(
        title = "Mini 2 (ostree:0)",
        place = "hd*gpt2 /loader/entries/ostree-2.conf",
        initrd = "initramfs-*.img",
        mounted = _mounted("xfs"),
    ),
    "suse": dict(
        title = "Mini\"",
        place = "hd*gpt2:@/.snapshots/1/snapshot /boot/grub2/grub.cfg",
        mounted = _mounted("btrfs", "subvol=/@/.snapshots/1/snapshot "),
    ),
    "at": dict(
        title = "Mini\"",
        place = "hd*gpt2:@ /boot/grub/grub.cfg",
        mounted = _mounted("btrfs", "subvol=/@ "),
    ),
}

# What boots: the shape of the disks and what is special to them, and what differs from what the shape says. The machine
# has the `legs` that are named, all by default.
_BOOTING = {
    # Red Hat's entries take `$kernelopts` of /grub2/grubenv; the default one is not the one for a rescue.
    "xfs_boot": dict(shape = "rhel"),
    # A link leads to each entry once more; it is there once, beside the one for a rescue.
    "btrfs_subvolume_with_ext4_boot": dict(
        shape = "fedora",
        entries = 2,
    ),
    # Two deployments of ostree: bootupd's stub finds /boot, a link leads to the entries of each, and `ostree=` names a
    # link to the system; another link leads to all of /boot once more.
    "ostree_deployment": dict(
        shape = "ostree",
        entries = 2,
    ),
    # The volume's root is the default subvolume, a snapshot; an older one has other entries.
    "btrfs_snapshot": dict(shape = "suse"),
    # The older snapshot is chosen, and mounted by the kernel.
    "btrfs_snapshot_by_setting": dict(
        shape = "suse",
        disks_of = "btrfs_snapshot",
        settings = {"cloudboot.disk.device": "@/.snapshots/2/snapshot"},
        place = "hd*gpt2:@/.snapshots/2/snapshot /boot/grub2/grub.cfg",
        mounted = [
            "/root btrfs ro*subvol=/@/.snapshots/2/snapshot ",
            "mini: a file on the root, e2e=earlier",
        ],
        forbid = ["e2e=now"],
    ),
    "btrfs_raid0": dict(
        shape = "at",
        made_of = 2,
        changes = [profile("raid0")],
    ),
    "btrfs_raid1_with_a_leg_missing": dict(
        shape = "at",
        made_of = 2,
        changes = [profile("raid1")],
        legs = [1],
        warnings = ["^warning: discover hd*gpt2: E-FS-BTRFS-DEGRADED btrfs: device 2 (*) is missing"],
        mounted = _mounted("btrfs", "degraded*subvol=/@ "),
    ),
    "btrfs_raid6_with_two_legs_missing": dict(
        shape = "at",
        made_of = 5,
        changes = [profile("raid6")],
        legs = [1, 3, 4],
        settings = _MEASURED,
        warnings = [
            "^warning: discover hd*gpt2: E-FS-BTRFS-DEGRADED btrfs: device 2 (*) is missing",
            "^warning: discover hd*gpt2: E-FS-BTRFS-DEGRADED btrfs: device 5 (*) is missing",
        ],
        mounted = _mounted("btrfs", "degraded*subvol=/@ "),
    ),
    # One copy of two, of the root of the tree that has /boot.
    "btrfs_with_a_broken_copy": dict(
        shape = "at",
        changes = [profile("dup"), flip("tree:256:200")],
    ),
    # What boots stands in the log only.
    "xfs_log_is_replayed": dict(
        shape = "rhel",
        changes = [DIRTY_LOG],
        settings = _MEASURED,
    ),
    # Twin: xfs_log_is_replayed. A record in the middle: power may fail while the last ones are written. What stands on
    # the disk without the log is started.
    "xfs_with_a_broken_log": dict(
        shape = "rhel",
        changes = [DIRTY_LOG, flip("log:2:100")],
        warnings = ["^warning: discover hd*gpt2: E-FS-XFS-DEGRADED XFS: its log is not replayed (XFS: xlog_rec_header"],
        forbid = [],
    ),
    # Kernel, initrd and configuration stand in the tree log only, by an fsync of each.
    "btrfs_log_is_replayed": dict(
        shape = "at",
        changes = [DIRTY_LOG],
        settings = _MEASURED,
        # Linux has as much to replay.
        mounted = ["BTRFS info *: start tree-log replay"] + _mounted("btrfs", "subvol=/@ "),
    ),
}

# What is refused, the line that says why, and the twin, from which it differs in one byte or one leg: in `changes` in
# place of the twin's, or in what its machine has.
_REFUSED = {
    # A name in the only block of /boot.
    "xfs_with_a_broken_directory": dict(
        twin = "xfs_boot",
        changes = [flip("content:/:100")],
        message = "^failed: discover hd*gpt2 *XFS: xfs_dir3_blk_hdr.crc ",
    ),
    # The twin has another copy.
    "btrfs_with_a_broken_node": dict(
        twin = "btrfs_with_a_broken_copy",
        changes = [profile("single"), flip("tree:256:200")],
        message = "^failed: discover hd*gpt2:@ *btrfs: btrfs_header.csum ",
    ),
    # A number of a snapshot.
    "btrfs_snapshot_that_is_not_there": dict(
        twin = "btrfs_snapshot_by_setting",
        settings = {"cloudboot.disk.device": "@/.snapshots/3/snapshot"},
        message = "^failed: discover @/.snapshots/3/snapshot: E-DISK-DEVICE no such subvolume; available: @/",
    ),
    "btrfs_raid0_with_a_leg_missing": dict(
        twin = "btrfs_raid0",
        legs = [1],
        message = "^failed: obtain /boot/vmlinuz-*: E-FS-BTRFS-MISSING btrfs: cannot be read without device 2 (",
    ),
}

# A whole Debian, to its prompt: the shape of its disk, what the loader says of its entry, and what its kernel says of
# the root.
_DEBIAN = {
    "debian_xfs": dict(
        shape = "rhel",
        title = "Debian GNU/Linux (",
        mounted = "XFS (vda3): Mounting V5 Filesystem",
    ),
    "debian_btrfs": dict(
        shape = "suse",
        title = "Debian GNU/Linux\"",
        mounted = "BTRFS info (device vda2): first mount",
    ),
}

# Kernel, initrd and grub.cfg on the root itself, on every architecture: the shape of the disk, where the root is, and
# how the kernel mounts it.
_ROOTS = {
    "xfs_root": dict(
        shape = "plain",
        place = "hd*gpt2",
        mounted = _mounted("xfs"),
    ),
    "btrfs_root": dict(
        shape = "at",
        place = "hd*gpt2:@",
        mounted = _mounted("btrfs", "subvol=/@ "),
    ),
}

def _disks(test, shape, arch = "x86_64", made_of = 1, legs = None, **kwargs):
    """The disks of a test, `TEST_disk`, made when they are first asked for: those of the legs that the machine has."""
    name = test + "_disk"
    disks = legs_of(name, made_of)
    if not native.existing_rule(name):
        written_disks(
            name = name,
            arch = arch,
            legs = made_of,
            shape = shape,
            **kwargs
        )
    return [":" + disks[leg - 1] for leg in legs or range(1, made_of + 1)]

def _boot(
        name,
        shape,
        title,
        place,
        mounted,
        initrd = "initrd.img-",
        disks_of = None,
        made_of = 1,
        changes = [],
        legs = None,
        settings = {},
        entries = None,
        warnings = [],
        forbid = _EARLIER):
    """Arguments of a qemu_test that boots such disks."""
    disks = _disks(
        (disks_of or name) + "_x86_64",
        changes = changes,
        legs = legs,
        made_of = made_of,
        shape = shape,
    )
    found = "^discover {} disks, {}".format(len(disks) + 1, "* {} entries".format(entries) if entries else "")
    return {
        "disks": disks,
        "expect": [found] + warnings + [
            "^choose \"{}* from {}".format(title, place),
            "^obtain *vmlinuz-",
            "^obtain *" + initrd,
        ] + (["  used at most: stack "] if settings == _MEASURED else []) + [
            "^start \"" + title,
            "mini: userspace on x86_64",
        ] + mounted,
        "forbid": forbid + ["over budget"],
        "name": name + "_x86_64",
        "settings": settings,
    }

def _booting(name):
    """Arguments of the test of a row."""
    row = _BOOTING[name]
    return _boot(name, **(_SHAPES[row["shape"]] | row))

def _refused(name, twin, message, changes = None, legs = None, **differences):
    test = name + "_is_refused_x86_64"
    row = _BOOTING[twin]
    if changes or legs:
        differences["disks"] = _disks(
            test if changes else twin + "_x86_64",
            changes = changes or row.get("changes", []),
            legs = legs,
            made_of = row.get("made_of", 1),
            shape = row["shape"],
        )
    negative_test(
        name = test,
        twin = _booting(twin),
        message = [message],
        after = [NOTHING_ELSE],
        # Budget L4.
        loader_seconds = 60,
        **differences
    )

def _debian(name, shape, title, mounted):
    debian_test(
        name = name,
        disks = _disks(name, shape, debian = True),
        expect = [
            "^discover 2 disks, ",
            "^choose \"{}* from {}".format(title, _SHAPES[shape]["place"]),
            "^obtain *vmlinuz-",
            "^obtain *initrd.img-",
            "^start \"" + title,
            "Command line: *e2e=now",
            mounted,
        ],
        forbid = _EARLIER,
    )

def _root(name, arch, shape, place, mounted):
    qemu_test(
        name = name,
        arch = arch,
        disks = _disks(name, shape, arch),
        expect = [
            "^discover 2 disks, ",
            "^choose \"Mini\" from {} /boot/grub/grub.cfg".format(place),
            "^obtain /boot/vmlinu",
            "^obtain /boot/initrd",
            "^start \"Mini\"",
            "mini: userspace on " + arch,
        ] + mounted,
    )

def filesystem_tests():
    """A test of each of them, and its disks."""
    for name, row in _DEBIAN.items():
        _debian(name + "_x86_64", **row)
    for arch in ARCHES:
        for name, row in _ROOTS.items():
            _root("{}_{}".format(name, arch), arch, **row)
    for name in _BOOTING:
        qemu_test(**_booting(name))
    for name, row in _REFUSED.items():
        _refused(name, **row)

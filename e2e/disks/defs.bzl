"""Disks to boot from, made by real tools. What needs the network stands in actions of its own, cached by
Bazel like any other: a root is made once for a toolbox and program."""

# Neither can run in the sandbox: one uid is not enough for a root, and the sandbox has no network.
_NETWORK = {
    "no-sandbox": "1",
    "requires-network": "1",
}

# Of the toolbox; its digest is part of every action's key.
_ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

def _debian_packages_impl(ctx):
    kernel = ctx.actions.declare_file(ctx.label.name + "/kernel")
    version = ctx.actions.declare_file(ctx.label.name + "/version")
    busybox = ctx.actions.declare_file(ctx.label.name + "/busybox")
    stub = ctx.actions.declare_file(ctx.label.name + "/stub")
    outputs = [kernel, version, busybox, stub]
    args = ctx.actions.args()
    args.add("packages")
    args.add("--arch", ctx.attr.arch)
    args.add("--kernel", kernel)
    args.add("--version", version)
    args.add("--busybox", busybox)
    args.add("--stub", stub)
    ctx.actions.run(
        executable = ctx.executable._roots,
        arguments = [args],
        outputs = outputs,
        env = _ENV,
        execution_requirements = _NETWORK,
        mnemonic = "DebianPackages",
        progress_message = "Fetching kernel and busybox for " + ctx.attr.arch,
    )
    return [
        DefaultInfo(files = depset(outputs)),
        DebianPackagesInfo(kernel = kernel, version = version, busybox = busybox, stub = stub),
    ]

DebianPackagesInfo = provider(
    doc = "Files out of Debian's packages.",
    fields = {
        "kernel": "the kernel's file",
        "stub": "systemd's stub of unified kernel images",
        "version": "a file with its version",
        "busybox": "a static busybox",
    },
)

RootPartsInfo = provider(
    doc = "What a mini system takes from a Debian root.",
    fields = {
        "kernel": "the kernel's file",
        "modules": "by filesystem, an archive of the modules with which the kernel reads it (`esp`: FAT and variables)",
        "version": "a file with its version",
    },
)

debian_packages = rule(
    implementation = _debian_packages_impl,
    doc = "Kernel and busybox of an architecture.",
    attrs = {
        "arch": attr.string(mandatory = True),
        "_roots": attr.label(default = "//e2e/roots:e2e_roots", executable = True, cfg = "exec"),
    },
)

def _debian_root_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".tar.zst")
    args = ctx.actions.args()
    args.add("root")
    args.add("--arch", ctx.attr.arch)
    args.add("--out", out)
    ctx.actions.run(
        executable = ctx.executable._roots,
        arguments = [args],
        outputs = [out],
        env = _ENV,
        execution_requirements = _NETWORK,
        mnemonic = "DebianRoot",
        progress_message = "Making a Debian root for {} (minutes, once)".format(ctx.attr.arch),
    )
    return [DefaultInfo(files = depset([out]))]

debian_root = rule(
    implementation = _debian_root_impl,
    doc = "A root filesystem made by mmdebstrap.",
    attrs = {
        "arch": attr.string(mandatory = True),
        "_roots": attr.label(default = "//e2e/roots:e2e_roots", executable = True, cfg = "exec"),
    },
)

def _run_disks(ctx, subcommand, args, inputs, out, mnemonic, message, resource_set = None, more_outputs = []):
    """One action of //e2e/disks:e2e_disks, sandboxed like any other."""
    ctx.actions.run(
        executable = ctx.executable._disks,
        arguments = [subcommand, "--arch", ctx.attr.arch, "--out", out.path, args],
        inputs = inputs,
        outputs = [out] + more_outputs,
        env = _ENV,
        mnemonic = mnemonic,
        progress_message = "{} for {}".format(message, ctx.attr.arch),
        resource_set = resource_set,
    )

_DISK_ATTRS = {
    "arch": attr.string(mandatory = True),
    "_disks": attr.label(
        default = "//e2e/disks:e2e_disks",
        executable = True,
        cfg = "exec",
    ),
}

SecureBootInfo = provider(
    doc = "A key that firmware trusts.",
    fields = {
        "certificate": "the certificate",
        "key": "the private key",
    },
)

def _add_faults(args, attr):
    """What is wrong with a mini disk, or odd."""
    if attr.failing_entries:
        args.add("--failing-entries", str(attr.failing_entries))
    if attr.more_entries:
        args.add("--more-entries", str(attr.more_entries))
    if attr.long_line:
        args.add("--long-line", str(attr.long_line))
    for before, after in attr.edit.items():
        args.add_all(["--edit", before, after])
    if attr.truncate_kernel:
        args.add("--truncate-kernel", str(attr.truncate_kernel))
    if attr.flip_kernel >= 0:
        args.add("--flip-kernel", str(attr.flip_kernel))
    if not attr.initrd:
        args.add("--omit-initrd")
    for place in attr.flip:
        args.add("--flip", place)

def _mini_disk_impl(ctx):
    packages = ctx.attr.packages[DebianPackagesInfo]
    foreign = ctx.attr.foreign_kernel
    kernel = foreign[DebianPackagesInfo].kernel if foreign else packages.kernel
    out = ctx.actions.declare_file(ctx.label.name + ".raw")
    args = ctx.actions.args()
    args.add("--kernel", kernel)
    args.add("--version", packages.version)
    args.add("--busybox", packages.busybox)
    if ctx.attr.canary:
        args.add("--canary", ctx.attr.canary)
    args.add("--shape", ctx.attr.shape)
    if ctx.attr.three_initrds:
        args.add("--three-initrds")
    if ctx.file.devicetree:
        args.add("--devicetree", ctx.file.devicetree)
    if ctx.attr.kernel_name:
        args.add("--kernel-name", ctx.attr.kernel_name)
    if ctx.attr.compress:
        args.add("--compress", ctx.attr.compress)
    if ctx.attr.sector_size:
        args.add("--sector-size", str(ctx.attr.sector_size))
    if ctx.attr.journalled:
        args.add("--journalled")
    if ctx.attr.mbr:
        args.add("--mbr")
    if ctx.attr.hybrid:
        args.add("--hybrid")
    if ctx.attr.shell:
        args.add("--shell")
    for name, target in ctx.attr.links.items():
        args.add_all(["--link", name, target])
    _add_faults(args, ctx.attr)
    inputs = [kernel, packages.version, packages.busybox] + ctx.files.devicetree
    if ctx.attr.shape == "uki":
        args.add("--stub", packages.stub)
        inputs.append(packages.stub)
    if ctx.attr.keys:
        info = ctx.attr.keys[SecureBootInfo]
        args.add("--sign-with", info.key)
        args.add("--certificate", info.certificate)
        inputs += [info.key, info.certificate]
    _run_disks(ctx, "mini", args, inputs, out, "MiniDisk", "Making a mini disk")
    return [DefaultInfo(files = depset([out]))]

_mini_disk = rule(
    implementation = _mini_disk_impl,
    doc = "Use the macro mini_disk, which knows the architecture's packages.",
    attrs = _DISK_ATTRS | {
        "canary": attr.string(),
        "compress": attr.string(values = ["", "gzip", "zstd"]),
        "devicetree": attr.label(allow_single_file = True),
        "edit": attr.string_dict(),
        "failing_entries": attr.int(),
        "flip": attr.string_list(),
        "flip_kernel": attr.int(default = -1),
        "foreign_kernel": attr.label(providers = [DebianPackagesInfo]),
        "hybrid": attr.bool(),
        "initrd": attr.bool(default = True),
        "journalled": attr.bool(),
        "kernel_name": attr.string(),
        "keys": attr.label(providers = [SecureBootInfo]),
        "links": attr.string_dict(),
        "long_line": attr.int(),
        "mbr": attr.bool(),
        "more_entries": attr.int(),
        "packages": attr.label(
            mandatory = True,
            providers = [DebianPackagesInfo],
        ),
        "sector_size": attr.int(),
        "shape": attr.string(
            default = "grub",
            values = ["grub", "names", "bls", "uki", "extlinux"],
        ),
        "shell": attr.bool(),
        "three_initrds": attr.bool(),
        "truncate_kernel": attr.int(),
    },
)

def mini_disk(name, arch, tags = [], **kwargs):
    """A disk with a Debian kernel and busybox, made when a test needs it: NAME.raw.

    It prints `mini: userspace on ARCH` and `mini: cmdline ...` and switches the machine off.  The disk that a
    negative test boots differs from its positive twin in one attribute.

    Args:
        name: of the target
        arch: x86_64, aarch64, riscv64 or loongarch64
        tags: as usual
        **kwargs: what is different from a good disk, and visibility:
            canary: a text without single quotes, printed as `mini: canary TEXT`
            compress: gzip or zstd, which compresses the kernel
            devicetree: a tree that the entry names
            edit: texts of grub.cfg, or of the Boot Loader Specification's entry, and what stands there instead
            failing_entries: how many entries without a kernel stand in front
            flip: bytes of structures that have all bits flipped, as `STRUCTURE:OFFSET` (e2e/disks/src/faults.rs)
            flip_kernel: offset of the byte of the kernel's file that has all bits flipped
            foreign_kernel: packages of another architecture whose kernel it is
            hybrid: True makes a medium that is a disc of ISO 9660 and has an MBR: the disc once more, and the ESP
            initrd: False leaves the initrd out that grub.cfg names
            journalled: True leaves the last version of grub.cfg in ext4's journal, and an earlier one in its place
            kernel_name: of the file in /boot, instead of the one that grub.cfg names
            keys: the secure_boot whose key signs the kernel
            links: symbolic links on the root and where they lead to
            long_line: bytes of a comment in front of the rest of grub.cfg
            mbr: True makes an MBR in place of a GPT: slots 1 and 2 are empty, 3 is the ESP, 4 the root
            more_entries: how many older entries whose kernels are gone stand beside the usual ones
            sector_size: bytes of a logical block of the disk, if not 512
            shape: what tells of the kernel: grub (grub.cfg), names (nothing), bls, uki, extlinux
            shell: True puts the EFI shell and a script for it into /EFI/tools
            three_initrds: True puts two more around the real one
            truncate_kernel: how many bytes are missing at the kernel's end
    """
    _mini_disk(
        name = name,
        arch = arch,
        packages = "//e2e/disks:packages_" + arch,
        tags = ["manual"] + tags,
        **kwargs
    )

_ARTIFACT = ["vmlinuz", "initrd.img", "cmdline.txt"]

def _mini_artifact_impl(ctx):
    packages = ctx.attr.packages[DebianPackagesInfo]
    names = ["mini.efi"] if ctx.attr.uki else _ARTIFACT
    if ctx.attr.alpine:
        names = names + ["modloop", "host.apkovl.tar.gz"]
    outputs = [ctx.actions.declare_file("{}/{}".format(ctx.label.name, name)) for name in names]

    # Modules are those of one kernel.
    kernel = ctx.attr.parts[RootPartsInfo] if ctx.attr.parts else packages
    inputs = [kernel.kernel, kernel.version, packages.busybox]
    args = ctx.actions.args()
    args.add_all(["artifact", "--arch", ctx.attr.arch, "--out", outputs[0].dirname])
    args.add("--kernel", kernel.kernel)
    args.add("--version", kernel.version)
    args.add("--busybox", packages.busybox)
    if ctx.attr.parts:
        args.add("--modules", kernel.modules["esp"])
        args.add("--command", ctx.file.command)
        inputs += [kernel.modules["esp"], ctx.file.command]
    if ctx.attr.alpine:
        args.add("--alpine")
    if ctx.attr.uki:
        args.add("--stub", packages.stub)
        inputs.append(packages.stub)
    ctx.actions.run(
        executable = ctx.executable._disks,
        arguments = [args],
        inputs = inputs,
        outputs = outputs,
        env = _ENV,
        mnemonic = "MiniArtifact",
        progress_message = "Making the parts of an artifact for " + ctx.attr.arch,
    )
    return [DefaultInfo(files = depset(outputs))]

_mini_artifact = rule(
    implementation = _mini_artifact_impl,
    doc = "Use the macro mini_artifact, which knows the architecture's packages.",
    attrs = _DISK_ATTRS | {
        "alpine": attr.bool(),
        "command": attr.label(allow_single_file = True),
        "packages": attr.label(
            mandatory = True,
            providers = [DebianPackagesInfo],
        ),
        "parts": attr.label(providers = [RootPartsInfo]),
        "uki": attr.bool(),
    },
)

def mini_artifact(name, arch, blesses = False, tags = [], **kwargs):
    """What a mini_disk starts, as files to be pushed: NAME/vmlinuz, NAME/initrd.img and NAME/cmdline.txt.

    Its command line has `mini=network`.

    Args:
        name: of the target
        arch: x86_64, aarch64, riscv64 or loongarch64
        blesses: True has the booted system mount the ESP of the first virtio disk and call `cloud-boot status --bless`
        tags: as usual
        **kwargs: as of every rule, and
            alpine: True adds the parts of Alpine's netboot, NAME/modloop and NAME/host.apkovl.tar.gz, with an initrd
                that looks for them as Alpine does
            uki: True makes one unified kernel image of them, NAME/mini.efi
    """
    _mini_artifact(
        name = name,
        arch = arch,
        command = "//cli:cloud-boot_" + arch if blesses else None,
        parts = "//e2e/disks:parts_" + arch if blesses else None,
        packages = "//e2e/disks:packages_" + arch,
        tags = ["manual"] + tags,
        **kwargs
    )

def _debian_artifact_impl(ctx):
    outputs = [ctx.actions.declare_file("{}/{}".format(ctx.label.name, name)) for name in _ARTIFACT]
    root = ctx.file.root
    args = ctx.actions.args()
    args.add_all(["debian-artifact", "--arch", ctx.attr.arch, "--out", outputs[0].dirname])
    args.add("--root", root)
    ctx.actions.run(
        executable = ctx.executable._disks,
        arguments = [args],
        inputs = [root],
        outputs = outputs,
        env = _ENV,
        mnemonic = "DebianArtifact",
        progress_message = "Making an initrd of a Debian root for " + ctx.attr.arch,
    )
    return [DefaultInfo(files = depset(outputs))]

_debian_artifact = rule(
    implementation = _debian_artifact_impl,
    doc = "Use the macro debian_artifact, which knows the architecture's root.",
    attrs = _DISK_ATTRS | {
        "root": attr.label(
            mandatory = True,
            allow_single_file = True,
        ),
    },
)

def debian_artifact(name, arch, tags = [], **kwargs):
    """A whole Debian, as files to be pushed: its root is the initrd, in which its systemd runs.

    Kernel modules, GRUB and fstab are left out. Its command line has `e2e=network`.

    Args:
        name: of the target
        arch: x86_64, aarch64, riscv64 or loongarch64
        tags: as usual
        **kwargs: as of every rule
    """
    _debian_artifact(
        name = name,
        arch = arch,
        root = "//e2e/disks:root_" + arch,
        tags = ["manual"] + tags,
        **kwargs
    )

def _secure_boot_impl(ctx):
    vars = ctx.actions.declare_file(ctx.label.name + ".fd")
    key = ctx.actions.declare_file(ctx.label.name + ".key")
    certificate = ctx.actions.declare_file(ctx.label.name + ".pem")
    ctx.actions.run(
        executable = ctx.executable._disks,
        arguments = ["enrol", "--arch", ctx.attr.arch, "--out", vars.path] +
                    ["--vars", ctx.file.vars.path, "--key", key.path, "--certificate", certificate.path],
        inputs = [ctx.file.vars],
        outputs = [vars, key, certificate],
        env = _ENV,
        mnemonic = "Enrol",
        progress_message = "Enrolling a key of our own",
    )
    return [
        DefaultInfo(files = depset([vars])),
        SecureBootInfo(certificate = certificate, key = key),
    ]

secure_boot = rule(
    implementation = _secure_boot_impl,
    doc = "A variable store with Secure Boot on and one key of ours in PK, KEK and db: NAME.fd.",
    attrs = _DISK_ATTRS | {
        "vars": attr.label(
            mandatory = True,
            allow_single_file = True,
        ),
    },
)

def _signed_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".efi")
    info = ctx.attr.keys[SecureBootInfo]
    args = ctx.actions.args()
    args.add("--program", ctx.file.program)
    args.add("--key", info.key)
    args.add("--certificate", info.certificate)
    inputs = [ctx.file.program, info.key, info.certificate]
    _run_disks(ctx, "sign", args, inputs, out, "Sign", "Signing a program")
    return [DefaultInfo(files = depset([out]))]

signed = rule(
    implementation = _signed_impl,
    doc = "An EFI program, signed with the key of a secure_boot: NAME.efi.",
    attrs = _DISK_ATTRS | {
        "keys": attr.label(
            mandatory = True,
            providers = [SecureBootInfo],
        ),
        "program": attr.label(
            mandatory = True,
            allow_single_file = True,
        ),
    },
)

def _device_tree_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".dtb")
    _run_disks(ctx, "device-tree", ctx.actions.args(), [], out, "DeviceTree", "Taking QEMU's device tree")
    return [DefaultInfo(files = depset([out]))]

device_tree = rule(
    implementation = _device_tree_impl,
    doc = "The device tree of QEMU's machine with another model, `e2e-tree-ARCH...`: aarch64 and riscv64.",
    attrs = _DISK_ATTRS,
)

def _one_machine(_os, _inputs):
    return {
        "cpu": 1,
        "memory": 1400,
    }

DebianDiskInfo = provider(
    doc = "What a Debian disk was made of.",
    fields = {
        "grub_cfg": "its grub.cfg",
        "root": "its root, .tar.zst",
    },
)

def _debian_disk_impl(ctx):
    grub_cfg = ctx.actions.declare_file(ctx.label.name + "/grub.cfg")
    aged = ctx.actions.declare_file(ctx.label.name + "/aged.raw")
    out = ctx.actions.declare_file(ctx.label.name + ".raw")
    root = ctx.file.root
    args = ctx.actions.args()
    args.add("--root", root)
    args.add("--aged", aged)
    message = "Booting the root to run its update-grub"
    _run_disks(ctx, "first-boot", args, [root], grub_cfg, "FirstBoot", message, _one_machine, [aged])
    args = ctx.actions.args()
    args.add("--root", root)
    args.add("--grub-cfg", grub_cfg)
    _run_disks(ctx, "debian", args, [root, grub_cfg], out, "DebianDisk", "Making a Debian disk")
    return [
        DefaultInfo(files = depset([out])),
        DebianDiskInfo(grub_cfg = grub_cfg, root = root),
        OutputGroupInfo(aged = depset([aged])),
    ]

_debian_disk = rule(
    implementation = _debian_disk_impl,
    doc = "Use the macro debian_disk, which knows the architecture's root.",
    attrs = _DISK_ATTRS | {
        "root": attr.label(
            mandatory = True,
            allow_single_file = True,
        ),
    },
)

def debian_disk(name, arch, tags = [], **kwargs):
    """A Debian in the shape of its cloud image, made when a test needs it: NAME.raw, no EFI program on it.

    NAME.raw was never mounted. NAME_aged is the same Debian after its first boot: its own kernel has written to it, and
    its folders /boot and /etc have grown past one block.

    Args:
        name: of the target
        arch: x86_64, aarch64, riscv64 or loongarch64
        tags: as usual
        **kwargs: as of every rule
    """
    _debian_disk(
        name = name,
        arch = arch,
        root = "//e2e/disks:root_" + arch,
        tags = ["manual"] + tags,
        **kwargs
    )
    native.filegroup(
        name = name + "_aged",
        srcs = [name],
        output_group = "aged",
        tags = ["manual"] + tags,
        **kwargs
    )

def _reinstalled_disk_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".raw")
    info = ctx.attr.disk[DebianDiskInfo]
    args = ctx.actions.args()
    args.add("--root", info.root)
    args.add("--grub-cfg", info.grub_cfg)
    message = "Having dpkg install the kernel once more"
    _run_disks(ctx, "reinstall", args, [info.root, info.grub_cfg], out, "Reinstall", message, _one_machine)
    return [DefaultInfo(files = depset([out]))]

reinstalled_disk = rule(
    implementation = _reinstalled_disk_impl,
    doc = "Another disk of a debian_disk's root, aged as that one's, on which dpkg has installed the kernel again.",
    attrs = _DISK_ATTRS | {
        "disk": attr.label(
            mandatory = True,
            providers = [DebianDiskInfo],
        ),
    },
)

def _debian_entry_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".raw")
    info = ctx.attr.disk[DebianDiskInfo]
    stub = ctx.attr.packages[DebianPackagesInfo].stub
    inputs = [ctx.file.disk, info.grub_cfg, info.root, stub]
    args = ctx.actions.args()
    args.add("--disk", ctx.file.disk)
    args.add("--root", info.root)
    args.add("--grub-cfg", info.grub_cfg)
    args.add("--stub", stub)
    args.add("--shape", ctx.attr.shape)
    _run_disks(ctx, "debian-entry", args, inputs, out, "DebianEntry", "Putting an entry on a Debian disk")
    return [DefaultInfo(files = depset([out]))]

_debian_entry = rule(
    implementation = _debian_entry_impl,
    doc = "Use the macro debian_entry, which knows the architecture's disk.",
    attrs = _DISK_ATTRS | {
        "disk": attr.label(
            mandatory = True,
            allow_single_file = True,
            providers = [DebianDiskInfo],
        ),
        "packages": attr.label(
            mandatory = True,
            providers = [DebianPackagesInfo],
        ),
        "shape": attr.string(
            mandatory = True,
            values = ["bls", "uki"],
        ),
    },
)

def debian_entry(name, arch, shape, tags = [], **kwargs):
    """A copy of a Debian disk with its own kernel and initrd on the ESP, too, as systemd installs them: NAME.raw.

    Args:
        name: of the target
        arch: x86_64, aarch64, riscv64 or loongarch64
        shape: what tells of them: bls (by kernel-install) or uki (by ukify)
        tags: as usual
        **kwargs: as of every rule
    """
    _debian_entry(
        name = name,
        arch = arch,
        disk = "//e2e/disks:debian_" + arch,
        packages = "//e2e/disks:packages_" + arch,
        shape = shape,
        tags = ["manual"] + tags,
        **kwargs
    )

def _with_loader_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".raw")
    args = ctx.actions.args()
    args.add("--disk", ctx.file.disk)
    args.add("--loader", ctx.file.loader)
    if ctx.attr.cmdline:
        args.add("--cmdline", ctx.attr.cmdline)
    inputs = [ctx.file.disk, ctx.file.loader]
    _run_disks(ctx, "with-loader", args, inputs, out, "DiskWithLoader", "Putting a loader on a disk")
    return [DefaultInfo(files = depset([out]))]

_with_loader = rule(
    implementation = _with_loader_impl,
    doc = "Use the macro with_loader.",
    attrs = _DISK_ATTRS | {
        "cmdline": attr.string(),
        "disk": attr.label(
            mandatory = True,
            allow_single_file = True,
        ),
        "loader": attr.label(
            mandatory = True,
            allow_single_file = True,
        ),
    },
)

def with_loader(name, arch, disk, loader, tags = [], **kwargs):
    """A copy of a disk with an EFI program as \\EFI\\BOOT\\BOOT*.EFI on its ESP: NAME.raw.

    Args:
        name: of the target
        arch: x86_64, aarch64, riscv64 or loongarch64
        disk: a mini_disk or debian_disk of it
        loader: the EFI program
        tags: as usual
        **kwargs: as of every rule, and
            cmdline: settings of the loader, on the ESP as \\cloudboot\\cmdline
    """
    _with_loader(
        name = name,
        arch = arch,
        disk = disk,
        loader = loader,
        tags = ["manual"] + tags,
        **kwargs
    )

def _settings_in_variables_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".fd")
    args = ctx.actions.args()
    args.add("--vars", ctx.file.vars)
    for option in ["cmdline", "target", "load_options"]:
        if getattr(ctx.attr, option):
            args.add("--" + option.replace("_", "-"), getattr(ctx.attr, option))
    _run_disks(ctx, "variables", args, [ctx.file.vars], out, "Variables", "Setting variables")
    return [DefaultInfo(files = depset([out]))]

settings_in_variables = rule(
    implementation = _settings_in_variables_impl,
    doc = "A copy of a variable store with settings of the loader: NAME.fd.",
    attrs = _DISK_ATTRS | {
        "cmdline": attr.string(doc = "the variable CloudBootCmdline, in UCS-2"),
        "load_options": attr.string(
            doc = "what the program on the ESP of a with_loader is given, which is started before all others then",
        ),
        "target": attr.string(doc = "the variable CloudBootTarget, in UTF-8"),
        "vars": attr.label(
            mandatory = True,
            allow_single_file = True,
        ),
    },
)

def _settings_in_section_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".efi")
    args = ctx.actions.args()
    args.add("--program", ctx.file.program)
    args.add("--cmdline", ctx.attr.cmdline)
    _run_disks(ctx, "section", args, [ctx.file.program], out, "Section", "Building settings in")
    return [DefaultInfo(files = depset([out]))]

settings_in_section = rule(
    implementation = _settings_in_section_impl,
    doc = "A copy of a loader with a section .cmdline, made by ukify: NAME.efi.",
    attrs = _DISK_ATTRS | {
        "cmdline": attr.string(mandatory = True),
        "program": attr.label(
            mandatory = True,
            allow_single_file = True,
        ),
    },
)

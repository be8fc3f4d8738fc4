"""qemu_test: boots a machine in QEMU and judges its serial console. negative_test: the same, and nothing may start."""

load("@facts//:version.bzl", "VERSION")
load("//platforms:defs.bzl", "ARCHES")

# The first line of the loader, up to the name of the architecture.
_FIRST_LINE = "^cloud-boot {} ".format(VERSION)

# No boot may show GRUB.
_GRUB = [
    "GNU GRUB",
    "Welcome to GRUB",
]

# A kernel's first lines, and those of the canary behind it.
KERNEL = [
    "EFI stub:",
    "Linux version",
    "mini:",
]

# A whole boot from a disk beside the ISO. The command line is left out: the firmware of loongarch64 breaks long lines.
LOADED = [
    "^discover 2 disks, ",
    "^choose \"",
    "^obtain /boot/vmlinu",
    "^obtain /boot/initrd",
    "^start \"",
]

# A pattern that stands for those of `cloud-boot inspect` on the disks: the default entry, its files and options.
INSPECTED = "inspected:"

# The firmware says so when it has nothing else to start, and waits for a key.
NOTHING_ELSE = "^BdsDxe: No bootable option"

# With Secure Boot, only the firmware may write its variables.
_SECURE_BOOT = [
    "-machine",
    "smm=on",
    "-global",
    "driver=cfi.pflash01,property=secure,value=on",
]

def first_line(arch):
    """The first line of the loader; every qemu_test expects it first."""
    return _FIRST_LINE + arch

def words(settings):
    """Settings as the words of a command line: `KEY=VALUE`, or `KEY` where the value is None."""
    for key, value in settings.items():
        if value != None and " " in value:
            fail("{}: {} would be several words".format(key, value))
    return " ".join([key if value == None else key + "=" + value for key, value in settings.items()])

def _given(smbios, fw_cfg):
    """Options of QEMU that give the loader its settings, in whose values a comma is doubled."""
    options = []
    if smbios:
        strings = []
        for key, value in smbios.items():
            if not key.startswith("cloudboot."):
                fail(key + ": SMBIOS has only keys of cloudboot")
            strings.append("cloudboot:{}={}".format(key.removeprefix("cloudboot."), value.replace(",", ",,")))
        options += ["-smbios", ",".join(["type=11"] + ["value=" + string for string in strings])]
    if fw_cfg:
        options += ["-fw_cfg", "name=opt/org.cloudboot/cmdline,string=" + words(fw_cfg).replace(",", ",,")]
    return options

# Bazel's classes of time limits, seconds.
_CLASSES = [
    ("short", 60),
    ("moderate", 300),
    ("long", 900),
    ("eternal", 3600),
]

# Seconds for start, report and end of a test, on top of the time that the machine has.
_MARGIN = 30

def _qemu_test_impl(ctx):
    test = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(
        output = test,
        target_file = ctx.executable._runner,
        is_executable = True,
    )
    spec = ctx.actions.declare_file(ctx.label.name + ".json")
    boot = ctx.file.boot
    command = ctx.file._command
    inspect = command if INSPECTED in ctx.attr.expect else None
    network = None
    if ctx.attr.network:
        network = json.decode(ctx.attr.network) | {
            "command": command.short_path,
            "files": [file.short_path for file in ctx.files.artifact],
            "loader": ctx.file.loader.short_path,
        }
    ctx.actions.write(spec, json.encode_indent({
        "arch": ctx.attr.arch,
        "block_size": ctx.attr.block_size,
        "boot": boot.short_path if boot else None,
        "bus": ctx.attr.bus,
        "code": ctx.file.code.short_path,
        "disks": [disk.short_path for disk in ctx.files.disks],
        "expect": ctx.attr.expect,
        "forbid": ctx.attr.forbid,
        "in_boot_order": ctx.attr.in_boot_order,
        "inspect": inspect.short_path if inspect else None,
        "loader_seconds": ctx.attr.loader_seconds or None,
        "medium": ctx.attr.medium,
        "memory": ctx.attr.memory,
        "network": network,
        "qemu_options": ctx.attr.qemu_options,
        "quiet_after": ctx.attr.quiet_after,
        "read_error": ctx.attr.read_error if ctx.attr.read_error >= 0 else None,
        "read_only": ctx.attr.read_only,
        "seconds": ctx.attr.seconds,
        "vars": ctx.file.vars.short_path,
    }) + "\n")
    files = [spec, ctx.file.code, ctx.file.vars] + ctx.files.disks
    files += [file for file in [boot, inspect] if file]
    if network:
        files += [command, ctx.file.loader] + ctx.files.artifact
    runfiles = ctx.runfiles(files = files).merge(ctx.attr._runner[DefaultInfo].default_runfiles)
    return [
        DefaultInfo(
            executable = test,
            runfiles = runfiles,
        ),
        RunEnvironmentInfo(environment = {"E2E_SPEC": spec.short_path}),
    ]

_qemu_test = rule(
    implementation = _qemu_test_impl,
    doc = "Use the macro qemu_test, which knows the architecture's firmware.",
    test = True,
    attrs = {
        "arch": attr.string(mandatory = True),
        "artifact": attr.label(allow_files = True),
        "block_size": attr.int(default = 512),
        "boot": attr.label(allow_single_file = True),
        "bus": attr.string(
            default = "virtio",
            values = ["virtio", "nvme", "sata", "scsi", "usb", "cd"],
        ),
        "code": attr.label(
            mandatory = True,
            allow_single_file = True,
        ),
        "disks": attr.label_list(allow_files = True),
        "expect": attr.string_list(
            mandatory = True,
            allow_empty = False,
        ),
        "forbid": attr.string_list(),
        "in_boot_order": attr.bool(default = True),
        "loader": attr.label(allow_single_file = True),
        "loader_seconds": attr.int(),
        "medium": attr.string(
            mandatory = True,
            values = ["cd", "disk", "none"],
        ),
        "memory": attr.int(mandatory = True),
        "network": attr.string(),
        "qemu_options": attr.string_list(),
        "quiet_after": attr.int(),
        "read_error": attr.int(default = -1),
        "read_only": attr.bool(),
        "seconds": attr.int(mandatory = True),
        "vars": attr.label(
            mandatory = True,
            allow_single_file = True,
        ),
        "_command": attr.label(
            default = "//cli:host",
            allow_single_file = True,
            cfg = "target",
        ),
        "_runner": attr.label(
            default = "//e2e/runner:qemu_test",
            executable = True,
            cfg = "target",
        ),
    },
)

def qemu_test(
        name,
        expect,
        arch = "x86_64",
        boot = "//iso:boot",
        disks = [],
        forbid = [],
        settings = {},
        smbios = {},
        secure_boot = False,
        timeout = 240,
        loader_seconds = 0,
        quiet_after = 0,
        memory = 1024,
        medium = None,
        bus = "virtio",
        block_size = 512,
        in_boot_order = True,
        read_only = False,
        read_error = -1,
        network = None,
        artifact = None,
        loader = None,
        vars = None,
        qemu_options = [],
        tags = [],
        **kwargs):
    """A test that boots a machine: one processor, firmware of Debian, no KVM.

    There is no network, unless `network` says what is around the machine (//e2e:network.bzl has tests of that kind):
    then the runner starts a registry with a certificate of its own CA, and has `artifact` pushed into it as
    `boot/mini:1`; the machine's first disk is an ESP with `loader` and the CA as \\cloudboot\\ca.pem. In patterns and
    settings, `@REFERENCE@` stands for the artifact with tag and digest, `@TAG@` for the same without the digest,
    `@REGISTRY@` for the registry's host and port, `@DIGEST@` for `sha256:HEX`, `@PART@` for the registry's address of
    the artifact's first part, without `https://`, `@PROXY@` and `@MIRROR@` for addresses of these.

    A pattern is plain text in which `*` stands for any text within the line; `^` in the first place ties it to
    the start of the line. Lines are free of escape sequences. The firmware of loongarch64 breaks what is printed
    through it after 80 columns: let no pattern for a line of the loader reach beyond them.

    Known panics of firmware, loader, Linux and systemd fail every test. The console is kept in the outputs of
    the test as console.log (lines with times) and console.raw (bytes).

    Args:
        name: of the test, with its architecture in the last place
        expect: patterns that the console must show in this order behind the loader's first line, INSPECTED among them;
            an item `type:TEXT` is typed when its turn has come, with `<enter>`, `<esc>`, `<up>`, `<down>`, `<home>`,
            `<ctrl-u>` and `<f1>` for keys. What stands between two `<monitor>` goes to QEMU's monitor, which knows disk
            N as device `slotN`
        arch: x86_64, aarch64, riscv64 or loongarch64
        boot: the image that holds the loader; None if the EFI system partition of a disk does
        disks: raw images, in the order that the firmware tries them; never written to
        forbid: patterns that fail the test wherever they stand, beside those of GRUB
        settings: the loader's by fw_cfg, a dict of keys and values; in a test with `network`, values may have the
            words between `@`
        smbios: the same by SMBIOS, without those words
        secure_boot: whether Secure Boot is on, with the key of :secure_vars_ARCH
        timeout: seconds in which all of `expect` must be seen; long enough for a machine that does other work, too
        loader_seconds: seconds from the loader's first line to the last of them; no limit of its own where it is 0
        quiet_after: seconds after the last of them in which nothing forbidden may be seen
        memory: MiB
        medium: how `boot` is attached: "cd" (the default), "disk", or "none" without `boot`
        bus: how disks are attached: virtio, nvme, sata, scsi, usb, or as CDs (cd)
        block_size: of the disks, bytes
        in_boot_order: False keeps the disks from the firmware's boot order, so that it starts no drivers for them
        read_only: whether the firmware cannot write to the disks either (virtio only); what it writes is lost anyway
        read_error: the MiB of each disk at which a sector cannot be read
        network: a dict; None for no network. All keys may be left out:
            metadata: the document of a cloud's metadata service at 169.254.169.254, with the wire "dnsmasq"
            wire: "user" is QEMU's user network, for which this machine's loopback is 10.0.2.2; "dnsmasq" a network of
                namespaces, in which the machine's only neighbour, registry.test, has DHCP, DNS and the registry
            line: what is wrong with the wire "dnsmasq", a dict: `delay` milliseconds in each direction; of a thousand
                frames `loss` are lost, and `late` come `late_by` milliseconds later; after `cut` percent of the
                artifact the connection that carries it is dead; `seed` chooses the frames. Where nothing is cut or
                lost, the test fails. `vlan`: only the machine's side of the wire has the tags of that VLAN
            traffic: whether others on the wire "dnsmasq" send to everybody until the machine is off. Where hardly
                anything was sent, the test fails
            cards: QEMU's devices; the first is on the wire, and so is each other one, unless it has `silent:` in front:
                a cable that nobody else is at
            dnsmasq: its options for leases and names, in place of an IPv4 lease and the name registry.test
            addresses: of this machine on that wire, in place of 10.9.0.1/24 and fd09::1/64
            host: the registry's name in references, in place of 10.0.2.2 or registry.test
            certificate: what the registry shows: "good", "expired", "other-name" (elsewhere.test), "unknown" (of
                another CA), or "none" (plain HTTP)
            login: whether the registry wants user `me` with password `hunter2`
            blobs: who has them: "registry", or "redirected", which is nginx at another port. With a `line` that cuts,
                its log must have a transfer that was resumed
            front: what a server in front of the registry does to blobs (wire "user", certificate "none"): "busy" (429
                for the first requests), "redirect-loop", "drip" (one byte a second), "endless" (chunks), "tamper" (a
                bit), or "dead" (no answer). Where nobody meets it, the test fails
            mirror: what the registry's mirror does, likewise: @MIRROR@
            entry: the text of /loader/entries/net.conf on the first disk
            proxy: whether an HTTP proxy is there that alone can resolve registry.test (wire "user")
            pushed_by: "cloud-boot", "oras" or "skopeo"
            signing: a dict; the loader has keys built in, and cosign signs the artifact:
                keys: names of the keys that are built in, each made for the run
                beside: names of keys that are not built in, but stand on the ESP as \\cloudboot\\NAME.pub
                threshold: how many of them must have signed, in place of one
                by: names of the keys that sign
                form: "bundle" (cosign 3's) or "tag" (that of cosign 2)
                epoch: what the artifact says by a signed annotation, of the name "mini"
                started: what the firmware's variables hold of the first signer and that name: {"epoch": N}, or
                    {"forged": N} for a variable that a booted system has made
                of_another: True puts the signatures on another artifact of the same parts, which is then booted
            earlier: a dict; the machine boots once before, and what that boot writes to its ESP and variables stays:
                expect: patterns of its console; it ends with the last one
                then: what happens before the boot that is judged: "registry-dies", "cache-is-changed" (a bit of each
                    part on the ESP)
                cuts: in how many states the machine is judged that its ESP would have been left in, had power failed
                    on the way: QEMU records what is written to it, and each state has a first part of that. The
                    variables are those of the end
            damage: what is done to the artifact after the push, and after the signatures, one of
                {"flip": PART}: a bit in the middle of the part's file, or of the "manifest", in the registry's storage
                {"truncate": PART}: that file is half as long
                {"claim": [PART, BYTES]}: the manifest says that the part is so large
                {"index": [ARCHITECTURE]}: the tag is an index that has the artifact for these, by OCI's names
        artifact: files to push, of a mini_artifact; by default the architecture's //e2e/disks:artifact_ARCH
        loader: by default the architecture's //loader:loader_ARCH
        vars: the firmware's variable store, if not the usual one
        qemu_options: more options of QEMU
        tags: beside those that keep two machines at most running at once
        **kwargs: as of every test
    """
    if arch not in ARCHES or not name.endswith("_" + arch):
        fail("{}: a test's name ends with its architecture".format(name))
    needed = timeout + quiet_after + _MARGIN
    classes = [word for word, seconds in _CLASSES if seconds >= needed]
    if not classes:
        fail("{}: {} seconds are more than Bazel's longest limit".format(name, needed))
    if network != None:
        # The runner gives them, since it knows ports and digests.
        network = network | {"settings": words(settings)}
        artifact = artifact or "//e2e/disks:artifact_" + arch
        boot, settings = None, {}
        loader = loader or "//loader:loader_" + arch
    code = "@firmware//:{}_secboot_code.fd" if secure_boot else "@firmware//:{}_code.fd"
    given = (_SECURE_BOOT if secure_boot else []) + _given(smbios, settings)
    _qemu_test(
        name = name,
        size = "medium",
        timeout = classes[0],
        arch = arch,
        artifact = artifact,
        boot = boot,
        block_size = block_size,
        bus = bus,
        code = code.format(arch),
        disks = disks,
        expect = [first_line(arch) + (", *, Secure Boot on" if secure_boot else "")] + expect,
        forbid = _GRUB + forbid,
        in_boot_order = in_boot_order,
        loader = loader,
        loader_seconds = loader_seconds,
        medium = medium or ("cd" if boot else "none"),
        memory = memory,
        network = json.encode(network) if network != None else "",
        qemu_options = given + qemu_options,
        quiet_after = quiet_after,
        read_error = read_error,
        read_only = read_only,
        seconds = timeout,
        tags = [
            "cpu:1",
            "resources:qemu:1",
        ] + tags,
        vars = vars or (":secure_vars_{}" if secure_boot else "@firmware//:{}_vars.fd").format(arch),
        **kwargs
    )

def negative_test(name, twin, message, after = [], forbid = KERNEL, quiet_after = 1, tags = [], **differences):
    """A machine that starts nothing, says why, and returns to the firmware; and its twin, which boots.

    Args:
        name: of the test, NAME_is_refused_ARCH
        twin: arguments of the qemu_test of the twin, which is made if it is not there; without `expect` it must be
        message: lines of the console, the last of which says why nothing starts
        after: lines behind that of the return to the firmware
        forbid: patterns that fail the test wherever they stand
        quiet_after: as of a qemu_test; it waits for a key then, or for the network
        tags: as of a qemu_test, those of the twin not among them
        **differences: in what it differs from the twin, arguments of a qemu_test
    """
    if "_is_refused_" not in name:
        fail("{}: a negative test is called NAME_is_refused_ARCH".format(name))
    if not native.existing_rule(twin["name"]):
        if "expect" not in twin:
            fail("{}: there is no twin {}".format(name, twin["name"]))
        qemu_test(**twin)
    qemu_test(**(twin | differences | {
        "expect": message + ["returning to the firmware"] + after,
        "forbid": forbid,
        "name": name,
        "quiet_after": quiet_after,
        "tags": tags,
    }))

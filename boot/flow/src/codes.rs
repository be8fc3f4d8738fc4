// SPDX-License-Identifier: BSD-3-Clause
//! The codes of the boot itself, by phase; the public ones of the last two are raised by the platform. They are worded
//! for any platform: what one of them calls things is in the cause of its lines.

code::table! {
    /// Why `cloudboot.disk` and its kin select nothing.
    pub DISCOVER;
    pub(crate) DISK_NONE: Code = "E-DISK-NONE",
        "no volume fits `cloudboot.disk`",
        "take one that the message lists";
    pub(crate) DISK_DEVICE: Code = "E-DISK-DEVICE",
        "no filesystem has the subvolume of `cloudboot.disk.device`, or that of `cloudboot.disk` has not",
        "take one that the message lists; for a disk without subvolumes, leave the key out";
    pub(crate) DISK_KERNEL: Code = "E-DISK-KERNEL",
        "no volume has the file of `cloudboot.disk.kernel`",
        "correct the path";
    pub(crate) DISK_UNREAD: Code = "E-DISK-UNREAD",
        "nothing can be booted, and this device holds something that this version does not read",
        "install the loader of a version that reads it, or boot from another disk";
}

code::table! {
    /// Why no entry is tried.
    pub CHOOSE;
    pub(crate) CHOOSE_NONE: Code = "E-CHOOSE-NONE",
        "no disk holds an entry that can be started",
        "see the `failed: discover` lines above it; `cloudboot.debug=1` shows every volume";
    pub(crate) CHOOSE_ID: Code = "E-CHOOSE-ID",
        "no entry has the identifier that `LoaderEntryOneShot` or `LoaderEntryDefault` names, or it is one of a disk \
         where `cloudboot.image` or `cloudboot.plan` says what starts",
        "nothing: the usual default is taken; `bootctl set-default` with an identifier of `bootctl list` mends it";
    pub(crate) ELSEWHERE: Code = "E-ENTRY-ELSEWHERE",
        "the entry starts nothing on its own disk: it says that the machine should boot from another one",
        "nothing where another disk boots; otherwise choose an entry in the menu";
    pub(crate) PASSWORD: Code = "E-CHOOSE-PASSWORD",
        "the entry asks for a password, so that it does not start unattended",
        "choose it in the menu, or mark it `--unrestricted` in grub.cfg";
    pub(crate) CHOOSE_PLAN: Code = "E-CHOOSE-PLAN",
        "`cloudboot.plan` is set, and this version fetches no plans",
        "name what starts by `cloudboot.image`, or set `cloudboot.local=1` where the disks may start instead";
    pub(crate) CHOOSE_TARGET: Code = "E-CHOOSE-TARGET",
        "no entry has the id or title in `cloudboot.target`, or is of that system",
        "take one of those that the message lists";
}

code::table! {
    /// Why an entry's files are not read, besides what filesystems raise.
    pub OBTAIN;
    pub SHORT: Code = "E-FS-SHORT",
        "a file ends before the size that its filesystem states",
        "check the filesystem";
}

code::table! {
    /// Why what was read is not started, besides what images raise.
    pub VERIFY;
    pub(crate) DTB: Code = "E-IMAGE-DTB",
        "not a device tree, or truncated",
        "build it again with `dtc`";
}

code::table! {
    /// Why what a registry offers is not fetched, or not started.
    pub TRUST;
    pub(crate) TRUST_PIN: Code = "E-TRUST-PIN",
        "nothing vouches for what a registry answers: the reference has no digest, and no signature key is built in",
        "pin the reference (`@sha256:...`, which `cloud-boot push` prints), or set `cloudboot.cosign=off`";
    pub(crate) TRUST_KEY: Code = "E-TRUST-KEY",
        "signatures are to be enforced, and no signature key is built in",
        "leave `cloudboot.cosign` out and pin the reference";
    pub(crate) TRUST_URL: Code = "E-TRUST-URL",
        "nothing vouches for what a web server answers: it is not https, or Secure Boot is off",
        "use https and Secure Boot, or set `cloudboot.cosign=off`";
    pub TRUST_SIGNERS: Code = "E-TRUST-SIGNERS",
        "a key, or a trusted root, that is built in or set cannot be used; it counts as one that nobody has",
        "build the loader anew with a good one, or correct the setting";
    pub(crate) TRUST_EPOCH: Code = "E-TRUST-EPOCH",
        "the image is older than one that was started on this machine and revokes it, or does not say which epoch it is",
        "start a newer one; `cloud-boot nvram reset --epoch` forgets the epochs of a machine that is off";
    pub(crate) TRUST_FLOOR: Code = "E-TRUST-FLOOR",
        "the epoch of what is to be started cannot be kept, so that it is not started; or what was kept is somebody else's",
        "free room for the machine's variables; look at who writes them";
    pub(crate) TRUST_CA: Code = "E-TRUST-CA",
        "`cloudboot.ca` is a URL without a digest, and nothing vouches for what a server answers",
        "write the digest of the file behind it: `https://host/ca.pem@sha256:...`, which `sha256sum` prints";
    pub(crate) TRUST_METADATA: Code = "E-TRUST-METADATA",
        "a signature key is built in, and the metadata document, which could have named an image, cannot be had",
        "see the `warning:` line above it; name the image in the loader's own settings, or build `cloudboot.local=1` in";
    pub(crate) OWN: Code = "E-TRUST-OWN",
        "a registry or a web server answers with cloud-boot's own loader, which would fetch itself for ever",
        "name a kernel, or a unified kernel image";
    pub(crate) TRUST_LOGIN: Code = "E-TRUST-LOGIN",
        "a login is not sent to a registry that a less trusted source names, nor by plain HTTP because one says so",
        "set `cloudboot.image`, `cloudboot.insecure` and `rd.cloudboot.*` by the same source";
}

code::table! {
    /// What goes wrong with the cache of `cloudboot.cache`. None of it ends a boot that can go on without.
    pub CACHE;
    pub(crate) CACHE_VOLUME: Code = "E-CACHE-VOLUME",
        "the loader was not started from a volume that it can write, or its folder `EFI/cloud-boot/cache` cannot be used",
        "start the loader from a volume with room for files, such as an ESP, or leave `cloudboot.cache` out";
    pub(crate) CACHE_VARIABLE: Code = "E-CACHE-VARIABLE",
        "the variable that says what the slots hold is malformed or somebody else's; what they hold is removed",
        "look at who writes the machine's variables";
    pub(crate) CACHE_FILES: Code = "E-CACHE-FILES",
        "a file of a slot is missing or is not the one that was kept, so that the slot is not used",
        "find out who has changed it; the next image that is kept takes its place";
    pub(crate) CACHE_ROOM: Code = "E-CACHE-ROOM",
        "the volume has no room for the image, which is started without being kept",
        "make the volume larger, or remove files from it";
    pub(crate) CACHE_WRITE: Code = "E-CACHE-WRITE",
        "the image cannot be kept, and is started all the same",
        "as the message says";
    pub(crate) CACHE_TRIES: Code = "E-CACHE-TRIES",
        "the image that the registry offers has used up its tries, so that the last good one is started",
        "push an image that boots; remove the slot's folder for three more tries";
}

code::table! {
    /// Why a hand-over did not happen, or ended.
    pub START;
    pub SECURE_BOOT: Code = "E-SECUREBOOT-REFUSED",
        "Secure Boot: no certificate that the machine trusts vouches for the image, or the machine forbids it",
        "enrol its signer, boot a signed kernel, or switch Secure Boot off";
    pub DEVICE_TREE: Code = "E-HANDOVER-DTB",
        "the device tree is not installed: the machine is locked, or refuses it",
        "remove the `devicetree` line, or as the message says";
    pub LOAD: Code = "E-HANDOVER-LOAD",
        "the kernel is not loaded; the machine's reason is shown",
        "compare with another kernel; a bug where that one loads";
    pub INITRD: Code = "E-HANDOVER-INITRD",
        "the initrd cannot be handed over (another program may have handed over one)",
        "start cloud-boot first, and not from another loader";
    pub ENDED: Code = "E-HANDOVER-START",
        "the kernel returned with a status",
        "read the kernel's lines above";
    pub RETURNED: Code = "E-HANDOVER-RETURNED",
        "the kernel returned without one",
        "read the kernel's lines above";
    pub(crate) NESTED: Code = "E-HANDOVER-NESTED",
        "programs that this loader started have started it again, several times over: no further program is started",
        "remove the entry of the program that leads back to this loader, or choose another one in the menu";
}

code::table! {
    /// How the loader itself ends.
    pub LOADER;
    pub PANIC: Code = "E-LOADER-PANIC",
        "a bug of cloud-boot, or memory ran out where no error can be returned",
        "report it with the whole line";
}

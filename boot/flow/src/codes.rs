// SPDX-License-Identifier: BSD-3-Clause
//! The codes of the boot itself, by phase; the platform raises the public ones of the last two tables. The wording holds
//! for any platform; a platform's own terms (EFI status, db) appear in the cause of the line.

code::table! {
    /// Why `cloudboot.disk` and related keys select nothing.
    pub DISCOVER;
    pub(crate) DISK_NONE: Code = "E-DISK-NONE",
        "no volume matches `cloudboot.disk`",
        "set it to one that the message lists";
    pub(crate) DISK_DEVICE: Code = "E-DISK-DEVICE",
        "no filesystem, or not the one that `cloudboot.disk` selects, has the subvolume of `cloudboot.disk.device`",
        "set it to one that the message lists; for a disk without subvolumes, remove the key";
    pub(crate) DISK_KERNEL: Code = "E-DISK-KERNEL",
        "no volume has the file of `cloudboot.disk.kernel`",
        "correct the path";
    pub(crate) DISK_UNREAD: Code = "E-DISK-UNREAD",
        "nothing to boot was found, and this device holds a format that this version cannot read",
        "install a version of the loader that reads it, or boot from another disk";
}

code::table! {
    /// Why no entry is tried.
    pub CHOOSE;
    pub(crate) CHOOSE_NONE: Code = "E-CHOOSE-NONE",
        "no disk holds an entry that can be started",
        "see the `failed: discover` lines above; `cloudboot.debug=1` shows every volume";
    pub(crate) CHOOSE_ID: Code = "E-CHOOSE-ID",
        "no entry matches `LoaderEntryOneShot` or `LoaderEntryDefault`, or an entry of a disk does while \
         `cloudboot.image` or `cloudboot.plan` says what starts",
        "nothing, the usual default starts; to set another, `bootctl set-default` with an identifier from `bootctl list`";
    pub(crate) ELSEWHERE: Code = "E-ENTRY-ELSEWHERE",
        "the entry starts nothing on its own disk: it tells the machine to boot from another one",
        "nothing, if another disk boots; otherwise choose an entry in the menu";
    pub(crate) PASSWORD: Code = "E-CHOOSE-PASSWORD",
        "the entry asks for a password, so it does not start unattended",
        "choose it in the menu, or mark it `--unrestricted` in grub.cfg";
    pub(crate) CHOOSE_PLAN: Code = "E-CHOOSE-PLAN",
        "`cloudboot.plan` is set, but this version does not fetch plans",
        "set `cloudboot.image` to what should start, or `cloudboot.local=1` if the disks may start instead";
    pub(crate) CHOOSE_TARGET: Code = "E-CHOOSE-TARGET",
        "no entry has the id, title or operating system that `cloudboot.target` names",
        "set it to one that the message lists";
}

code::table! {
    /// Why an entry's files are not read, besides what filesystems raise.
    pub OBTAIN;
    pub SHORT: Code = "E-FS-SHORT",
        "a file ends before the size that its filesystem records",
        "check the filesystem";
}

code::table! {
    /// Why what was read is not started, besides what images raise.
    pub VERIFY;
    pub(crate) DTB: Code = "E-IMAGE-DTB",
        "not a device tree, or truncated",
        "rebuild it with `dtc`";
}

code::table! {
    /// Why what a registry offers is not fetched, or not started.
    pub TRUST;
    pub(crate) TRUST_PIN: Code = "E-TRUST-PIN",
        "nothing authenticates what the registry sends: the reference has no digest, and no signature key is built in",
        "pin the reference (`@sha256:...`, which `cloud-boot push` prints), or set `cloudboot.cosign=off`";
    pub(crate) TRUST_KEY: Code = "E-TRUST-KEY",
        "`cloudboot.cosign=enforce` is set, but no signature key is built in",
        "remove `cloudboot.cosign` and pin the reference (`@sha256:...`)";
    pub(crate) TRUST_URL: Code = "E-TRUST-URL",
        "nothing authenticates what the web server sends: the URL is not https, or Secure Boot is off",
        "use https and Secure Boot, or set `cloudboot.cosign=off`";
    pub TRUST_SIGNERS: Code = "E-TRUST-SIGNERS",
        "a signature key or trusted root, built in or set, cannot be used, so no signature matches it",
        "rebuild the loader with a valid one, or correct the setting";
    pub(crate) TRUST_EPOCH: Code = "E-TRUST-EPOCH",
        "this machine has started an image of a later epoch, which revokes this one, or an epoch cannot be read",
        "start a newer image; `cloud-boot nvram reset --epoch` clears the epochs of a machine that is switched off";
    pub(crate) TRUST_FLOOR: Code = "E-TRUST-FLOOR",
        "the image's epoch cannot be stored, so the image does not start; or the stored one was not written by this loader",
        "free space for the machine's variables; find out what writes them";
    pub(crate) TRUST_CA: Code = "E-TRUST-CA",
        "`cloudboot.ca` is a URL without a digest, so nothing authenticates what the server sends",
        "append the file's digest, which `sha256sum` prints: `https://host/ca.pem@sha256:...`";
    pub(crate) TRUST_METADATA: Code = "E-TRUST-METADATA",
        "a signature key is built in, and the metadata document, which may name the image, is not available",
        "see the `warning:` line above; name the image in the loader's own settings, or build in `cloudboot.local=1`";
    pub(crate) OWN: Code = "E-TRUST-OWN",
        "a registry or web server sends cloud-boot's own loader, which would fetch itself again and again",
        "name a kernel or a unified kernel image instead";
    pub(crate) TRUST_LOGIN: Code = "E-TRUST-LOGIN",
        "the login is not sent: a less trusted source names the registry or the root certificates, or asks for plain HTTP",
        "set `rd.cloudboot.*` in the source that sets `cloudboot.image` (and `cloudboot.ca` or `cloudboot.insecure`, if used)";
}

code::table! {
    /// Problems of the cache (`cloudboot.cache`). None of them ends a boot that can go on without the cache.
    pub CACHE;
    pub(crate) CACHE_VOLUME: Code = "E-CACHE-VOLUME",
        "the loader cannot write to the volume that it was started from, or to the folder `EFI/cloud-boot/cache` there",
        "start the loader from a writable volume, such as an ESP, or remove `cloudboot.cache`";
    pub(crate) CACHE_VARIABLE: Code = "E-CACHE-VARIABLE",
        "the variable that records what the slots hold is malformed or not written by this loader; the slots are emptied",
        "find out what writes the machine's variables";
    pub(crate) CACHE_FILES: Code = "E-CACHE-FILES",
        "a file of a slot is missing or was changed, so the slot is not used",
        "find out what changed it; the next image that is cached replaces it";
    pub(crate) CACHE_ROOM: Code = "E-CACHE-ROOM",
        "the volume has no room for the image, which starts without being cached",
        "enlarge the volume, or remove files from it";
    pub(crate) CACHE_WRITE: Code = "E-CACHE-WRITE",
        "the image cannot be written to the cache; it starts anyway",
        "as the message says";
    pub(crate) CACHE_TRIES: Code = "E-CACHE-TRIES",
        "the registry's image has used up its tries, so the last good image starts",
        "push an image that boots; to get three more tries, remove the slot's folder";
}

code::table! {
    /// Why a hand-over did not happen, or ended.
    pub START;
    pub SECURE_BOOT: Code = "E-SECUREBOOT-REFUSED",
        "Secure Boot refuses the image: no certificate or hash that the machine trusts covers it, or the machine has revoked it",
        "enrol its signer, boot a signed kernel, or switch Secure Boot off";
    pub DEVICE_TREE: Code = "E-HANDOVER-DTB",
        "the device tree is not installed: the machine is locked, or refuses it",
        "remove the `devicetree` line, or do what the message says";
    pub LOAD: Code = "E-HANDOVER-LOAD",
        "the kernel cannot be loaded; the message has the machine's reason",
        "try another kernel; if that one loads, report a bug";
    pub INITRD: Code = "E-HANDOVER-INITRD",
        "the initrd cannot be handed over; another loader may have handed over one already",
        "start cloud-boot directly, not from another loader";
    pub ENDED: Code = "E-HANDOVER-START",
        "the kernel returned to the loader with an error status",
        "read the kernel's lines above";
    pub RETURNED: Code = "E-HANDOVER-RETURNED",
        "the kernel returned to the loader without an error status",
        "read the kernel's lines above";
    pub(crate) NESTED: Code = "E-HANDOVER-NESTED",
        "programs that this loader started have started it again, three times over; it starts no further program",
        "remove the entry of the program that leads back to this loader, or choose another entry in the menu";
}

code::table! {
    /// How the loader itself ends.
    pub LOADER;
    pub PANIC: Code = "E-LOADER-PANIC",
        "a bug in cloud-boot, or memory ran out where no error can be returned",
        "report it with the whole line";
}

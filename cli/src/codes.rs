// SPDX-License-Identifier: BSD-3-Clause
//! The codes of the command's own errors.

code::table! {
    /// What the command itself raises.
    pub CODES;
    pub(crate) IMAGE: Code = "E-CLI-IMAGE",
        "an image cannot be opened, or is given twice",
        "name a raw, qcow2 or VHD image or a block device that you may read, and each once";
    pub(crate) BACKING: Code = "E-CLI-BACKING",
        "an overlay names a backing file that is not given, or one is given that none names",
        "`--backing FILE` for each file that an overlay names, no more";
    pub(crate) VOLUME: Code = "E-CLI-VOLUME",
        "no volume fits, or more than one does",
        "`--volume` with one that `cloud-boot inspect` shows";
    pub(crate) SUBVOLUME: Code = "E-CLI-SUBVOL",
        "no subvolume or snapshot fits, or more than one does; or the filesystem has none",
        "`--subvol` or `--snapshot` with a path that `btrfs subvolume list` or this message shows";
    pub(crate) NONE: Code = "E-CLI-NONE",
        "no image holds a filesystem that can be read",
        "`cloud-boot inspect` shows what there is";
    pub(crate) DEVICE: Code = "E-CLI-DEVICE",
        "no device fits, or more than one does",
        "`--device` with one that `cloud-boot dev ls` shows";
    pub(crate) RANGE: Code = "E-CLI-RANGE",
        "the bytes asked for are not all on the device",
        "smaller `--offset` and `--length`";
    pub(crate) NAME: Code = "E-CLI-NAME",
        "a file here cannot have the name that it has in the image",
        "check the filesystem";
    pub(crate) KIND: Code = "E-CLI-KIND",
        "devices, pipes and sockets are not copied",
        "leave it out";
    pub(crate) TARGET: Code = "E-CLI-TARGET",
        "a file or folder cannot be written to; `fs cp` leaves what is there already as it is",
        "another target";
    pub(crate) LIMIT: Code = "E-CLI-LIMIT",
        "there are more names, or deeper folders, than an image of its size can honestly hold",
        "check the filesystem";
    pub(crate) OUTPUT: Code = "E-CLI-OUTPUT",
        "standard output cannot be written to",
        "look at what it leads to";
    pub(crate) NVRAM: Code = "E-CLI-NVRAM",
        "there are no UEFI variables, or damaged ones",
        "name the `*_VARS.fd` of a machine whose firmware is EDK II, or its efivarfs";
    pub(crate) BLESS: Code = "E-CLI-BLESS",
        "the file that counts the tries of this boot is not found, or keeps its name",
        "mount the ESP, or name its place with `--esp`";
    pub(crate) LABEL: Code = "E-CLI-LABEL",
        "the label of this volume is not set",
        "as the message says";
    pub(crate) FILE: Code = "E-CLI-FILE",
        "a file of this machine cannot be read",
        "check its name and permissions";
    pub(crate) ARCH: Code = "E-CLI-ARCH",
        "the images name no architecture, or more than one; or cloud-boot does not boot this machine's",
        "`--arch` with x86_64, aarch64, riscv64 or loongarch64";
    pub(crate) LOADER: Code = "E-CLI-LOADER",
        "this `cloud-boot` was built without the loaders (by cargo alone)",
        "build it with `tools/bazel build //cli:cloud-boot`, or name a `loader-ARCH.efi`: `run --loader`, `iso --uki`";
    pub(crate) PROGRAM: Code = "E-CLI-PROGRAM",
        "a file is no EFI program for the architecture that it is to boot, or too large for a boot image",
        "name the program that was built for it";
    pub(crate) FIRMWARE: Code = "E-CLI-FIRMWARE",
        "no UEFI firmware for QEMU is installed for the architecture",
        "install it (Debian: ovmf, qemu-efi-aarch64, qemu-efi-riscv64, qemu-efi-loongarch64), or `--firmware` and \
         `--firmware-vars`";
    pub(crate) QEMU: Code = "E-CLI-QEMU",
        "QEMU is not installed for the architecture, or ended with an error",
        "install it (Debian: qemu-system-x86, qemu-system-arm, qemu-system-riscv, qemu-system-misc), or read what it \
         says above";
    pub(crate) KVM: Code = "E-CLI-KVM",
        "a guest of QEMU does not run under KVM here, whatever the device /dev/kvm promises",
        "`--accel tcg`";
    pub(crate) PART: Code = "E-CLI-PART",
        "the content of a file does not show which part of an artifact it is",
        "say it: FILE:kernel, :initrd, :cmdline, :modules, :modloop, :apkovl, :plan or :disk";
    pub(crate) LAYOUT: Code = "E-CLI-LAYOUT",
        "a folder is no image layout, or has no such artifact",
        "name a folder with an index.json, and one of its tags: oci:FOLDER:TAG";
    pub(crate) HELPER: Code = "E-CLI-HELPER",
        "a credential helper that Docker's configuration names does not work",
        "install it, or `docker logout` and `docker login` without it";
    pub(crate) SIGNING_KEY: Code = "E-CLI-KEY",
        "a private key cannot be used, or its password is another",
        "name a PEM file with PKCS#8 (`openssl genpkey`) or one of `cosign generate-key-pair`; its password is asked for, \
         or stands in COSIGN_PASSWORD";
    pub(crate) RUN: Code = "E-CLI-RUN",
        "the machine ended, its time was over, or nobody read the console any more, before it showed what was awaited",
        "look at the console's last lines; `--timeout` with more seconds where it was still at work";
}

// SPDX-License-Identifier: BSD-3-Clause
//! The codes of the command's own errors.

code::table! {
    /// What the command itself raises.
    pub CODES;
    pub(crate) IMAGE: Code = "E-CLI-IMAGE",
        "an image cannot be opened, or is given twice",
        "name a raw, qcow2 or VHD image or a block device that you may read, and name each only once";
    pub(crate) BACKING: Code = "E-CLI-BACKING",
        "an overlay needs a backing file that was not given, or a backing file was given that no overlay needs",
        "give `--backing FILE` for each backing file that an overlay needs, and for no others";
    pub(crate) VOLUME: Code = "E-CLI-VOLUME",
        "no volume matches, or more than one does",
        "use `--volume` with one that `cloud-boot inspect` shows";
    pub(crate) SUBVOLUME: Code = "E-CLI-SUBVOL",
        "no subvolume or snapshot matches, or more than one does; or the filesystem has none",
        "use `--subvol` or `--snapshot` with a path that `btrfs subvolume list` or this message shows";
    pub(crate) NONE: Code = "E-CLI-NONE",
        "no image holds a filesystem that can be read",
        "`cloud-boot inspect` shows what is on the images";
    pub(crate) DEVICE: Code = "E-CLI-DEVICE",
        "no device matches, or more than one does",
        "use `--device` with one that `cloud-boot dev ls` shows";
    pub(crate) RANGE: Code = "E-CLI-RANGE",
        "the requested bytes are out of range for the device",
        "use a smaller `--offset` or `--length`";
    pub(crate) NAME: Code = "E-CLI-NAME",
        "the name that a file has in the image is not valid on this system",
        "check the filesystem";
    pub(crate) KIND: Code = "E-CLI-KIND",
        "devices, pipes and sockets are not copied",
        "leave it out";
    pub(crate) TARGET: Code = "E-CLI-TARGET",
        "a file or folder cannot be written; `fs cp` never overwrites what exists",
        "choose another target";
    pub(crate) LIMIT: Code = "E-CLI-LIMIT",
        "there are more names, or deeper folders, than an image of this size can plausibly hold",
        "check the filesystem";
    pub(crate) OUTPUT: Code = "E-CLI-OUTPUT",
        "cannot write to standard output",
        "check the file, disk or program that it goes to";
    pub(crate) NVRAM: Code = "E-CLI-NVRAM",
        "no UEFI variables found, or they are damaged",
        "name the `*_VARS.fd` of a machine whose firmware is EDK II, or its efivarfs";
    pub(crate) BLESS: Code = "E-CLI-BLESS",
        "the file that counts the tries of this boot is not found, or cannot be renamed",
        "mount the ESP, or give its mount point with `--esp`";
    pub(crate) LABEL: Code = "E-CLI-LABEL",
        "the label of this volume cannot be set",
        "do what the message says";
    pub(crate) FILE: Code = "E-CLI-FILE",
        "a file of this machine cannot be read",
        "check its name and permissions";
    pub(crate) ARCH: Code = "E-CLI-ARCH",
        "the architecture of the images is unknown or ambiguous, or cloud-boot does not support that of this machine",
        "use `--arch` with x86_64, aarch64, riscv64 or loongarch64";
    pub(crate) LOADER: Code = "E-CLI-LOADER",
        "this `cloud-boot` was built without the loaders (by cargo alone)",
        "build it with `tools/bazel build //cli:cloud-boot`, or name a `loader-ARCH.efi`: `run --loader`, `iso --uki`";
    pub(crate) PROGRAM: Code = "E-CLI-PROGRAM",
        "a file is not an EFI program for the requested architecture, or is too large for a boot image",
        "name a program that was built for that architecture";
    pub(crate) FIRMWARE: Code = "E-CLI-FIRMWARE",
        "no UEFI firmware for QEMU is installed for the architecture",
        "install it (Debian: ovmf, qemu-efi-aarch64, qemu-efi-riscv64, qemu-efi-loongarch64), or name it \
         with `--firmware` and `--firmware-vars`";
    pub(crate) QEMU: Code = "E-CLI-QEMU",
        "QEMU is not installed for the architecture, or ended with an error",
        "install it (Debian: qemu-system-x86, qemu-system-arm, qemu-system-riscv, qemu-system-misc), or read its \
         messages above";
    pub(crate) KVM: Code = "E-CLI-KVM",
        "a QEMU guest does not run under KVM on this machine, even if /dev/kvm exists",
        "use `--accel tcg`";
    pub(crate) PART: Code = "E-CLI-PART",
        "the content of a file does not show which part of an artifact it is",
        "name the kind: FILE:kernel, :initrd, :cmdline, :modules, :modloop, :apkovl, :plan or :disk";
    pub(crate) LAYOUT: Code = "E-CLI-LAYOUT",
        "a folder is not an OCI image layout, or has no such artifact",
        "name a folder with an index.json, and one of its tags: oci:FOLDER:TAG";
    pub(crate) HELPER: Code = "E-CLI-HELPER",
        "a credential helper named in Docker's configuration fails",
        "install it, or `docker logout` and `docker login` without it";
    pub(crate) SIGNING_KEY: Code = "E-CLI-KEY",
        "a private key cannot be used, or its password is wrong",
        "name a PEM file with PKCS#8 (`openssl genpkey`) or one of `cosign generate-key-pair`; type its password when \
         asked, or set COSIGN_PASSWORD";
    pub(crate) RUN: Code = "E-CLI-RUN",
        "the machine ended, timed out, or nobody read its console any more, before it showed the expected text",
        "look at the console's last lines; use a longer `--timeout` if the machine was still working";
}

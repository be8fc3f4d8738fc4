// SPDX-License-Identifier: BSD-3-Clause
//! The codes of this crate's failures; those of registries are `oci`'s.

code::table! {
    /// Why an artifact is not booted.
    pub CODES;
    pub PARTS: Code = "E-ARTIFACT-PARTS",
        "the parts of an artifact do not make a boot: no kernel, two of one kind, or what a UKI brings itself",
        "push one kernel (or UKI), its initrds in order, and at most one command line";
    pub CONTAINER: Code = "E-ARTIFACT-CONTAINER",
        "a container image, which has no kernel among its layers",
        "push kernel and initrd with `cloud-boot push`, or with `oras push` and their media types";
    pub KIND: Code = "E-ARTIFACT-KIND",
        "an artifact of another purpose, such as a plan or the image of a disk",
        "plans are not booted yet; of a disk, push kernel and initrd";
    pub LIMIT: Code = "E-ARTIFACT-LIMIT",
        "an artifact has more parts, or a larger one, than a boot can honestly need",
        "push fewer or smaller parts";
    pub LINE: Code = "E-ARTIFACT-LINE",
        "the command line of an artifact is not one line of text",
        "push one line of UTF-8";
}

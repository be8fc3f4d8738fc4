// SPDX-License-Identifier: BSD-3-Clause
//! The codes of this crate's failures; those of registries are `oci`'s.

code::table! {
    /// Why an artifact cannot be booted.
    pub CODES;
    pub PARTS: Code = "E-ARTIFACT-PARTS",
        "the artifact's parts cannot be booted: no kernel, two parts of one kind, or a part that the UKI already has",
        "push one kernel (or UKI), its initrds in order, and at most one command line";
    pub CONTAINER: Code = "E-ARTIFACT-CONTAINER",
        "a container image, which has no kernel among its layers",
        "push kernel and initrd with `cloud-boot push`, or with `oras push` and their media types";
    pub KIND: Code = "E-ARTIFACT-KIND",
        "not a kernel, but an artifact for another purpose, such as a plan or a disk image",
        "plans are not booted yet; instead of a disk image, push its kernel and initrd";
    pub LIMIT: Code = "E-ARTIFACT-LIMIT",
        "the artifact has too many parts, or a part is too large",
        "push fewer or smaller parts";
    pub LINE: Code = "E-ARTIFACT-LINE",
        "the artifact's command line is not one line of text",
        "push one line of UTF-8";
}

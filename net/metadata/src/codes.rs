// SPDX-License-Identifier: BSD-3-Clause
//! Error codes of this crate.

code::table! {
    /// Errors of the metadata as a whole; the boot continues without it.
    pub CODES;
    pub TIMEOUT: Code = "E-NET-META-TIMEOUT",
        "the metadata document did not arrive within 10 s",
        "check `cloudboot.metadata.url`, and that the machine's network has a metadata service";
    pub JSON: Code = "E-NET-META-JSON",
        "the metadata is not a JSON object, or its `cloudboot` object is malformed",
        "correct the document; `cloud-boot config explain --metadata FILE` reads it as the loader does";
    pub SIZE: Code = "E-NET-META-SIZE",
        "the metadata is larger than 1 MiB",
        "check `cloudboot.metadata.url`";
    pub TOKEN: Code = "E-NET-META-TOKEN",
        "the EC2 metadata service returned no usable session token",
        "enable IMDSv2 for the instance";
}

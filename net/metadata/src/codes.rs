// SPDX-License-Identifier: BSD-3-Clause
//! The codes of this crate's failures.

code::table! {
    /// What goes wrong with metadata as a whole; the boot goes on without it.
    pub CODES;
    pub TIMEOUT: Code = "E-NET-META-TIMEOUT",
        "the metadata did not come within 10 s",
        "check `cloudboot.metadata.url`, and that the machine's network has a metadata service";
    pub JSON: Code = "E-NET-META-JSON",
        "the metadata is not a JSON object, or its `cloudboot` is not clear",
        "correct the document; `cloud-boot config explain --metadata FILE` reads it as the loader does";
    pub SIZE: Code = "E-NET-META-SIZE",
        "the metadata is larger than 1 MiB",
        "check `cloudboot.metadata.url`";
    pub TOKEN: Code = "E-NET-META-TOKEN",
        "EC2's metadata service gives no session token that can be used",
        "let the instance use IMDSv2";
}

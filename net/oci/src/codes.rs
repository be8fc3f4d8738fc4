// SPDX-License-Identifier: BSD-3-Clause
//! Error codes of this crate.

code::table! {
    /// Errors between a client and a registry.
    pub CODES;
    pub REFERENCE: Code = "E-NET-OCI-REFERENCE",
        "not a valid artifact reference",
        "write `oci://host/repository:tag` or `oci://host/repository@sha256:…`";
    pub ABSENT: Code = "E-NET-OCI-ABSENT",
        "the registry does not have the artifact, or does not show it to this user",
        "correct the reference, or log in";
    pub LOGIN: Code = "E-NET-OCI-LOGIN",
        "the registry requires a login, or does not accept this one",
        "set `rd.cloudboot.user` and `rd.cloudboot.pass`, or use `docker login`";
    pub REALM: Code = "E-NET-OCI-REALM",
        "the address of the registry's token service is not https",
        "give the registry a token service with TLS";
    pub CHALLENGE: Code = "E-NET-OCI-CHALLENGE",
        "the registry asks for a login that is not supported, or its token service gives no token",
        "use a registry with Basic or Bearer authentication";
    pub STATUS: Code = "E-NET-OCI-STATUS",
        "the registry answered with an error",
        "see the registry's answer in the message";
    pub DIGEST: Code = "E-NET-OCI-DIGEST",
        "digest mismatch: the data is damaged or was tampered with",
        "push the artifact again; find out who changed it";
    pub SIZE: Code = "E-NET-OCI-SIZE",
        "the data is too large for the space available",
        "add memory, or push a smaller artifact";
    pub JSON: Code = "E-NET-OCI-JSON",
        "a manifest, an index or an answer is malformed",
        "push the artifact again with another tool";
    pub TYPE: Code = "E-NET-OCI-TYPE",
        "this kind of manifest, digest or layer is not supported",
        "push the artifact again with another tool";
    pub PLATFORM: Code = "E-NET-OCI-PLATFORM",
        "the index has no manifest for this architecture",
        "build and push for this architecture too";
    pub LIMIT: Code = "E-NET-OCI-LIMIT",
        "an index is nested too deeply, or has too many parts",
        "push a flat index";
    pub SRV: Code = "E-NET-OCI-SRV",
        "the registry's name has no SRV records",
        "add the records, or name a host";
}

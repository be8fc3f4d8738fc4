// SPDX-License-Identifier: BSD-3-Clause
//! The codes of this crate's failures.

code::table! {
    /// What goes wrong between a client and a registry.
    pub CODES;
    pub REFERENCE: Code = "E-NET-OCI-REFERENCE",
        "this is not the name of an artifact",
        "write `oci://host/repository:tag` or `oci://host/repository@sha256:…`";
    pub ABSENT: Code = "E-NET-OCI-ABSENT",
        "the registry does not have it, or does not show it to this user",
        "correct the reference, or log in";
    pub LOGIN: Code = "E-NET-OCI-LOGIN",
        "the registry wants a login, or does not accept this one",
        "set `rd.cloudboot.user` and `rd.cloudboot.pass`, or use `docker login`";
    pub REALM: Code = "E-NET-OCI-REALM",
        "the registry's token service is not an https address",
        "give the registry a token service with TLS";
    pub CHALLENGE: Code = "E-NET-OCI-CHALLENGE",
        "the registry asks for a login that is not supported, or its token service gives no token",
        "use a registry with Basic or Bearer";
    pub STATUS: Code = "E-NET-OCI-STATUS",
        "the registry refuses",
        "see the registry's words";
    pub DIGEST: Code = "E-NET-OCI-DIGEST",
        "the bytes are not those that the digest names: damaged or tampered with",
        "push the artifact again; find out who has changed it";
    pub SIZE: Code = "E-NET-OCI-SIZE",
        "it is larger than there is room for",
        "more memory, or a smaller artifact";
    pub JSON: Code = "E-NET-OCI-JSON",
        "a manifest, an index or an answer is malformed",
        "push the artifact again with another tool";
    pub TYPE: Code = "E-NET-OCI-TYPE",
        "a kind of manifest, digest or layer is not supported",
        "push the artifact again with another tool";
    pub PLATFORM: Code = "E-NET-OCI-PLATFORM",
        "the index has nothing for this machine",
        "build and push for this architecture, too";
    pub LIMIT: Code = "E-NET-OCI-LIMIT",
        "an index nests too deep, or has too many parts",
        "push a flat index";
    pub SRV: Code = "E-NET-OCI-SRV",
        "a registry's name has no SRV records",
        "add the records, or name a host";
}

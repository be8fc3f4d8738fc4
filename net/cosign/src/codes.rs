// SPDX-License-Identifier: BSD-3-Clause
//! The codes of this crate's failures; those of a single signature are `sigstore`'s.

code::table! {
    /// Why the signatures at a registry do not suffice.
    pub CODES;
    pub UNSIGNED: Code = "E-TRUST-UNSIGNED",
        "the registry has no signature for this artifact",
        "sign the digest with `cosign sign` or `cloud-boot push --sign`, in the same repository";
    pub SIGNER: Code = "E-TRUST-SIGNER",
        "there are signatures, and none is by a key that is built in",
        "sign with a key that is built in, or build the signer's key in";
    pub THRESHOLD: Code = "E-TRUST-THRESHOLD",
        "fewer signers than `cosign.threshold` wants have signed the same digest",
        "let more of them sign this very digest";
    pub NOTATION: Code = "E-TRUST-NOTATION",
        "the only signatures are those of notation (the Notary Project), which are not read",
        "sign with cosign, too";
    pub PAYLOAD: Code = "E-TRUST-PAYLOAD",
        "a signature in cosign's older form is malformed, or says something else than that an image is signed",
        "sign again with `cosign sign`";
    pub LIMIT: Code = "E-TRUST-LIMIT",
        "there is more to read or to compute than signatures can honestly need",
        "remove signatures that are no longer needed; find out who has put them there";
    pub ALGORITHM: Code = "E-TRUST-ALGORITHM",
        "the artifact is named by a digest that cosign does not sign",
        "push it with sha256";
    pub POLICY: Code = "E-TRUST-POLICY",
        "no signatures could satisfy this policy",
        "give at least as many different keys as `cosign.threshold` says";
}

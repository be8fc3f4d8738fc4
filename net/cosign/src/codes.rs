// SPDX-License-Identifier: BSD-3-Clause
//! The codes of this crate's failures; those of a single signature are `sigstore`'s.

code::table! {
    /// Why the signatures in a registry are not accepted.
    pub CODES;
    pub UNSIGNED: Code = "E-TRUST-UNSIGNED",
        "the registry has no signature for this artifact",
        "sign the digest with `cosign sign` or `cloud-boot push --sign`, in the same repository";
    pub SIGNER: Code = "E-TRUST-SIGNER",
        "there are signatures, but none by a trusted key",
        "sign with a trusted key (built in, or set with `cosign.key`), or add the signer's key";
    pub THRESHOLD: Code = "E-TRUST-THRESHOLD",
        "fewer signers than `cosign.threshold` requires have signed the same digest",
        "have more of them sign this digest";
    pub NOTATION: Code = "E-TRUST-NOTATION",
        "the only signatures are notation's (the Notary Project), which are not supported",
        "also sign with cosign";
    pub PAYLOAD: Code = "E-TRUST-PAYLOAD",
        "a signature in cosign's older format is malformed, or does not sign an image",
        "sign again with `cosign sign`";
    pub LIMIT: Code = "E-TRUST-LIMIT",
        "reading and verifying the signatures exceeds a limit",
        "remove signatures that are no longer needed; find out who put them there";
    pub ALGORITHM: Code = "E-TRUST-ALGORITHM",
        "cosign does not sign digests of this algorithm",
        "push the artifact with a sha256 digest";
    pub POLICY: Code = "E-TRUST-POLICY",
        "no set of signatures can satisfy this policy",
        "give at least as many different keys as `cosign.threshold` requires";
}

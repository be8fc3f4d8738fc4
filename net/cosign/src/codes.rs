// SPDX-License-Identifier: BSD-3-Clause
//! The codes of this crate's failures; those of a single signature are `sigstore`'s.

code::table! {
    /// Why the signatures at a registry do not suffice.
    pub CODES;
    pub UNSIGNED: Code = "E-TRUST-UNSIGNED",
        "the registry has no signature for this artifact",
        "sign the digest with `cosign sign` or `cloud-boot push --sign`, in the same repository";
    pub SIGNER: Code = "E-TRUST-SIGNER",
        "there are signatures, but none by a key that may sign",
        "sign with a key that is built in or set, or add the signer's key";
    pub THRESHOLD: Code = "E-TRUST-THRESHOLD",
        "fewer signers than `cosign.threshold` demands have signed the same digest",
        "let more of them sign this very digest";
    pub NOTATION: Code = "E-TRUST-NOTATION",
        "the only signatures are notation's (the Notary Project), which are not supported",
        "also sign with cosign";
    pub PAYLOAD: Code = "E-TRUST-PAYLOAD",
        "a signature in cosign's older form is malformed, or is not the signature of an image",
        "sign again with `cosign sign`";
    pub LIMIT: Code = "E-TRUST-LIMIT",
        "there is more to read or to compute than honest signatures need",
        "remove signatures that are no longer needed; find out who has put them there";
    pub ALGORITHM: Code = "E-TRUST-ALGORITHM",
        "the artifact's digest is of a kind that cosign does not sign",
        "push it with sha256";
    pub POLICY: Code = "E-TRUST-POLICY",
        "no set of signatures could satisfy this policy",
        "give at least as many different keys as `cosign.threshold` says";
}

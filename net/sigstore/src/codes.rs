// SPDX-License-Identifier: BSD-3-Clause
//! The codes of this crate's failures.

code::table! {
    /// What is wrong with a signature.
    pub CODES;
    pub BUNDLE: Code = "E-TRUST-BUNDLE",
        "a signature bundle is malformed, or of a kind that is not supported",
        "sign again with `cosign sign` or `cloud-boot push --sign`";
    pub SIGNATURE: Code = "E-TRUST-SIGNATURE",
        "the signature was not made by this key",
        "sign with the key that is built in, or build the signer's key in; else find out who has changed it";
    pub SUBJECT: Code = "E-TRUST-SUBJECT",
        "the signature is one of something else",
        "sign this very artifact; find out who has put the signature there";
    pub PUBLIC_KEY: Code = "E-TRUST-PUBLIC-KEY",
        "this is not a public key that signatures can be verified with",
        "give a PEM file with one `PUBLIC KEY`: ECDSA P-256 or P-384, Ed25519, RSA of 2048 to 8192 bits";
    pub ROOT: Code = "E-TRUST-ROOT",
        "a trusted root is malformed, or of a kind that is not supported",
        "get it again from who runs the signing service (`trusted_root.json`)";
    pub CERTIFICATE: Code = "E-TRUST-CERT",
        "the signer's certificate is not one of a trusted authority, or was not valid when it signed",
        "sign again; or give the trusted root of the service that issued the certificate";
    pub IDENTITY: Code = "E-TRUST-IDENTITY",
        "the signer is somebody else than `cosign.identity` and `cosign.issuer` allow",
        "sign as the allowed identity, or correct the keys";
    pub SCT: Code = "E-TRUST-SCT",
        "no trusted log vouches that the signer's certificate was published",
        "sign again; or give the trusted root of the service that issued the certificate";
    pub LOG: Code = "E-TRUST-LOG",
        "no trusted transparency log proves that the signature was published",
        "sign again with upload to the log; or give the trusted root of its log";
    pub TIME: Code = "E-TRUST-TIME",
        "nothing trusted proves when the signature was made",
        "sign again with a timestamp; or give the trusted root of its authority";
}

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
        "sign with a key that may sign, or add the signer's key; else find out who changed it";
    pub SUBJECT: Code = "E-TRUST-SUBJECT",
        "the signature is of something else",
        "sign this artifact; find out who put the signature there";
    pub PUBLIC_KEY: Code = "E-TRUST-PUBLIC-KEY",
        "not a public key of a supported kind",
        "give a PEM file with one `PUBLIC KEY`: ECDSA P-256 or P-384, Ed25519, RSA of 2048 to 8192 bits";
    pub ROOT: Code = "E-TRUST-ROOT",
        "a trusted root is malformed, or of a kind that is not supported",
        "get `trusted_root.json` again from whoever runs the signing service";
    pub CERTIFICATE: Code = "E-TRUST-CERT",
        "the signer's certificate was not issued by a trusted authority, or was not valid at the time of signing",
        "sign again; or give the trusted root of the service that issued the certificate";
    pub IDENTITY: Code = "E-TRUST-IDENTITY",
        "the signer is not who `cosign.identity` and `cosign.issuer` allow",
        "sign as the allowed identity, or correct the settings";
    pub SCT: Code = "E-TRUST-SCT",
        "no trusted log vouches that the signer's certificate was published",
        "sign again; or give the trusted root of the service that issued the certificate";
    pub LOG: Code = "E-TRUST-LOG",
        "no trusted transparency log proves that the signature was published",
        "sign again and upload to the log; or give the trusted root of the log";
    pub TIME: Code = "E-TRUST-TIME",
        "nothing trusted proves when the signature was made",
        "sign again with a timestamp; or give the trusted root of its authority";
}

// SPDX-License-Identifier: BSD-3-Clause
//! Error codes of this crate.

code::table! {
    /// Why a signature is not accepted.
    pub CODES;
    pub BUNDLE: Code = "E-TRUST-BUNDLE",
        "a signature bundle is malformed, or of a kind that is not supported",
        "sign again with `cosign sign` or `cloud-boot push --sign`";
    pub SIGNATURE: Code = "E-TRUST-SIGNATURE",
        "the signature was not made by this key",
        "sign with a trusted key, or add the signer's key; otherwise find out who changed the artifact";
    pub SUBJECT: Code = "E-TRUST-SUBJECT",
        "the signature signs something else",
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
        "`cosign.identity` and `cosign.issuer` do not allow this signer",
        "sign as the allowed identity, or correct the settings";
    pub SCT: Code = "E-TRUST-SCT",
        "no trusted certificate log proves that the signer's certificate was published",
        "sign again; or give the trusted root of the service that issued the certificate";
    pub LOG: Code = "E-TRUST-LOG",
        "no trusted transparency log proves that the signature was published",
        "sign again and upload to the log; or give the log's trusted root";
    pub TIME: Code = "E-TRUST-TIME",
        "nothing trusted proves when the signature was made",
        "sign again with a timestamp; or give the timestamp authority's trusted root";
}

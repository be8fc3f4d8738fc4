// SPDX-License-Identifier: BSD-3-Clause
//! The cipher suites, in the order in which they are offered.
use ciphers::{AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305};
use rustls::{
    CipherSuite, CipherSuiteCommon, SignatureScheme, SupportedCipherSuite, Tls12CipherSuite,
    Tls13CipherSuite,
    crypto::{KeyExchangeAlgorithm, cipher::Tls12AeadAlgorithm, hash::Hash, tls12::Prf},
};

use crate::{
    hash::{HKDF_SHA256, HKDF_SHA384, PRF_SHA256, PRF_SHA384, SHA256, SHA384},
    tls12, tls13,
};

/// All suites, the best first.
pub static ALL: &[SupportedCipherSuite] = &[
    SupportedCipherSuite::Tls13(&TLS13_CHACHA20),
    SupportedCipherSuite::Tls13(&TLS13_AES128),
    SupportedCipherSuite::Tls13(&TLS13_AES256),
    SupportedCipherSuite::Tls12(&ECDSA_CHACHA20),
    SupportedCipherSuite::Tls12(&RSA_CHACHA20),
    SupportedCipherSuite::Tls12(&ECDSA_AES128),
    SupportedCipherSuite::Tls12(&RSA_AES128),
    SupportedCipherSuite::Tls12(&ECDSA_AES256),
    SupportedCipherSuite::Tls12(&RSA_AES256),
];

/// The most records that one AES-GCM key may protect: RFC 8446 section 5.5 allows 2^24.5 of full size.
const GCM_RECORDS: u64 = 1 << 24;
/// With ChaCha20-Poly1305 the record's number overflows first.
const CHACHA_RECORDS: u64 = u64::MAX;

static TLS13_CHACHA20: Tls13CipherSuite = Tls13CipherSuite {
    common: common(CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, &SHA256, CHACHA_RECORDS),
    hkdf_provider: &HKDF_SHA256,
    aead_alg: &tls13::Records(&CHACHA20_POLY1305),
    quic: None,
};

static TLS13_AES128: Tls13CipherSuite = Tls13CipherSuite {
    common: common(CipherSuite::TLS13_AES_128_GCM_SHA256, &SHA256, GCM_RECORDS),
    hkdf_provider: &HKDF_SHA256,
    aead_alg: &tls13::Records(&AES_128_GCM),
    quic: None,
};

static TLS13_AES256: Tls13CipherSuite = Tls13CipherSuite {
    common: common(CipherSuite::TLS13_AES_256_GCM_SHA384, &SHA384, GCM_RECORDS),
    hkdf_provider: &HKDF_SHA384,
    aead_alg: &tls13::Records(&AES_256_GCM),
    quic: None,
};

static ECDSA_CHACHA20: Tls12CipherSuite = tls12(
    common(CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, &SHA256, CHACHA_RECORDS),
    ECDSA,
    &tls12::Records::chacha(&CHACHA20_POLY1305),
    &PRF_SHA256,
);

static RSA_CHACHA20: Tls12CipherSuite = tls12(
    common(CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, &SHA256, CHACHA_RECORDS),
    RSA,
    &tls12::Records::chacha(&CHACHA20_POLY1305),
    &PRF_SHA256,
);

static ECDSA_AES128: Tls12CipherSuite = tls12(
    common(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, &SHA256, GCM_RECORDS),
    ECDSA,
    &tls12::Records::gcm(&AES_128_GCM),
    &PRF_SHA256,
);

static RSA_AES128: Tls12CipherSuite = tls12(
    common(CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, &SHA256, GCM_RECORDS),
    RSA,
    &tls12::Records::gcm(&AES_128_GCM),
    &PRF_SHA256,
);

static ECDSA_AES256: Tls12CipherSuite = tls12(
    common(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, &SHA384, GCM_RECORDS),
    ECDSA,
    &tls12::Records::gcm(&AES_256_GCM),
    &PRF_SHA384,
);

static RSA_AES256: Tls12CipherSuite = tls12(
    common(CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, &SHA384, GCM_RECORDS),
    RSA,
    &tls12::Records::gcm(&AES_256_GCM),
    &PRF_SHA384,
);

/// The signature schemes of a server's key, by the kind of key that a TLS 1.2 suite names.
const ECDSA: &[SignatureScheme] = &[
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ED25519,
];
const RSA: &[SignatureScheme] = &[
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
];

const fn common(suite: CipherSuite, hash: &'static dyn Hash, records: u64) -> CipherSuiteCommon {
    CipherSuiteCommon { suite, hash_provider: hash, confidentiality_limit: records }
}

const fn tls12(
    common: CipherSuiteCommon,
    sign: &'static [SignatureScheme],
    records: &'static dyn Tls12AeadAlgorithm,
    prf: &'static dyn Prf,
) -> Tls12CipherSuite {
    Tls12CipherSuite { common, prf_provider: prf, kx: KeyExchangeAlgorithm::ECDHE, sign, aead_alg: records }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Whatever a registry has as a signature is judged, and does not count.

use proptest::{collection::vec, prelude::*};

const WHOLE: &[&str] = &[
    r#"{"critical":{"identity":{"docker-reference":"a/b"},"image":{"docker-manifest-digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},"type":"cosign container image signature"},"optional":null}"#,
    r#"{"SignedEntryTimestamp":"AAAA","Payload":{"body":"e30=","integratedTime":1,"logIndex":2,"logID":"00ff"}}"#,
    "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
    r#"{"SignedRFC3161Timestamp":"MAA="}"#,
    r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"x"}},"dsseEnvelope":{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"AAAA"}]}}"#,
];

proptest! {
    // Failures are reported with their input: the sources are not written to.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(data in vec(any::<u8>(), 0..500)) {
        cosign::fuzz::fuzz(&data);
    }

    #[test]
    fn damaged_signatures(
        text in prop::sample::select(WHOLE),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = text.as_bytes().to_vec();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        cosign::fuzz::fuzz(&bytes);
    }
}

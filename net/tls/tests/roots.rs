// SPDX-License-Identifier: BSD-3-Clause
//! Files of root certificates: what `openssl` writes is taken, and any bytes give roots or an error.

use peers::{Key, Pki};
use proptest::{prelude::*, sample::Index};
use tls::{BadRoots, Fault, Roots};

fn added(pem: &[u8]) -> Result<usize, Fault> {
    let mut roots = Roots::none();
    let result = roots.add_pem("ca.pem", pem);
    assert_eq!(roots.len(), *result.as_ref().unwrap_or(&0), "all or nothing");
    assert_eq!(roots.is_empty(), result.is_err());
    result.map_err(|BadRoots { origin, fault }| {
        assert_eq!(origin, "ca.pem");
        fault
    })
}

/// A root as PEM.
fn root() -> Vec<u8> {
    let pki = Pki::new();
    pki.root("root", Key::P256);
    pki.read("root.pem")
}

#[test]
fn what_openssl_writes_is_taken() {
    let pki = Pki::new();
    pki.root("ec", Key::P384);
    pki.root("rsa", Key::Rsa(2048));
    pki.root("ed", Key::Ed25519);
    pki.bundle("all", &["ec", "rsa", "ed"]);
    assert_eq!(added(&pki.read("all.pem")), Ok(3));
    // With text around it, as `openssl x509 -text` and Mozilla's set have it, and other sections.
    pki.openssl("x509 -in ec.pem -text -out text.pem");
    let text = pki.read("text.pem");
    assert_eq!(added(&text), Ok(1));
    assert_eq!(added(&[pki.read("ec.key"), text].concat()), Ok(1));
    // As Windows' editors save it.
    let crlf = String::from_utf8(pki.read("ec.pem")).unwrap().replace('\n', "\r\n");
    assert_eq!(added(crlf.as_bytes()), Ok(1));
}

#[test]
fn mozillas_roots_are_there_and_others_come_on_top() {
    let mut roots = Roots::mozilla();
    let mozillas = roots.len();
    assert!(mozillas > 100, "{mozillas}");
    assert_eq!(roots.add_pem("ca.pem", &root()), Ok(1));
    assert_eq!(roots.len(), mozillas + 1);
    assert!(roots.add_pem("ca.pem", b"nothing").is_err());
    assert_eq!(roots.len(), mozillas + 1);
}

#[test]
fn what_is_no_file_of_roots_is_refused() {
    let pem = root();
    let text = String::from_utf8(pem.clone()).unwrap();
    let broken = |from: &str, to: &str| {
        assert!(text.contains(from));
        added(text.replace(from, to).as_bytes()).unwrap_err()
    };
    assert_eq!(added(b""), Err(Fault::None));
    assert_eq!(added(b"\xff\xfe text without sections"), Err(Fault::None));
    assert_eq!(broken("CERTIFICATE-----", "TRUSTED CERTIFICATE-----"), Fault::None);
    let what = "a section without its END line";
    assert_eq!(broken("-----END", "----"), Fault::Pem { after: 0, what });
    assert_eq!(
        broken("CERTIFICATE-----\n", "CERTIFICATE---\n"),
        Fault::Pem { after: 0, what: "a malformed BEGIN line" }
    );
    let what = "a section that is not base64";
    assert_eq!(broken("-----END", "!!!\n-----END"), Fault::Pem { after: 0, what });
    let not = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(added(not), Err(Fault::Certificate { after: 0 }));
    // The end of the section that is good, but for its line's end.
    let end = text.trim_end().len();
    assert!(
        matches!(added(&[&pem[..], not].concat()), Err(Fault::Certificate { after }) if after == end || after == end + 1)
    );
}

#[test]
fn files_and_sets_have_bounds() {
    let pem = root();
    let times = |count| pem.repeat(count);
    assert_eq!(added(&times(1000)), Ok(1000));
    assert_eq!(added(&times(1001)), Err(Fault::Many));
    let mut large = pem.clone();
    large.resize(1 << 20, b'\n');
    assert_eq!(added(&large), Ok(1));
    large.push(b'\n');
    assert_eq!(added(&large), Err(Fault::Large));
}

#[test]
fn messages_name_the_file_and_the_place() {
    let error = |pem: &[u8]| Roots::none().add_pem("\\cloudboot\\ca.pem", pem).unwrap_err().to_string();
    assert_eq!(
        error(b"-----BEGIN CERTIFICATE-----\n"),
        "E-NET-TLS-ROOTS \\cloudboot\\ca.pem: a section without its END line, after byte 0; correct the file"
    );
    assert_eq!(error(b""), "E-NET-TLS-ROOTS \\cloudboot\\ca.pem: no CERTIFICATE section; correct the file");
}

proptest! {
    #[test]
    fn any_bytes_give_roots_or_an_error(data: Vec<u8>) {
        prop_assert_ne!(tls::fuzz::roots(&data).unwrap_or_else(|left| left + 1), 0);
    }

    #[test]
    fn so_do_bytes_that_look_like_pem(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "-----BEGIN ", "-----END ", "CERTIFICATE", "X509 CRL", "-----", "\n", "\r", " ", "-", "MIIB", "=", "AAAA",
            ]),
            0..40,
        )
    ) {
        prop_assert_eq!(tls::fuzz::roots(parts.concat().as_bytes()).unwrap_or_else(|left| left), 0);
    }
}

/// Each change of a certificate gives another certificate, or an error; it is made once, for keys take time.
#[test]
fn damaged_files_give_roots_or_an_error() {
    let pem = root();
    proptest!(|(changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4))| {
        let mut damaged = pem.clone();
        for (at, byte) in &changes {
            damaged[at.index(pem.len())] = *byte;
        }
        let (Ok(count) | Err(count)) = tls::fuzz::roots(&damaged);
        prop_assert!(count <= 1);
    });
}

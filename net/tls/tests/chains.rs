// SPDX-License-Identifier: BSD-3-Clause
//! Certificate chains of OpenSSL's making, sent by `s_server`: those that prove who the server is are accepted, and
//! each of the others is refused with its own words, which the server hears as the alert of the standard.

use std::{fs, io::Read as _, time::SystemTime};

use embedded_io_async::{Read, Write};
use peers::{Issued, Key, Pki, TlsServer, block_on};
use tls::{Cause, Certificate, Clock, Config, FLOOR, NoRandomness, Provider, Random, Roots, connect};

struct System;

impl Random for System {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandomness> {
        fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(buffer)).map_err(|_| NoRandomness)
    }
}

static PROVIDER: Provider = Provider::new(&System);

/// The clock of the machine, so many seconds later.
struct Later(u64);

impl Clock for Later {
    fn now(&self) -> Option<u64> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        now.as_secs().checked_add(self.0)
    }
}

struct Unset;

impl Clock for Unset {
    fn now(&self) -> Option<u64> {
        None
    }
}

fn config(pki: &Pki, trusted: &[&str], clock: impl Clock + 'static) -> Config {
    let mut roots = Roots::none();
    for name in trusted {
        roots.add_pem(name, &pki.read(&format!("{name}.pem"))).expect("roots");
    }
    Config::new(&PROVIDER, roots, clock)
}

/// What a client that trusts those roots gets from a server that shows `leaf.pem` and, behind it, `chain.pem`.
fn page(pki: &Pki, server: &TlsServer, trusted: &[&str], name: &str) -> Result<String, tls::Error> {
    page_with(&config(pki, trusted, Later(0)), server, name)
}

fn page_with(config: &Config, server: &TlsServer, name: &str) -> Result<String, tls::Error> {
    block_on(async {
        let mut stream = connect(server.connect(), name, config).await?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
        let (mut page, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            match stream.read(&mut buffer).await? {
                0 => return Ok(String::from_utf8_lossy(&page).into_owned()),
                count => page.extend_from_slice(&buffer[..count]),
            }
        }
    })
}

fn serve(pki: &Pki, leaf: &str, chain: &[&str]) -> TlsServer {
    serve_with(pki, leaf, chain, "")
}

fn serve_with(pki: &Pki, leaf: &str, chain: &[&str], options: &str) -> TlsServer {
    pki.bundle("chain", chain);
    let behind = if chain.is_empty() { "" } else { "-cert_chain chain.pem" };
    TlsServer::start(pki, &format!("-cert {leaf}.pem -key {leaf}.key {behind} -www {options}"))
}

fn accepted(pki: &Pki, server: &TlsServer, trusted: &[&str], name: &str) {
    let page = page(pki, server, trusted, name).unwrap_or_else(|error| panic!("{error}"));
    assert!(page.starts_with("HTTP/1.0 200 ok"), "{page}");
}

/// The certificate's fault; the server must have heard of it as this alert, in OpenSSL's words.
fn refused(pki: &Pki, server: &mut TlsServer, trusted: &[&str], name: &str, alert: &str) -> Certificate {
    refused_with(&config(pki, trusted, Later(0)), server, name, alert)
}

fn refused_with(config: &Config, server: &mut TlsServer, name: &str, alert: &str) -> Certificate {
    let error = page_with(config, server, name).expect_err("a chain that proves nothing");
    server.wait_for(alert);
    assert_eq!(&*error.server, name);
    let Cause::Certificate(certificate) = error.cause else { panic!("{error}") };
    certificate
}

const BAD: &str = "alert bad certificate";
const EXPIRED: &str = "alert certificate expired";
const UNKNOWN_CA: &str = "alert unknown ca";
const UNSUPPORTED: &str = "alert unsupported certificate";

#[test]
fn every_kind_of_key_proves_a_server() {
    let kinds = [
        ("ECDSA on P-256", Key::P256, Key::P256, ""),
        ("ECDSA on P-384 under P-256", Key::P256, Key::P384, ""),
        ("ECDSA on P-256 under P-384 with SHA-384", Key::P384, Key::P256, "-md sha384"),
        ("ECDSA on P-384 with SHA-256", Key::P384, Key::P384, "-md sha256"),
        ("Ed25519", Key::Ed25519, Key::Ed25519, ""),
        ("RSA", Key::Rsa(2048), Key::Rsa(2048), ""),
        ("RSA 2048 under 4096 with SHA-512", Key::Rsa(4096), Key::Rsa(2048), "-md sha512"),
        (
            "RSA under RSA PSS",
            Key::Rsa(3072),
            Key::Rsa(2048),
            "-md sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32",
        ),
        ("Ed25519 under RSA", Key::Rsa(2048), Key::Ed25519, "-md sha384"),
    ];
    for (what, root, leaf, options) in kinds {
        println!("{what}");
        let pki = Pki::new();
        pki.root("root", root);
        pki.issue("leaf", leaf, "root", &Issued { options, ..Issued::default() });
        for version in ["-tls1_3", "-tls1_2"] {
            accepted(&pki, &serve_with(&pki, "leaf", &[], version), &["root"], "localhost");
        }
    }
}

#[test]
fn chains_reach_a_root_through_intermediates() {
    let pki = Pki::new();
    pki.root("root", Key::Rsa(2048));
    pki.intermediate("upper", Key::P384, "root", "");
    pki.intermediate("lower", Key::Ed25519, "upper", "");
    pki.issue("leaf", Key::P256, "lower", &Issued::default());
    // In any order, with others between them (RFC 8446 section 4.4.2), and with the root.
    pki.root("other", Key::P256);
    for chain in [&["lower", "upper"][..], &["upper", "lower"], &["other", "upper", "lower", "root"]] {
        accepted(&pki, &serve(&pki, "leaf", chain), &["root"], "localhost");
    }
    // An intermediate that is trusted is a root.
    accepted(&pki, &serve(&pki, "leaf", &["lower"]), &["upper"], "localhost");

    let mut server = serve(&pki, "leaf", &["lower"]);
    let fault = refused(&pki, &mut server, &["root"], "localhost", UNKNOWN_CA);
    assert_eq!(fault, Certificate::UnknownIssuer { issuer: "CN=upper".into() });
}

/// As when a new root is signed by an old one, so that both those who know the new one and those who do not are served.
#[test]
fn cross_signed_roots_are_reached_by_either_path() {
    let pki = Pki::new();
    pki.root("old", Key::Rsa(2048));
    pki.root("new", Key::P384);
    let is_ca = "basicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign, cRLSign\n";
    let cross = Issued { common_name: "new", extensions: is_ca, ..Issued::default() };
    pki.certify("cross", "new", "old", &cross);
    let over = ("20200101000000Z", "20210101000000Z");
    pki.certify("cross_over", "new", "old", &Issued { validity: over, ..cross });
    pki.intermediate("issuing", Key::P256, "new", "");
    pki.issue("leaf", Key::P256, "issuing", &Issued::default());
    let server = serve(&pki, "leaf", &["issuing", "cross"]);
    for trusted in [&["old"][..], &["new"], &["old", "new"]] {
        accepted(&pki, &server, trusted, "localhost");
    }
    // When the cross certificate's time is over, those who know the new root do not mind.
    let mut server = serve(&pki, "leaf", &["issuing", "cross_over"]);
    accepted(&pki, &server, &["old", "new"], "localhost");
    let fault = refused(&pki, &mut server, &["old"], "localhost", EXPIRED);
    assert!(matches!(fault, Certificate::Expired { subject, .. } if subject == "CN=new"));
}

#[test]
fn name_constraints_hold_for_all_below() {
    let pki = Pki::new();
    pki.root("root", Key::P256);
    let constraints = "nameConstraints = critical, permitted;DNS:corp.test, excluded;DNS:secret.corp.test\n";
    pki.intermediate("corp", Key::P256, "root", constraints);
    pki.intermediate("below", Key::P256, "corp", "");
    for issuer in ["corp", "below"] {
        let chain = ["below", "corp"];
        let issue = |name: &str| {
            let extensions = format!("subjectAltName = DNS:{name}\n");
            pki.issue("leaf", Key::P256, issuer, &Issued { extensions: &extensions, ..Issued::default() });
            serve(&pki, "leaf", &chain)
        };
        for name in ["corp.test", "registry.corp.test"] {
            accepted(&pki, &issue(name), &["root"], name);
        }
        for name in ["other.test", "notcorp.test", "secret.corp.test", "deep.secret.corp.test"] {
            let fault = refused(&pki, &mut issue(name), &["root"], name, BAD);
            assert_eq!(fault, Certificate::Refused("its name is outside an issuer's name constraints"));
        }
    }
}

#[test]
fn certificates_have_their_time() {
    let pki = Pki::new();
    pki.root("root", Key::P256);
    pki.intermediate("sound", Key::P256, "root", "");
    let over = ("20200101000000Z", "20240229123456Z");
    let is_ca = "basicConstraints = critical, CA:TRUE\n";
    let old = Issued { common_name: "old-ca", extensions: is_ca, validity: over, ..Issued::default() };
    pki.issue("old", Key::P256, "root", &old);
    pki.issue("under_old", Key::P256, "old", &Issued::default());
    pki.issue("expired", Key::P256, "sound", &Issued { validity: over, ..Issued::default() });
    let to_come = ("20900101000000Z", "20991231235959Z");
    pki.issue("early", Key::P256, "sound", &Issued { validity: to_come, ..Issued::default() });

    let shown = |name: &str, chain: &[&str], clock: u64| {
        let mut server = serve(&pki, name, chain);
        refused_with(&config(&pki, &["root"], Later(clock)), &mut server, "localhost", EXPIRED).to_string()
    };
    let text = shown("expired", &["sound"], 0);
    assert!(text.starts_with("certificate CN=leaf expired on 2024-02-29T12:34:56Z (checked at "), "{text}");
    let text = shown("under_old", &["old"], 0);
    assert!(text.starts_with("certificate CN=old-ca expired on 2024-02-29T12:34:56Z (checked at "), "{text}");
    let text = shown("early", &["sound"], 0);
    let start = "certificate CN=leaf is not valid before 2090-01-01T00:00:00Z (checked at ";
    assert!(text.starts_with(start), "{text}");

    // The machine's clock counts, where it is after the floor.
    let a_century = 100 * 366 * 24 * 3600;
    pki.issue("leaf", Key::P256, "sound", &Issued::default());
    let text = shown("leaf", &["sound"], a_century);
    assert!(text.contains(" expired on 2099-12-31T23:59:59Z (checked at 21"), "{text}");
    assert!(text.contains(", by the clock)"), "{text}");
}

#[test]
fn a_clock_that_was_never_set_is_the_floor() {
    let pki = Pki::new();
    pki.root_with("root", Key::P256, "");
    let root = Issued {
        common_name: "dated",
        extensions: "basicConstraints = critical, CA:TRUE\n",
        ..Issued::default()
    };
    pki.issue("dated", Key::P256, "root", &root);
    let before = ("20200101000000Z", "20261121235959Z");
    pki.issue("before", Key::P256, "dated", &Issued { validity: before, ..Issued::default() });
    let until = ("20200101000000Z", "20261122000001Z");
    pki.issue("until", Key::P256, "dated", &Issued { validity: until, ..Issued::default() });
    assert_eq!(tls::Date(FLOOR).to_string(), "2026-11-22T00:00:00Z", "the dates above are around it");
    let unset = config(&pki, &["dated"], Unset);
    page_with(&unset, &serve(&pki, "until", &[]), "localhost").expect("valid at the floor");
    let fault = refused_with(&unset, &mut serve(&pki, "before", &[]), "localhost", EXPIRED);
    assert_eq!(
        fault.to_string(),
        "certificate CN=leaf expired on 2026-11-21T23:59:59Z (checked at 2026-11-22T00:00:00Z, this version's date, \
         because the clock is not set); renew it, or set the clock"
    );
}

#[test]
fn a_certificate_is_for_its_names() {
    let pki = Pki::new();
    pki.root("root", Key::P256);
    let names = "subjectAltName = DNS:one.test, DNS:*.two.test, IP:127.0.0.1, IP:::1\n";
    pki.issue("leaf", Key::P256, "root", &Issued { extensions: names, ..Issued::default() });
    let mut server = serve(&pki, "leaf", &[]);
    for name in ["one.test", "ONE.test", "a.two.test", "127.0.0.1", "::1"] {
        accepted(&pki, &server, &["root"], name);
    }
    for name in ["two.test", "a.b.two.test", "one.test.evil.test", "leaf", "127.0.0.2", "::2"] {
        let fault = refused(&pki, &mut server, &["root"], name, BAD);
        let presented = "one.test, *.two.test, 127.0.0.1, ::1".into();
        assert_eq!(fault, Certificate::Name { presented }, "{name}");
    }
    // The common name is no name of a server (RFC 6125 section 6.4.4).
    let old =
        Issued { common_name: "old.test", extensions: "keyUsage = digitalSignature\n", ..Issued::default() };
    pki.issue("old", Key::P256, "root", &old);
    let fault = refused(&pki, &mut serve(&pki, "old", &[]), &["root"], "old.test", BAD);
    assert_eq!(fault, Certificate::Name { presented: "no name".into() });
}

#[test]
fn an_unknown_issuer_is_named() {
    let pki = Pki::new();
    pki.root("root", Key::P256);
    pki.root("other", Key::P256);
    pki.issue("leaf", Key::P256, "root", &Issued::default());
    for trusted in [&["other"][..], &[]] {
        let fault = refused(&pki, &mut serve(&pki, "leaf", &["root"]), trusted, "localhost", UNKNOWN_CA);
        assert_eq!(fault, Certificate::UnknownIssuer { issuer: "CN=root".into() });
    }
    // A certificate that vouches for itself.
    pki.root_with("self", Key::P256, "-addext subjectAltName=DNS:localhost");
    let mut server = serve(&pki, "self", &[]);
    let error = page(&pki, &server, &["other"], "localhost").expect_err("nobody knows it");
    server.wait_for("alert ");
    assert!(matches!(error.cause, Cause::Certificate(_)), "{error}");
    // Mozilla's roots do not vouch for ours.
    let config = Config::new(&PROVIDER, Roots::mozilla(), Later(0));
    let fault = refused_with(&config, &mut serve(&pki, "leaf", &[]), "localhost", UNKNOWN_CA);
    assert_eq!(fault.to_string(), "unknown issuer: CN=root; trust its root certificate with cloudboot.ca");
}

/// A root of the same name with another key: the name alone vouches for nothing.
#[test]
fn a_signature_that_does_not_verify_is_refused() {
    let (real, forged) = (Pki::new(), Pki::new());
    real.root("root", Key::P256);
    forged.root("root", Key::P256);
    forged.issue("leaf", Key::P256, "root", &Issued::default());
    let mut server = serve(&forged, "leaf", &[]);
    let fault = refused(&real, &mut server, &["root"], "localhost", "alert ");
    assert!(
        matches!(fault, Certificate::Refused(why) if why.starts_with("a signature in the chain")),
        "{fault}"
    );
}

#[test]
fn certificates_are_used_for_what_they_are_for() {
    let pki = Pki::new();
    pki.root("root", Key::P256);
    let san = "subjectAltName = DNS:localhost\n";
    let cases = [
        ("extendedKeyUsage = clientAuth\n", UNSUPPORTED, "it is not for servers (extKeyUsage: serverAuth)"),
        (
            "basicConstraints = critical, CA:TRUE\n",
            BAD,
            "it is a CA's certificate, not a server's (basicConstraints)",
        ),
        ("1.2.3.4 = critical, DER:0500\n", BAD, "a critical extension is not supported"),
    ];
    for (extension, alert, why) in cases {
        let extensions = [san, extension].concat();
        pki.issue("leaf", Key::P256, "root", &Issued { extensions: &extensions, ..Issued::default() });
        let fault = refused(&pki, &mut serve(&pki, "leaf", &[]), &["root"], "localhost", alert);
        assert_eq!(fault, Certificate::Refused(why));
    }
    let extensions = [san, "extendedKeyUsage = serverAuth, clientAuth\n"].concat();
    pki.issue("leaf", Key::P256, "root", &Issued { extensions: &extensions, ..Issued::default() });
    accepted(&pki, &serve(&pki, "leaf", &[]), &["root"], "localhost");

    // A server's certificate issues nothing.
    pki.issue("under", Key::P256, "leaf", &Issued::default());
    let fault = refused(&pki, &mut serve(&pki, "under", &["leaf"]), &["root"], "localhost", BAD);
    assert_eq!(fault, Certificate::Refused("an issuer is not a CA (basicConstraints)"));

    pki.root("top", Key::P256);
    let short = "basicConstraints = critical, CA:TRUE, pathlen:0\n";
    pki.issue(
        "short",
        Key::P256,
        "top",
        &Issued { common_name: "short", extensions: short, ..Issued::default() },
    );
    pki.intermediate("below", Key::P256, "short", "");
    pki.issue("deep", Key::P256, "below", &Issued::default());
    let fault = refused(&pki, &mut serve(&pki, "deep", &["below", "short"]), &["top"], "localhost", BAD);
    assert_eq!(fault, Certificate::Refused("an issuer's pathLenConstraint allows no further CA below it"));
}

#[test]
fn short_rsa_keys_prove_nothing() {
    let pki = Pki::new();
    pki.root("root", Key::Rsa(1024));
    pki.issue("leaf", Key::P256, "root", &Issued::default());
    let mut server = serve(&pki, "leaf", &[]);
    let fault = refused(&pki, &mut server, &["root"], "localhost", "alert ");
    assert!(matches!(fault, Certificate::Refused(why) if why.contains("RSA: 2048 to 8192 bits")), "{fault}");
}

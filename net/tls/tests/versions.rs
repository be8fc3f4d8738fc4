// SPDX-License-Identifier: BSD-3-Clause
//! Versions, suites, groups, alerts and ends of connections, with `s_server` on the other side.

use std::{
    fs,
    future::{Future as _, poll_fn},
    io::{Read as _, Write as _},
    net::TcpListener,
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
};

use embedded_io_async::{ErrorType, Read, Write};
use peers::{Issued, Key, Pki, Tcp, TlsServer, block_on};
use tls::{
    Alert, Cause, Clock, Config, Error, FLOOR, Negotiated, NoRandomness, Provider, Random, Roots, TlsStream,
    connect,
};

struct System;

impl Random for System {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandomness> {
        fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(buffer)).map_err(|_| NoRandomness)
    }
}

impl Clock for System {
    fn now(&self) -> Option<u64> {
        Some(FLOOR)
    }
}

static PROVIDER: Provider = Provider::new(&System);

/// A server certificate of this kind of key, and who trusts it.
fn made(key: Key) -> (Pki, Config) {
    let pki = Pki::new();
    pki.root("root", Key::P256);
    pki.issue("leaf", key, "root", &Issued::default());
    let mut roots = Roots::none();
    roots.add_pem("root.pem", &pki.read("root.pem")).expect("a root");
    (pki, Config::new(&PROVIDER, roots, System))
}

fn serve(pki: &Pki, options: &str) -> TlsServer {
    TlsServer::start(pki, &format!("-cert leaf.pem -key leaf.key {options}"))
}

async fn rest(stream: &mut TlsStream<Tcp>) -> Result<Vec<u8>, Error> {
    let (mut all, mut buffer) = (Vec::new(), vec![0; 10_000]);
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(all),
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}

/// What was agreed with the server, and the file that it sent.
fn fetch(server: &TlsServer, config: &Config, file: &str) -> Result<(Negotiated, Vec<u8>), Error> {
    block_on(async {
        let mut stream = connect(server.connect(), "localhost", config).await?;
        stream.write_all(format!("GET /{file} HTTP/1.0\r\n\r\n").as_bytes()).await?;
        let all = rest(&mut stream).await?;
        let head = all.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        Ok((stream.negotiated(), all[head + 4..].to_vec()))
    })
}

fn file(pki: &Pki, length: u32) -> Vec<u8> {
    let content: Vec<u8> = (0..length).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(pki.folder().join("file"), &content).expect("a file");
    content
}

#[test]
fn every_suite_carries_data() {
    let (ecdsa, rsa) = (made(Key::P256), made(Key::Rsa(2048)));
    let suites = [
        (&ecdsa, "-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"),
        (&ecdsa, "-tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
        (&ecdsa, "-tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"),
        (
            &ecdsa,
            "-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        ),
        (&ecdsa, "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
        (&ecdsa, "-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        (&rsa, "-tls1_2 -cipher ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
        (&rsa, "-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        (&rsa, "-tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    ];
    for ((pki, config), options, suite) in suites {
        let sent = file(pki, 200_003);
        let server = serve(pki, &format!("-WWW {options}"));
        let (negotiated, received) =
            fetch(&server, config, "file").unwrap_or_else(|error| panic!("{suite}: {error}"));
        assert_eq!(negotiated.suite, suite);
        assert_eq!(negotiated.version, if options.starts_with("-tls1_3") { "TLS 1.3" } else { "TLS 1.2" });
        assert!(received == sent, "{suite}: {} bytes", received.len());
    }
}

#[test]
fn both_sides_like_chacha_and_x25519_best() {
    let (pki, config) = made(Key::P256);
    file(&pki, 10);
    // OpenSSL takes the client's order of suites, unless -serverpref.
    let (negotiated, _) = fetch(&serve(&pki, "-WWW"), &config, "file").unwrap();
    assert_eq!(negotiated.to_string(), "TLS 1.3, TLS_CHACHA20_POLY1305_SHA256, x25519");
    let (negotiated, _) = fetch(&serve(&pki, "-WWW -tls1_2"), &config, "file").unwrap();
    assert_eq!(negotiated.to_string(), "TLS 1.2, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, x25519");
}

/// With P-256 and P-384 the server asks for another key share first: HelloRetryRequest.
#[test]
fn every_group_agrees_on_keys() {
    let (pki, config) = made(Key::P384);
    file(&pki, 10);
    for version in ["-tls1_3", "-tls1_2"] {
        for (group, name) in [("X25519", "x25519"), ("P-256", "secp256r1"), ("P-384", "secp384r1")] {
            let server = serve(&pki, &format!("-WWW {version} -groups {group}"));
            let (negotiated, _) = fetch(&server, &config, "file").unwrap();
            assert_eq!(negotiated.group, name);
        }
    }
}

/// The alert that the server ended the connection with.
fn alert(pki: &Pki, config: &Config, options: &str) -> Alert {
    let error = fetch(&serve(pki, &format!("-www {options}")), config, "").expect_err(options);
    let Cause::Alert(alert) = error.cause else { panic!("{options}: {error}") };
    assert!(
        error.to_string().starts_with("E-NET-TLS-ALERT localhost: the server sent the alert "),
        "{error}"
    );
    alert
}

#[test]
fn alerts_of_the_server_reach_the_user() {
    let (pki, config) = made(Key::P256);
    let weak = "-cipher ALL:@SECLEVEL=0";
    assert_eq!(alert(&pki, &config, &format!("-tls1_1 {weak}")).to_string(), "protocol_version (70)");
    for options in
        ["-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA", "-tls1_2 -groups P-521", "-tls1_3 -groups P-521"]
    {
        assert_eq!(alert(&pki, &config, options).to_string(), "handshake_failure (40)", "{options}");
    }
    let options = "-servername other.test -servername_fatal -cert2 leaf.pem -key2 leaf.key";
    assert_eq!(alert(&pki, &config, options).to_string(), "unrecognized_name (112)");
    // In TLS 1.3 it comes when the client's side of the handshake is done already.
    assert_eq!(alert(&pki, &config, "-tls1_3 -Verify 1").to_string(), "certificate_required (116)");
    assert_eq!(alert(&pki, &config, "-tls1_2 -Verify 1").to_string(), "handshake_failure (40)");
}

#[test]
fn a_server_that_wants_a_certificate_and_does_not_insist_is_served() {
    let (pki, config) = made(Key::P256);
    file(&pki, 10);
    for version in ["-tls1_3", "-tls1_2"] {
        fetch(&serve(&pki, &format!("-WWW {version} -verify 1")), &config, "file").unwrap();
    }
}

/// A listener that answers whatever it hears with these bytes, and closes.
fn answers(bytes: &'static [u8]) -> Tcp {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let _ = socket.read(&mut [0; 2000]);
        let _ = socket.write_all(bytes);
    });
    Tcp::connect(address)
}

#[test]
fn what_is_no_tls_is_said_to_be_none() {
    let (_pki, config) = made(Key::P256);
    let cause = |bytes| block_on(connect(answers(bytes), "localhost", &config)).unwrap_err();
    let error = cause(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_eq!(
        error.to_string(),
        "E-NET-TLS-PLAIN localhost: the server does not speak TLS; correct the port"
    );
    assert_eq!(cause(b"SSH-2.0-OpenSSH_10.0\r\n").cause, Cause::Plain);
    assert_eq!(cause(b"").cause, Cause::Closed { in_handshake: true });
    // protocol_version, as older servers say it before anything else.
    assert_eq!(cause(b"\x15\x03\x01\x00\x02\x02\x46").cause, Cause::Alert(Alert(70)));
    assert_eq!(cause(b"\x15\x03\x03\x00\x02\x02\x2c").to_string(), {
        "E-NET-TLS-ALERT localhost: the server sent the alert certificate_revoked (44); check its log"
    });
    // A record of more than 16 KiB and what protection may add.
    assert_eq!(cause(b"\x16\x03\x03\x48\x01\x02").cause, Cause::Size("a record"));
}

#[test]
fn a_name_that_is_none_reaches_no_server() {
    let (pki, config) = made(Key::P256);
    let server = serve(&pki, "");
    for name in ["", "a b", "-", "[::1]", "a..b", "a:443", "host\n"] {
        let error = block_on(connect(server.connect(), name, &config)).unwrap_err();
        assert_eq!(error.cause, Cause::Host, "{name:?}");
        assert!(!error.to_string().contains('\n'));
    }
}

#[test]
fn a_source_without_randomness_makes_no_connection() {
    struct Empty;
    impl Random for Empty {
        fn fill(&self, _: &mut [u8]) -> Result<(), NoRandomness> {
            Err(NoRandomness)
        }
    }
    static NONE: Provider = Provider::new(&Empty);
    let (pki, _) = made(Key::P256);
    let config = Config::new(&NONE, Roots::none(), System);
    let error = block_on(connect(serve(&pki, "").connect(), "localhost", &config)).unwrap_err();
    assert_eq!(error.cause, Cause::Random);
}

/// The server's keys change, it asks for ours to change, and data goes on in both directions.
#[test]
fn keys_are_updated_in_between() {
    let (pki, config) = made(Key::P256);
    let mut server = serve(&pki, "-tls1_3");
    let mut stream = block_on(connect(server.connect(), "localhost", &config)).unwrap();
    let says = |server: &mut TlsServer, stream: &mut TlsStream<Tcp>, line: &str| {
        block_on(stream.write_all(line.as_bytes())).unwrap();
        block_on(stream.flush()).unwrap();
        server.wait_for(line.trim());
    };
    for round in 0..5 {
        // K updates the server's keys and asks for an update of the client's, k does only the former. The line behind it
        // is answered when s_server has read the command: it takes all that it reads at once as one.
        server.say(if round % 2 == 0 { "K\n" } else { "k\n" });
        says(&mut server, &mut stream, &format!("before {round}\n"));
        let mut buffer = [0; 5];
        server.say("text\n");
        block_on(stream.read_exact(&mut buffer)).unwrap();
        assert_eq!(&buffer, b"text\n");
        says(&mut server, &mut stream, &format!("after {round}\n"));
    }
}

#[test]
fn both_sides_say_that_they_close() {
    let (pki, config) = made(Key::P256);
    for version in ["-tls1_3", "-tls1_2"] {
        let mut server = serve(&pki, version);
        let mut stream = block_on(connect(server.connect(), "localhost", &config)).unwrap();
        block_on(stream.write_all(b"last words\n")).unwrap();
        block_on(stream.close()).unwrap();
        server.wait_for("last words");
        // s_server says the same, and ends the connection.
        assert_eq!(block_on(stream.read(&mut [0; 9])), Ok(0));
        assert_eq!(block_on(stream.read(&mut [0; 9])), Ok(0));
        assert!(block_on(stream.write(b"more")).is_err());
    }
}

#[test]
fn a_connection_that_is_cut_is_no_end() {
    let (pki, config) = made(Key::P256);
    let mut server = serve(&pki, "");
    let mut stream = block_on(connect(server.connect(), "localhost", &config)).unwrap();
    server.say("half of it\n");
    let mut buffer = [0; 11];
    block_on(stream.read_exact(&mut buffer)).unwrap();
    drop(server);
    let error = block_on(stream.read(&mut buffer)).unwrap_err();
    assert!(matches!(error.cause, Cause::Closed { in_handshake: false } | Cause::Io(_)), "{error}");
    // What has failed stays so.
    assert_eq!(block_on(stream.read(&mut buffer)), Err(error.clone()));
    assert_eq!(block_on(stream.write(b"more")), Err(error));
}

#[test]
fn much_is_sent_in_many_records() {
    let (pki, config) = made(Key::P256);
    for version in ["-tls1_3", "-tls1_2"] {
        let mut server = serve(&pki, version);
        let mut stream = block_on(connect(server.connect(), "localhost", &config)).unwrap();
        let line = "x".repeat(99) + "\n";
        block_on(stream.write_all(line.repeat(1000).as_bytes())).unwrap();
        block_on(stream.write_all(b"the end\n")).unwrap();
        block_on(stream.flush()).unwrap();
        server.wait_for("the end");
    }
}

/// A socket of which each kind of call is not ready at first; whether each has said so.
struct Reluctant(Tcp, [bool; 3]);

impl Reluctant {
    async fn ready(&mut self, call: usize) {
        poll_fn(|context| {
            self.1[call] = !self.1[call];
            context.waker().wake_by_ref();
            if self.1[call] { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }
}

impl ErrorType for Reluctant {
    type Error = <Tcp as ErrorType>::Error;
}

impl Read for Reluctant {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Self::Error> {
        self.ready(0).await;
        self.0.read(buffer).await
    }
}

impl Write for Reluctant {
    async fn write(&mut self, buffer: &[u8]) -> Result<usize, Self::Error> {
        self.ready(1).await;
        // A few bytes at a time, so that records are sent in pieces.
        self.0.write(&buffer[..buffer.len().min(11)]).await
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        self.ready(2).await;
        self.0.flush().await
    }
}

/// Drops the future whenever it is not ready, and makes it anew.
macro_rules! impatient {
    ($future:expr) => {
        loop {
            let polled = pin!($future).poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(output) = polled {
                break output;
            }
        }
    };
}

#[test]
fn futures_that_are_dropped_lose_and_double_nothing() {
    let (pki, config) = made(Key::P256);
    for version in ["-tls1_3", "-tls1_2"] {
        // s_server answers each line with the same line from its end to its start.
        let server = serve(&pki, &format!("-rev {version}"));
        let socket = Reluctant(server.connect(), [false; 3]);
        let mut stream = block_on(connect(socket, "localhost", &config)).unwrap();
        for number in 1000..1100 {
            let line = format!("{number} is sent once\n");
            assert_eq!(impatient!(stream.write(line.as_bytes())), Ok(line.len()));
            // Every other line waits for the next write to be sent.
            if number % 2 == 1 {
                impatient!(stream.flush()).unwrap();
            }
        }
        let expected: String = (1000..1100)
            .map(|number| format!("{number} is sent once").chars().rev().chain(['\n']).collect::<String>())
            .collect();
        let (mut received, mut buffer) = (Vec::new(), [0; 7]);
        while received.len() < expected.len() {
            match impatient!(stream.read(&mut buffer)).unwrap() {
                0 => break,
                count => received.extend_from_slice(&buffer[..count]),
            }
        }
        assert_eq!(String::from_utf8_lossy(&received), expected);
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! A connection with `s_server` is recorded and made again: in other pieces it is the same, cut or damaged it is an
//! error, and what it yielded before the damage is the start of what was sent. A campaign damages it, and the roots
//! that vouch for the server, within limits of time, stack and memory.

use std::{
    rc::Rc,
    sync::{
        Mutex,
        atomic::{AtomicU8, Ordering},
    },
};

use block::BlockRead;
use embedded_io_async::{ErrorType, Read, Write};
use oracle::campaign::{self, Depth, Plan};
use peers::{Issued, Key, Pki, Tcp, TlsServer, block_on};
use proptest::{prelude::*, sample::Index};
use tls::{Clock, Config, FLOOR, NoRandomness, Provider, Random, Roots, connect, fuzz};

/// What makes a client the same each time. Only one at a time draws from it.
struct Again;

static DRAWS: AtomicU8 = AtomicU8::new(0);
static TURN: Mutex<()> = Mutex::new(());

impl Random for Again {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandomness> {
        for byte in buffer {
            *byte = DRAWS.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Clock for Again {
    fn now(&self) -> Option<u64> {
        Some(FLOOR)
    }
}

static PROVIDER: Provider = Provider::new(&Again);

const REQUEST: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

/// A socket that keeps what comes from it.
struct Recorder(Tcp, Vec<u8>);

impl ErrorType for Recorder {
    type Error = <Tcp as ErrorType>::Error;
}

impl Read for Recorder {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Self::Error> {
        let count = self.0.read(buffer).await?;
        self.1.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

impl Write for Recorder {
    async fn write(&mut self, buffer: &[u8]) -> Result<usize, Self::Error> {
        self.0.write(buffer).await
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        self.0.flush().await
    }
}

/// A connection that was, and who can make it again.
struct Recorded {
    config: Config,
    /// The root that vouches for the server, a PEM file.
    root: Vec<u8>,
    script: Vec<u8>,
    received: usize,
}

impl Recorded {
    fn of(version: &str) -> Self {
        let pki = Pki::new();
        pki.root("root", Key::P256);
        pki.issue("leaf", Key::P256, "root", &Issued::default());
        let root = pki.read("root.pem");
        let config = trusting(&root).expect("a root");
        let server = TlsServer::start(&pki, &format!("-cert leaf.pem -key leaf.key -www {version}"));

        DRAWS.store(0, Ordering::Relaxed);
        let mut recorder = Recorder(server.connect(), Vec::new());
        let received = block_on(async {
            let mut stream = connect(&mut recorder, "localhost", &config).await.unwrap();
            stream.write_all(REQUEST).await.unwrap();
            let (mut received, mut buffer) = (0, [0; 999]);
            loop {
                match stream.read(&mut buffer).await.unwrap() {
                    0 => return received,
                    count => received += count,
                }
            }
        });
        assert!(received > 1000, "a page");
        Self { config, root, script: recorder.1, received }
    }

    fn again(&self, script: &[u8], piece: usize) -> (usize, bool) {
        DRAWS.store(0, Ordering::Relaxed);
        fuzz::connection(&self.config, "localhost", REQUEST, script, piece)
    }
}

/// A client that trusts the roots of a PEM file; none if it has none.
fn trusting(pem: &[u8]) -> Option<Config> {
    let mut roots = Roots::none();
    roots.add_pem("root.pem", pem).ok()?;
    Some(Config::new(&PROVIDER, roots, Again))
}

fn check(version: &str) {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let recorded = Recorded::of(version);
    let script = &recorded.script;
    for piece in [1, 2, 5, 6, 7, 100, 1000, 100_000] {
        assert_eq!(recorded.again(script, piece), (recorded.received, true), "pieces of {piece}");
    }
    let config = ProptestConfig { cases: 24, ..ProptestConfig::default() };
    proptest!(config.clone(), |(at: Index, bit in 0..8_u32, piece in 1..2000_usize)| {
        let mut damaged = script.clone();
        let at = at.index(script.len());
        damaged[at] ^= 1_u8 << bit;
        let (received, is_whole) = recorded.again(&damaged, piece);
        // The version in a record's header is all that nobody checks.
        prop_assert!(!is_whole || received == recorded.received, "byte {} of {}", at, script.len());
        prop_assert!(received <= recorded.received);
    });
    proptest!(config.clone(), |(length: Index, piece in 1..2000_usize)| {
        let (received, is_whole) = recorded.again(&script[..length.index(script.len())], piece);
        prop_assert!(!is_whole);
        prop_assert!(received <= recorded.received);
    });
    // Another client has other keys: nothing that was recorded is good for it.
    DRAWS.store(1, Ordering::Relaxed);
    let other = fuzz::connection(&recorded.config, "localhost", REQUEST, script, 1000);
    assert_eq!(other, (0, false));
}

#[test]
fn tls_1_3_comes_whole_or_not() {
    check("-tls1_3");
}

#[test]
fn tls_1_2_comes_whole_or_not() {
    check("-tls1_2");
}

/// Records that are none: each type and version, with lengths that fit and that do not.
#[test]
fn any_bytes_end_a_connection() {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let config = Config::new(&PROVIDER, Roots::none(), Again);
    let record = (18..26_u8, 0..5_u8, prop::collection::vec(any::<u8>(), 0..40), -2..3_i32);
    let cases = ProptestConfig { cases: 64, ..ProptestConfig::default() };
    proptest!(cases, |(records in prop::collection::vec(record, 0..5), piece in 1..64_usize, data: Vec<u8>)| {
        let mut script = Vec::new();
        for (kind, version, content, off) in records {
            let length = u16::try_from((i32::try_from(content.len()).unwrap() + off).max(0)).unwrap();
            script.extend_from_slice(&[kind, 3, version]);
            script.extend_from_slice(&length.to_be_bytes());
            script.extend_from_slice(&content);
        }
        prop_assert_eq!(fuzz::connection(&config, "localhost", REQUEST, &script, piece), (0, false));
        prop_assert_eq!(fuzz::connection(&config, "localhost", REQUEST, &data, piece), (0, false));
    });
}

/// A handshake message that claims to be large, and never ends, is not waited for with ever more memory.
#[test]
fn a_handshake_message_without_end_is_refused() {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let config = Config::new(&PROVIDER, Roots::none(), Again);
    for claimed in [0xff_ffff_u32, 0x1_0000, 0xffff] {
        let mut script = Vec::new();
        for number in 0..200 {
            let mut content = vec![0; 1000];
            if number == 0 {
                content[..4].copy_from_slice(&(2 << 24 | claimed).to_be_bytes());
            }
            script.extend_from_slice(&[22, 3, 3, 0x03, 0xe8]);
            script.extend_from_slice(&content);
        }
        assert_eq!(fuzz::connection(&config, "localhost", REQUEST, &script, 10_000), (0, false));
    }
}

/// What the bazel target of this test has time for; each mutant is a handshake.
const MUTANTS: usize = 1000;

/// Layers passed: a root file; a server that has proved who it is, by a certificate under its root; the whole page.
fn read(device: Rc<dyn BlockRead>, _: Depth) -> usize {
    let mut bytes = vec![0; usize::try_from(device.size()).unwrap()];
    if device.read_at(0, &mut bytes).is_err() {
        return 0;
    }
    let (roots, script) = bytes.split_at(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
    let script = script.get(1..).unwrap_or_default();
    fuzz::certificate(script);
    let Some(config) = trusting(roots) else { return 0 };
    DRAWS.store(0, Ordering::Relaxed);
    match fuzz::connection(&config, "localhost", REQUEST, script, 1000) {
        (0, _) => 1,
        (_, is_whole) => 2 + usize::from(is_whole),
    }
}

/// With TLS 1.2, certificates are not encrypted.
#[test]
fn roots_and_certificates() {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let Recorded { root, script, .. } = Recorded::of("-tls1_2");
    // The text around a certificate may be any.
    let text = "This root vouches for localhost, and for nobody else.\n".repeat(8);
    let image = [text.as_bytes(), &root, &[0], &script].concat();
    let (image, layers) = (image.as_slice(), &["roots", "certificates", "whole page"][..]);
    let repair = |_: &mut [u8], _| {};
    let _ = campaign::run(Plan { name: "tls-1.2", image, layers, read, repair, mutants: MUTANTS, seed: 54 });
}

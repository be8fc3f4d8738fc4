// SPDX-License-Identifier: BSD-3-Clause
//! A small server between a client and the registry, which injects faults into blobs.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use peers::{Answer, Asked, listen};
use serde::Deserialize;

/// How many requests a busy server refuses.
const REFUSED: u32 = 2;

/// Its fault. In all other cases, it passes on the registry's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Answers the first requests for blobs with 429 and a second to wait.
    Busy,
    /// Redirects a blob to the same address.
    RedirectLoop,
    /// Sends a blob at one byte per second.
    Drip,
    /// Sends chunks of a blob endlessly.
    Endless,
    /// Flips a bit in the middle of a blob's response.
    Tamper,
    /// Closes every connection without an answer.
    Dead,
}

/// A server on loopback with plain HTTP, which runs as long as the program.
pub struct Faulty {
    /// Its port.
    pub port: u16,
    fault: Fault,
    done: Arc<AtomicU32>,
}

impl Faulty {
    /// Starts one in front of the registry at a port.
    ///
    /// # Errors
    /// When it cannot bind a port.
    pub fn start(fault: Fault, registry: u16) -> Result<Self> {
        let done = Arc::<AtomicU32>::default();
        let count = done.clone();
        let port = listen(move |asked| {
            // If the registry fails, the client gets an empty answer.
            spoilt(fault, asked, registry, &count).unwrap_or_else(|_| Answer::bytes(b""))
        });
        Ok(Self { port: port.context("cannot bind a port for the faulty server")?, fault, done })
    }

    /// The complaint if its fault was never triggered.
    pub fn complaint(&self) -> Option<String> {
        let done = self.done.load(Ordering::Relaxed);
        (done == 0).then(|| format!("no request triggered the fault {:?}", self.fault))
    }
}

/// The answer to a request; counts those that differ from the registry's.
fn spoilt(fault: Fault, asked: &Asked, registry: u16, done: &AtomicU32) -> io::Result<Answer> {
    if fault != Fault::Dead && !asked.target.contains("/blobs/") {
        return Ok(Answer::bytes(&passed_on(asked, registry)?));
    }
    let number = done.fetch_add(1, Ordering::Relaxed);
    Ok(match fault {
        Fault::Busy if number < REFUSED => Answer::new(429, &["Retry-After: 1"], b""),
        Fault::Busy => Answer::bytes(&passed_on(asked, registry)?),
        Fault::RedirectLoop => Answer::new(307, &[&format!("Location: {}", asked.target)], b""),
        Fault::Drip => Answer::bytes(&passed_on(asked, registry)?).slow_body(1, Duration::from_secs(1)),
        Fault::Endless => Answer::raw(200, &["Transfer-Encoding: chunked"], b"").endless(),
        Fault::Tamper => {
            let mut bytes = passed_on(asked, registry)?;
            // A blob is much longer than the response head, so the middle is in its body.
            let middle = bytes.len() / 2;
            bytes.get_mut(middle).into_iter().for_each(|byte| *byte ^= 1);
            Answer::bytes(&bytes)
        }
        Fault::Dead => Answer::bytes(b""),
    })
}

/// The complete response of the registry, which then closes the connection.
fn passed_on(asked: &Asked, registry: u16) -> io::Result<Vec<u8>> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, registry))?;
    let mut head = format!("{} {} HTTP/1.1\r\n", asked.method, asked.target);
    for (name, value) in asked.fields.iter().filter(|(name, _)| name != "connection") {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("connection: close\r\n\r\n");
    server.write_all(head.as_bytes())?;
    server.write_all(&asked.body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(answer)
}

// SPDX-License-Identifier: BSD-3-Clause
//! OpenSSL's test server.

use std::{
    io::{BufRead, BufReader, Read, Write as _},
    net::SocketAddr,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::Instant,
};

use crate::{LIMIT, PATH, Pki, Tcp};

/// An `s_server` that listens on the loopback; it ends with this value.
pub struct TlsServer {
    child: Child,
    stdin: ChildStdin,
    address: SocketAddr,
    lines: Receiver<String>,
    log: String,
}

impl TlsServer {
    /// Starts it in the folder with these arguments, which have no spaces in them.
    ///
    /// # Panics
    /// When it cannot be run or does not listen.
    pub fn start(pki: &Pki, arguments: &str) -> Self {
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0"])
            .args(arguments.split_ascii_whitespace())
            .current_dir(pki.folder())
            .env("PATH", PATH)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("openssl cannot be run: {error}"));
        let (sender, lines) = mpsc::channel();
        let stdin = child.stdin.take().expect("piped");
        pass(child.stdout.take().expect("piped"), sender.clone());
        pass(child.stderr.take().expect("piped"), sender);
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { child, stdin, address, lines, log: String::new() };
        let line = server.wait_for("ACCEPT ");
        let address = line.trim().rsplit(' ').next().and_then(|address| address.parse().ok());
        server.address = address.unwrap_or_else(|| panic!("no address in: {line}"));
        server
    }

    /// A connection to it.
    pub fn connect(&self) -> Tcp {
        Tcp::connect(self.address)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Writes to its standard input: text for the client, or a command at the start of a line.
    ///
    /// # Panics
    /// When it has ended.
    pub fn say(&mut self, text: &str) {
        self.stdin.write_all(text.as_bytes()).expect("a server that reads");
        self.stdin.flush().expect("a server that reads");
    }

    /// Waits for a line with this text, from wherever the last wait stopped, and yields it.
    ///
    /// # Panics
    /// When there is none: the server ended, or the time is over.
    pub fn wait_for(&mut self, text: &str) -> String {
        let end = Instant::now() + LIMIT;
        // Saturates when the time is over.
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.log.push_str(&line);
            if line.contains(text) {
                return line;
            }
        }
        panic!("s_server does not say {text:?}, but:\n{}", self.log);
    }
}

/// Sends the lines on, and what is left of one at the end.
fn pass(from: impl Read + Send + 'static, to: Sender<String>) {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
            if to.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

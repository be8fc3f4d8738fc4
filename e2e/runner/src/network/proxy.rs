// SPDX-License-Identifier: BSD-3-Clause
//! An HTTP proxy that opens tunnels (`CONNECT`, RFC 9110 9.3.6), and resolves one name that is not in DNS.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    thread,
};

use anyhow::{Context, Result};

/// The name that stands for this machine.
pub const NAME: &str = "registry.test";

/// Starts one on loopback, which runs as long as the program; returns its port.
///
/// # Errors
/// When it cannot bind a port.
pub fn start() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot bind a port for the proxy")?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A client that disconnects is not a failure.
            thread::spawn(move || drop(tunnel(client)));
        }
    });
    Ok(port)
}

fn tunnel(mut client: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        head.push(line);
    }
    let target = head.first().and_then(|line| line.strip_prefix("CONNECT ")?.split(' ').next());
    let port = target.and_then(|target| target.strip_prefix(NAME)?.strip_prefix(':')?.parse::<u16>().ok());
    let Some(port) = port else {
        return client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    };
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Write);
    });
    // Data in the reader's buffer comes first.
    io::copy(&mut reader, &mut server)?;
    server.shutdown(Shutdown::Write)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_tunnel_is_opened_to_the_one_name() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (port, proxy) = (server.local_addr().unwrap().port(), start().unwrap());
        let ask = |target: &str| {
            let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy)).unwrap();
            write!(client, "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\nhello").unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            client
        };
        let mut client = ask(&format!("{NAME}:{port}"));
        let (mut peer, _) = server.accept().unwrap();
        let mut text = String::new();
        peer.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        peer.write_all(b"back").unwrap();
        drop(peer);
        text.clear();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(text, "HTTP/1.1 200 OK\r\n\r\nback");
        text.clear();
        ask("other.test:443").read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 403 "), "{text}");
    }
}

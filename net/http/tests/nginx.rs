// SPDX-License-Identifier: BSD-3-Clause
//! The real nginx: keep-alive, ranges, redirects, chunks, a broken connection.

use std::{cell::RefCell, time::Duration};

use http::{
    Backoff, Client, Division, Error, Limits, Observer, Range, Request, Response, Source, Url, download,
};
use peers::Nginx;
use sockets::Sockets;

struct File<'c> {
    client: &'c Client<Sockets>,
    url: Url,
    order: RefCell<Vec<u8>>,
}

impl Source for File<'_> {
    type Dial = Sockets;
    type Error = Error;

    fn dial(&self) -> &Sockets {
        self.client.dial()
    }

    async fn open(&self, range: Option<Range>) -> Result<Response<'_, Sockets>, Error> {
        self.client.send(&Request { range, ..Request::get(&self.url) }).await?.success()
    }

    async fn broken(&self, failures: u32, _: Duration, error: Error) -> Result<(), Error> {
        Backoff::default().wait(failures, Duration::ZERO, 0, None).map(|_| ()).ok_or(error)
    }
}

impl Observer for File<'_> {
    fn arrived(&self, _: usize) {}

    fn take(&self, bytes: &[u8]) -> Result<(), String> {
        self.order.borrow_mut().extend_from_slice(bytes);
        Ok(())
    }
}

/// Limits that no busy machine reaches: what they do is shown in `scripted.rs`, where time is the world's.
fn patient() -> Limits {
    let long = Duration::from_secs(1200);
    Limits { connect: long, head: long, body: long, window: long, ..Limits::default() }
}

/// A file of the server, downloaded.
fn fetched(port: u16, path: &str, size: usize) -> Result<Vec<u8>, Error> {
    let sockets = Sockets::default();
    let client = Client::new(sockets.clone()).with_limits(patient());
    let url = Url::parse(&format!("http://127.0.0.1:{port}{path}")).unwrap();
    let file = File { client: &client, url, order: RefCell::default() };
    let mut buffer = vec![0; size];
    sockets.run(download(&file, &mut buffer, Division::default(), &file))?;
    assert!(*file.order.borrow() == buffer, "in order");
    Ok(buffer)
}

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|index| (index * 7 + index / 251) as u8).collect()
}

#[test]
fn a_large_file_comes_in_ranges_and_a_small_one_at_once() {
    let nginx = Nginx::start(
        "root FOLDER; location /moved { return 307 /large; } location /whole { alias FOLDER/large; max_ranges 0; }
         location /loop { return 302 /loop; }",
    );
    let (large, small) = (content((18 << 20) + 5), content(70_000));
    nginx.write("large", &large);
    nginx.write("small", &small);
    assert!(fetched(nginx.port, "/large", large.len()).unwrap() == large);
    assert!(fetched(nginx.port, "/moved", large.len()).unwrap() == large);
    assert!(fetched(nginx.port, "/whole", large.len()).unwrap() == large);
    assert!(fetched(nginx.port, "/small", small.len()).unwrap() == small);
    for (path, size, expected) in [
        ("/small", 60_000, "E-NET-HTTP-SIZE"),
        ("/none", 60_000, "E-NET-HTTP-STATUS"),
        ("/loop", 60_000, "E-NET-HTTP-REDIRECT"),
    ] {
        assert_eq!(fetched(nginx.port, path, size).unwrap_err().code(), expected, "{path}");
    }
    let log = nginx.log();
    assert_eq!(
        log.lines().filter(|line| line.contains("/large") && line.contains("\" 206 ")).count(),
        10,
        "{log}"
    );
}

#[test]
fn chunks_of_a_real_server_are_decoded() {
    // With SSI, nginx does not know the length beforehand.
    let nginx = Nginx::start("root FOLDER; ssi on; ssi_types *; default_type text/plain;");
    nginx.write("part", &b"0123456789".repeat(5000));
    nginx.write("page", b"<!--# include file=\"/part\" -->and<!--# include file=\"/part\" -->");
    let sockets = Sockets::default();
    let client = Client::new(sockets.clone()).with_limits(patient());
    let url = Url::parse(&format!("http://127.0.0.1:{}/page", nginx.port)).unwrap();
    let (coding, body) = sockets.run(async {
        let response = client.send(&Request::get(&url)).await.unwrap();
        (response.head().field("transfer-encoding").map(String::from), response.bytes(200_000).await.unwrap())
    });
    assert_eq!((coding.as_deref(), body.len()), (Some("chunked"), 100_003));
}

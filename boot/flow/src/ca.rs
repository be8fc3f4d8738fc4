// SPDX-License-Identifier: BSD-3-Clause
//! Additional root certificates, as `cloudboot.ca` names them.

use alloc::{boxed::Box, format, vec::Vec};

use config::Config;
use dial::Dial;
use http::{Client, Request, Response, Url};
use oci::Digest;

use crate::{
    Failure, Phase, codes,
    remote::{ANSWER, of_request, proxy},
    route::Route,
};

/// Largest file of root certificates that is accepted, in bytes.
pub const LARGEST_CA: usize = 1 << 20;

const OBJECT: &str = "cloudboot.ca";

/// Where the certificates are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ca<'a> {
    /// A file on the volume that the program was started from.
    File(&'a str),
    /// A file on a web server, authenticated by its digest: the server's own certificate may need the very roots in
    /// this file.
    Url(Url, Digest),
}

impl<'a> Ca<'a> {
    /// Parses `/ca.pem` or `https://host/ca.pem@sha256:HEX`.
    ///
    /// # Errors
    /// An invalid URL, or one without a digest.
    pub fn parse(text: &'a str) -> Result<Self, Failure> {
        if !text.contains("://") {
            return Ok(Self::File(text));
        }
        let pinned = text.rsplit_once('@').and_then(|(url, digest)| Some((url, Digest::parse(digest)?)));
        let (url, digest) = pinned.ok_or_else(|| {
            let cause = "nothing authenticates what the server sends: append the file's digest to the URL \
                         (@sha256:...)";
            Failure::new(Phase::Configure, OBJECT, codes::TRUST_CA, &cause)
        })?;
        let url = Url::parse(url)
            .map_err(|error| Failure::new(Phase::Configure, OBJECT, error.code(), error.cause()))?;
        Ok(Self::Url(url, digest))
    }
}

/// Fetches root certificates (PEM) over a platform's network, and checks the digest.
///
/// # Errors
/// A failure on the way, or a digest mismatch.
pub async fn ca<D: Dial>(dial: D, url: &Url, digest: &Digest, config: &Config) -> Result<Vec<u8>, Failure> {
    let client = Client::new(Route::Network(dial)).with_proxy(proxy(config)?);
    let deadline = client.dial().after(ANSWER);
    let request = Request::get(url);
    let fetching = async { client.send(&request).await.and_then(Response::success)?.bytes(LARGEST_CA).await };
    let failed =
        |code, cause: &dyn core::fmt::Display| Failure::new(Phase::Obtain, format!("{url}"), code, cause);
    let late = |dial::Late| {
        failed(http::codes::TIMEOUT, &format!("not complete within {} s", ANSWER.as_secs())).unreachable(true)
    };
    // Boxed: the future is large, and firmware stacks are small.
    let bytes = dial::within(client.dial(), deadline, Box::pin(fetching)).await.map_err(late)?;
    // Without the roots the registry cannot be asked: treated as if the registry itself did not answer.
    let bytes = bytes.map_err(|error| {
        let is_unreachable = error.is_transient() || matches!(error.cause(), http::Cause::Dial(_));
        of_request(&error).unreachable(is_unreachable)
    })?;
    let found = Digest::of(digest.algorithm(), &bytes);
    if found != *digest {
        return Err(failed(oci::codes::DIGEST, &format!("digest is {found}, expected {digest}")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::{string::ToString as _, time::Duration};

    use oci::Algorithm;
    use peers::{Answer, Script, World};

    use super::*;

    const PEM: &[u8] = b"-----BEGIN CERTIFICATE-----\n";

    fn digest() -> Digest {
        Digest::of(Algorithm::Sha256, PEM)
    }

    #[test]
    fn a_path_is_a_file_and_a_url_has_a_digest() {
        for path in ["/ca.pem", "\\cloudboot\\ca.pem", "ca@sha256:x.pem"] {
            assert_eq!(Ca::parse(path), Ok(Ca::File(path)));
        }
        let url = |text| Url::parse(text).unwrap();
        for text in ["https://host.example/ca.pem", "http://10.0.0.1:8080/ca.pem?a=b"] {
            let pinned = format!("{text}@{}", digest());
            assert_eq!(Ca::parse(&pinned), Ok(Ca::Url(url(text), digest())));
        }
        for text in ["https://host/ca.pem", "https://host/ca.pem@sha256:00", "https://user@host/ca.pem"] {
            let failure = Ca::parse(text).unwrap_err();
            assert!(
                failure.to_string().starts_with("failed: configure cloudboot.ca: E-TRUST-CA "),
                "{failure}"
            );
        }
        let failure = Ca::parse(&format!("ftp://host/ca.pem@{}", digest())).unwrap_err().to_string();
        assert!(failure.starts_with("failed: configure cloudboot.ca: E-NET-HTTP-URL "), "{failure}");
    }

    #[test]
    fn the_digest_decides() {
        let fetched = |body: &'static [u8]| {
            let world = World::new();
            Script::at(&world, "host.example:80", move |_| Answer::new(200, &[], body));
            let url = Url::parse("http://host.example/ca.pem").unwrap();
            world.run(async { ca(world.wire(), &url, &digest(), &Config::default()).await })
        };
        assert_eq!(fetched(PEM).as_deref(), Ok(PEM));
        let failure = fetched(b"other").unwrap_err().to_string();
        let start = "failed: obtain http://host.example/ca.pem: E-NET-OCI-DIGEST digest is sha256:";
        assert!(failure.starts_with(start), "{failure}");
    }

    #[test]
    fn only_a_server_that_is_not_reached_says_nothing_of_the_registry() {
        let is_unreachable = |prepare: fn(&World)| {
            let world = World::new();
            prepare(&world);
            let url = Url::parse("http://host.example/ca.pem").unwrap();
            let fetched = world.run(async { ca(world.wire(), &url, &digest(), &Config::default()).await });
            fetched.unwrap_err().is_unreachable
        };
        assert!(is_unreachable(|_| ()), "nobody listens");
        assert!(is_unreachable(|world| world.silence("host.example:80")));
        assert!(is_unreachable(|world| {
            Script::at(world, "host.example:80", |_| Answer::new(503, &[], b""));
        }));
        assert!(!is_unreachable(|world| {
            Script::at(world, "host.example:80", |_| Answer::new(404, &[], b""));
        }));
        assert!(!is_unreachable(|world| {
            Script::at(world, "host.example:80", |_| Answer::new(200, &[], b"other"));
        }));
    }

    #[test]
    fn a_server_has_a_limit() {
        let world = World::new();
        world.silence("host.example:443");
        let url = Url::parse("https://host.example/ca.pem").unwrap();
        let result = world.run(async { ca(world.wire(), &url, &digest(), &Config::default()).await });
        assert!(result.unwrap_err().to_string().contains("E-NET-HTTP-TIMEOUT"));
        assert!(world.now() <= ANSWER);
        let world = World::new();
        Script::at(&world, "host.example:443", |_| {
            Answer::new(200, &[], &[b'a'; 100_000]).slow(1000, Duration::from_secs(1))
        });
        let result = world.run(async { ca(world.wire(), &url, &digest(), &Config::default()).await });
        assert!(result.unwrap_err().to_string().contains("E-NET-HTTP-"));
        assert!(world.now() <= ANSWER);
        let world = World::new();
        Script::at(&world, "host.example:443", |_| Answer::new(200, &[], &[b'a'; LARGEST_CA + 1]));
        let result = world.run(async { ca(world.wire(), &url, &digest(), &Config::default()).await });
        assert!(result.unwrap_err().to_string().contains("E-NET-HTTP-SIZE"));
    }
}

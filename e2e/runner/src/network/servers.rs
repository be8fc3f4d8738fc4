// SPDX-License-Identifier: BSD-3-Clause
//! The servers as the machine sees them.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};
use peers::{Issued, Key, Pki};
use peers::{Nginx, Registry, Scratch, Server, Setup, free_port};
use serde::Deserialize;

use super::{
    Network,
    faulty::Faulty,
    proxy,
    wire::{self, METADATA, Wire},
};

/// The registry's login, user `me` and password `hunter2`, as docker-registry wants it: bcrypt by crypt(3).
const HTPASSWD: &str = "me:$2y$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.\n";

/// All names and addresses of a registry in tests.
const NAMES: &str =
    "subjectAltName = DNS:registry.test, IP:10.0.2.2, IP:10.9.0.1, IP:fd09::1, IP:127.0.0.1\n";

/// The certificate of a registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certificate {
    /// Valid: issued by the root on the ESP, for all its names.
    #[default]
    Good,
    /// Expired.
    Expired,
    /// For another name.
    OtherName,
    /// Issued by an untrusted root.
    Unknown,
    /// None: plain HTTP.
    None,
}

impl Certificate {
    /// The name of its file.
    const fn name(self) -> Option<&'static str> {
        match self {
            Self::Good => Some("good"),
            Self::Expired => Some("expired"),
            Self::OtherName => Some("other-name"),
            Self::Unknown => Some("unknown"),
            Self::None => None,
        }
    }
}

/// The server that has the blobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blobs {
    /// The registry.
    #[default]
    Registry,
    /// Another server, to which nginx in front of the registry redirects.
    Redirected,
}

/// Roots and certificates of every kind.
///
/// # Panics
/// openssl fails.
pub fn pki() -> Pki {
    let pki = Pki::new();
    pki.root("own", Key::P256);
    pki.root("other", Key::P256);
    let names = Issued { common_name: "registry", extensions: NAMES, ..Issued::default() };
    let ended = Issued { validity: ("20200101000000Z", "20210101000000Z"), ..names.clone() };
    let elsewhere = Issued { extensions: "subjectAltName = DNS:elsewhere.test\n", ..names.clone() };
    for (name, issuer, issued) in [
        ("pushing", "own", &names),
        ("good", "own", &names),
        ("expired", "own", &ended),
        ("other-name", "own", &elsewhere),
        ("unknown", "other", &names),
    ] {
        pki.issue(name, Key::P256, issuer, issued);
    }
    pki
}

/// The TLS part of a registry's configuration, for a certificate.
pub fn tls(pki: &Pki, name: &str) -> String {
    let file = |ending| pki.folder().join(format!("{name}.{ending}")).display().to_string();
    format!(", tls: {{certificate: '{}', key: '{}'}}", file("pem"), file("key"))
}

/// All running servers.
pub struct Servers {
    /// The registry as references name it: `host`, or `host:port`.
    pub authority: String,
    /// The proxy's address.
    pub proxy: Option<String>,
    /// The host's address as the machine sees it.
    gateway: &'static str,
    front: Option<Faulty>,
    mirror: Option<Faulty>,
    nginx: Option<Nginx>,
    /// Whether the line cuts a transfer.
    is_cut: bool,
    registries: Vec<Registry>,
    _folder: Scratch,
}

impl Servers {
    /// Starts them for the registry that has the artifact.
    ///
    /// # Errors
    /// When settings contradict each other.
    ///
    /// # Panics
    /// A server does not start.
    pub fn start(network: &Network, pki: &Pki, store: Registry, host: &str) -> Result<Self> {
        let folder = Scratch::new("servers");
        expect_sound(network)?;
        let is_own = network.wire == Wire::Dnsmasq;
        let certificate = network.certificate.name();
        let of_http = certificate.map(|name| tls(pki, name)).unwrap_or_default();
        let more = if network.login { login(&folder) } else { String::new() };
        let is_redirected = network.blobs == Blobs::Redirected;
        let address = match (is_own && !is_redirected, certificate) {
            (false, _) => "127.0.0.1:0",
            // Default ports, which a reference need not name.
            (true, Some(_)) => ":443",
            (true, None) => ":80",
        };
        let shown = Registry::set_up(&Setup {
            address,
            storage: Some(store.storage()),
            more: &more,
            of_http: &of_http,
        });
        let mut port = shown.port;
        let mut nginx = None;
        if is_redirected {
            let (own, front) = if is_own { ("", 443) } else { ("127.0.0.1:", free_port()) };
            let ports = (front, free_port(), shown.port);
            nginx = Some(Nginx::start(&redirecting(pki, store.storage(), host, own, ports)));
            port = front;
        }
        let front = network.front.map(|fault| Faulty::start(fault, shown.port)).transpose()?;
        let mirror = network.mirror.map(|fault| Faulty::start(fault, shown.port)).transpose()?;
        port = front.as_ref().map_or(port, |front| front.port);
        let authority = if is_own { host.into() } else { format!("{host}:{port}") };
        let gateway = network.wire.host();
        let proxy = match network.proxy {
            true => Some(format!("http://{gateway}:{}", proxy::start()?)),
            false => None,
        };
        let is_cut = is_cut(network);
        let registries = [store, shown].into();
        Ok(Self { authority, proxy, gateway, front, mirror, nginx, is_cut, registries, _folder: folder })
    }

    /// Stops all registries.
    pub fn die(&mut self) {
        self.registries.clear();
    }

    /// The mirror's host and port.
    pub fn mirror(&self) -> Option<String> {
        self.mirror.as_ref().map(|mirror| format!("{}:{}", self.gateway, mirror.port))
    }

    /// The complaint if a fault was not triggered, or a transfer restarted instead of being resumed.
    pub fn complaint(&self) -> Option<String> {
        let faults = self.front.iter().chain(&self.mirror);
        faults.map(Faulty::complaint).find(Option::is_some).flatten().or_else(|| {
            let log = self.nginx.as_ref().filter(|_| self.is_cut)?.log();
            (!is_resumed(&log)).then(|| format!("no transfer was resumed:\n{log}"))
        })
    }
}

/// Starts dnsmasq with these options. Its log of leases and names goes to the test's outputs, if any.
///
/// # Panics
/// It does not start.
pub fn dnsmasq(folder: &Path, options: &[String]) -> Server {
    let outputs = env::var_os("TEST_UNDECLARED_OUTPUTS_DIR").map(PathBuf::from);
    Server::start(outputs.as_deref().unwrap_or(folder), "dnsmasq", &wire::dnsmasq(options))
}

/// Whether the line cuts a transfer.
fn is_cut(network: &Network) -> bool {
    network.line.is_some_and(|line| line.cut.is_some())
}

/// Checks that the settings of the servers fit together.
fn expect_sound(network: &Network) -> Result<()> {
    let Network { blobs, certificate, front, mirror, wire, .. } = network;
    let is_redirected = *blobs == Blobs::Redirected;
    ensure!(!is_redirected || *certificate == Certificate::Good, "nginx needs the good certificate");
    ensure!(is_redirected || !is_cut(network), "only nginx's log shows how a cut transfer continues");
    let is_plain = *wire == Wire::User && *certificate == Certificate::None;
    ensure!(is_plain || front.or(*mirror).is_none(), "a faulty server needs the wire user, without TLS");
    Ok(())
}

/// A request for a blob; for all of it from 0, without a last byte.
struct Asked<'l> {
    path: &'l str,
    first: u64,
    last: Option<u64>,
}

impl<'l> Asked<'l> {
    /// From nginx's log: `… "GET /path HTTP/1.1" 206 BYTES "bytes=FIRST-LAST"`.
    fn of(line: &'l str) -> Option<Self> {
        let mut quoted = line.split('"').skip(1).step_by(2);
        let path = quoted.next()?.split(' ').nth(1).filter(|path| path.starts_with("/blobs/"))?;
        let range = quoted.next()?.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
        let (first, last) =
            range.map_or((0, None), |(first, last)| (first.parse().unwrap_or(0), last.parse().ok()));
        Some(Self { path, first, last })
    }
}

/// Whether a request in nginx's log continues in the middle of a range: it begins neither at the start of the blob nor
/// at the end of another request. (The cut request is logged only once nginx notices it.)
fn is_resumed(log: &str) -> bool {
    let all: Vec<Asked<'_>> = log.lines().filter_map(Asked::of).collect();
    let goes_on = |asked: &&Asked<'_>, other: &Asked<'_>| {
        other.path == asked.path && other.last.and_then(|last| last.checked_add(1)) == Some(asked.first)
    };
    all.iter().any(|asked| asked.first > 0 && !all.iter().any(|other| goes_on(&asked, other)))
}

/// A metadata service with a document at OpenStack's path.
///
/// # Panics
/// nginx does not start: the address is not on this host.
pub fn metadata(document: &str) -> Nginx {
    let nginx = Nginx::start(&format!(
        "listen {METADATA}:80;
        location = /openstack/latest/meta_data.json {{ alias FOLDER/meta_data.json; }}"
    ));
    nginx.write("meta_data.json", document.as_bytes());
    nginx
}

/// The registry's configuration with a login.
fn login(folder: &Scratch) -> String {
    let file = folder.write("htpasswd", HTPASSWD.as_bytes());
    format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", file.display())
}

/// nginx on two ports: one passes requests to the registry, but redirects those for blobs to the other, which reads
/// them from the registry's storage.
fn redirecting(
    pki: &Pki,
    storage: &Path,
    host: &str,
    own: &str,
    (front, back, registry): (u16, u16, u16),
) -> String {
    let (pki, storage) = (pki.folder().display(), storage.display());
    format!(
        "listen {own}{front} ssl; listen {own}{back} ssl;
        ssl_certificate {pki}/good.pem; ssl_certificate_key {pki}/good.key;
        location ~ ^/v2/.+/blobs/sha256:(..)(.*)$ {{ return 307 https://{host}:{back}/blobs/$1/$1$2/data; }}
        location /blobs/ {{ alias {storage}/docker/registry/v2/blobs/sha256/; }}
        location / {{ proxy_pass https://127.0.0.1:{registry}; proxy_ssl_verify off; proxy_set_header Host $http_host; }}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of nginx's log.
    fn line(path: &str, range: &str) -> String {
        format!("10.9.0.50 [30/Nov/2026:06:00:00 +0000] \"GET {path} HTTP/1.1\" 206 5 \"{range}\"\n")
    }

    #[test]
    fn a_transfer_is_resumed_where_its_rest_is_asked_for() {
        let halves = [line("/blobs/a", "bytes=0-49"), line("/blobs/a", "bytes=50-99")].concat();
        for (more, expected) in [
            (String::new(), false),
            (line("/blobs/a", "bytes=60-99"), true),
            (line("/blobs/a", "bytes=20-49"), true),
            (line("/blobs/a", "bytes=0-49"), false),
            // What came before was cut, and is not there yet.
            (line("/blobs/b", "bytes=60-99"), true),
            ([line("/blobs/b", "-"), line("/blobs/b", "bytes=7-99")].concat(), true),
            ([line("/v2/b", "-"), line("/v2/b", "bytes=7-99")].concat(), false),
        ] {
            assert_eq!(is_resumed(&[halves.as_str(), &more].concat()), expected, "{more}");
        }
    }
}

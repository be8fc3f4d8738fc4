// SPDX-License-Identifier: BSD-3-Clause
//! Addresses: `http` and `https` URLs.

use alloc::{format, string::String, vec::Vec};
use core::fmt::{self, Write as _};

use crate::{Cause, Error, Secret};

/// The longest URL in bytes that is accepted from a user or a peer. Signed addresses of blob stores have about 2 KiB.
const LONGEST: usize = 8192;

/// An `http` or `https` URL, without fragment and user.
///
/// Spec: RFC 9110, section 4.2; RFC 3986.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Url {
    is_secure: bool,
    host: String,
    port: u16,
    target: String,
}

impl Url {
    /// A URL from its parts; `target` is path and query, beginning with `/`. IPv6 addresses have no brackets.
    ///
    /// # Errors
    /// The host is malformed, or the target has bytes that a URL cannot have.
    pub fn new(is_secure: bool, host: &str, port: u16, target: &str) -> Result<Self, Error> {
        let url = Self { is_secure, host: host.to_ascii_lowercase(), port, target: target.into() };
        if !is_host(host) {
            return Err(Error::new(&url, Cause::Url("malformed host")));
        }
        if !target.starts_with('/') || !target.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::new(&url, Cause::Url("malformed path")));
        }
        Ok(url)
    }

    /// Parses an absolute URL.
    ///
    /// # Errors
    /// It is not an `http` or `https` URL, names a user, or is longer than 8 KiB.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (url, user) = Self::split(text).map_err(|why| failed(text, why))?;
        match user {
            Some(_) => Err(failed(text, "user and password are not allowed here")),
            None => Ok(url),
        }
    }

    /// The URL of a `Location` field, resolved against this one.
    ///
    /// Spec: RFC 3986, section 5.2.
    ///
    /// # Errors
    /// As for [`parse`](Self::parse).
    pub fn join(&self, location: &str) -> Result<Self, Error> {
        let lower = location.get(..8).unwrap_or(location).to_ascii_lowercase();
        let scheme = if self.is_secure { "https:" } else { "http:" };
        if lower.starts_with("http://") || lower.starts_with("https://") {
            return Self::parse(location);
        }
        if location.starts_with("//") {
            return Self::parse(&format!("{scheme}{location}"));
        }
        let has_scheme = location.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':'));
        if has_scheme {
            return Err(failed(location, "neither http nor https"));
        }
        let path = self.target.split('?').next().unwrap_or("/");
        let target = match location.chars().next() {
            None | Some('#') => self.target.clone(),
            Some('?') => format!("{path}{location}"),
            Some('/') => location.into(),
            Some(_) => {
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                format!("{folder}/{location}")
            }
        };
        let target = cleaned(&target).map_err(|why| failed(location, why))?;
        Ok(Self { target: without_dots(&target), ..self.clone() })
    }

    /// Whether it is `https`.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The host, a name or an address; IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; the scheme's default if the URL has none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The host with its port, as in the `Host` field: without the scheme's default port, and without the zone of a
    /// link-local address, which means nothing to the peer.
    ///
    /// Spec: RFC 9110, section 7.2; RFC 6874, section 1.
    pub fn authority(&self) -> String {
        let is_usual = self.port == usual_port(self.is_secure);
        let host = bracketed(self.host.split('%').next().unwrap_or_default());
        if is_usual { host } else { format!("{host}:{}", self.port) }
    }

    /// Whether both have the same scheme, host and port.
    pub fn is_same_origin(&self, other: &Self) -> bool {
        (self.is_secure, self.port) == (other.is_secure, other.port) && self.host == other.host
    }

    /// The URL as it may be shown: the part after `?` may be a signature.
    pub fn without_query(&self) -> String {
        let path = self.target.split('?').next().unwrap_or("/");
        format!("{}://{}{path}", if self.is_secure { "https" } else { "http" }, self.authority())
    }

    /// The URL with one more query parameter.
    #[must_use]
    pub fn with_query(mut self, name: &str, value: &str) -> Self {
        self.target.push(if self.target.contains('?') { '&' } else { '?' });
        self.target.push_str(name);
        self.target.push('=');
        for byte in value.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    self.target.push(char::from(byte));
                }
                // Writing to a string does not fail.
                _ => drop(write!(self.target, "%{byte:02X}")),
            }
        }
        self
    }

    /// The URL and its user part.
    fn split(text: &str) -> Result<(Self, Option<&str>), &'static str> {
        if text.len() > LONGEST {
            return Err("longer than 8 KiB");
        }
        let (scheme, rest) = text.split_once("://").ok_or("no scheme")?;
        let is_secure = scheme.eq_ignore_ascii_case("https");
        if !is_secure && !scheme.eq_ignore_ascii_case("http") {
            return Err("neither http nor https");
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end).ok_or("malformed host")?;
        let (user, authority) = match authority.rsplit_once('@') {
            Some((user, authority)) => (Some(user), authority),
            None => (None, authority),
        };
        let (host, port) = host_and_port(authority).ok_or("malformed host or port")?;
        let target = if target.starts_with('/') { target.into() } else { format!("/{target}") };
        let port = port.unwrap_or(usual_port(is_secure));
        Ok((Self { is_secure, host: host.to_ascii_lowercase(), port, target: cleaned(&target)? }, user))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.without_query())
    }
}

/// A proxy: plain requests are sent to it as they are; for TLS, it opens connections by `CONNECT`.
#[derive(Clone, Debug)]
pub struct Proxy {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) authorization: Option<Secret>,
}

impl Proxy {
    /// Parses `http://[user:password@]host[:port]`. TLS to the proxy itself is not supported.
    ///
    /// # Errors
    /// It is not such a URL.
    pub fn parse(text: &str) -> Result<Self, Error> {
        // The text may have a password: it is not shown.
        let failed = |why| failed("the proxy's address", why);
        let (url, user) = Url::split(text).map_err(failed)?;
        if url.is_secure || url.target != "/" {
            return Err(failed("a proxy is http://host:port"));
        }
        let authorization = match user {
            None => None,
            Some(user) => {
                let (user, password) = user.split_once(':').unwrap_or((user, ""));
                let decoded =
                    |text| percent_decoded(text).ok_or_else(|| failed("malformed user or password"));
                Some(Secret::basic(&decoded(user)?, &decoded(password)?))
            }
        };
        Ok(Self { host: url.host, port: url.port, authorization })
    }
}

/// A host, and its port if there is one. The brackets of IPv6 addresses are removed.
pub fn host_and_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host.contains(':').then_some(host)?, rest)
        }
        None => authority.split_at_checked(authority.find(':').unwrap_or(authority.len()))?,
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        None => return None,
        Some(port) => {
            let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
            Some(port.parse().ok().filter(|port| is_number && *port != 0)?)
        }
    };
    is_host(host).then_some((host, port))
}

/// A host as in a URL: IPv6 addresses get brackets.
pub(crate) fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.into() }
}

/// Whether it is a name (underscores of SRV allowed) or an address, which may have a zone if link-local.
fn is_host(host: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let is_name = host.bytes().all(is_letter);
    let is_ipv6 =
        host.contains(':') && host.bytes().all(|byte| is_letter(byte) || matches!(byte, b':' | b'%'));
    (1..=255).contains(&host.len()) && (is_name || is_ipv6)
}

fn usual_port(is_secure: bool) -> u16 {
    if is_secure { 443 } else { 80 }
}

fn failed(text: &str, why: &'static str) -> Error {
    let shown: String =
        text.split('?').next().unwrap_or("").chars().filter(|c| !c.is_control()).take(200).collect();
    let shown = match (shown.find("://"), shown.rfind('@')) {
        // A password may stand before the @.
        (Some(_), Some(at)) => shown.get(at..).map(|rest| format!("***{rest}")).unwrap_or_default(),
        _ => shown,
    };
    Error::at(shown, Cause::Url(why))
}

/// The target without fragment. Bytes that a URL cannot have are percent-encoded: peers send them anyway.
fn cleaned(target: &str) -> Result<String, &'static str> {
    let target = target.split('#').next().unwrap_or("/");
    let mut clean = String::new();
    clean.try_reserve(target.len()).map_err(|_| "not enough memory")?;
    for byte in target.bytes() {
        match byte {
            0..=0x1f | 0x7f => return Err("control characters"),
            0x21..=0x7e => clean.push(char::from(byte)),
            // Writing to a string does not fail.
            _ => drop(write!(clean, "%{byte:02X}")),
        }
    }
    Ok(clean)
}

/// The path without `.` and `..`.
///
/// Spec: RFC 3986, section 5.2.4.
fn without_dots(target: &str) -> String {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut segments: Vec<&str> = Vec::new();
    let mut is_folder = false;
    for segment in path.split('/').skip(1) {
        is_folder = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let end = if is_folder && !segments.is_empty() { "/" } else { "" };
    let path = format!("/{}{end}", segments.join("/"));
    query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => break String::from_utf8(bytes).ok(),
            [b'%', high, low, rest @ ..] => {
                let digits = [*high, *low];
                bytes.push(u8::from_str_radix(core::str::from_utf8(&digits).ok()?, 16).ok()?);
                rest
            }
            [byte, rest @ ..] => {
                bytes.push(*byte);
                rest
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    fn full(url: &Url) -> String {
        let scheme = if url.is_secure { "https" } else { "http" };
        format!("{scheme}://{}:{}{}", bracketed(&url.host), url.port, url.target)
    }

    #[test]
    fn urls_have_scheme_host_port_and_target() {
        for (text, expected) in [
            ("http://a", "http://a:80/"),
            ("HTTPS://Example.ORG/x?y#z", "https://example.org:443/x?y"),
            ("https://[fe80::1%eth0]:5000/v2/", "https://[fe80::1%eth0]:5000/v2/"),
            ("http://a?b", "http://a:80/?b"),
            ("http://a/ü x", "http://a:80/%C3%BC%20x"),
        ] {
            assert_eq!(full(&Url::parse(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn parse_refuses_what_is_no_url() {
        for text in [
            "",
            "a",
            "ftp://a",
            "http://",
            "http://a:0",
            "http://a:65536",
            "http://a:+1",
            "http://a b/",
            "http://[a]/",
            "http://[::1",
            "http://a/\r\nX: y",
            "http://user@a/",
            "http://a:1:2/",
            "http:///x",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn errors_show_neither_queries_nor_passwords() {
        let error = Url::parse("ftp://user:hunter2@a/b?signature=hunter2").unwrap_err();
        assert_eq!(error.to_string(), "E-NET-HTTP-URL ***@a/b: not a URL: neither http nor https");
        assert!(
            !format!("{:?}", Proxy::parse("http://user:hunter2@proxy:x").unwrap_err()).contains("hunter2")
        );
    }

    #[test]
    fn locations_are_joined() {
        let base = Url::parse("https://a:444/b/c/d?q").unwrap();
        for (location, expected) in [
            ("http://x/y", "http://x:80/y"),
            ("//x/y", "https://x:443/y"),
            ("/y?z", "https://a:444/y?z"),
            ("?z", "https://a:444/b/c/d?z"),
            ("y", "https://a:444/b/c/y"),
            ("../y", "https://a:444/b/y"),
            ("./", "https://a:444/b/c/"),
            ("../../../../y", "https://a:444/y"),
            ("/b/..", "https://a:444/"),
            ("", "https://a:444/b/c/d?q"),
            ("y?u=http://z", "https://a:444/b/c/y?u=http://z"),
        ] {
            assert_eq!(full(&base.join(location).unwrap()), expected, "{location}");
        }
        assert!(base.join("file:///etc/passwd").is_err());
    }

    #[test]
    fn the_peer_does_not_learn_our_zone() {
        let url = Url::parse("http://[fe80::a9fe:a9fe%eth0]:81/x").unwrap();
        assert_eq!((url.authority().as_str(), url.host()), ("[fe80::a9fe:a9fe]:81", "fe80::a9fe:a9fe%eth0"));
    }

    #[test]
    fn queries_are_encoded() {
        let url = Url::parse("https://a/token")
            .unwrap()
            .with_query("scope", "repository:a/b:pull")
            .with_query("x", "1");
        assert_eq!(url.target(), "/token?scope=repository%3Aa%2Fb%3Apull&x=1");
    }

    #[test]
    fn proxies_may_have_a_password() {
        let proxy = Proxy::parse("http://me:p%40ss@proxy:3128").unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port), ("proxy", 3128));
        assert_eq!(proxy.authorization, Some(Secret::basic("me", "p@ss")));
        assert!(Proxy::parse("https://proxy").is_err());
        assert!(Proxy::parse("http://proxy/path").is_err());
    }
}

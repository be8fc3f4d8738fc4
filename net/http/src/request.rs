// SPDX-License-Identifier: BSD-3-Clause
//! Requests.

use alloc::{string::String, vec::Vec};
use core::fmt::{self, Write as _};

use zeroize::Zeroizing;

use crate::{Proxy, Secret, Url, url::bracketed};

/// The request method.
///
/// Spec: RFC 9110, section 9.3; RFC 5789 (PATCH).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// Fetch the resource.
    Get,
    /// Fetch its head only.
    Head,
    /// Let the resource process the body.
    Post,
    /// Store the body as the resource.
    Put,
    /// Remove the resource.
    Delete,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    /// Whether the request is idempotent and has no body, so that it can be sent again.
    pub(crate) fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

/// Data to upload.
pub trait Content {
    /// Its length in bytes.
    fn size(&self) -> u64;
    /// Fills the buffer with the bytes from `offset` on; never called beyond the length.
    ///
    /// # Errors
    /// They cannot be read, with the cause.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), String>;
}

impl Content for &[u8] {
    fn size(&self) -> u64 {
        u64::try_from(self.len()).unwrap_or(u64::MAX)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), String> {
        let start = usize::try_from(offset).ok();
        let bytes = start.and_then(|start| self.get(start..start.checked_add(buffer.len())?));
        buffer.copy_from_slice(bytes.filter(|bytes| bytes.len() == buffer.len()).ok_or("too short")?);
        Ok(())
    }
}

/// A part of a resource: first and last byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Range {
    /// The first byte.
    pub first: u64,
    /// The last one.
    pub last: u64,
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// A request.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// The resource.
    pub url: &'a Url,
    /// Further fields: names and values of visible characters and spaces.
    pub fields: &'a [(&'a str, &'a str)],
    /// Sent to the URL's scheme, host and port, and nowhere else.
    pub authorization: Option<&'a Secret>,
    /// The requested part of the resource.
    pub range: Option<Range>,
    /// The body to send.
    pub body: Option<&'a dyn Content>,
}

impl<'a> Request<'a> {
    /// A GET of a whole resource.
    pub fn get(url: &'a Url) -> Self {
        Self { method: Method::Get, url, fields: &[], authorization: None, range: None, body: None }
    }

    /// The head as it is sent to `url`.
    pub(crate) fn head(
        &self,
        url: &Url,
        authorization: Option<&Secret>,
        proxy: Option<&Proxy>,
    ) -> Zeroizing<Vec<u8>> {
        let mut head = Zeroizing::new(String::new());
        let target = match proxy {
            // Spec: RFC 9112, section 3.2.2.
            Some(_) => alloc::format!("http://{}{}", url.authority(), url.target()),
            None => url.target().into(),
        };
        line(&mut head, format_args!("{} {target} HTTP/1.1", self.method.name()));
        line(&mut head, format_args!("Host: {}", url.authority()));
        line(&mut head, format_args!("User-Agent: cloud-boot"));
        line(&mut head, format_args!("Accept-Encoding: identity"));
        for (name, value) in self.fields {
            line(&mut head, format_args!("{name}: {value}"));
        }
        if let Some(range) = self.range {
            line(&mut head, format_args!("Range: bytes={range}"));
        }
        if let Some(authorization) = authorization {
            line(&mut head, format_args!("Authorization: {}", authorization.expose()));
        }
        if let Some(authorization) = proxy.and_then(|proxy| proxy.authorization.as_ref()) {
            line(&mut head, format_args!("Proxy-Authorization: {}", authorization.expose()));
        }
        match (self.body, self.method) {
            (Some(body), _) => line(&mut head, format_args!("Content-Length: {}", body.size())),
            (None, Method::Post | Method::Put) => line(&mut head, format_args!("Content-Length: 0")),
            _ => {}
        }
        head.push_str("\r\n");
        Zeroizing::new(core::mem::take(&mut *head).into_bytes())
    }
}

/// The head that asks a proxy for a tunnel.
///
/// Spec: RFC 9110, section 9.3.6.
pub(crate) fn tunnel(url: &Url, proxy: &Proxy) -> Zeroizing<Vec<u8>> {
    let mut head = Zeroizing::new(String::new());
    let to = alloc::format!("{}:{}", bracketed(url.host()), url.port());
    line(&mut head, format_args!("CONNECT {to} HTTP/1.1"));
    line(&mut head, format_args!("Host: {to}"));
    line(&mut head, format_args!("User-Agent: cloud-boot"));
    if let Some(authorization) = &proxy.authorization {
        line(&mut head, format_args!("Proxy-Authorization: {}", authorization.expose()));
    }
    head.push_str("\r\n");
    Zeroizing::new(core::mem::take(&mut *head).into_bytes())
}

/// Appends a line to a head. Line ends in it are left out, so that no value can inject a field.
fn line(head: &mut String, text: fmt::Arguments<'_>) {
    let mut clean = Clean(head);
    // Writing to a string does not fail.
    let _ = clean.write_fmt(text);
    head.push_str("\r\n");
}

struct Clean<'a>(&'a mut String);

impl fmt::Write for Clean<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend(text.chars().filter(|c| !c.is_control()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn text(head: &[u8]) -> String {
        String::from_utf8_lossy(head).into()
    }

    #[test]
    fn a_head_has_what_the_request_says() {
        let url = Url::parse("http://a:81/b?c").unwrap();
        let range = Some(Range { first: 5, last: 9 });
        let request = Request { range, fields: &[("Accept", "x/y")], ..Request::get(&url) };
        let common = "Host: a:81\r\nUser-Agent: cloud-boot\r\nAccept-Encoding: identity\r\nAccept: x/y\r\nRange: bytes=5-9";
        assert_eq!(text(&request.head(&url, None, None)), format!("GET /b?c HTTP/1.1\r\n{common}\r\n\r\n"));
        let secret = Secret::bearer("t");
        let expected = format!("GET /b?c HTTP/1.1\r\n{common}\r\nAuthorization: Bearer t\r\n\r\n");
        assert_eq!(text(&request.head(&url, Some(&secret), None)), expected);
        let proxy = Proxy::parse("http://u:p@proxy").unwrap();
        let expected =
            format!("GET http://a:81/b?c HTTP/1.1\r\n{common}\r\nProxy-Authorization: Basic dTpw\r\n\r\n");
        assert_eq!(text(&request.head(&url, None, Some(&proxy))), expected);
    }

    #[test]
    fn no_value_makes_a_field_of_its_own() {
        let url = Url::parse("http://a/").unwrap();
        let request = Request { fields: &[("Accept", "x\r\nEvil: yes")], ..Request::get(&url) };
        assert!(!text(&request.head(&url, None, None)).contains("\nEvil"));
    }

    #[test]
    fn content_ends_where_it_ends() {
        let (content, mut buffer) = (&b"abcd"[..], [0; 3]);
        assert_eq!(content.read_at(1, &mut buffer), Ok(()));
        assert_eq!(&buffer, b"bcd");
        assert!(content.read_at(2, &mut buffer).is_err());
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Fetches the document.

use alloc::{string::ToString as _, vec::Vec};
use core::time::Duration;

use dial::Dial;
use http::{Client, Limits, Method, Phase, Request, Response, Url};
use zeroize::Zeroizing;

use crate::{Cause, Document, Error, LARGEST, Source};

/// The time limit for everything.
pub const LIMIT: Duration = Duration::from_secs(10);
/// How long one address may take to accept a connection, so that there is time for the next.
const CONNECT: Duration = Duration::from_secs(4);

/// The IPv4 and IPv6 addresses of OpenStack's service. There is no zone: the platform chooses the link, as for IPv4.
pub(crate) const OPENSTACK: [&str; 2] = ["169.254.169.254", "fe80::a9fe:a9fe"];
pub(crate) const OPENSTACK_PATH: &str = "/openstack/latest/meta_data.json";

pub(crate) const EC2: &str = "169.254.169.254";
const EC2_TOKEN_PATH: &str = "/latest/api/token";
pub(crate) const EC2_PATH: &str = "/latest/user-data";
/// Lifetime of a token in seconds: longer than the limit, with time for a clock that runs differently.
const EC2_TOKEN_LASTS: (&str, &str) = ("X-aws-ec2-metadata-token-ttl-seconds", "60");
const EC2_TOKEN: &str = "X-aws-ec2-metadata-token";
/// The longest token in bytes. Current ones have 56.
const LONGEST_TOKEN: usize = 1024;

/// A source of documents.
trait Provider {
    /// Fetches the document.
    async fn document<D: Dial>(&self, client: &Client<D>) -> Result<Document, Error>;
}

/// Fetches the document, within [`LIMIT`] in all. No credentials are sent, except a proxy's own and the session token
/// that EC2's service itself issues.
///
/// # Errors
/// There is no document, or it is malformed: the boot continues without it.
pub async fn fetch<D: Dial>(dial: D, source: &Source) -> Result<Document, Error> {
    let limits = Limits { connect: CONNECT, ..Limits::default() };
    let proxy = match source {
        Source::Url { proxy, .. } => proxy.clone(),
        Source::OpenStack | Source::Ec2 => None,
    };
    let client = Client::new(dial).with_limits(limits).with_proxy(proxy);
    let dial = client.dial();
    let deadline = dial.after(LIMIT);
    let outcome = match source {
        Source::OpenStack => dial::within(dial, deadline, OpenStack.document(&client)).await,
        Source::Ec2 => dial::within(dial, deadline, Ec2.document(&client)).await,
        Source::Url { url, .. } => dial::within(dial, deadline, AtUrl(url).document(&client)).await,
    };
    outcome.unwrap_or_else(|dial::Late| Err(Error::new(source.place(), Cause::Late)))
}

/// The document at a URL.
struct AtUrl<'a>(&'a Url);

impl Provider for AtUrl<'_> {
    async fn document<D: Dial>(&self, client: &Client<D>) -> Result<Document, Error> {
        let response = client.send(&Request::get(self.0)).await?.success()?;
        let document =
            Document::parse(&bytes(response).await?).map_err(|error| error.at(self.0.to_string()))?;
        // Redirects never lead from https to http.
        Ok(Document { is_authenticated: self.0.is_secure(), ..document })
    }
}

/// OpenStack's service.
struct OpenStack;

impl Provider for OpenStack {
    async fn document<D: Dial>(&self, client: &Client<D>) -> Result<Document, Error> {
        let [v4, v6] = OPENSTACK;
        let v4 = AtUrl(&Url::new(false, v4, 80, OPENSTACK_PATH)?).document(client).await;
        match v4 {
            Err(error) if is_unreachable(&error) => {
                let v6 = AtUrl(&Url::new(false, v6, 80, OPENSTACK_PATH)?).document(client).await;
                // If neither answers, the error names the usual one.
                v6.map_err(|other| if is_unreachable(&other) { error } else { other })
            }
            v4 => v4,
        }
    }
}

/// EC2's service. It requires a token, so that an attacker who can only make a program send a GET gets no data.
struct Ec2;

impl Provider for Ec2 {
    async fn document<D: Dial>(&self, client: &Client<D>) -> Result<Document, Error> {
        let url = Url::new(false, EC2, 80, EC2_TOKEN_PATH)?;
        let put = Request { method: Method::Put, fields: &[EC2_TOKEN_LASTS], ..Request::get(&url) };
        let answer = client.send(&put).await?.success()?.bytes(LONGEST_TOKEN).await.map(Zeroizing::new)?;
        let token = core::str::from_utf8(&answer).map_or("", str::trim);
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::new(url.to_string(), Cause::Token));
        }
        let url = Url::new(false, EC2, 80, EC2_PATH)?;
        let response = client.send(&Request { fields: &[(EC2_TOKEN, token)], ..Request::get(&url) }).await?;
        if response.head().status == 404 {
            // The instance has no user data.
            return Ok(Document::default());
        }
        let bytes = bytes(response.success()?).await?;
        // User data is mostly for other programs: scripts, or settings for cloud-init.
        match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{') => Document::parse(&bytes).map_err(|error| error.at(url.to_string())),
            _ => Ok(Document::default()),
        }
    }
}

/// The body of a response, which may hold secrets.
async fn bytes<D: Dial>(response: Response<'_, D>) -> Result<Zeroizing<Vec<u8>>, Error> {
    let place = response.url().to_string();
    response.bytes(LARGEST).await.map(Zeroizing::new).map_err(|error| match error.cause() {
        http::Cause::Size { .. } => Error::new(place, Cause::Size),
        _ => error.into(),
    })
}

/// Whether no server was reached, as opposed to a server without a document.
fn is_unreachable(error: &Error) -> bool {
    match error.cause() {
        Cause::Http(error) => {
            matches!(error.cause(), http::Cause::Dial(_) | http::Cause::Late { phase: Phase::Connect, .. })
        }
        _ => false,
    }
}

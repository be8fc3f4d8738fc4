// SPDX-License-Identifier: BSD-3-Clause
//! Getting the document.

use alloc::{string::ToString as _, vec::Vec};
use core::time::Duration;

use dial::Dial;
use http::{Client, Limits, Method, Phase, Request, Response, Url};
use zeroize::Zeroizing;

use crate::{Cause, Document, Error, LARGEST, Source};

/// How long all of it may take.
pub const LIMIT: Duration = Duration::from_secs(10);
/// How long one address may take to accept a connection: the next one needs its time, too.
const CONNECT: Duration = Duration::from_secs(4);

/// Where OpenStack's service is: IPv4's address, and IPv6's. A zone is not named: which link is meant is the platform's
/// matter, as with IPv4's.
pub(crate) const OPENSTACK: [&str; 2] = ["169.254.169.254", "fe80::a9fe:a9fe"];
pub(crate) const OPENSTACK_PATH: &str = "/openstack/latest/meta_data.json";

pub(crate) const EC2: &str = "169.254.169.254";
const EC2_TOKEN_PATH: &str = "/latest/api/token";
pub(crate) const EC2_PATH: &str = "/latest/user-data";
/// Seconds that a token lasts: as long as all may take, and time for a clock that runs differently.
const EC2_TOKEN_LASTS: (&str, &str) = ("X-aws-ec2-metadata-token-ttl-seconds", "60");
const EC2_TOKEN: &str = "X-aws-ec2-metadata-token";
/// Bytes of the longest token. Those of today have 56.
const LONGEST_TOKEN: usize = 1024;

/// A place that a document can come from.
trait Provider {
    /// The document of this place.
    async fn document<D: Dial>(&self, client: &Client<D>) -> Result<Document, Error>;
}

/// Gets the document, within [`LIMIT`] in all. No credential is sent, but for a proxy's own and the session token that
/// EC2's service hands out itself.
///
/// # Errors
/// There is no document, or a malformed one: the boot goes on without.
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
        Source::Url { url, .. } => dial::within(dial, deadline, Place(url).document(&client)).await,
    };
    outcome.unwrap_or_else(|dial::Late| Err(Error::new(source.place(), Cause::Late)))
}

/// The document at a URL.
struct Place<'a>(&'a Url);

impl Provider for Place<'_> {
    async fn document<D: Dial>(&self, client: &Client<D>) -> Result<Document, Error> {
        let response = client.send(&Request::get(self.0)).await?.success()?;
        let document =
            Document::parse(&bytes(response).await?).map_err(|error| error.at(self.0.to_string()))?;
        // No redirect leads from https to http.
        Ok(Document { is_authenticated: self.0.is_secure(), ..document })
    }
}

/// OpenStack's service.
struct OpenStack;

impl Provider for OpenStack {
    async fn document<D: Dial>(&self, client: &Client<D>) -> Result<Document, Error> {
        let [v4, v6] = OPENSTACK;
        let v4 = Place(&Url::new(false, v4, 80, OPENSTACK_PATH)?).document(client).await;
        match v4 {
            Err(error) if is_unreachable(&error) => {
                let v6 = Place(&Url::new(false, v6, 80, OPENSTACK_PATH)?).document(client).await;
                // Where neither is there, the usual one is named.
                v6.map_err(|other| if is_unreachable(&other) { error } else { other })
            }
            v4 => v4,
        }
    }
}

/// EC2's service. It gives no data without a token of its own, so that nobody gets them who can only make a program
/// send a GET.
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
            // The user gave the instance nothing.
            return Ok(Document::default());
        }
        let bytes = bytes(response.success()?).await?;
        // What users give an instance is mostly for others: scripts, or settings of cloud-init.
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

/// Whether nobody is there, as opposed to somebody who has no document.
fn is_unreachable(error: &Error) -> bool {
    match error.cause() {
        Cause::Http(error) => {
            matches!(error.cause(), http::Cause::Dial(_) | http::Cause::Late { phase: Phase::Connect, .. })
        }
        _ => false,
    }
}

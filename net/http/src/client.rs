// SPDX-License-Identifier: BSD-3-Clause
//! The client: connections, redirects, proxies.

use alloc::{string::String, vec::Vec};
use core::{cell::RefCell, time::Duration};

use dial::Dial;

use crate::{
    Cause, Error, Limits, Method, Phase, Proxy, Request, Response, Url, connection::Connection,
    limits::phase, request,
};

/// Most redirects of one request.
const MOST_REDIRECTS: usize = 8;
/// Most idle connections that are kept, and for how long: servers close them after 5 s (Apache) to 75 s (nginx).
const MOST_IDLE: usize = 4;
const LONGEST_IDLE: Duration = Duration::from_secs(30);

/// A client, which keeps connections for further requests.
pub struct Client<D: Dial> {
    pub(crate) dial: D,
    pub(crate) limits: Limits,
    proxy: Option<Proxy>,
    idle: RefCell<Vec<Idle<D::Stream>>>,
}

struct Idle<S> {
    key: Key,
    since: Duration,
    connection: Connection<S>,
}

/// What a connection is to: scheme, host and port; plain ones through a proxy are all the same.
pub(crate) type Key = (bool, String, u16);

impl<D: Dial> Client<D> {
    /// A client on a platform's network.
    pub fn new(dial: D) -> Self {
        Self { dial, limits: Limits::default(), proxy: None, idle: RefCell::default() }
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The same through a proxy.
    #[must_use]
    pub fn with_proxy(self, proxy: Option<Proxy>) -> Self {
        Self { proxy, ..self }
    }

    /// The platform.
    pub fn dial(&self) -> &D {
        &self.dial
    }

    /// Sends a request and reads the head of its response, whatever its status. Redirects of GET and HEAD are
    /// followed: never from https to http, and without `Authorization` as soon as scheme, host or port differ.
    ///
    /// # Errors
    /// There is no response, or its redirects lead nowhere.
    pub async fn send(&self, request: &Request<'_>) -> Result<Response<'_, D>, Error> {
        let mut url = request.url.clone();
        let mut authorization = request.authorization;
        for _ in 0..=MOST_REDIRECTS {
            let response = self.send_to(&url, &Request { authorization, ..*request }).await?;
            let status = response.head().status;
            if !matches!(status, 301 | 302 | 303 | 307 | 308) || !request.method.is_safe() {
                return Ok(response);
            }
            let failed = |cause| Error::new(&url, cause);
            let location =
                response.head().field("location").ok_or_else(|| failed(Cause::Location(status)))?;
            let next = url.join(location).map_err(|_| failed(Cause::Location(status)))?;
            if url.is_secure() && !next.is_secure() {
                return Err(failed(Cause::Plain(next.without_query())));
            }
            if !url.is_same_origin(&next) {
                authorization = None;
            }
            response.discard().await;
            url = next;
        }
        Err(Error::new(request.url, Cause::Redirects(MOST_REDIRECTS)))
    }

    async fn send_to(&self, url: &Url, request: &Request<'_>) -> Result<Response<'_, D>, Error> {
        let failed = |cause| Error::new(url, cause);
        let proxy = self.proxy.as_ref().filter(|_| !url.is_secure());
        let head = request.head(url, request.authorization, proxy);
        let key = match proxy {
            Some(proxy) => (false, proxy.host.clone(), proxy.port),
            None => (url.is_secure(), url.host().into(), url.port()),
        };
        // A server may close a connection just when it is used again.
        if request.method.is_safe()
            && let Some(connection) = self.take_idle(&key)
        {
            match self.exchange(url, request, &head, &key, connection).await {
                Err(Cause::Cut { .. }) => {}
                result => return result.map_err(failed),
            }
        }
        let connection = self.connect(url).await.map_err(failed)?;
        self.exchange(url, request, &head, &key, connection).await.map_err(failed)
    }

    async fn exchange(
        &self,
        url: &Url,
        request: &Request<'_>,
        head: &[u8],
        key: &Key,
        mut connection: Connection<D::Stream>,
    ) -> Result<Response<'_, D>, Cause> {
        let sent = connection.send(&self.dial, &self.limits, head, request.body).await;
        // A server that refuses an upload may answer and close before it has read everything.
        match sent {
            Err(Cause::Cut { .. }) if request.body.is_some() => {}
            sent => sent?,
        }
        let received = connection.head(&self.dial, &self.limits).await?;
        Response::new(self, url.clone(), received, request.method == Method::Head, key.clone(), connection)
    }

    async fn connect(&self, url: &Url) -> Result<Connection<D::Stream>, Cause> {
        let (host, port) = match &self.proxy {
            Some(proxy) => (proxy.host.as_str(), proxy.port),
            None => (url.host(), url.port()),
        };
        let connecting = self.dial.connect(host, port);
        let stream =
            phase(&self.dial, Phase::Connect, self.limits.connect, connecting).await?.map_err(Cause::Dial)?;
        if !url.is_secure() {
            return Ok(Connection::new(stream));
        }
        let stream = match &self.proxy {
            Some(proxy) => self.tunnel(url, proxy, stream).await?,
            None => stream,
        };
        let securing = self.dial.secure(stream, url.host());
        let stream =
            phase(&self.dial, Phase::Secure, self.limits.secure, securing).await?.map_err(Cause::Dial)?;
        Ok(Connection::new(stream))
    }

    async fn tunnel(&self, url: &Url, proxy: &Proxy, stream: D::Stream) -> Result<D::Stream, Cause> {
        let mut connection = Connection::new(stream);
        connection.send(&self.dial, &self.limits, &request::tunnel(url, proxy), None).await?;
        let head = connection.head(&self.dial, &self.limits).await?;
        if !(200..=299).contains(&head.status) {
            return Err(Cause::Proxy(head.status, head.reason));
        }
        // TLS servers do not speak first.
        connection.into_stream().ok_or_else(|| Cause::Head("bytes behind the answer to CONNECT".into()))
    }

    fn take_idle(&self, key: &Key) -> Option<Connection<D::Stream>> {
        let now = self.dial.now();
        let mut idle = self.idle.borrow_mut();
        idle.retain(|idle| now.saturating_sub(idle.since) < LONGEST_IDLE);
        let index = idle.iter().rposition(|idle| idle.key == *key)?;
        Some(idle.swap_remove(index).connection)
    }

    /// Keeps a connection whose response is complete.
    pub(crate) fn keep(&self, key: Key, connection: Connection<D::Stream>) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < MOST_IDLE {
            idle.push(Idle { key, since: self.dial.now(), connection });
        }
    }
}

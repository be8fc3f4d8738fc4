// SPDX-License-Identifier: BSD-3-Clause
//! The client: connections, redirects, proxies.

use dial::Dial;

use crate::{
    Cause, Error, Limits, Method, Phase, Proxy, Request, Response, Url,
    connection::Connection,
    limits::phase,
    pool::{Key, Pool},
    request,
};

/// The most redirects of one request.
const MOST_REDIRECTS: usize = 8;

/// An HTTP client. It keeps connections open for further requests.
pub struct Client<D: Dial> {
    pool: Pool<D>,
    proxy: Option<Proxy>,
}

impl<D: Dial> Client<D> {
    /// A client on a platform's network.
    pub fn new(dial: D) -> Self {
        Self { pool: Pool::new(dial), proxy: None }
    }

    /// Replaces the limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { pool: self.pool.with_limits(limits), ..self }
    }

    /// Sends requests through a proxy.
    #[must_use]
    pub fn with_proxy(self, proxy: Option<Proxy>) -> Self {
        Self { proxy, ..self }
    }

    /// The platform.
    pub fn dial(&self) -> &D {
        &self.pool.dial
    }

    /// Sends a request and reads the head of its response, whatever its status. Redirects of GET and HEAD are
    /// followed: never from https to http, and without `Authorization` as soon as scheme, host or port differ.
    ///
    /// # Errors
    /// There is no valid response, or a redirect cannot be followed.
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
        // A server may close an idle connection just when it is reused.
        if request.method.is_safe()
            && let Some(connection) = self.pool.take(&key)
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
        let sent = connection.send(&self.pool.dial, &self.pool.limits, head, request.body).await;
        // A server that refuses an upload may answer and close before it has read everything.
        match sent {
            Err(Cause::Cut { .. }) if request.body.is_some() => {}
            sent => sent?,
        }
        let received = connection.head(&self.pool.dial, &self.pool.limits).await?;
        Response::new(
            &self.pool,
            url.clone(),
            received,
            request.method == Method::Head,
            key.clone(),
            connection,
        )
    }

    async fn connect(&self, url: &Url) -> Result<Connection<D::Stream>, Cause> {
        let (host, port) = match &self.proxy {
            Some(proxy) => (proxy.host.as_str(), proxy.port),
            None => (url.host(), url.port()),
        };
        let connecting = self.pool.dial.connect(host, port);
        let stream = phase(&self.pool.dial, Phase::Connect, self.pool.limits.connect, connecting)
            .await?
            .map_err(Cause::Dial)?;
        if !url.is_secure() {
            return Ok(Connection::new(stream));
        }
        let stream = match &self.proxy {
            Some(proxy) => self.tunnel(url, proxy, stream).await?,
            None => stream,
        };
        let securing = self.pool.dial.secure(stream, url.host());
        let stream = phase(&self.pool.dial, Phase::Secure, self.pool.limits.secure, securing)
            .await?
            .map_err(Cause::Dial)?;
        Ok(Connection::new(stream))
    }

    async fn tunnel(&self, url: &Url, proxy: &Proxy, stream: D::Stream) -> Result<D::Stream, Cause> {
        let mut connection = Connection::new(stream);
        connection.send(&self.pool.dial, &self.pool.limits, &request::tunnel(url, proxy), None).await?;
        let head = connection.head(&self.pool.dial, &self.pool.limits).await?;
        if !(200..=299).contains(&head.status) {
            return Err(Cause::Proxy(head.status, head.reason));
        }
        // TLS servers do not speak first.
        connection
            .into_stream()
            .ok_or_else(|| Cause::Head("extra bytes after the response to CONNECT".into()))
    }
}

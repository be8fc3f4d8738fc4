// SPDX-License-Identifier: BSD-3-Clause
//! The client: sends a request to the endpoints of a registry, with a login if needed, until one answers.

use alloc::{borrow::Cow, boxed::Box, format, rc::Rc, string::String, vec::Vec};
use core::{cell::RefCell, pin::Pin, time::Duration};

use dial::Dial;
use http::{Backoff, Content, Division, Method, Range, Request, Response, Secret, Url};
use json::Object;

use crate::{
    Cause, Error, Login, Mirror, Record, Reference,
    auth::{Challenge, granted},
    endpoint::{Endpoint, Endpoints, Scope},
    error::Said,
};

/// The longest answer of a token service and the longest error body in bytes.
const LONGEST_ANSWER: usize = 128 << 10;

/// The options of a client.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether to use plain HTTP for registries, mirrors and token services.
    pub is_plain: bool,
    /// The logins, each for one registry.
    pub logins: Vec<Login>,
    /// Mirrors, which are tried first.
    pub mirrors: Vec<Mirror>,
    /// How failed requests are repeated.
    pub backoff: Backoff,
    /// How large blobs are divided into ranges. Its number of ranges limits the connections for blobs, unless
    /// `parallel` is larger.
    pub division: Division,
    /// How many blobs are fetched at once; they share the ranges.
    pub parallel: usize,
    /// How long to wait for SRV records.
    pub lookup: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            is_plain: false,
            logins: Vec::new(),
            mirrors: Vec::new(),
            backoff: Backoff::default(),
            division: Division::default(),
            parallel: 2,
            lookup: Duration::from_secs(15),
        }
    }
}

/// A registry client.
pub struct Client<D: Dial> {
    pub(crate) http: http::Client<D>,
    pub(crate) options: Options,
    /// By registry. A boot uses only a few here and below; a list is less code than a map.
    pub(crate) endpoints: RefCell<Vec<(String, Rc<Endpoints>)>>,
    /// The credentials that were last accepted, or are worth trying, by scheme, host, repository and action.
    sessions: RefCell<Vec<(String, Session)>>,
    /// The recorded answers; `None` if they are not recorded.
    pub(crate) record: Option<RefCell<Record>>,
}

struct Session {
    secret: Secret,
    until: Duration,
}

/// A request to a repository.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub method: Method,
    /// The path after the repository: `blobs/…` or `manifests/…`.
    pub path: &'a str,
    pub fields: &'a [(&'a str, &'a str)],
    pub range: Option<Range>,
    pub body: Option<&'a dyn Content>,
    /// The access that is needed: `pull` or `pull,push`.
    pub action: &'static str,
    /// Which endpoints may be asked.
    pub scope: Scope,
    /// When the operation began that this request is part of: one limit covers all of it. `None` if this is all.
    pub since: Option<Duration>,
}

impl<'a> Ask<'a> {
    /// A GET of a path.
    pub fn get(path: &'a str) -> Self {
        let (method, fields, range, body) = (Method::Get, &[], None, None);
        Self { method, path, fields, range, body, action: "pull", scope: Scope::Everywhere, since: None }
    }
}

/// An error, and the server's `Retry-After`.
pub(crate) struct Failed {
    pub error: Error,
    pub retry_after: Option<u64>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, retry_after: None }
    }
}

impl From<http::Error> for Failed {
    fn from(error: http::Error) -> Self {
        Error::from(error).into()
    }
}

impl<D: Dial> Client<D> {
    /// A client on top of an HTTP client.
    pub fn new(http: http::Client<D>, options: Options) -> Self {
        Self { http, options, endpoints: RefCell::default(), sessions: RefCell::default(), record: None }
    }

    /// Asks the endpoints of a registry until one answers with 2xx.
    pub(crate) async fn ask(&self, reference: &Reference, ask: &Ask<'_>) -> Result<Response<'_, D>, Error> {
        self.ask_endpoints(reference, ask).await.map(|(response, _)| response)
    }

    /// The same; also returns the endpoint that answered.
    pub(crate) async fn ask_endpoints(
        &self,
        reference: &Reference,
        ask: &Ask<'_>,
    ) -> Result<(Response<'_, D>, Rc<Endpoint>), Error> {
        let attempt = async |endpoint: &Endpoint| self.ask_at(endpoint, reference, ask).await;
        let limit = ask.body.is_none().then_some(self.options.backoff.at_most);
        let since = ask.since.unwrap_or_else(|| self.http.dial().now());
        self.at_endpoints(reference, ask.scope, since, limit, attempt).await
    }

    /// Attempts something at the endpoints of a registry, one after the other, and again after a pause, until it
    /// succeeds at one of them. A refusal by the registry itself is final; one by a mirror is not, nor is a failed
    /// connection.
    ///
    /// All of it takes no longer than the limit, from `since` on. Each endpoint gets an equal share of the time left,
    /// so that dead ones leave some for the next. Uploads have no limit except the minimum speed.
    pub(crate) async fn at_endpoints<T>(
        &self,
        reference: &Reference,
        scope: Scope,
        since: Duration,
        limit: Option<Duration>,
        attempt: impl AsyncFn(&Endpoint) -> Result<T, Failed>,
    ) -> Result<(T, Rc<Endpoint>), Error> {
        let endpoints = self.endpoints(reference).await?;
        for number in 0.. {
            // The shortest `Retry-After` of the endpoints that may be asked again; `None` if none may.
            let mut wished: Option<u64> = None;
            let mut last = None;
            let all = endpoints.all(scope);
            for (endpoint, left) in all.iter().zip((1..=all.len()).rev()) {
                let failed = match self.in_share(since, limit, left, Box::pin(attempt(endpoint))).await {
                    Ok(Ok(done)) => return Ok((done, endpoint.clone())),
                    Ok(Err(failed)) => failed,
                    Err(limit) => late(endpoint, reference, limit)?.into(),
                };
                if !endpoint.is_mirror && !failed.error.is_transient() && !failed.error.is_of_connection() {
                    return Err(failed.error);
                }
                if failed.error.is_transient() || failed.error.is_of_connection() {
                    endpoints.demote(endpoint);
                }
                if failed.error.is_transient() {
                    let wish = failed.retry_after.unwrap_or(0);
                    wished = Some(wished.map_or(wish, |wished| wished.min(wish)));
                }
                last = Some(failed.error);
            }
            let error = last.unwrap_or_else(|| Error::new(reference, Cause::NoServices));
            if wished.is_none() {
                return Err(error);
            }
            self.pause(number, since, wished, error).await?;
        }
        Err(Error::new(reference, Cause::NoServices))
    }

    /// Waits for an attempt, with a share of the time left until the limit; if the share was not enough, the error
    /// names it. An attempt is a large future, and would be copied through the firmware's small stack repeatedly.
    async fn in_share<T>(
        &self,
        since: Duration,
        limit: Option<Duration>,
        shares: usize,
        attempt: Pin<Box<dyn Future<Output = T> + '_>>,
    ) -> Result<T, Duration> {
        let Some(limit) = limit else { return Ok(attempt.await) };
        let dial = self.http.dial();
        // Saturates if the time is over: the attempt has none left.
        let left = limit.saturating_sub(dial.since(since));
        let share = left.checked_div(u32::try_from(shares).unwrap_or(u32::MAX)).unwrap_or(left);
        dial::within(dial, dial.after(share), attempt).await.map_err(|dial::Late| share)
    }

    /// Waits before a retry, or gives up.
    pub(crate) async fn pause(
        &self,
        number: u32,
        since: Duration,
        wished: Option<u64>,
        error: Error,
    ) -> Result<(), Error> {
        let dial = self.http.dial();
        let elapsed = dial.since(since);
        match self.options.backoff.wait(number, elapsed, dial.random(), wished) {
            Some(wait) => {
                dial.sleep(dial.after(wait)).await;
                Ok(())
            }
            None => Err(error),
        }
    }

    async fn ask_at(
        &self,
        endpoint: &Endpoint,
        reference: &Reference,
        ask: &Ask<'_>,
    ) -> Result<Response<'_, D>, Failed> {
        let url = endpoint.url(reference.repository(), ask.path)?;
        self.ask_url(endpoint, reference, &url, ask).await
    }

    /// Sends a request, and again with a login if the registry requires one.
    pub(crate) async fn ask_url(
        &self,
        endpoint: &Endpoint,
        reference: &Reference,
        url: &Url,
        ask: &Ask<'_>,
    ) -> Result<Response<'_, D>, Failed> {
        let base = endpoint.url("", "")?;
        let key = format!("{}{} {}", base.without_query(), reference.repository(), ask.action);
        // An upload's address may be on another host, which must not get the login.
        let is_own = url.is_same_origin(&base);
        let mut secret = self.session(&key).filter(|_| is_own);
        let Ask { method, fields, range, body, .. } = *ask;
        for is_last in [false, true] {
            let request = Request { method, url, fields, authorization: secret.as_ref(), range, body };
            let response = self.http.send(&request).await?;
            let is_challenge = response.head().status == 401 && response.url().is_same_origin(url) && is_own;
            if !is_challenge || is_last {
                return self.judged(endpoint, reference, ask, response).await;
            }
            let (granted, life) = self.authenticate(endpoint, reference, ask, &base, &response).await?;
            response.discard().await;
            let until = self.http.dial().after(Duration::from_secs(life));
            self.renew(&key, Session { secret: granted.clone(), until });
            secret = Some(granted);
        }
        Err(Error::new(reference, Cause::Challenge("the registry keeps asking for a login")).into())
    }

    fn session(&self, key: &str) -> Option<Secret> {
        let now = self.http.dial().now();
        let mut sessions = self.sessions.borrow_mut();
        sessions.retain(|(_, session)| session.until > now);
        sessions.iter().find(|(known, _)| known == key).map(|(_, session)| session.secret.clone())
    }

    fn renew(&self, key: &str, session: Session) {
        let mut sessions = self.sessions.borrow_mut();
        sessions.retain(|(known, _)| known != key);
        sessions.push((key.into(), session));
    }

    /// The response if its status is 2xx; otherwise the error, with the registry's message.
    async fn judged<'c>(
        &self,
        endpoint: &Endpoint,
        reference: &Reference,
        ask: &Ask<'_>,
        response: Response<'c, D>,
    ) -> Result<Response<'c, D>, Failed> {
        let (status, reason) = (response.head().status, response.head().reason.clone());
        if (200..=299).contains(&status) {
            return Ok(response);
        }
        let retry_after = response.head().retry_after();
        let said = response.bytes(LONGEST_ANSWER).await.map(|body| said(&body)).unwrap_or_default();
        let cause = match status {
            401 | 403 => Cause::Login { status, had_login: endpoint.login.is_some(), said },
            404 => Cause::Absent(said),
            _ => Cause::Status { status, reason, said },
        };
        let object = match ask.path.strip_prefix("blobs/") {
            Some(digest) => format!("{reference} blob {digest}"),
            None => format!("{reference}"),
        };
        Err(Failed { error: Error::new(object, cause), retry_after })
    }

    /// The credentials to authenticate with, and their lifetime in seconds.
    async fn authenticate(
        &self,
        endpoint: &Endpoint,
        reference: &Reference,
        ask: &Ask<'_>,
        base: &Url,
        response: &Response<'_, D>,
    ) -> Result<(Secret, u64), Failed> {
        let failed = |cause| Failed::from(Error::new(reference, cause));
        let challenges: Vec<_> = response.head().all("www-authenticate").flat_map(Challenge::all).collect();
        let of = |scheme: &str| challenges.iter().find(|challenge| challenge.scheme == scheme);
        match (of("bearer"), of("basic"), &endpoint.login) {
            (Some(bearer), _, _) => self.token(endpoint, reference, ask, base, bearer).await,
            (None, Some(_), Some(login)) => Ok((login.clone(), u64::from(u32::MAX))),
            (None, Some(_), None) => {
                let (status, had_login, said) = (401, false, Said::default());
                Err(failed(Cause::Login { status, had_login, said }))
            }
            (None, None, _) => Err(failed(Cause::Challenge("neither Basic nor Bearer is offered"))),
        }
    }

    /// A token from the service that the registry names.
    ///
    /// The service gets the login if TLS has authenticated the registry that names it, or if it is the same host.
    async fn token(
        &self,
        endpoint: &Endpoint,
        reference: &Reference,
        ask: &Ask<'_>,
        base: &Url,
        challenge: &Challenge,
    ) -> Result<(Secret, u64), Failed> {
        let failed = |cause| Failed::from(Error::new(reference, cause));
        let realm =
            challenge.parameter("realm").ok_or_else(|| failed(Cause::Challenge("Bearer without a realm")))?;
        let mut url = Url::parse(realm)
            .map_err(|_| failed(Cause::Challenge("the token service's address is malformed")))?;
        if !url.is_secure() && !self.options.is_plain {
            return Err(failed(Cause::Realm(url.without_query())));
        }
        if let Some(service) = challenge.parameter("service") {
            url = url.with_query("service", service);
        }
        let own = format!("repository:{}:{}", reference.repository(), ask.action);
        let scope = challenge.parameter("scope").filter(|scope| !scope.is_empty()).unwrap_or(&own);
        // Several scopes are separated by spaces, which names cannot have.
        for scope in scope.split(' ').take(4) {
            url = url.with_query("scope", scope);
        }
        let is_trusted = base.is_secure() || url.is_same_origin(base);
        let authorization =
            endpoint.login.as_ref().filter(|_| is_trusted && (url.is_secure() || self.options.is_plain));
        let response = self.http.send(&Request { authorization, ..Request::get(&url) }).await?;
        match response.head().status {
            200..=299 => {}
            status @ (401 | 403) => {
                let said = response.bytes(LONGEST_ANSWER).await.map(|body| said(&body)).unwrap_or_default();
                return Err(failed(Cause::Login { status, had_login: authorization.is_some(), said }));
            }
            _ => {
                let retry_after = response.head().retry_after();
                return Err(Failed { error: response.status().into(), retry_after });
            }
        }
        let body = response.bytes(LONGEST_ANSWER).await?;
        granted(&body).map_err(failed)
    }
}

/// An attempt that took too long.
fn late(endpoint: &Endpoint, reference: &Reference, limit: Duration) -> Result<Error, http::Error> {
    let url = endpoint.url(reference.repository(), "")?;
    Ok(http::Error::new(&url, http::Cause::Late { phase: http::Phase::Whole, limit }).into())
}

/// The first error in a response body: code and message.
pub(crate) fn said(body: &[u8]) -> Said {
    let Ok((code, message)) = first_error(body) else { return Said::default() };
    let text = if message.is_empty() { code.into_owned() } else { format!("{code}: {message}") };
    Said(text.chars().filter(|c| !c.is_control()).take(200).collect())
}

fn first_error(body: &[u8]) -> Result<(Cow<'_, str>, Cow<'_, str>), json::Error> {
    let [errors] = Object::parse(body)?.members(["errors"])?;
    let (errors, _) = errors.first(1)?;
    let Some(error) = errors.first() else { return Ok(Default::default()) };
    let [code, message] = error.object()?.members(["code", "message"])?;
    Ok((code.optional_text()?.unwrap_or_default(), message.optional_text()?.unwrap_or_default()))
}

// SPDX-License-Identifier: BSD-3-Clause
//! The endpoints of a registry: mirrors, replicas, and the registry itself.

use alloc::{format, rc::Rc, string::String, vec::Vec};
use core::cell::RefCell;

use dial::{Dial, Service};
use http::{Secret, Url, host_and_port};

use crate::{
    Cause, Client, Error, Reference,
    reference::{is_service, zone},
};

/// The credentials of a user at one registry.
#[derive(Clone, Debug)]
pub struct Login {
    /// The registry, as in references: host with port, or the name of SRV records.
    pub registry: String,
    /// User and password.
    pub secret: Secret,
}

/// A mirror of a registry, which is tried first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mirror {
    registry: String,
    authority: String,
    prefix: String,
}

impl Mirror {
    /// Parses `registry=host[:port][/prefix]`.
    ///
    /// # Errors
    /// The text is malformed.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let failed = |why| Error::new(text, Cause::Reference(why));
        let (registry, mirror) =
            text.split_once('=').ok_or_else(|| failed("expected registry=host/prefix"))?;
        let (authority, prefix) = mirror.split_once('/').unwrap_or((mirror, ""));
        if host_and_port(authority).is_none() || host_and_port(registry).is_none() {
            return Err(failed("malformed host"));
        }
        let prefix = prefix.trim_end_matches('/');
        let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
        if !prefix.chars().all(is_path) || prefix.split('/').any(|part| part == "..") {
            return Err(failed("malformed prefix"));
        }
        Ok(Self {
            registry: registry.to_ascii_lowercase(),
            authority: authority.to_ascii_lowercase(),
            prefix: if prefix.is_empty() { "".into() } else { format!("{prefix}/") },
        })
    }
}

/// An endpoint that may have a repository.
#[derive(Debug)]
pub(crate) struct Endpoint {
    is_secure: bool,
    host: String,
    port: u16,
    /// The path before the repository; ends with a slash, or is empty.
    prefix: String,
    pub is_mirror: bool,
    /// Whether it is a target of SRV records outside their zone: a forged DNS answer may have named it.
    is_outside: bool,
    /// The login for this host.
    pub login: Option<Secret>,
}

impl Endpoint {
    /// The URL of a path in a repository.
    pub fn url(&self, repository: &str, path: &str) -> Result<Url, http::Error> {
        Url::new(self.is_secure, &self.host, self.port, &format!("/v2/{}{repository}/{path}", self.prefix))
    }
}

/// Which endpoints may be asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// All: a digest verifies the answer.
    Everywhere,
    /// Mirrors only.
    Mirrors,
    /// Endpoints of the registry itself.
    Original,
    /// Endpoints that may resolve a tag: no mirrors, which serve only bytes named by a digest, and no targets of SRV
    /// records outside their zone, since any host has a valid certificate for its own name.
    Vouching,
}

impl Endpoint {
    /// Whether it is a mirror whose bodies broke for the `failures`th time (counted from 0) without much progress: the
    /// registry needs the time that is left.
    pub fn has_had_its_time(&self, failures: u32, error: &http::Error) -> bool {
        let is_slow = matches!(error.cause(), http::Cause::Stalled { .. } | http::Cause::Late { .. });
        self.is_mirror && (failures > 0 || is_slow)
    }
}

/// The endpoints of a registry, best first. One that fails becomes the last of its kind.
pub(crate) struct Endpoints(RefCell<Vec<Rc<Endpoint>>>);

impl Endpoints {
    /// The endpoints that may be asked, in the current order.
    pub fn all(&self, scope: Scope) -> Vec<Rc<Endpoint>> {
        let may_be_asked = |endpoint: &&Rc<Endpoint>| match scope {
            Scope::Everywhere => true,
            Scope::Mirrors => endpoint.is_mirror,
            Scope::Original => !endpoint.is_mirror,
            Scope::Vouching => !endpoint.is_mirror && !endpoint.is_outside,
        };
        self.0.borrow().iter().filter(may_be_asked).cloned().collect()
    }

    /// Whether there are mirrors among them.
    pub fn has_mirrors(&self) -> bool {
        self.0.borrow().iter().any(|endpoint| endpoint.is_mirror)
    }

    /// Moves a failed endpoint to the end of its kind.
    pub fn demote(&self, failed: &Rc<Endpoint>) {
        let mut endpoints = self.0.borrow_mut();
        if let Some(index) = endpoints.iter().position(|endpoint| Rc::ptr_eq(endpoint, failed)) {
            let endpoint = endpoints.remove(index);
            // Mirrors stay before the original.
            let end = if failed.is_mirror {
                endpoints.iter().filter(|endpoint| endpoint.is_mirror).count()
            } else {
                endpoints.len()
            };
            endpoints.insert(end, endpoint);
        }
    }
}

impl<D: Dial> Client<D> {
    /// The endpoints of a registry; looked up once.
    pub(crate) async fn endpoints(&self, reference: &Reference) -> Result<Rc<Endpoints>, Error> {
        let known = self.endpoints.borrow().iter().find(|(of, _)| of == reference.registry()).cloned();
        if let Some((_, endpoints)) = known {
            return Ok(endpoints);
        }
        let mut endpoints = Vec::new();
        for mirror in self.options.mirrors.iter().filter(|mirror| mirror.registry == reference.registry()) {
            let login = self.login(&mirror.authority);
            endpoints.push(self.endpoint(&mirror.authority, &mirror.prefix, true, login)?);
        }
        if is_service(reference.registry()) {
            endpoints.extend(self.replicas(reference.registry()).await?);
        } else {
            endpoints.push(self.endpoint(reference.server(), "", false, self.login(reference.registry()))?);
        }
        let endpoints = Rc::new(Endpoints(RefCell::new(endpoints)));
        // Another future may have looked it up meanwhile; later lookups find the first entry.
        self.endpoints.borrow_mut().push((reference.registry().into(), endpoints.clone()));
        Ok(endpoints)
    }

    fn login(&self, registry: &str) -> Option<Secret> {
        let logins = &self.options.logins;
        logins
            .iter()
            .find(|login| login.registry.eq_ignore_ascii_case(registry))
            .map(|login| login.secret.clone())
    }

    fn endpoint(
        &self,
        authority: &str,
        prefix: &str,
        is_mirror: bool,
        login: Option<Secret>,
    ) -> Result<Rc<Endpoint>, Error> {
        let is_secure = !self.options.is_plain;
        let malformed = || Error::new(authority, Cause::Reference("malformed host"));
        let (host, port) = host_and_port(authority).ok_or_else(malformed)?;
        let port = port.unwrap_or(if is_secure { 443 } else { 80 });
        let (host, prefix, is_outside) = (host.into(), prefix.into(), false);
        Ok(Rc::new(Endpoint { is_secure, host, port, prefix, is_mirror, is_outside, login }))
    }

    /// The targets of SRV records. DNS is not authenticated: a login goes to targets inside the zone only, for whose
    /// names nobody else has certificates.
    async fn replicas(&self, name: &str) -> Result<Vec<Rc<Endpoint>>, Error> {
        let dial = self.http.dial();
        let deadline = dial.after(self.options.lookup);
        let services = match dial::within(dial, deadline, dial.services(name)).await {
            Ok(services) => services,
            Err(dial::Late) => Err(dial::Error {
                kind: dial::Kind::Name,
                code: dial::codes::NAME,
                object: name.into(),
                cause: "no answer in time".into(),
            }),
        };
        let services = services.map_err(|error| match Url::new(!self.options.is_plain, name, 443, "/") {
            Ok(url) => Error::from(http::Error::new(&url, http::Cause::Dial(error))),
            Err(error) => error.into(),
        })?;
        let mut replicas = Vec::new();
        for service in ordered(services, || dial.random()) {
            let is_inside = zone(name).is_some_and(|zone| is_within(&service.target, zone));
            let login = self.login(name).filter(|_| is_inside);
            let is_secure = !self.options.is_plain;
            // The target "." means that the service is not available.
            if service.target.trim_end_matches('.').is_empty() {
                continue;
            }
            let host = service.target.trim_end_matches('.').into();
            let (port, prefix, is_mirror) = (service.port, "".into(), false);
            let is_outside = !is_inside;
            replicas.push(Rc::new(Endpoint { is_secure, host, port, prefix, is_mirror, is_outside, login }));
        }
        if replicas.is_empty() { Err(Error::new(name, Cause::NoServices)) } else { Ok(replicas) }
    }
}

/// Whether a host is the zone, or in it.
fn is_within(host: &str, zone: &str) -> bool {
    let (host, zone) = (host.trim_end_matches('.').to_ascii_lowercase(), zone.to_ascii_lowercase());
    host == zone || host.strip_suffix(&zone).is_some_and(|rest| rest.ends_with('.'))
}

/// The most targets that are tried.
const MOST_TARGETS: usize = 32;

/// The order in which targets are tried: by priority, and among equal ones at random by weight.
///
/// Spec: RFC 2782, "Weight".
pub(crate) fn ordered(mut services: Vec<Service>, mut random: impl FnMut() -> u32) -> Vec<Service> {
    services.truncate(MOST_TARGETS);
    // Those with weight 0 come first, so that they have a chance at all.
    services.sort_by_key(|service| (service.priority, service.weight != 0));
    let mut result = Vec::new();
    while let Some(priority) = services.first().map(|service| service.priority) {
        let same = || services.iter().take_while(|service| service.priority == priority);
        // 32 weights of 16 bits.
        let sum: u32 = same().map(|service| u32::from(service.weight)).fold(0, u32::wrapping_add);
        let mut left = random().checked_rem(sum.wrapping_add(1)).unwrap_or(0);
        let chosen = same().position(|service| {
            let weight = u32::from(service.weight);
            let is_chosen = weight >= left;
            left = left.wrapping_sub(if is_chosen { 0 } else { weight });
            is_chosen
        });
        result.push(services.remove(chosen.unwrap_or(0)));
    }
    result
}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use super::*;

    fn service(priority: u16, weight: u16) -> Service {
        Service { priority, weight, port: 1, target: format!("{priority}-{weight}") }
    }

    fn names(services: Vec<Service>, random: u32) -> Vec<String> {
        ordered(services, || random).into_iter().map(|service| service.target).collect()
    }

    #[test]
    fn targets_come_by_priority_and_weight() {
        let all = || Vec::from([service(2, 5), service(1, 10), service(1, 30), service(1, 0)]);
        assert_eq!(names(all(), 0), ["1-0", "1-10", "1-30", "2-5"]);
        assert_eq!(names(all(), 40), ["1-30", "1-10", "1-0", "2-5"]);
        let mut seed = 1_u32;
        let mut first = |_| {
            let random = || {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                seed >> 8
            };
            ordered(all(), random)[0].weight
        };
        let heavy = (0..1000).map(&mut first).filter(|weight| *weight == 30).count();
        assert!((600..850).contains(&heavy), "three of four go to the heavy one: {heavy}");
    }

    #[test]
    fn mirrors_have_a_host_and_a_prefix() {
        let mirror = Mirror::parse("Docker.io=Cache.example:5000/hub/").unwrap();
        let expected = ("docker.io", "cache.example:5000", "hub/");
        assert_eq!((mirror.registry.as_str(), mirror.authority.as_str(), mirror.prefix.as_str()), expected);
        for text in ["a.b", "a.b=", "=c", "a.b=c d", "a.b=c/../d", "a.b=c/d?e"] {
            assert!(
                Mirror::parse(text).unwrap_err().to_string().starts_with("E-NET-OCI-REFERENCE "),
                "{text}"
            );
        }
    }

    #[test]
    fn a_zone_ends_at_a_dot() {
        assert!(is_within("a.Example.org.", "example.org") && is_within("example.org", "example.org"));
        assert!(
            !is_within("evilexample.org", "example.org") && !is_within("example.org.evil", "example.org")
        );
    }
}

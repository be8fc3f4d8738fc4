// SPDX-License-Identifier: BSD-3-Clause
//! Where a registry is reached: mirrors, replicas, itself.

use alloc::{format, rc::Rc, string::String, vec::Vec};
use core::cell::RefCell;

use dial::{Dial, Service};
use http::{Secret, Url, host_and_port};

use crate::{
    Cause, Client, Error, Reference,
    reference::{is_service, zone},
};

/// What authenticates a user at one registry.
#[derive(Clone, Debug)]
pub struct Login {
    /// The registry, as references name it: host with port, or the name of SRV records.
    pub registry: String,
    /// User and password.
    pub secret: Secret,
}

/// A copy of a registry that is tried first.
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
    /// It is no such text.
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

/// One place where a repository may be.
#[derive(Debug)]
pub(crate) struct Endpoint {
    is_secure: bool,
    host: String,
    port: u16,
    /// Before the repository; with a slash at its end, or empty.
    prefix: String,
    pub is_mirror: bool,
    /// A target of SRV records outside of their zone: whoever answers DNS may have named it.
    is_outside: bool,
    /// What belongs to this host.
    pub login: Option<Secret>,
}

impl Endpoint {
    /// The URL of something of a repository.
    pub fn url(&self, repository: &str, path: &str) -> Result<Url, http::Error> {
        Url::new(self.is_secure, &self.host, self.port, &format!("/v2/{}{repository}/{path}", self.prefix))
    }
}

/// Which places may be asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// All: a digest says whether the answer is right.
    Everywhere,
    /// Mirrors only.
    Mirrors,
    /// Those of the registry itself.
    Original,
    /// Those that may say what a tag means: no mirror, which is there for bytes that a digest names, and no target of SRV
    /// records outside of their zone, which has a certificate of its own whoever it is.
    Vouching,
}

impl Endpoint {
    /// Whether it is a mirror whose bodies break, for the `failures`th time (counted from 0) without much progress: the
    /// registry needs the time that is left.
    pub fn has_had_its_time(&self, failures: u32, error: &http::Error) -> bool {
        let is_slow = matches!(error.cause(), http::Cause::Stalled { .. } | http::Cause::Late { .. });
        self.is_mirror && (failures > 0 || is_slow)
    }
}

/// The places of a registry, best first. One that fails becomes the last of its kind.
pub(crate) struct Places(RefCell<Vec<Rc<Endpoint>>>);

impl Places {
    /// The places now, as far as they may be asked.
    pub fn all(&self, scope: Scope) -> Vec<Rc<Endpoint>> {
        let may_be_asked = |place: &&Rc<Endpoint>| match scope {
            Scope::Everywhere => true,
            Scope::Mirrors => place.is_mirror,
            Scope::Original => !place.is_mirror,
            Scope::Vouching => !place.is_mirror && !place.is_outside,
        };
        self.0.borrow().iter().filter(may_be_asked).cloned().collect()
    }

    /// Whether copies are among them.
    pub fn has_mirrors(&self) -> bool {
        self.0.borrow().iter().any(|place| place.is_mirror)
    }

    /// It has failed.
    pub fn demote(&self, failed: &Rc<Endpoint>) {
        let mut places = self.0.borrow_mut();
        if let Some(index) = places.iter().position(|place| Rc::ptr_eq(place, failed)) {
            let place = places.remove(index);
            // Mirrors stay before the original.
            let end = if failed.is_mirror {
                places.iter().filter(|place| place.is_mirror).count()
            } else {
                places.len()
            };
            places.insert(end, place);
        }
    }
}

impl<D: Dial> Client<D> {
    /// Where a registry is reached; looked up once.
    pub(crate) async fn places(&self, reference: &Reference) -> Result<Rc<Places>, Error> {
        let known = self.places.borrow().iter().find(|(of, _)| of == reference.registry()).cloned();
        if let Some((_, places)) = known {
            return Ok(places);
        }
        let mut places = Vec::new();
        for mirror in self.options.mirrors.iter().filter(|mirror| mirror.registry == reference.registry()) {
            let login = self.login(&mirror.authority);
            places.push(self.endpoint(&mirror.authority, &mirror.prefix, true, login)?);
        }
        if is_service(reference.registry()) {
            places.extend(self.replicas(reference.registry()).await?);
        } else {
            places.push(self.endpoint(reference.server(), "", false, self.login(reference.registry()))?);
        }
        let places = Rc::new(Places(RefCell::new(places)));
        // Somebody else may have looked it up meanwhile; whoever comes next gets the first.
        self.places.borrow_mut().push((reference.registry().into(), places.clone()));
        Ok(places)
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
            // "." says that there is no such service.
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

/// Most targets that are tried.
const MOST_TARGETS: usize = 32;

/// The order in which targets are tried: by priority, and among equal ones at random by weight.
///
/// Spec: RFC 2782, "Weight".
pub(crate) fn ordered(mut services: Vec<Service>, mut random: impl FnMut() -> u32) -> Vec<Service> {
    services.truncate(MOST_TARGETS);
    // Those without weight come first, so that they have a chance at all.
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

// SPDX-License-Identifier: BSD-3-Clause
//! Fetches boot artifacts from OCI registries, and decides whether one may start at all.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::{cell::RefCell, time::Duration};

use artifact::{Artifact, Room, Store, Target, Told};
use config::Config;
use cosign::Signed;
use dial::Dial;
use http::{Proxy, Secret, Url};
use metadata::{Document, Source};
use oci::{Digest, Login, Mirror, Record, Reference};

use crate::{
    Clock, Content, Failure, Memory, Payload, Phase, Platform, Provenance,
    cache::{Cache, Keep},
    codes,
    report::Report,
    rollback::Release,
    route::Route,
    trust::{Demand, expect_judged},
};

/// Interval between two progress lines.
const EVERY: Duration = Duration::from_millis(500);

/// A request for an artifact.
pub struct Order<'a> {
    /// The artifact.
    pub reference: &'a Reference,
    /// The platform that it is for.
    pub platform: oci::Platform,
    /// Registries, logins and the settings of the network.
    pub config: &'a Config,
    /// The authentication that it needs.
    pub demand: Demand<'a>,
    /// Memory for its parts.
    pub room: &'a dyn Room,
    /// Observes the transfer.
    pub told: &'a dyn Told,
    /// The cache; none if the artifact is not cached.
    pub cache: Option<&'a Cache<'a>>,
}

/// An artifact that was fetched.
#[derive(Debug)]
pub struct Fetched {
    /// The artifact.
    pub artifact: Artifact,
    /// Its signatures, or why there is no trusted one; none if signatures were not looked for.
    pub vouched: Option<Result<Vouched, Failure>>,
    /// The registry's answers, if the artifact is to be cached.
    pub record: Option<Record>,
}

/// Trusted signatures on a manifest, or on the index that leads to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Vouched {
    /// The manifest that they lead to.
    pub manifest: Digest,
    /// Who signed which digest.
    pub signed: Signed,
    /// The name and epoch that the signed documents state.
    pub release: Release,
}

/// Obtains the image of `cloudboot.image` from its registry, or from the cache if the registry cannot be reached. Also
/// returns the work on the cache that remains after verification.
///
/// # Errors
/// It may not start, or cannot be fetched.
pub fn obtain(
    text: &str,
    platform: &Platform<'_>,
    config: &Config,
    report: &Report<'_>,
) -> Result<(Payload, Option<Keep>), Failure> {
    let reference = Reference::parse(text).map_err(|error| of_registry(&error))?;
    let demand = Demand::of(&reference, &platform.policy)?;
    let started = platform.clock.now();
    let transfer = Transfer { clock: platform.clock, report, started, state: RefCell::default() };
    let room = Free(platform.memory);
    let cache = if config.cache() { Cache::open(platform, report, &reference) } else { None };
    let order = Order {
        reference: &reference,
        platform: oci::Platform::linux(platform.policy.arch),
        config,
        demand,
        room: &room,
        told: &transfer,
        cache: cache.as_ref(),
    };
    let Fetched { artifact, vouched, record } = found(&order, platform, report)?;
    let took = platform.clock.since(started);
    let title = name(&reference);
    let vouched = vouched.transpose().unwrap_or_else(|failure| {
        report.unsigned(&failure);
        None
    });
    if let Some(vouched) = &vouched {
        report.signed(&title, vouched);
    }
    let is_signed = vouched.is_some();
    let bytes = transfer.state.into_inner().bytes;
    match cache.as_ref().and_then(Cache::started) {
        Some(slot) => report.cached(&title, &artifact.manifest, slot, bytes),
        None => report.fetched(&title, &artifact.manifest, bytes, took),
    }
    let keep = cache.and_then(|cache| cache.finish(record, is_signed));
    let content = match artifact.content {
        artifact::Content::Linux { kernel, initrd, options } => {
            Content::Kernel { image: kernel, initrd, options, devicetree: None }
        }
        artifact::Content::Program { image } => Content::Program { image, options: None, place: None },
    };
    let provenance = Provenance::Registry { reference, manifest: artifact.manifest, vouched };
    Ok((Payload { title, provenance, content }, keep))
}

/// Runs an order against its registry; if that cannot be reached, or offers an image that has used up its tries,
/// against the cache.
fn found(order: &Order<'_>, platform: &Platform<'_>, report: &Report<'_>) -> Result<Fetched, Failure> {
    let failure = match platform.network.fetch(order) {
        Ok(fetched) => return Ok(fetched),
        Err(failure) => failure,
    };
    let has_no_tries = failure.code == codes::CACHE_TRIES;
    let Some(cache) = order.cache.filter(|_| has_no_tries || failure.is_unreachable) else {
        return Err(failure);
    };
    report.missed(&failure, &name(order.reference));
    match cache.start(order, has_no_tries) {
        Some(fetched) => Ok(fetched),
        None if has_no_tries => {
            cache.insist();
            platform.network.fetch(order)
        }
        None => Err(failure),
    }
}

/// Obtains the unified kernel image that an entry names by its URL.
///
/// # Errors
/// It may not start, or cannot be fetched.
pub fn program(
    entry: &entries::Url,
    platform: &Platform<'_>,
    config: &Config,
    report: &Report<'_>,
) -> Result<(Provenance, Content), Failure> {
    let url = Url::parse(&entry.url).map_err(|error| of_request(&error))?;
    expect_judged(&url, &platform.policy)?;
    let started = platform.clock.now();
    let room = Free(platform.memory);
    let image = platform.network.program(&url, config, &room)?;
    let size = u64::try_from(image.len()).unwrap_or(u64::MAX);
    // The URL is shown without its query, which may contain a secret.
    report.obtained(&format!("{url}"), size, platform.clock.since(started));
    let content = Content::Program { image, options: entry.options.clone(), place: None };
    Ok((Provenance::Url(url), content))
}

/// How long a server may take to answer, redirects included. (The body has no such limit; `http` enforces a minimum
/// pace.)
pub const ANSWER: Duration = Duration::from_secs(40);

pub fn of_request(error: &http::Error) -> Failure {
    Failure::of(Phase::Obtain, error.code(), error)
}

pub fn proxy(config: &Config) -> Result<Option<Proxy>, Failure> {
    let proxy = config.net_proxy().map(Proxy::parse).transpose();
    proxy.map_err(|error| of_setting("cloudboot.net.proxy", error.code(), error.cause()))
}

/// Fetches an artifact over a platform's network: first the manifest, then its signatures, and only then its parts.
///
/// # Errors
/// An invalid setting, a failure on the way, or required signatures that are missing or wrong.
pub async fn fetch<D: Dial>(dial: D, order: &Order<'_>) -> Result<Fetched, Failure> {
    let http = http::Client::new(Route::Network(dial)).with_proxy(proxy(order.config)?);
    let client = oci::Client::new(http, options(order)?);
    let client = if order.cache.is_some() { client.recording() } else { client };
    fetch_from(client, order).await
}

/// The same with a given client, which may be the cache's.
///
/// # Errors
/// As of [`fetch`].
pub async fn fetch_from<D: Dial>(client: oci::Client<D>, order: &Order<'_>) -> Result<Fetched, Failure> {
    let Order { reference, platform, room, told, cache, .. } = order;
    // Futures are boxed: all of them are large, and firmware stacks are small.
    let image = Box::pin(client.resolve(reference, platform)).await.map_err(|error| of_registry(&error))?;
    let vouched = match order.demand {
        Demand::Signature { signers, is_enforced } => {
            let vouched = Box::pin(vouched(&client, reference, &image, signers)).await;
            match vouched {
                Err(failure) if is_enforced => return Err(failure),
                vouched => Some(vouched),
            }
        }
        Demand::Digest | Demand::Nothing => None,
    };
    if let Some(cache) = cache {
        cache.resolved(&image, order, vouched.as_ref().and_then(|vouched| vouched.as_ref().ok()))?;
    }
    let store = cache.map(|cache| -> &dyn Store { cache });
    let fetching = artifact::fetch(&client, reference, &image, Target { room: *room, told: *told, store });
    let artifact = Box::pin(fetching).await;
    let artifact = artifact.map_err(|error| {
        let is_unreachable = matches!(error.cause(), artifact::Cause::Oci(error) if error.is_unreachable());
        Failure::of(Phase::Obtain, error.code(), &error).unreachable(is_unreachable)
    })?;
    Ok(Fetched { artifact, vouched, record: client.into_record() })
}

/// Looks for trusted signatures of an image, and reads its name and epoch.
async fn vouched<D: Dial>(
    client: &oci::Client<D>,
    reference: &Reference,
    image: &oci::Image,
    signers: &cosign::Policy,
) -> Result<Vouched, Failure> {
    // The index first: a signature on it covers every manifest that it lists.
    let digests = [&image.digest, &image.manifest_digest];
    let digests = if digests[0] == digests[1] { &digests[..1] } else { &digests };
    let signed = Box::pin(cosign::verify(client, reference, digests, signers)).await;
    let signed = signed.map_err(|error| {
        let is_unreachable = matches!(error.cause(), cosign::Cause::Oci(error) if error.is_unreachable());
        Failure::of(Phase::Verify, error.code(), &error).unreachable(is_unreachable)
    })?;
    let release = Release::of(image, signed.digest())?;
    Ok(Vouched { manifest: image.manifest_digest.clone(), signed, release })
}

/// Fetches the metadata document of a machine over a platform's network.
///
/// # Errors
/// A failure on the way.
pub async fn document<D: Dial>(dial: D, source: &Source) -> Result<Document, Failure> {
    let fetched = Box::pin(metadata::fetch(Route::Network(dial), source)).await;
    fetched.map_err(|error| Failure::of(Phase::Network, error.code(), &error))
}

fn options(order: &Order<'_>) -> Result<oci::Options, Failure> {
    let Order { reference, config, .. } = order;
    let mirrors = config.mirrors().map(Mirror::parse).collect::<Result<Vec<_>, _>>();
    let mirrors = mirrors.map_err(|error| of_setting("cloudboot.mirror", error.code(), error.cause()))?;
    let login = config.login().map_err(|(image, owner)| {
        let cause = format!(
            "the login from {owner} is not sent, since {image} sets cloudboot.image, ca or insecure; set the login in \
             the source that sets these"
        );
        Failure::new(Phase::Configure, "rd.cloudboot.pass", codes::TRUST_LOGIN, &cause)
    })?;
    let logins = login.map(|login| Login {
        registry: reference.registry().into(),
        secret: Secret::basic(login.user, login.password),
    });
    let logins = logins.into_iter().collect();
    Ok(oci::Options { is_plain: config.insecure(), logins, mirrors, ..oci::Options::default() })
}

fn of_setting(name: &str, code: code::Code, cause: &dyn core::fmt::Display) -> Failure {
    Failure::new(Phase::Configure, name, code, cause)
}

fn of_registry(error: &oci::Error) -> Failure {
    Failure::of(Phase::Obtain, error.code(), error).unreachable(error.is_unreachable())
}

/// A reference for display: without the digest if there is a tag.
pub fn name(reference: &Reference) -> String {
    let whole = format!("{reference}");
    match (reference.tag(), whole.split_once('@')) {
        (Some(_), Some((name, _))) => name.into(),
        _ => whole,
    }
}

/// A URL of an entry for display, without query and login, which may contain secrets.
pub fn address(text: &str) -> String {
    Url::parse(text).map_or_else(|_| "(not a URL)".into(), |url| format!("{url}"))
}

/// The reference of a setting for display; it may be malformed.
pub fn title(text: &str) -> String {
    Reference::parse(text).map_or_else(|_| text.into(), |reference| name(&reference))
}

/// Bytes of memory that the network itself may use, besides the parts of an artifact.
pub const NETWORK_MEMORY: u32 = 32 << 20;

/// The machine's free memory, as room for the parts of an artifact.
struct Free<'a>(&'a dyn Memory);

impl Room for Free<'_> {
    fn available(&self) -> u64 {
        // Saturates at 0 if not even that is free: then there is no room for parts.
        self.0.available().saturating_sub(u64::from(NETWORK_MEMORY))
    }

    fn buffer(&self, length: usize) -> Option<Vec<u8>> {
        self.0.buffer(length)
    }
}

/// Shows the progress of a transfer.
struct Transfer<'a> {
    clock: &'a dyn Clock,
    report: &'a Report<'a>,
    started: Duration,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    bytes: u64,
    shown: Duration,
}

impl Told for Transfer<'_> {
    fn resolved(&self, reference: &Reference, manifest: &Digest, bytes: u64) {
        let mut state = self.state.borrow_mut();
        (state.bytes, state.shown) = (bytes, self.clock.now());
        self.report.resolved(&name(reference), manifest, bytes);
    }

    fn arrived(&self, bytes: u64, of: u64) {
        let mut state = self.state.borrow_mut();
        if self.clock.since(state.shown) >= EVERY {
            state.shown = self.clock.now();
            self.report.progress(bytes, of, self.clock.since(self.started));
        }
    }

    fn part(&self, name: &str, bytes: u64) {
        self.report.part(name, bytes);
    }

    fn ignored(&self, name: &str, media_type: &str) {
        self.report.ignored(name, media_type);
    }
}

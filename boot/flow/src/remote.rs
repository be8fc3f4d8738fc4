// SPDX-License-Identifier: BSD-3-Clause
//! Boot artifacts of OCI registries: whether one may be started at all, and fetching it.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::{cell::RefCell, time::Duration};

use artifact::{Artifact, Room, Told};
use config::{Config, Cosign};
use dial::Dial;
use http::{Proxy, Request, Secret, Url};
use metadata::{Document, Source};
use oci::{Digest, Login, Mirror, Reference};

use crate::{
    Clock, Content, Failure, Memory, Payload, Phase, Platform, Policy, Provenance, codes,
    report::{Bytes, Report},
};

/// How often the progress is shown.
const EVERY: Duration = Duration::from_millis(500);

/// What the network is asked for.
pub struct Order<'a> {
    /// The artifact.
    pub reference: &'a Reference,
    /// The machine that it is for.
    pub platform: oci::Platform,
    /// Registries, logins, and all that the network itself is set to.
    pub config: &'a Config,
    /// Where its parts are put.
    pub room: &'a dyn Room,
    /// Told of them.
    pub told: &'a dyn Told,
}

/// Obtains what `cloudboot.image` names.
///
/// # Errors
/// It may not be started, or cannot be had.
pub fn obtain(
    text: &str,
    platform: &Platform<'_>,
    config: &Config,
    report: &Report<'_>,
) -> Result<Payload, Failure> {
    let reference = Reference::parse(text).map_err(|error| of_registry(&error))?;
    expect_covered(&reference, &platform.policy)?;
    let started = platform.clock.now();
    let transfer = Transfer { clock: platform.clock, report, started, state: RefCell::default() };
    let room = Free(platform.memory);
    let order = Order {
        reference: &reference,
        platform: oci::Platform::linux(platform.policy.arch),
        config,
        room: &room,
        told: &transfer,
    };
    let artifact = platform.network.fetch(&order)?;
    let took = platform.clock.now().saturating_sub(started);
    report.fetched(&name(&reference), &artifact.manifest, transfer.state.into_inner().bytes, took);
    let content = match artifact.content {
        artifact::Content::Linux { kernel, initrd, options } => {
            Content::Kernel { image: kernel, initrd, options, devicetree: None }
        }
        artifact::Content::Program { image } => Content::Program { image, options: None, place: None },
    };
    let title = name(&reference);
    let provenance = Provenance::Registry { reference, manifest: artifact.manifest };
    Ok(Payload { title, provenance, content })
}

/// Whether something vouches for all the bytes that a reference leads to: its digest.
///
/// # Errors
/// Nothing does, and `cloudboot.cosign=off` does not say that nothing needs to.
pub fn expect_covered(reference: &Reference, policy: &Policy) -> Result<(), Failure> {
    let failed = |code, cause: &str| Err(Failure::new(Phase::Verify, name(reference), code, &cause));
    match policy.cosign {
        Some(Cosign::Enforce) => failed(
            codes::TRUST_KEY,
            "cloudboot.cosign=enforce, and no signature key is built in; leave it out and pin the reference \
             (@sha256:...)",
        ),
        Some(Cosign::Off) => Ok(()),
        _ if reference.digest().is_some() => Ok(()),
        _ => failed(
            codes::TRUST_PIN,
            "no signature key is built in: pin the reference (@sha256:...), or set cloudboot.cosign=off",
        ),
    }
}

/// Obtains the unified kernel image that an entry names by its URL.
///
/// # Errors
/// It may not be started, or cannot be had.
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
    // Without its query, which may be a secret.
    report.obtained(&format!("{url}"), size, platform.clock.now().saturating_sub(started));
    let content = Content::Program { image, options: entry.options.clone(), place: None };
    Ok((Provenance::Url(url), content))
}

/// Whether something judges what a URL of an entry leads to: Secure Boot, which has the firmware check its signature.
/// The name of the server alone is not enough, and without TLS it is not even that.
///
/// # Errors
/// Nothing does, and `cloudboot.cosign=off` does not say that nothing needs to.
pub fn expect_judged(url: &Url, policy: &Policy) -> Result<(), Failure> {
    if url.is_secure() && (policy.is_secure_boot || policy.cosign == Some(Cosign::Off)) {
        return Ok(());
    }
    let cause = if url.is_secure() {
        "nothing checks its signature: Secure Boot is off, and no signature key is built in; switch it on, or set \
         cloudboot.cosign=off"
    } else {
        "an image is fetched by https only"
    };
    Err(Failure::new(Phase::Verify, format!("{url}"), codes::TRUST_URL, &cause))
}

/// How long a server may take until it answers, its redirects included. (Its body has no such limit, but must come at a
/// pace that `http` watches.)
const ANSWER: Duration = Duration::from_secs(40);

/// Fetches a file by a platform's network, if twice its size fits into memory.
///
/// # Errors
/// A setting that cannot be used, or what fails on the way.
pub async fn download<D: Dial>(
    dial: D,
    url: &Url,
    config: &Config,
    room: &dyn Room,
) -> Result<Vec<u8>, Failure> {
    let client = http::Client::new(dial).with_proxy(proxy(config)?);
    let failed = |error: http::Error| of_request(&error);
    let deadline = client.dial().now().saturating_add(ANSWER);
    let request = Request::get(url);
    let answer = dial::within(client.dial(), deadline, Box::pin(client.send(&request))).await;
    let refused = |code, cause: &str| Failure::new(Phase::Obtain, format!("{url}"), code, &cause);
    let late = |dial::Late| refused(http::codes::TIMEOUT, "no answer within 40 s");
    let mut response = answer.map_err(late)?.and_then(http::Response::success).map_err(failed)?;
    let length = response.length().ok_or_else(|| {
        refused(http::codes::SIZE, "the server does not say how long it is; let it send Content-Length")
    })?;
    let free = room.available();
    // The firmware makes a copy of it.
    let wanted = length.saturating_mul(2);
    let buffer = usize::try_from(length).ok().filter(|_| wanted <= free);
    let mut image = buffer.and_then(|length| room.buffer(length)).ok_or_else(|| {
        refused(code::MEMORY, &format!("{} wanted, {} of memory free", Bytes(wanted), Bytes(free)))
    })?;
    let mut filled = 0_usize;
    while let Some(rest) = image.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match Box::pin(response.read(rest)).await.map_err(failed)? {
            0 => return Err(refused(http::codes::CUT, "the connection ended before the file")),
            // Never more than the buffer's length.
            read => filled = filled.saturating_add(read),
        }
    }
    Ok(image)
}

fn of_request(error: &http::Error) -> Failure {
    Failure::of(Phase::Obtain, error.code(), error)
}

fn proxy(config: &Config) -> Result<Option<Proxy>, Failure> {
    let proxy = config.net_proxy().map(Proxy::parse).transpose();
    proxy.map_err(|error| of_setting("cloudboot.net.proxy", error.code(), error.cause()))
}

/// Fetches an artifact by a platform's network.
///
/// # Errors
/// A setting that cannot be used, or what fails on the way.
pub async fn fetch<D: Dial>(dial: D, order: &Order<'_>) -> Result<Artifact, Failure> {
    let http = http::Client::new(dial).with_proxy(proxy(order.config)?);
    let client = oci::Client::new(http, options(order)?);
    let fetching = artifact::fetch(&client, order.reference, &order.platform, order.room, order.told);
    // It is large, and stacks of firmware are small.
    Box::pin(fetching).await.map_err(|error| Failure::of(Phase::Obtain, error.code(), &error))
}

/// Fetches the metadata document of a machine by a platform's network.
///
/// # Errors
/// What fails on the way.
pub async fn document<D: Dial>(dial: D, source: &Source) -> Result<Document, Failure> {
    let fetched = Box::pin(metadata::fetch(dial, source)).await;
    fetched.map_err(|error| Failure::of(Phase::Network, error.code(), &error))
}

fn options(order: &Order<'_>) -> Result<oci::Options, Failure> {
    let Order { reference, config, .. } = order;
    let mirrors = config.mirrors().map(Mirror::parse).collect::<Result<Vec<_>, _>>();
    let mirrors = mirrors.map_err(|error| of_setting("cloudboot.mirror", error.code(), error.cause()))?;
    let login = config.login().map_err(|(image, owner)| {
        let cause = format!(
            "the login of {owner} is not sent to a registry that {image} names; set both by the same source"
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
    Failure::of(Phase::Obtain, error.code(), error)
}

/// A reference as people say it: without the digest where there is a tag.
fn name(reference: &Reference) -> String {
    let whole = format!("{reference}");
    match (reference.tag(), whole.split_once('@')) {
        (Some(_), Some((name, _))) => name.into(),
        _ => whole,
    }
}

/// A URL of an entry without its query and login, which may be secrets.
pub fn address(text: &str) -> String {
    Url::parse(text).map_or_else(|_| "what is not a URL".into(), |url| format!("{url}"))
}

/// A reference that a setting has, as people say it; it may be malformed.
pub fn title(text: &str) -> String {
    Reference::parse(text).map_or_else(|_| text.into(), |reference| name(&reference))
}

/// What the network itself may use beside the parts of an artifact (budget L3).
const OWN: u64 = 32 << 20;

/// The machine's memory, as the parts of an artifact are put there.
struct Free<'a>(&'a dyn Memory);

impl Room for Free<'_> {
    fn available(&self) -> u64 {
        self.0.available().saturating_sub(OWN)
    }

    fn buffer(&self, length: usize) -> Option<Vec<u8>> {
        self.0.buffer(length)
    }
}

/// Shows how far a transfer is.
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
        let now = self.clock.now();
        let mut state = self.state.borrow_mut();
        if now.saturating_sub(state.shown) >= EVERY {
            state.shown = now;
            self.report.progress(bytes, of, now.saturating_sub(self.started));
        }
    }

    fn part(&self, name: &str, bytes: u64) {
        self.report.part(name, bytes);
    }

    fn ignored(&self, name: &str, media_type: &str) {
        self.report.ignored(name, media_type);
    }
}

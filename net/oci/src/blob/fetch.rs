// SPDX-License-Identifier: BSD-3-Clause
//! The transfer of one blob: which host is asked, and how the bytes are verified.

use alloc::{format, rc::Rc, string::String, vec::Vec};
use core::{
    cell::{Cell, RefCell},
    time::Duration,
};

use dial::Dial;
use http::{Division, Observer, Range, Request, Response, Slot, Slots, Source, Url, download, stream};

use super::Sink;
use crate::{
    Cause, Client, Error, Hasher, Reference,
    client::Ask,
    endpoint::{Endpoint, Scope},
    spec::Descriptor,
};

/// Bytes read from a sink at once.
const PIECE: usize = 128 << 10;

/// A blob of a repository, at any of its endpoints.
pub struct Blob<'c, D: Dial> {
    client: &'c Client<D>,
    reference: &'c Reference,
    descriptor: &'c Descriptor,
    division: Division,
    progress: &'c dyn Fn(usize),
    path: String,
    /// Whether a mirror has answered.
    has_mirror_answered: Cell<bool>,
    /// Whether mirrors are no longer asked.
    is_only_original: Cell<bool>,
    /// The connections that it shares with other blobs.
    pub slots: Option<&'c Slots>,
    /// The endpoint that answered last.
    used: RefCell<Option<Rc<Endpoint>>>,
    /// The address on another host to which the registry redirected, for the blob's other ranges.
    store: RefCell<Option<Url>>,
}

impl<'c, D: Dial> Blob<'c, D> {
    pub fn new(
        client: &'c Client<D>,
        reference: &'c Reference,
        descriptor: &'c Descriptor,
        division: Division,
        progress: &'c dyn Fn(usize),
    ) -> Self {
        let path = format!("blobs/{}", descriptor.digest);
        let slots = None;
        let (has_mirror_answered, is_only_original, used, store) = Default::default();
        Self {
            client,
            reference,
            descriptor,
            division,
            progress,
            path,
            has_mirror_answered,
            is_only_original,
            slots,
            used,
            store,
        }
    }

    /// Whether an error may be the fault of a mirror, not of the registry: wrong bytes. Then mirrors are not asked
    /// any more. (If no endpoint answers, the registry has been asked too.)
    pub fn is_of_mirror(&self, error: &Error) -> bool {
        let is_of_bytes = !error.is_transient() && !error.is_of_connection();
        let is_of_mirror = is_of_bytes && self.has_mirror_answered.take();
        if is_of_mirror {
            self.is_only_original.set(true);
        }
        is_of_mirror
    }

    /// Fetches it into a buffer of its size.
    pub async fn fill(&self, place: &mut [u8]) -> Result<(), Error> {
        let checked = self.checked(None);
        download(self, place, self.division, &checked).await?;
        self.judged(checked.hasher)
    }

    /// Fetches the bytes that a sink lacks; all of them if those that it has are not the blob's.
    pub async fn append(&self, sink: &dyn Sink) -> Result<(), Error> {
        let kept = |cause| self.failed(Cause::Sink(cause));
        let held = sink.length().map_err(kept)?;
        if held > 0 && held <= self.descriptor.size {
            match self.append_to(sink, held).await {
                Err(error) if matches!(error.cause(), Cause::Digest { .. }) => {}
                result => return result,
            }
        }
        sink.clear().map_err(kept)?;
        let result = self.append_to(sink, 0).await;
        if result.as_ref().is_err_and(|error| matches!(error.cause(), Cause::Digest { .. })) {
            sink.clear().map_err(kept)?;
        }
        result
    }

    async fn append_to(&self, sink: &dyn Sink, held: u64) -> Result<(), Error> {
        let size = |size: u64| {
            usize::try_from(size).map_err(|_| Error::new(self.reference, Cause::Memory(self.descriptor.size)))
        };
        let (start, end) = (size(held)?, size(self.descriptor.size)?);
        let checked = self.checked(Some(sink));
        self.read_back(sink, start, &checked).await?;
        stream(self, start, end, self.division, &checked).await?;
        self.judged(checked.hasher)
    }

    /// Hashes the bytes that a sink has.
    async fn read_back(&self, sink: &dyn Sink, held: usize, checked: &Checked<'_>) -> Result<(), Error> {
        let mut piece = Vec::new();
        piece.try_reserve_exact(PIECE).map_err(|_| self.failed(Cause::Memory(self.descriptor.size)))?;
        for offset in (0..held).step_by(PIECE) {
            // Cannot saturate: the offset is less than `held`.
            piece.resize(PIECE.min(held.saturating_sub(offset)), 0);
            let read = sink.read_at(u64::try_from(offset).unwrap_or(u64::MAX), &mut piece);
            read.map_err(|cause| self.failed(Cause::Sink(cause)))?;
            checked.hasher.borrow_mut().update(&piece);
            (self.progress)(piece.len());
            dial::breathe().await;
        }
        Ok(())
    }

    fn checked<'s>(&'s self, sink: Option<&'s dyn Sink>) -> Checked<'s> {
        let hasher = RefCell::new(Hasher::new(self.descriptor.digest.algorithm()));
        Checked { hasher, progress: self.progress, sink }
    }

    fn judged(&self, hasher: RefCell<Hasher>) -> Result<(), Error> {
        let (found, expected) = (hasher.into_inner().finish(), &self.descriptor.digest);
        if found == *expected {
            return Ok(());
        }
        Err(self.failed(Cause::Digest { found, expected: expected.clone() }))
    }

    fn failed(&self, cause: Cause) -> Error {
        Error::new(format!("{} blob {}", self.reference, self.descriptor.digest.short()), cause)
    }

    /// Asks the host to which the registry redirected for another range, without credentials. `None` if it has
    /// no answer: its address may have expired, so the registry is asked again.
    async fn stored_response(&self, range: Option<Range>) -> Option<Response<'_, D>> {
        let store = self.store.borrow().clone()?;
        let response = self.client.http.send(&Request { range, ..Request::get(&store) }).await;
        let response = response.and_then(Response::success).ok();
        if response.is_none() {
            self.store.take();
        }
        response
    }
}

impl<D: Dial> Source for Blob<'_, D> {
    type Dial = D;
    type Error = Error;

    fn dial(&self) -> &D {
        self.client.http.dial()
    }

    async fn open(&self, range: Option<Range>) -> Result<Response<'_, D>, Error> {
        if let Some(response) = self.stored_response(range).await {
            return Ok(response);
        }
        let scope = if self.is_only_original.get() { Scope::Original } else { Scope::Everywhere };
        let ask = Ask { range, scope, ..Ask::get(&self.path) };
        let (response, endpoint) = self.client.ask_endpoints(self.reference, &ask).await?;
        let asked = endpoint.url(self.reference.repository(), &self.path)?;
        if !response.url().is_same_origin(&asked) {
            self.store.replace(Some(response.url().clone()));
        }
        if endpoint.is_mirror {
            self.has_mirror_answered.set(true);
        }
        self.used.replace(Some(endpoint));
        Ok(response)
    }

    async fn slot(&self) -> Option<Slot<'_>> {
        match self.slots {
            Some(slots) => Some(slots.take().await),
            None => None,
        }
    }

    async fn broken(&self, failures: u32, since: Duration, error: http::Error) -> Result<(), Error> {
        self.store.take();
        if let Some(endpoint) = self.used.take() {
            self.client.endpoints(self.reference).await?.demote(&endpoint);
            if endpoint.has_had_its_time(failures, &error) {
                self.is_only_original.set(true);
            }
        }
        self.client.pause(failures, since, None, error.into()).await
    }
}

/// Hashes bytes in order as they come, and writes them to the sink if there is one.
struct Checked<'p> {
    hasher: RefCell<Hasher>,
    progress: &'p dyn Fn(usize),
    sink: Option<&'p dyn Sink>,
}

impl Observer for Checked<'_> {
    fn arrived(&self, bytes: usize) {
        (self.progress)(bytes);
    }

    fn take(&self, bytes: &[u8]) -> Result<(), String> {
        self.hasher.borrow_mut().update(bytes);
        self.sink.map_or(Ok(()), |sink| sink.append(bytes))
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Blobs: to their final place, checked on the way.

use alloc::{boxed::Box, collections::VecDeque, format, rc::Rc, string::String, vec::Vec};
use core::cell::RefCell;

use dial::Dial;
use http::{Division, Observer, Range, Response, Source, download};

use crate::{
    Cause, Client, Digest, Error, Hasher, Reference, client::Ask, endpoint::Endpoint, spec::Descriptor,
};

/// A blob and its place: what one of the workers takes next.
type Job<'b> = (&'b Descriptor, &'b mut [u8]);

impl<D: Dial> Client<D> {
    /// Fetches a blob of at most `limit` bytes. `progress` is told of bytes as they arrive.
    ///
    /// # Errors
    /// It is larger (nothing is fetched then), the registry does not have it, or it is not what the digest names.
    pub async fn blob(
        &self,
        reference: &Reference,
        descriptor: &Descriptor,
        limit: u64,
        progress: &dyn Fn(usize),
    ) -> Result<Vec<u8>, Error> {
        let mut blobs = self.blobs(reference, &[descriptor], limit, progress).await?;
        Ok(blobs.pop().unwrap_or_default())
    }

    /// Fetches blobs of at most `limit` bytes in all, some side by side.
    ///
    /// # Errors
    /// As of [`blob`](Self::blob).
    pub async fn blobs(
        &self,
        reference: &Reference,
        descriptors: &[&Descriptor],
        limit: u64,
        progress: &dyn Fn(usize),
    ) -> Result<Vec<Vec<u8>>, Error> {
        let size =
            descriptors.iter().try_fold(0_u64, |sum, one| sum.checked_add(one.size)).unwrap_or(u64::MAX);
        if size > limit {
            return Err(Error::new(reference, Cause::Size { size, limit }));
        }
        let mut blobs = Vec::new();
        for descriptor in descriptors {
            blobs.push(
                room(descriptor.size).ok_or_else(|| Error::new(reference, Cause::Memory(descriptor.size)))?,
            );
        }
        let places = blobs.iter_mut().map(Vec::as_mut_slice);
        let jobs = descriptors.iter().copied().zip(places).collect();
        self.blobs_into(reference, jobs, progress).await?;
        Ok(blobs)
    }

    /// Fetches blobs to their places, of exactly their sizes, some side by side.
    ///
    /// # Errors
    /// As of [`blob`](Self::blob); a place has another size than its blob. What the places hold is not defined then.
    pub async fn blobs_into(
        &self,
        reference: &Reference,
        jobs: Vec<Job<'_>>,
        progress: &dyn Fn(usize),
    ) -> Result<(), Error> {
        let workers = self.options.parallel.clamp(1, 8).min(jobs.len());
        // All of them together have as many connections as one large blob would have.
        let ranges = self.options.division.ranges.checked_div(workers).unwrap_or(1).max(1);
        let division = Division { ranges, ..self.options.division };
        let jobs = RefCell::new(VecDeque::from(jobs));
        let workers = (0..workers).map(|_| {
            let jobs = &jobs;
            let worker: dial::Task<'_, Error> = Box::pin(async move {
                loop {
                    let Some((descriptor, place)) = jobs.borrow_mut().pop_front() else { return Ok(()) };
                    self.divided(reference, descriptor, place, division, progress).await?;
                }
            });
            worker
        });
        dial::all(workers.collect()).await
    }

    /// Fetches a blob to its place, of exactly its size.
    ///
    /// # Errors
    /// As of [`blobs_into`](Self::blobs_into).
    pub async fn blob_into(
        &self,
        reference: &Reference,
        descriptor: &Descriptor,
        place: &mut [u8],
        progress: &dyn Fn(usize),
    ) -> Result<(), Error> {
        self.divided(reference, descriptor, place, self.options.division, progress).await
    }

    async fn divided(
        &self,
        reference: &Reference,
        descriptor: &Descriptor,
        place: &mut [u8],
        division: Division,
        progress: &dyn Fn(usize),
    ) -> Result<(), Error> {
        let limit = u64::try_from(place.len()).unwrap_or(u64::MAX);
        if limit != descriptor.size {
            return Err(Error::new(reference, Cause::Size { size: descriptor.size, limit }));
        }
        let path = format!("blobs/{}", descriptor.digest);
        let used = RefCell::default();
        let mut blob = Blob { client: self, reference, path, is_only_original: false, used };
        match blob.fetch(descriptor, place, division, progress).await {
            // A mirror's fault is not the registry's.
            Err(_) if self.places(reference).await?.has_mirrors() => {
                blob.is_only_original = true;
                blob.fetch(descriptor, place, division, progress).await
            }
            result => result,
        }
    }
}

/// A blob of a repository, wherever that is.
struct Blob<'c, D: Dial> {
    client: &'c Client<D>,
    reference: &'c Reference,
    path: String,
    is_only_original: bool,
    /// Who has answered last.
    used: RefCell<Option<Rc<Endpoint>>>,
}

impl<D: Dial> Blob<'_, D> {
    async fn fetch(
        &self,
        descriptor: &Descriptor,
        place: &mut [u8],
        division: Division,
        progress: &dyn Fn(usize),
    ) -> Result<(), Error> {
        let checked = Checked { hasher: RefCell::new(Hasher::new(descriptor.digest.algorithm())), progress };
        download(self, place, division, &checked).await?;
        let found = checked.hasher.into_inner().finish();
        if found == descriptor.digest {
            return Ok(());
        }
        let object = format!("{} blob {}", self.reference, short(&descriptor.digest));
        Err(Error::new(object, Cause::Digest { found, expected: descriptor.digest.clone() }))
    }
}

impl<D: Dial> Source for Blob<'_, D> {
    type Dial = D;
    type Error = Error;

    async fn open(&self, range: Option<Range>) -> Result<Response<'_, D>, Error> {
        let ask = Ask { range, is_only_original: self.is_only_original, ..Ask::get(&self.path) };
        let (response, place) = self.client.ask_somewhere(self.reference, &ask).await?;
        self.used.replace(Some(place));
        Ok(response)
    }

    async fn broken(&self, failures: u32, error: http::Error) -> Result<(), Error> {
        if let Some(place) = self.used.take() {
            self.client.places(self.reference).await?.demote(&place);
        }
        self.client.pause(failures, None, error.into()).await
    }
}

/// Hashes what comes, in order.
struct Checked<'p> {
    hasher: RefCell<Hasher>,
    progress: &'p dyn Fn(usize),
}

impl Observer for Checked<'_> {
    fn arrived(&self, bytes: usize) {
        (self.progress)(bytes);
    }

    fn take(&self, bytes: &[u8]) {
        self.hasher.borrow_mut().update(bytes);
    }
}

/// Memory for a blob.
fn room(size: u64) -> Option<Vec<u8>> {
    let size = usize::try_from(size).ok()?;
    let mut room = Vec::new();
    room.try_reserve_exact(size).ok()?;
    room.resize(size, 0);
    Some(room)
}

/// A digest as people tell digests apart.
fn short(digest: &Digest) -> String {
    format!("{digest}").chars().take(19).collect()
}

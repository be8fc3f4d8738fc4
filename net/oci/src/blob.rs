// SPDX-License-Identifier: BSD-3-Clause
//! Blobs: to their final place, checked on the way.

use alloc::{boxed::Box, collections::VecDeque, format, string::String, vec::Vec};
use core::{cell::RefCell, pin::Pin};

use dial::Dial;
use http::{Observer, Range, Response, Source, download};

use crate::{Cause, Client, Digest, Error, Hasher, Reference, client::Ask, spec::Descriptor};

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
        let jobs = RefCell::new(VecDeque::from(jobs));
        let workers = (0..workers).map(|_| {
            let jobs = &jobs;
            let worker: Pin<Box<dyn Future<Output = Result<(), Error>>>> = Box::pin(async move {
                loop {
                    let Some((descriptor, place)) = jobs.borrow_mut().pop_front() else { return Ok(()) };
                    self.blob_into(reference, descriptor, place, progress).await?;
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
        let limit = u64::try_from(place.len()).unwrap_or(u64::MAX);
        if limit != descriptor.size {
            return Err(Error::new(reference, Cause::Size { size: descriptor.size, limit }));
        }
        match self.blob_of(reference, descriptor, place, progress, false).await {
            // A mirror's fault is not the registry's.
            Err(error) if !error.is_transient() && self.places(reference).await?.has_mirrors() => {
                self.blob_of(reference, descriptor, place, progress, true).await
            }
            result => result,
        }
    }

    async fn blob_of(
        &self,
        reference: &Reference,
        descriptor: &Descriptor,
        place: &mut [u8],
        progress: &dyn Fn(usize),
        is_only_original: bool,
    ) -> Result<(), Error> {
        let path = format!("blobs/{}", descriptor.digest);
        let blob = Blob { client: self, reference, path, is_only_original };
        let checked = Checked { hasher: RefCell::new(Hasher::new(descriptor.digest.algorithm())), progress };
        download(&blob, place, self.options.division, &checked).await?;
        let found = checked.hasher.into_inner().finish();
        if found == descriptor.digest {
            return Ok(());
        }
        let object = format!("{reference} blob {}", short(&descriptor.digest));
        Err(Error::new(object, Cause::Digest { found, expected: descriptor.digest.clone() }))
    }
}

/// A blob of a repository, wherever that is.
struct Blob<'c, D: Dial> {
    client: &'c Client<D>,
    reference: &'c Reference,
    path: String,
    is_only_original: bool,
}

impl<D: Dial> Source for Blob<'_, D> {
    type Dial = D;
    type Error = Error;

    async fn open(&self, range: Option<Range>) -> Result<Response<'_, D>, Error> {
        let ask = Ask { range, is_only_original: self.is_only_original, ..Ask::get(&self.path) };
        self.client.ask(self.reference, &ask).await
    }

    async fn broken(&self, failures: u32, error: http::Error) -> Result<(), Error> {
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

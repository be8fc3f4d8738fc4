// SPDX-License-Identifier: BSD-3-Clause
//! Blobs: to their final place, checked on the way.

mod fetch;
mod sink;

use alloc::{boxed::Box, collections::VecDeque, format, vec::Vec};
use core::cell::RefCell;

use dial::Dial;
use http::{Division, Slots};

use crate::{Cause, Client, Error, Reference, spec::Descriptor};

use fetch::Blob;
pub use sink::Sink;

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
        let blob = blobs.pop().unwrap_or_default();
        self.note(&format!("blobs/{}", descriptor.digest), "", &blob);
        Ok(blob)
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
        let workers = self.workers(jobs.len());
        // A blob that is complete leaves its connections to the others.
        let slots = Slots::new(self.options.division.ranges.max(workers));
        let fetch = async |(descriptor, place): Job<'_>| {
            self.divided(reference, descriptor, place, Some(&slots), progress).await
        };
        side_by_side(jobs, workers, fetch).await
    }

    /// Fetches blobs to sinks, some side by side: what a sink holds already is checked, and not fetched again.
    ///
    /// # Errors
    /// As of [`blob`](Self::blob), or a sink fails. A sink whose bytes are not those of its blob is empty then; else it
    /// holds the blob's first bytes, as many as there were time for.
    pub async fn blobs_to(
        &self,
        reference: &Reference,
        jobs: Vec<(&Descriptor, &dyn Sink)>,
        progress: &dyn Fn(usize),
    ) -> Result<(), Error> {
        let workers = self.workers(jobs.len());
        // Shared once and for all: each range of each blob may have to wait in memory for those before it.
        let ranges = self.options.division.ranges.checked_div(workers).unwrap_or(1).max(1);
        let division = Division { ranges, ..self.options.division };
        let fetch = async |(descriptor, sink): (&Descriptor, &dyn Sink)| {
            let blob = Blob::new(self, reference, descriptor, division, progress);
            match blob.append(sink).await {
                Err(error) if blob.is_of_mirror(&error) => blob.append(sink).await,
                result => result,
            }
        };
        side_by_side(jobs, workers, fetch).await
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
        self.divided(reference, descriptor, place, None, progress).await
    }

    /// How many of so many blobs are fetched at once.
    fn workers(&self, jobs: usize) -> usize {
        self.options.parallel.clamp(1, 8).min(jobs)
    }

    async fn divided(
        &self,
        reference: &Reference,
        descriptor: &Descriptor,
        place: &mut [u8],
        slots: Option<&Slots>,
        progress: &dyn Fn(usize),
    ) -> Result<(), Error> {
        let limit = u64::try_from(place.len()).unwrap_or(u64::MAX);
        if limit != descriptor.size {
            return Err(Error::new(reference, Cause::Size { size: descriptor.size, limit }));
        }
        let mut blob = Blob::new(self, reference, descriptor, self.options.division, progress);
        blob.slots = slots;
        match blob.fill(place).await {
            Err(error) if blob.is_of_mirror(&error) => blob.fill(place).await,
            result => result,
        }
    }
}

async fn side_by_side<J>(
    jobs: Vec<J>,
    workers: usize,
    fetch: impl AsyncFn(J) -> Result<(), Error>,
) -> Result<(), Error> {
    let jobs = RefCell::new(VecDeque::from(jobs));
    let workers = (0..workers).map(|_| {
        let (jobs, fetch) = (&jobs, &fetch);
        let worker: dial::Task<'_, Error> = Box::pin(async move {
            loop {
                let Some(job) = jobs.borrow_mut().pop_front() else { return Ok(()) };
                fetch(job).await?;
            }
        });
        worker
    });
    dial::all(workers.collect()).await
}

/// Memory for a blob.
fn room(size: u64) -> Option<Vec<u8>> {
    let size = usize::try_from(size).ok()?;
    let mut room = Vec::new();
    room.try_reserve_exact(size).ok()?;
    room.resize(size, 0);
    Some(room)
}

// SPDX-License-Identifier: BSD-3-Clause
//! Fetches blobs to their final place and verifies them on the way.

mod fetch;
mod sink;

use alloc::{boxed::Box, collections::VecDeque, format, vec::Vec};
use core::cell::RefCell;

use dial::Dial;
use http::{Division, Slots};

use crate::{Cause, Client, Error, Reference, spec::Descriptor};

use fetch::Blob;
pub use sink::Sink;

/// A blob and its buffer: a job for one of the workers.
type Job<'b> = (&'b Descriptor, &'b mut [u8]);

impl<D: Dial> Client<D> {
    /// Fetches a blob of at most `limit` bytes. `progress` is called as bytes arrive.
    ///
    /// # Errors
    /// It is larger (then nothing is fetched), the registry does not have it, or its digest does not match.
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

    /// Fetches blobs of at most `limit` bytes in all, some concurrently.
    ///
    /// # Errors
    /// As for [`blob`](Self::blob).
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

    /// Fetches blobs into buffers of exactly their sizes, some concurrently.
    ///
    /// # Errors
    /// As for [`blob`](Self::blob); a buffer has another size than its blob. The buffers' contents are undefined then.
    pub async fn blobs_into(
        &self,
        reference: &Reference,
        jobs: Vec<Job<'_>>,
        progress: &dyn Fn(usize),
    ) -> Result<(), Error> {
        let workers = self.workers(jobs.len());
        // A complete blob releases its connections to the others.
        let slots = Slots::new(self.options.division.ranges.max(workers));
        let fetch = async |(descriptor, place): Job<'_>| {
            self.divided(reference, descriptor, place, Some(&slots), progress).await
        };
        side_by_side(jobs, workers, fetch).await
    }

    /// Fetches blobs to sinks, some concurrently. Bytes that a sink already has are verified, and not fetched again.
    ///
    /// # Errors
    /// As for [`blob`](Self::blob), or a sink fails. After a digest mismatch the sink is empty; otherwise it
    /// holds the blob's first bytes, as far as they arrived.
    pub async fn blobs_to(
        &self,
        reference: &Reference,
        jobs: Vec<(&Descriptor, &dyn Sink)>,
        progress: &dyn Fn(usize),
    ) -> Result<(), Error> {
        let workers = self.workers(jobs.len());
        // A fixed share: each range of each blob may have to wait in memory for those before it.
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

    /// Fetches a blob into a buffer of exactly its size.
    ///
    /// # Errors
    /// As for [`blobs_into`](Self::blobs_into).
    pub async fn blob_into(
        &self,
        reference: &Reference,
        descriptor: &Descriptor,
        place: &mut [u8],
        progress: &dyn Fn(usize),
    ) -> Result<(), Error> {
        self.divided(reference, descriptor, place, None, progress).await
    }

    /// How many of `jobs` blobs are fetched at once.
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

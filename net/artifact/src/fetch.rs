// SPDX-License-Identifier: BSD-3-Clause
//! Fetches what a reference names: each part goes to its final place in memory.

use alloc::{borrow::Cow, boxed::Box, format, string::String, vec::Vec};
use core::cell::Cell;

use dial::Dial;
use image::{
    kernel,
    pe::Pe,
    uki::{self, Part},
};
use oci::{Client, Digest, Image, Reference, spec::Descriptor};

use crate::{
    Cause, Error,
    line::{self, with_words},
    parts::{Parts, name, shown},
    plan::{Plan, places},
    types::is_packed,
};

/// The platform's memory.
pub trait Room {
    /// Free memory in bytes.
    fn available(&self) -> u64;

    /// A buffer of `length` bytes with any content; `None` if there is not enough memory.
    fn buffer(&self, length: usize) -> Option<Vec<u8>>;
}

/// Reports progress to the user, in its own words.
pub trait Told {
    /// The reference was resolved to this manifest; `bytes` bytes of its parts will be fetched.
    fn resolved(&self, reference: &Reference, manifest: &Digest, bytes: u64);

    /// `bytes` bytes of all parts together have arrived.
    fn arrived(&self, bytes: u64, of: u64);

    /// A part is complete and verified against its digest.
    fn part(&self, name: &str, bytes: u64);

    /// A part has an unknown type, and is not fetched.
    fn ignored(&self, name: &str, media_type: &str) {
        let _ = (name, media_type);
    }
}

/// Where parts are kept from one boot to the next.
pub trait Store {
    /// Reads a kept part into `place`; false if it is not kept. The caller verifies the bytes.
    fn load(&self, part: &Descriptor, place: &mut [u8]) -> bool;

    /// The loaded bytes have this digest, which is not the part's: they are not used.
    fn differs(&self, part: &Descriptor, found: &Digest);

    /// Keeps a part that was fetched and verified, as it was pushed.
    fn save(&self, part: &Descriptor, bytes: &[u8]);
}

/// What `fetch` needs of the platform.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// Memory for the parts.
    pub room: &'a dyn Room,
    /// Receives progress reports.
    pub told: &'a dyn Told,
    /// Where parts are kept; `None` if they are not.
    pub store: Option<&'a dyn Store>,
}

/// What is booted, and where it came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Artifact {
    /// The manifest's digest.
    pub manifest: Digest,
    /// What is booted.
    pub content: Content,
}

/// What an artifact boots.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content {
    /// A Linux kernel.
    Linux {
        /// The kernel, which may still be compressed as a whole by itself.
        kernel: Vec<u8>,
        /// All initrds, one after the other, each padded to 4 bytes; empty if there is no initrd.
        initrd: Vec<u8>,
        /// The command line.
        options: String,
    },
    /// A UKI, which contains its own initrd and command line.
    Program {
        /// The program.
        image: Vec<u8>,
    },
}

/// Fetches the parts that a reference names, for the machine that [`Client::resolve`] was given. Parts in the store are
/// not fetched again.
///
/// # Errors
/// A digest mismatch; parts that cannot be booted; parts that do not fit into memory. The last two are found
/// before any part is fetched.
pub async fn fetch<D: Dial>(
    client: &Client<D>,
    reference: &Reference,
    resolved: &Image,
    target: Target<'_>,
) -> Result<Artifact, Error> {
    let manifest = &resolved.manifest_digest;
    let failed = |cause| Error::new(reference, cause);
    let plan = Plan::new(Parts::of(&resolved.manifest).map_err(failed)?).map_err(failed)?;
    target.told.resolved(reference, manifest, plan.fetched);
    for part in &plan.parts.ignored {
        target.told.ignored(&name(part), &shown(&part.media_type));
    }
    let fetching = Fetching { client, reference, target };
    // Boxed: the firmware's stack is small.
    let content = Box::pin(fetching.content(&plan)).await?;
    Ok(Artifact { manifest: manifest.clone(), content })
}

/// The state of one fetch.
struct Fetching<'a, D: Dial> {
    client: &'a Client<D>,
    reference: &'a Reference,
    target: Target<'a>,
}

/// A part, and the buffer that it goes to.
type Job<'j> = (&'j Descriptor, &'j mut [u8]);

impl<D: Dial> Fetching<'_, D> {
    async fn content(&self, plan: &Plan<'_>) -> Result<Content, Error> {
        let parts = &plan.parts;
        self.expect_room(plan.largest, plan.wanted)?;
        let mut kernel = self.buffer(parts.kernel, parts.kernel.size)?;
        let mut initrd = match plan.initrd {
            0 => Vec::new(),
            length => self.buffer(plan.largest, length)?,
        };
        let mut cmdline = Vec::new();
        if let Some(part) = parts.cmdline {
            cmdline = self.buffer(part, part.size)?;
        }
        let mut jobs = places(&plan.placed, &mut initrd).ok_or_else(|| self.too_large(plan))?;
        jobs.insert(0, (parts.kernel, kernel.as_mut_slice()));
        jobs.extend(parts.cmdline.map(|part| (part, cmdline.as_mut_slice())));
        self.fetch(jobs, plan.fetched).await.map_err(|error| of_part(error, parts.all()))?;
        if let Some((archive, start)) = &plan.archive {
            let target = usize::try_from(*start).ok().and_then(|start| initrd.get_mut(start..));
            target.and_then(|target| archive.finish(target)).ok_or_else(|| self.too_large(plan))?;
        }
        parts.all().for_each(|part| self.target.told.part(&name(part), part.size));
        self.sorted(plan, kernel, initrd, cmdline)
    }

    /// Loads what the store has, fetches the rest, and has the store keep that.
    async fn fetch(&self, mut jobs: Vec<Job<'_>>, of: u64) -> Result<(), oci::Error> {
        let Some(store) = self.target.store else { return self.download(jobs, of).await };
        jobs.retain_mut(|(part, place)| !is_loaded(store, part, place));
        let missing = jobs.iter_mut().map(|(part, place)| (*part, &mut **place)).collect();
        self.download(missing, of).await?;
        jobs.iter().for_each(|(part, place)| store.save(part, place));
        Ok(())
    }

    async fn download(&self, jobs: Vec<Job<'_>>, of: u64) -> Result<(), oci::Error> {
        let arrived = Cell::new(0_u64);
        let progress = |bytes: usize| {
            // Bytes that are fetched again from elsewhere count again.
            let sum = u64::try_from(bytes).ok().and_then(|bytes| arrived.get().checked_add(bytes));
            arrived.set(sum.unwrap_or(of).min(of));
            self.target.told.arrived(arrived.get(), of);
        };
        self.client.blobs_into(self.reference, jobs, &progress).await
    }

    /// The content, once all parts are there.
    fn sorted(
        &self,
        plan: &Plan<'_>,
        kernel: Vec<u8>,
        initrd: Vec<u8>,
        cmdline: Vec<u8>,
    ) -> Result<Content, Error> {
        let parts = &plan.parts;
        let image = self.unpacked(parts.kernel, kernel, kernel::LARGEST)?;
        if is_uki(&image) {
            return match parts.all().nth(1) {
                Some(beside) => Err(self.failed(parts.kernel, Cause::Beside(name(beside)))),
                None => Ok(Content::Program { image }),
            };
        }
        let mut options = String::new();
        if let Some(part) = parts.cmdline {
            let text = self.unpacked(part, cmdline, line::LONGEST)?;
            options = line::line(&text).map_err(|cause| self.failed(part, cause))?;
        }
        let words = plan.archive.as_ref().map_or(&[][..], |(archive, _)| archive.words());
        Ok(Content::Linux { kernel: image, initrd, options: with_words(options, words) })
    }

    /// The content of a part that is compressed as a whole.
    fn unpacked(&self, part: &Descriptor, bytes: Vec<u8>, limit: u64) -> Result<Vec<u8>, Error> {
        if !is_packed(&part.media_type) {
            return Ok(bytes);
        }
        let limit = limit.min(self.target.room.available());
        let content = match oci::unpacked(part, &bytes, limit)? {
            Cow::Owned(content) => content,
            Cow::Borrowed(_) => return Ok(bytes),
        };
        drop(bytes);
        // LoadImage makes a copy.
        self.expect_room(part, u64::try_from(content.len()).unwrap_or(u64::MAX))?;
        Ok(content)
    }

    fn buffer(&self, part: &Descriptor, length: u64) -> Result<Vec<u8>, Error> {
        let buffer = usize::try_from(length).ok().and_then(|length| self.target.room.buffer(length));
        buffer.ok_or_else(|| self.no_room(part, length))
    }

    fn expect_room(&self, part: &Descriptor, wanted: u64) -> Result<(), Error> {
        if wanted > self.target.room.available() { Err(self.no_room(part, wanted)) } else { Ok(()) }
    }

    fn too_large(&self, plan: &Plan<'_>) -> Error {
        self.no_room(plan.largest, plan.wanted)
    }

    fn no_room(&self, part: &Descriptor, wanted: u64) -> Error {
        self.failed(part, Cause::Memory { wanted, free: self.target.room.available() })
    }

    fn failed(&self, part: &Descriptor, cause: Cause) -> Error {
        Error::new(format!("{} {}", self.reference, name(part)), cause)
    }
}

/// Whether the store has the part, with the right digest.
fn is_loaded(store: &dyn Store, part: &Descriptor, place: &mut [u8]) -> bool {
    if !store.load(part, place) {
        return false;
    }
    let found = Digest::of(part.digest.algorithm(), place);
    if found != part.digest {
        store.differs(part, &found);
        return false;
    }
    true
}

/// An error from the registry, with the name of the part whose digest it mentions.
fn of_part<'m>(error: oci::Error, mut parts: impl Iterator<Item = &'m Descriptor>) -> Error {
    match parts.find(|part| error.object().contains(&part.digest.short())) {
        Some(part) => Error::new(format!("{} ({})", error.object(), name(part)), Cause::Oci(error)),
        None => error.into(),
    }
}

/// Whether it is a PE file that contains a kernel.
fn is_uki(image: &[u8]) -> bool {
    Pe::parse(image).is_ok_and(|pe| uki::part(&pe.headers, Part::Linux).is_some())
}

// SPDX-License-Identifier: BSD-3-Clause
//! From a reference to what is booted, each part fetched to its final place.

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

/// How much memory there is.
pub trait Room {
    /// Bytes that are free now.
    fn available(&self) -> u64;

    /// A buffer of `length` bytes with any content; None if there is no room.
    fn buffer(&self, length: usize) -> Option<Vec<u8>>;
}

/// Who is told how far it has come, and words it.
pub trait Told {
    /// The reference means this manifest, of whose parts so many bytes will be fetched.
    fn resolved(&self, reference: &Reference, manifest: &Digest, bytes: u64);

    /// So many bytes of all parts together have come.
    fn arrived(&self, bytes: u64, of: u64);

    /// A part is complete and checked.
    fn part(&self, name: &str, bytes: u64);

    /// A part is nothing that a boot knows, and is not fetched.
    fn ignored(&self, name: &str, media_type: &str) {
        let _ = (name, media_type);
    }
}

/// Where parts are kept from one boot to the next.
pub trait Store {
    /// Fills the place of a part with what is kept of it; whether it is kept. Whoever asks checks the bytes.
    fn load(&self, part: &Descriptor, place: &mut [u8]) -> bool;

    /// What was loaded has this digest, which is not the part's: it is not used.
    fn differs(&self, part: &Descriptor, found: &Digest);

    /// Keeps a part that was fetched and checked, as it was pushed.
    fn save(&self, part: &Descriptor, bytes: &[u8]);
}

/// Where the parts go.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// How much memory there is for them.
    pub room: &'a dyn Room,
    /// Told of them.
    pub told: &'a dyn Told,
    /// Where they are kept; none where they are not.
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

/// The kinds of what is booted.
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
    /// A UKI, which brings initrd and command line itself.
    Program {
        /// The program.
        image: Vec<u8>,
    },
}

/// Fetches the parts of what a reference means on a machine, as [`Client::resolve`] says it. What the store has is not
/// fetched.
///
/// # Errors
/// What the registry sends is not what the digests name, the parts do not make a boot, or they are larger than memory;
/// that is known before any part is fetched.
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
    // Boxed: the stack of firmware is small.
    let content = Box::pin(fetching.content(&plan)).await?;
    Ok(Artifact { manifest: manifest.clone(), content })
}

/// What fetching takes.
struct Fetching<'a, D: Dial> {
    client: &'a Client<D>,
    reference: &'a Reference,
    target: Target<'a>,
}

/// A part, and its place.
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
            // What is fetched again from elsewhere counts once more.
            let sum = u64::try_from(bytes).ok().and_then(|bytes| arrived.get().checked_add(bytes));
            arrived.set(sum.unwrap_or(of).min(of));
            self.target.told.arrived(arrived.get(), of);
        };
        self.client.blobs_into(self.reference, jobs, &progress).await
    }

    /// What the parts are, now that they are all there.
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
        // The machine's own loader makes a copy.
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

/// Whether a store has a part, and it is the one that the digest names.
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

/// A registry's failure, with the name of the part whose digest it names.
fn of_part<'m>(error: oci::Error, mut parts: impl Iterator<Item = &'m Descriptor>) -> Error {
    match parts.find(|part| error.object().contains(&part.digest.short())) {
        Some(part) => Error::new(format!("{} ({})", error.object(), name(part)), Cause::Oci(error)),
        None => error.into(),
    }
}

/// Whether it is a PE file with a kernel in it.
fn is_uki(image: &[u8]) -> bool {
    Pe::parse(image).is_ok_and(|pe| uki::part(&pe.headers, Part::Linux).is_some())
}

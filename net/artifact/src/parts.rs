// SPDX-License-Identifier: BSD-3-Clause
//! The parts of a manifest, sorted by role.

use alloc::{string::String, vec::Vec};

use oci::spec::{Descriptor, Manifest};

use crate::{
    Cause,
    types::{BYTES, Role, TITLE, bare},
};

/// The most parts of an artifact: more than any boot has files.
const MOST: usize = 64;
/// The most types that an error lists, and the most characters shown of each.
const LISTED: usize = 8;
const SHOWN: usize = 80;

/// The configurations of container images, OCI's and Docker's.
///
/// Spec: OCI image 1.1, media-types.md; Docker, "Image Manifest V2, Schema 2".
const CONTAINERS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// The descriptors of the parts, by role.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Parts<'m> {
    /// The kernel, or a UKI.
    pub kernel: &'m Descriptor,
    /// Initrds in order, then the archives of modules.
    pub initrds: Vec<&'m Descriptor>,
    /// Alpine's modules.
    pub modloop: Option<&'m Descriptor>,
    /// Alpine's overlay.
    pub apkovl: Option<&'m Descriptor>,
    /// The command line.
    pub cmdline: Option<&'m Descriptor>,
    /// Parts of unknown types.
    pub ignored: Vec<&'m Descriptor>,
}

impl<'m> Parts<'m> {
    /// Sorts the parts of a manifest.
    ///
    /// # Errors
    /// There are too many parts, or they cannot be booted.
    pub fn of(manifest: &'m Manifest) -> Result<Self, Cause> {
        let layers = manifest.layers.as_slice();
        if layers.len() > MOST {
            return Err(Cause::Limit { what: "parts", found: wide(layers.len()), limit: wide(MOST) });
        }
        let roles: Vec<_> = layers.iter().map(|layer| (role(layers, layer), layer)).collect();
        let all = |wanted| roles.iter().filter(move |(role, _)| *role == Some(wanted)).map(|(_, one)| *one);
        let one = |wanted| only(wanted, all(wanted));
        for (wanted, what) in [(Role::Plan, "plan"), (Role::Disk, "disk image")] {
            if let Some(found) = all(wanted).next() {
                return Err(Cause::Kind { what, media_type: shown(&found.media_type) });
            }
        }
        let Some(kernel) = one(Role::Kernel)? else { return Err(without_kernel(manifest)) };
        if kernel.size == 0 {
            return Err(Cause::Empty);
        }
        Ok(Self {
            kernel,
            initrds: all(Role::Initrd).chain(all(Role::Modules)).collect(),
            modloop: one(Role::Modloop)?,
            apkovl: one(Role::Apkovl)?,
            cmdline: one(Role::Cmdline)?,
            ignored: roles.iter().filter(|(role, _)| role.is_none()).map(|(_, one)| *one).collect(),
        })
    }

    /// The parts to fetch, the kernel first.
    pub fn all(&self) -> impl Iterator<Item = &'m Descriptor> {
        let alpine = self.modloop.into_iter().chain(self.apkovl);
        [self.kernel].into_iter().chain(self.initrds.iter().copied()).chain(alpine).chain(self.cmdline)
    }
}

/// The role of a layer. A single layer of unknown type can only be a kernel.
fn role(layers: &[Descriptor], layer: &Descriptor) -> Option<Role> {
    let is_only = layers.len() == 1 && bare(&layer.media_type).eq_ignore_ascii_case(BYTES);
    Role::of(layer).or(is_only.then_some(Role::Kernel))
}

fn only<'m>(
    role: Role,
    mut all: impl Iterator<Item = &'m Descriptor>,
) -> Result<Option<&'m Descriptor>, Cause> {
    let first = all.next();
    match (first, all.next()) {
        (Some(first), Some(second)) => {
            Err(Cause::Twice { role: role.name(), first: name(first), second: name(second) })
        }
        _ => Ok(first),
    }
}

fn without_kernel(manifest: &Manifest) -> Cause {
    let mut types: Vec<String> = Vec::new();
    for layer in &manifest.layers {
        let found = shown(&layer.media_type);
        if !types.contains(&found) && types.len() < LISTED {
            types.push(found);
        }
    }
    let types = if types.is_empty() { "nothing".into() } else { types.join(", ") };
    let config = bare(&manifest.config.media_type);
    let is_container = CONTAINERS.iter().any(|container| container.eq_ignore_ascii_case(config));
    if is_container { Cause::Container(types) } else { Cause::NoKernel(types) }
}

/// The name of a part in messages: its file name, or its role.
pub(crate) fn name(descriptor: &Descriptor) -> String {
    let title = descriptor.annotations.get(TITLE).map(|title| clean(title)).filter(|title| !title.is_empty());
    title.unwrap_or_else(|| match Role::of(descriptor) {
        Some(role) => role.name().into(),
        None => descriptor.digest.short(),
    })
}

/// A media type, as messages show it.
pub(crate) fn shown(media_type: &str) -> String {
    let media_type = clean(media_type);
    if media_type.is_empty() { "no type".into() } else { media_type }
}

/// A string of a manifest without control characters.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

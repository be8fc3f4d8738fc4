// SPDX-License-Identifier: BSD-3-Clause
//! Checks a payload before it runs. No earlier step parses it.

use alloc::{format, string::String, vec::Vec};
use core::ops::{Deref, Range};

use arch::Arch;
use config::Cosign;
use image::{
    kernel::{self, Kind},
    own,
    pe::Pe,
    uki::{self, Part},
};

use crate::{
    Content, Failure, Payload, Phase, Place, Provenance, codes,
    trust::{Demand, expect_judged},
};

/// What may be started.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The architecture that kernels and programs must be for.
    pub arch: Arch,
    /// Secure Boot is on, or a signature key is built in; this also restricts what the operator may change.
    pub is_locked: bool,
    /// Secure Boot is on: the machine checks signatures of programs.
    pub is_secure_boot: bool,
    /// What `cloudboot.cosign` says of signatures.
    pub cosign: Option<Cosign>,
    /// Who may sign images of a registry; none if no key is known.
    pub signers: Option<cosign::Policy>,
}

impl Policy {
    /// The identifiers of those who may sign, each of which has its own epoch variable.
    pub(crate) fn members(&self) -> Vec<String> {
        self.signers.as_ref().map(cosign::Policy::members).unwrap_or_default()
    }
}

/// A checked value. Only this module makes one, anyone may read it, and only a [`HandOver`](crate::HandOver) can take
/// it apart.
#[derive(Debug)]
pub struct Verified<T>(T);

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Verified<T> {
    /// The thing itself, to hand it over. A [`HandOver`](crate::HandOver) is given the permit:
    ///
    /// ```
    /// # use flow::{Payload, Permit, Verified};
    /// fn take(verified: Verified<Payload>, permit: Permit) -> Payload {
    ///     verified.into_inner(permit)
    /// }
    /// ```
    ///
    /// No other code has one, or can make one:
    ///
    /// ```compile_fail,E0624
    /// # use flow::{Payload, Permit, Verified};
    /// fn take(verified: Verified<Payload>) -> Payload {
    ///     verified.into_inner(Permit::to_hand_over())
    /// }
    /// ```
    ///
    /// ```compile_fail,E0423
    /// # use flow::{Payload, Permit, Verified};
    /// fn take(verified: Verified<Payload>) -> Payload {
    ///     verified.into_inner(Permit(()))
    /// }
    /// ```
    ///
    /// Nor does a [`Verified`] come apart, or into being, in another way:
    ///
    /// ```compile_fail,E0616
    /// # use flow::{Payload, Verified};
    /// fn take(verified: Verified<Payload>) -> Payload {
    ///     verified.0
    /// }
    /// ```
    ///
    /// ```compile_fail,E0507
    /// # use flow::{Payload, Verified};
    /// fn take(verified: Verified<Payload>) -> Payload {
    ///     *verified
    /// }
    /// ```
    ///
    /// ```compile_fail,E0423
    /// # use flow::{Payload, Verified};
    /// fn make(payload: Payload) -> Verified<Payload> {
    ///     Verified(payload)
    /// }
    /// ```
    pub fn into_inner(self, _: Permit) -> T {
        self.0
    }
}

/// The right to take one [`Verified`] apart. Only this crate can make it, for the hand-over.
#[derive(Debug)]
pub struct Permit(());

impl Permit {
    pub(crate) fn to_hand_over() -> Self {
        Self(())
    }
}

impl Verified<Payload> {
    /// The command line built into a unified kernel image; none for anything else.
    pub(crate) fn built_in_options(&self) -> Option<String> {
        let Content::Program { image, .. } = &self.0.content else { return None };
        let pe = Pe::parse(image).ok().filter(|pe| uki::is_uki(&pe.headers))?;
        // Only the base profile is started, so command lines of other profiles do not count.
        let Some(section) = uki::part(&pe.headers, Part::Cmdline) else { return Some(String::new()) };
        let Range { start, end } = section.data();
        let data = image.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)?;
        Some(String::from_utf8_lossy(data).trim_end_matches(['\0', '\r', '\n']).into())
    }

    /// Sets the options that it is started with; no signature of an image covers them.
    pub(crate) fn with_options(mut self, new: Option<String>) -> Self {
        match &mut self.0.content {
            Content::Kernel { options, .. } => *options = new.unwrap_or_default(),
            Content::Program { options, .. } => *options = new,
        }
        self
    }

    /// Updates the program's own path after its file was renamed.
    pub(crate) fn moved(mut self, from: &Place, to: Place) -> Self {
        if let Content::Program { place: Some(place), .. } = &mut self.0.content
            && place == from
        {
            *place = to;
        }
        self
    }
}

/// Checks that the kernel or program is complete and for this machine, and unpacks a compressed kernel.
///
/// Files of a local disk carry no signature of ours: under Secure Boot, the machine checks the program's own signature
/// when it loads it. An image of a registry is covered by the digest in the settings, or by a trusted signature.
///
/// # Errors
/// A [`Failure`] that says what is wrong.
pub fn verify(mut payload: Payload, policy: &Policy) -> Result<Verified<Payload>, Failure> {
    match &payload.provenance {
        // Discovery has already left out this loader.
        Provenance::Volume { .. } => {}
        Provenance::Url(url) => expect_judged(url, policy)?,
        Provenance::Registry { reference, manifest, vouched } => {
            let vouched = vouched.as_ref().filter(|vouched| vouched.manifest == *manifest);
            let signed = vouched.map(|vouched| &vouched.signed);
            if !Demand::of(reference, policy)?.is_met(signed) {
                let cause = "not signed by a trusted key";
                return Err(Failure::new(
                    Phase::Verify,
                    payload.title.as_str(),
                    cosign::codes::UNSIGNED,
                    &cause,
                ));
            }
        }
    }
    let is_of_network = !matches!(payload.provenance, Provenance::Volume { .. });
    if is_of_network && is_own_loader(payload.content.image()) {
        let cause = "this is cloud-boot's own loader, which would fetch itself again";
        return Err(Failure::new(Phase::Verify, payload.title.as_str(), codes::OWN, &cause));
    }
    let failed = |name: &str, error: image::Error| Failure::new(Phase::Verify, name, error.code(), &error);
    match &mut payload.content {
        Content::Kernel { image, devicetree, .. } => {
            let failed = |error| failed("kernel", error);
            if matches!(kernel::kind(image), Kind::Compressed(_)) {
                *image = kernel::unpack(image, kernel::LARGEST).map_err(failed)?;
            }
            check(image, policy).map_err(failed)?;
            if let Some(cause) = devicetree.as_deref().and_then(wrong_tree) {
                return Err(Failure::new(Phase::Verify, "device tree", codes::DTB, &cause));
            }
        }
        Content::Program { image, .. } => check(image, policy).map_err(|error| failed("program", error))?,
    }
    Ok(Verified(payload))
}

/// Whether this is cloud-boot's own loader, in any version.
fn is_own_loader(file: &[u8]) -> bool {
    let read = |range: Range<u64>| {
        let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
        file.get(start..end).map(<[u8]>::to_vec)
    };
    own::is_own_loader(file, u64::try_from(file.len()).unwrap_or(u64::MAX), &read)
}

fn check(image: &[u8], policy: &Policy) -> Result<(), image::Error> {
    Pe::parse(image)?.headers.expect_machine(policy.arch)
}

/// Offset of `fdt_header.magic`.
const FDT_MAGIC_AT: usize = 0;
/// Offset of `fdt_header.totalsize`.
const FDT_TOTALSIZE_AT: usize = 4;
/// `FDT_MAGIC`
const FDT_MAGIC: u32 = 0xd00d_feed;

/// What is wrong with the header of a flattened device tree.
///
/// Spec: Devicetree Specification 0.4, section 5.2.
fn wrong_tree(tree: &[u8]) -> Option<String> {
    let word = |at: usize| Some(u32::from_be_bytes(*tree.get(at..)?.first_chunk()?));
    match (word(FDT_MAGIC_AT), word(FDT_TOTALSIZE_AT)) {
        (Some(FDT_MAGIC), Some(totalsize)) => {
            let is_whole = usize::try_from(totalsize).is_ok_and(|size| size <= tree.len());
            let whole = tree.len();
            (!is_whole).then(|| {
                format!(
                    "fdt_header.totalsize at byte {FDT_TOTALSIZE_AT}: {totalsize} bytes, file has {whole}"
                )
            })
        }
        (found, _) => {
            let found = found.unwrap_or(0);
            Some(format!("fdt_header.magic at byte {FDT_MAGIC_AT}: found {found:#x}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_tree_must_be_whole() {
        let tree = |totalsize: u32| [0xd00d_feed_u32.to_be_bytes(), totalsize.to_be_bytes()].concat();
        assert_eq!(wrong_tree(&tree(8)), None);
        assert_eq!(
            wrong_tree(&tree(9)).as_deref(),
            Some("fdt_header.totalsize at byte 4: 9 bytes, file has 8")
        );
        assert!(wrong_tree(b"\xd0\x0d\xfe\xed").is_some(), "four bytes");
        assert_eq!(wrong_tree(&[0; 40]).as_deref(), Some("fdt_header.magic at byte 0: found 0x0"));
    }
}

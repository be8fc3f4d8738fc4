// SPDX-License-Identifier: BSD-3-Clause
//! The last step: what was verified is loaded, given its options, initrd and device tree, and started.

use alloc::vec::Vec;
use core::convert::Infallible;

use flow::{Console as _, Content, Payload, Permit, Provenance, Refused, Verified, codes};

use crate::{
    console::Console,
    device_tree::Tree,
    disks::FirmwareDisks,
    heap,
    initrd::Initrd,
    loaded::{Image, refused},
    nic,
    stack::Stack,
};

/// Hands over to kernels and programs by the firmware's own image loader.
pub struct Firmware<'a> {
    /// Knows the device paths of programs.
    pub disks: &'a FirmwareDisks,
    /// The machine is locked, by Secure Boot or a built-in key.
    pub is_locked: bool,
    /// If set, the use of this stack and of the heap is shown before the start.
    pub report: Option<&'a Stack>,
}

impl flow::HandOver for Firmware<'_> {
    fn hand_over(
        &self,
        payload: Verified<Payload>,
        permit: Permit,
        starting: &dyn Fn() -> Result<(), Refused>,
    ) -> Result<Infallible, Refused> {
        let Payload { provenance, content, .. } = payload.into_inner(permit);
        let (image, options, path, initrd, devicetree) = match content {
            Content::Kernel { image, initrd, options, devicetree } => {
                (image, Some(options), None, initrd, devicetree)
            }
            Content::Program { image, options, place } => {
                let path = place.and_then(|place| self.disks.path_of(&place));
                (image, options, path, Vec::new(), None)
            }
        };
        let size = image.len() + initrd.len();
        let image = Image::load(image, path.as_deref())?;
        let options = options.map(|options| ucs2(&options));
        if let Some(options) = &options {
            image.set_options(options)?;
        }
        let tree = devicetree.map(|bytes| Tree::install(&bytes, self.is_locked)).transpose()?;
        let initrd = (!initrd.is_empty()).then(|| Initrd::publish(initrd)).transpose();
        let initrd = initrd.map_err(|e| refused(codes::INITRD, "LoadFile2 cannot be published", &e))?;
        if let Some(stack) = self.report {
            show_use(stack, size, &provenance);
        }
        // A running card would write into the memory of the next program.
        nic::stop_all();
        starting()?;
        let outcome = image.start();
        drop((initrd, tree, options));
        Err(outcome)
    }
}

/// Bytes of heap beyond the payload that a boot from disk may use (one from the network: [`flow::NETWORK_MEMORY`]), and
/// of stack.
const MOST_HEAP: usize = 16 * 1024 * 1024;
const MOST_STACK: usize = 64 * 1024;

/// Shows how much was used; tests search for the last words.
fn show_use(stack: &Stack, payload: usize, provenance: &Provenance) {
    let most = match provenance {
        Provenance::Volume { .. } => MOST_HEAP,
        Provenance::Url(_) | Provenance::Registry { .. } => flow::NETWORK_MEMORY as usize,
    };
    // Saturates if the payload was never on the heap all at once: then nothing beside it counts.
    let (stack, heap) = (stack.peak(), heap::peak().saturating_sub(payload));
    let verdict = if stack > MOST_STACK || heap > most { ": over budget" } else { "" };
    Console.line(format_args!(
        "  used at most: stack {stack} bytes, heap {heap} bytes and the payload{verdict}"
    ));
}

/// A command line as the EFI stub reads it: UCS-2 with a NUL at the end; other characters become `?`.
fn ucs2(text: &str) -> Vec<u16> {
    let unit = |c: char| u16::try_from(u32::from(c)).unwrap_or(u16::from(b'?'));
    text.chars().map(unit).chain([0]).collect()
}

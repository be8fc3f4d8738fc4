// SPDX-License-Identifier: BSD-3-Clause
//! Who may sign: read from this program's own sections and from the volume that it was started from.

use alloc::vec::Vec;

use config::{Config, Origin, Text, Trust};
use cosign::Policy;
use flow::{Console as _, Journal, OwnSections};
use image::own;
use uefi::{boot, proto::loaded_image::LoadedImage};

use crate::{files, handle::open, options, variables};

/// A section of this program; empty where it has none.
pub fn section(name: &str) -> Vec<u8> {
    let image = open::<LoadedImage>(boot::image_handle());
    image.and_then(|image| options::section(&image, name).map(<[u8]>::to_vec)).unwrap_or_default()
}

/// What sources that are not built in may set: Secure Boot or a built-in key locks the machine.
pub fn of_machine() -> Trust {
    let built_in = Config::resolve(&[Text::new(Origin::Section, &section(own::CMDLINE))], Trust::Open);
    flow::trust_of(&built_in, &sections(), variables::is_secure_boot())
}

/// Who may sign images of a registry; None if neither keys nor identities are set. Unusable ones are reported and left
/// out.
pub fn signers(config: &Config, trust: Trust, console: &Journal<'_>) -> Option<Policy> {
    let tell = |failure: &flow::Failure| console.line(format_args!("{failure}"));
    flow::signers(config, sections(), trust, &files::of_settings, &tell)
}

fn sections() -> OwnSections {
    OwnSections { keys: section(own::KEYS), trusted_root: section(own::TRUSTED_ROOT) }
}

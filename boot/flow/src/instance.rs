// SPDX-License-Identifier: BSD-3-Clause
//! Settings from this machine's surroundings: the metadata document, on a volume or over the network, and the boot file
//! that DHCP names.

use alloc::string::String;

use config::{Config, Origin, Trust};
use efi::smbios::Cloud;

use crate::{
    Clock, Console, Disks, Failure, Network, Phase,
    report::Report,
    seed::{self, Seed},
};

/// Where these settings are looked for, and where results are reported.
pub struct Instance<'a> {
    /// The cloud that the machine's SMBIOS tables name.
    pub cloud: Option<Cloud>,
    /// What these sources may set.
    pub trust: Trust,
    /// Disks that may hold the document.
    pub disks: &'a dyn Disks,
    /// Fetches the document if no volume has it.
    pub network: &'a dyn Network,
    /// Where it reports.
    pub console: &'a dyn Console,
    /// Times it.
    pub clock: &'a dyn Clock,
}

impl Instance<'_> {
    /// The configuration with the document's settings, and, if nothing says what to boot from the network, with the
    /// image that a DHCP server names. If one of them fails, a warning says why, and the boot goes on without it.
    pub fn settle(&self, config: Config) -> Config {
        let started = self.clock.now();
        let report = Report::new(self.console, config.debug());
        let mut said = None;
        let config = match self.document(&config) {
            None => config,
            Some(Seed { place, document: Ok(document) }) => {
                let took = self.clock.since(started);
                report.metadata(&place, document.has_object(), took);
                self.apply(config, Origin::Metadata, |config| document.resolve(config, self.trust))
            }
            Some(Seed { document: Err(failure), .. }) => {
                report.omitted(said.insert(failure));
                config.without_metadata(self.trust)
            }
        };
        if !config.wants_boot_file(self.trust) {
            return config;
        }
        match self.network.boot_file(&config) {
            Ok(None) => config,
            Ok(Some(file)) => {
                report.boot_file(&file);
                self.apply(config, Origin::Dhcp, |config| config.with_boot_file(&file, self.trust))
            }
            Err(failure) => {
                // The same failure of the network may have been reported for the document already.
                if said.as_ref() != Some(&failure) {
                    report.omitted(&failure);
                }
                config
            }
        }
    }

    /// The document: from a volume, unless a URL is set; else from the URL or the cloud's service. None if there is
    /// neither.
    fn document(&self, config: &Config) -> Option<Seed> {
        if config.metadata_url().is_none()
            && let Some(seed) = seed::find(self.disks)
        {
            return Some(seed);
        }
        match metadata::source(config, self.cloud) {
            Ok(source) => source.map(|source| {
                let document = self.network.document(&source, config);
                Seed { place: source.place(), document }
            }),
            Err(error) => {
                let place = String::from("cloudboot.metadata.url");
                let failure = Failure::new(Phase::Configure, &*place, error.code(), error.cause());
                Some(Seed { place, document: Err(failure) })
            }
        }
    }

    /// Applies a source to the configuration, and reports the settings and problems that are new.
    fn apply(&self, config: Config, source: Origin, change: impl FnOnce(Config) -> Config) -> Config {
        let before = config.problems().len();
        let config = change(config);
        // A new report: the source may have changed `cloudboot.debug`.
        let report = Report::new(self.console, config.debug());
        report.settings(&config, source);
        report.wrong_settings(config.problems().iter().skip(before));
        config
    }
}

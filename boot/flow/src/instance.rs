// SPDX-License-Identifier: BSD-3-Clause
//! What this machine's own sources say of it: the metadata document, on a volume or by the network, and the boot file
//! of DHCP.

use alloc::string::String;

use config::{Config, Origin, Trust};
use efi::smbios::Cloud;

use crate::{
    Clock, Console, Disks, Failure, Network, Phase,
    report::Report,
    seed::{self, Seed},
};

/// Where they are looked for, and who is told.
pub struct Instance<'a> {
    /// The cloud that the machine's tables name.
    pub cloud: Option<Cloud>,
    /// What a source may set.
    pub trust: Trust,
    /// Where a volume may have the document.
    pub disks: &'a dyn Disks,
    /// What it is fetched by where none has.
    pub network: &'a dyn Network,
    /// Told of it.
    pub console: &'a dyn Console,
    /// Times it.
    pub clock: &'a dyn Clock,
}

impl Instance<'_> {
    /// The configuration with what the document sets, and, where nothing says what to boot from the network, with the
    /// image that a DHCP server names. If one of them fails, a line says why, and the boot goes on without it.
    pub fn settle(&self, config: Config) -> Config {
        let started = self.clock.now();
        let report = Report::new(self.console, config.debug());
        let mut said = None;
        let config = match self.document(&config) {
            None => config,
            Some(Seed { place, document: Ok(document) }) => {
                let took = self.clock.since(started);
                report.metadata(&place, document.has_object(), took);
                self.told(config, Origin::Metadata, |config| document.resolve(config, self.trust))
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
                self.told(config, Origin::Dhcp, |config| config.with_boot_file(&file, self.trust))
            }
            Err(failure) => {
                // A network that is not there has been said by then.
                if said.as_ref() != Some(&failure) {
                    report.omitted(&failure);
                }
                config
            }
        }
    }

    /// The document: a volume's, unless a URL is set; else that of the URL or of the cloud's service. None if there is
    /// no place for one.
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

    /// The configuration that comes of what a source says; what is new in it is told.
    fn told(&self, config: Config, source: Origin, change: impl FnOnce(Config) -> Config) -> Config {
        let before = config.problems().len();
        let config = change(config);
        // A report of its own: the source may have set whether all details are wanted.
        let report = Report::new(self.console, config.debug());
        report.settings(&config, source);
        report.wrong_settings(config.problems().iter().skip(before));
        config
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! What the cloud says about this machine: settings of its metadata document.

use config::{Config, Origin, Trust};
use efi::smbios::Cloud;

use crate::{Clock, Console, Failure, Network, Phase, report::Seconds};

/// Where the document is looked for, and who is told.
pub struct Instance<'a> {
    /// The cloud that the machine's tables name.
    pub cloud: Option<Cloud>,
    /// What a source may set.
    pub trust: Trust,
    /// What it is fetched by.
    pub network: &'a dyn Network,
    /// Told of it.
    pub console: &'a dyn Console,
    /// Times it.
    pub clock: &'a dyn Clock,
}

impl Instance<'_> {
    /// The configuration with what the document sets. Where there is none, or it cannot be had, that is a line, and
    /// the boot goes on without it.
    pub fn settle(&self, config: Config) -> Config {
        let failed = |failure: Failure| {
            self.console.line(format_args!("warning: {}; going on without it", failure.detail()));
        };
        let source = match metadata::source(&config, self.cloud) {
            Ok(Some(source)) => source,
            Ok(None) => return config,
            Err(error) => {
                let object = "cloudboot.metadata.url";
                failed(Failure::new(Phase::Configure, object, error.code(), error.cause()));
                return config;
            }
        };
        let started = self.clock.now();
        match self.network.document(&source, &config) {
            Ok(document) => {
                let took = Seconds(self.clock.now().saturating_sub(started));
                let what = if document.has_object() { "" } else { ", which says nothing for us" };
                self.console.line(format_args!("metadata {}{what} ({took})", source.place()));
                let told = config.problems().len();
                let config = document.resolve(config, self.trust);
                let of_document = |(_, _, origin): &(&str, &str, Origin)| *origin == Origin::Metadata;
                for (name, value, origin) in config.effective().filter(of_document).filter(|_| config.debug())
                {
                    self.console.line(format_args!("  {name}={value} from {origin}"));
                }
                for problem in config.problems().iter().skip(told) {
                    self.console.line(format_args!("configure: {problem}"));
                }
                config
            }
            Err(failure) => {
                failed(failure);
                config
            }
        }
    }
}

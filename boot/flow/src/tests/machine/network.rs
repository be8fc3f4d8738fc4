// SPDX-License-Identifier: BSD-3-Clause
//! The machine's network.

use std::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use artifact::{Artifact, Room};
use config::Config;
use oci::Digest;
use peers::Wire;

use super::Machine;
use crate::{
    Failure, Fetched, Network, Order, Phase, Replay, codes,
    tests::disks::{own_loader, program, unified},
};

/// What the network yields.
#[derive(Clone, Copy)]
pub enum Answer {
    /// Nothing: nobody assigns an address.
    None,
    /// A kernel with an initial RAM disk.
    Linux,
    /// A text in place of the kernel.
    Text,
    /// A unified kernel image.
    Program,
    /// Our own loader.
    Own,
    /// What the machine's registry has.
    Registry,
}

impl Network for Machine {
    fn fetch(&self, order: &Order<'_>) -> Result<Fetched, Failure> {
        let (kernel, initrd, options) = (program(), b"initrd".to_vec(), "root=net".into());
        let content = match self.answers.borrow_mut().pop_front().unwrap_or(Answer::Registry) {
            Answer::Registry => return self.registry.borrow().fetch(order),
            Answer::None => {
                return Err(Failure::new(Phase::Network, "dhcp", codes::LOAD, &"no answer"));
            }
            Answer::Linux => artifact::Content::Linux { kernel, initrd, options },
            Answer::Text => artifact::Content::Linux { kernel: b"text".to_vec(), initrd, options },
            Answer::Program => artifact::Content::Program { image: kernel },
            Answer::Own => artifact::Content::Linux { kernel: own_loader("9.9.9"), initrd, options },
        };
        let manifest = Digest::parse(&format!("sha256:{}", "0".repeat(64))).unwrap();
        order.told.resolved(order.reference, &manifest, 1536);
        Ok(Fetched { artifact: Artifact { manifest, content }, vouched: None, record: None })
    }

    fn replay(&self, replay: &Replay<'_>, order: &Order<'_>) -> Option<Result<Fetched, Failure>> {
        replay.fetch::<Wire>(order)
    }

    fn program(&self, url: &http::Url, _: &Config, _: &dyn Room) -> Result<Vec<u8>, Failure> {
        match self.answers.borrow_mut().pop_front() {
            Some(Answer::Program) => Ok(unified("ro url")),
            _ => Err(Failure::new(Phase::Network, url.to_string(), codes::LOAD, &"no answer")),
        }
    }

    fn document(&self, _: &metadata::Source, _: &Config) -> Result<metadata::Document, Failure> {
        match self.document {
            Some(text) => Ok(metadata::Document::parse(text.as_bytes()).unwrap()),
            None => Err(Failure::new(Phase::Network, "metadata", codes::LOAD, &"no answer")),
        }
    }

    fn boot_file(&self, _: &Config) -> Result<Option<String>, Failure> {
        let no_answer = || Failure::new(Phase::Network, "dhcp", codes::LOAD, &"no answer");
        let file = self.boot_file.map_err(|()| no_answer())?;
        Ok(file.filter(|file| file.starts_with(config::SCHEME)).map(String::from))
    }

    fn try_again(&self) {}

    fn stop(&self) {}
}

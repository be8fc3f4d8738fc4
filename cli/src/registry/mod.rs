// SPDX-License-Identifier: BSD-3-Clause
//! Artifacts: where they are, what they consist of, who may have them.

mod credentials;
pub mod layout;
pub mod part;

use arch::Arch;
use clap::Args;
use http::Backoff;
use oci::{Client, Platform};
use sockets::Sockets;

use crate::failure::Failure;

/// How a registry is reached.
#[derive(Args)]
pub struct Access {
    /// Speak HTTP without TLS to the registry, for tests; this build can do nothing else
    #[arg(long)]
    plain_http: bool,
}

impl Access {
    /// A client that knows the logins for a registry.
    pub fn client(&self, sockets: &Sockets, registry: &str) -> Result<Client<Sockets>, Failure> {
        if !self.plain_http {
            let failure = Failure::new(dial::codes::SECURE, registry, "this build has no TLS");
            let advice = "use --plain-http, or an image layout (oci:FOLDER) and another tool".into();
            return Err(Failure { advice, ..failure });
        }
        let logins = credentials::of(registry)?.into_iter().collect();
        let backoff = Backoff { retries: 3, ..Backoff::default() };
        let options = oci::Options { is_plain: self.plain_http, logins, backoff, ..oci::Options::default() };
        Ok(Client::new(http::Client::new(sockets.clone()), options))
    }
}

/// Linux on an architecture, by default that of this machine.
pub fn platform(arch: Option<Arch>) -> Platform {
    let own = std::env::consts::ARCH.parse().unwrap_or(Arch::X86_64);
    Platform::linux(arch.unwrap_or(own))
}

/// What a registry led to.
pub fn failed(error: &oci::Error) -> Failure {
    let cause = match error.cause() {
        oci::Cause::Http(error) => error.cause().to_string(),
        cause => cause.to_string(),
    };
    Failure::new(error.code(), error.object(), cause)
}

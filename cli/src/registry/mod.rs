// SPDX-License-Identifier: BSD-3-Clause
//! Artifacts in registries and folders: access, parts and credentials.

mod credentials;
pub mod layout;
pub mod part;
mod partial;
pub mod stored;

use std::{env, fs, path::PathBuf};

use arch::Arch;
use clap::Args;
use http::Backoff;
use oci::{Client, Platform};
use sockets::Sockets;
use tls::Roots;

pub use partial::Partial;

use crate::{codes, failure::Failure, host};

/// A file of root certificates, as OpenSSL's programs take it.
const SYSTEM: &str = "SSL_CERT_FILE";

/// How a registry is reached.
#[derive(Args)]
pub struct Access {
    /// Use HTTP without TLS for the registry, for tests
    #[arg(long, conflicts_with = "ca")]
    plain_http: bool,

    /// Trust these root certificates (PEM) besides Mozilla's and those of SSL_CERT_FILE; may be given several times
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
}

impl Access {
    /// The network, with the trusted root certificates.
    pub fn sockets(&self) -> Result<Sockets, Failure> {
        let sockets = Sockets::default();
        if self.plain_http {
            return Ok(sockets);
        }
        let mut roots = Roots::mozilla();
        let system = env::var_os(SYSTEM).filter(|file| !file.is_empty()).map(PathBuf::from);
        for file in system.iter().chain(&self.ca) {
            let name = file.as_os_str().as_encoded_bytes();
            let pem = fs::read(file).map_err(|error| Failure::new(codes::FILE, name, error))?;
            roots.add_pem(&file.to_string_lossy(), &pem).map_err(|error| Failure {
                advice: "name a file of root certificates in PEM".into(),
                ..Failure::new(error.code(), name, error.fault)
            })?;
        }
        Ok(sockets.trusting(roots))
    }

    /// A client that knows the logins for a registry.
    pub fn client(&self, sockets: &Sockets, registry: &str) -> Result<Client<Sockets>, Failure> {
        let logins = credentials::of(registry)?.into_iter().collect();
        let backoff = Backoff { retries: 3, ..Backoff::default() };
        let options = oci::Options { is_plain: self.plain_http, logins, backoff, ..oci::Options::default() };
        Ok(Client::new(http::Client::new(sockets.clone()), options))
    }
}

/// Linux on an architecture, by default that of this machine.
///
/// # Errors
/// [`host::arch_or_own`]
pub fn platform(arch: Option<Arch>) -> Result<Platform, Failure> {
    host::arch_or_own(arch).map(Platform::linux)
}

/// The failure of a registry request.
pub fn failed(error: &oci::Error) -> Failure {
    Failure::new(error.code(), error.object(), error.cause())
}

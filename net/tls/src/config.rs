// SPDX-License-Identifier: BSD-3-Clause
//! The configuration that all connections of a program share.
use alloc::{boxed::Box, sync::Arc};
use core::fmt;

use crypto::Provider;
use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    version::{TLS12, TLS13},
};

use crate::{Checked, Clock, Roots, verify::Verifier};

/// Roots, clock and cryptography, for any number of connections.
pub struct Config {
    client: ClientConfig,
    roots: Arc<RootCertStore>,
    clock: Box<dyn Clock>,
}

impl Config {
    /// A configuration for TLS 1.2 and 1.3, with the provider's suites.
    pub fn new(provider: &'static Provider, roots: Roots, clock: impl Clock + 'static) -> Self {
        let roots = roots.into_store();
        let checked = Checked::by(&clock);
        let builder = ClientConfig::builder_with_details(Arc::new(provider.for_rustls()), Arc::new(checked));
        #[expect(clippy::expect_used, reason = "depends on the provider's table of suites only")]
        let builder = builder.with_protocol_versions(&[&TLS13, &TLS12]).expect("suites of both versions");
        let verifier = Arc::new(Verifier::new(roots.clone(), checked));
        let mut client = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
        // A boot makes few connections, and a cached session is a secret in memory.
        client.resumption = Resumption::disabled();
        Self { client, roots, clock: Box::new(clock) }
    }

    /// The rustls configuration for one connection, with its own verifier and one time of verification.
    pub(crate) fn for_connection(&self) -> (Arc<ClientConfig>, Arc<Verifier>) {
        let checked = Checked::by(self.clock.as_ref());
        let verifier = Arc::new(Verifier::new(self.roots.clone(), checked));
        let mut client = self.client.clone();
        client.time_provider = Arc::new(checked);
        client.dangerous().set_certificate_verifier(verifier.clone());
        (Arc::new(client), verifier)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("roots", &self.roots.len()).finish_non_exhaustive()
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! TLS 1.3 and 1.2, client only, over any stream: rustls behind our own API.
//!
//! [`connect`] takes a stream, the server's name and a [`Config`], and returns a [`TlsStream`]: the same traits, with
//! the server authenticated and the bytes protected. Nothing here does I/O, waits for a clock or gets random numbers by
//! itself: the stream, the [`Clock`] and the [`Random`] are the caller's. Time limits are the caller's too: it drops a
//! future that takes too long. That is safe at every point: the stream stays usable.
//!
//! ```
//! use tls::{Clock, Config, NoRandomness, Provider, Random, Roots};
//!
//! struct Device;
//!
//! impl Random for Device {
//!     fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandomness> {
//!         // …
//! #       buffer.fill(7);
//!         Ok(())
//!     }
//! }
//!
//! impl Clock for Device {
//!     fn now(&self) -> Option<u64> {
//!         None
//!     }
//! }
//!
//! static PROVIDER: Provider = Provider::new(&Device);
//!
//! let config = Config::new(&PROVIDER, Roots::mozilla(), Device);
//! // let stream = tls::connect(tcp, "registry.example", &config).await?;
//! ```
//!
//! Sources: RFC 8446 (TLS 1.3), RFC 5246 (TLS 1.2), RFC 5280 (certificates), RFC 7468 (PEM), rustls 0.23.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod alert;
mod buffer;
mod cause;
pub mod codes;
mod config;
mod distinguished;
mod either;
mod error;
mod fields;
pub mod fuzz;
mod name;
mod roots;
mod session;
mod stream;
mod time;
mod verify;

pub use crypto::{NoRandomness, Provider, Random};

pub use alert::Alert;
pub use config::Config;
pub use either::{Broken, Stream, refused};
pub use error::{Cause, Certificate, Error};
pub use roots::{BadRoots, Fault, Roots};
pub use session::Negotiated;
pub use stream::{TlsStream, connect};
pub use time::{Checked, Clock, Date, FLOOR};

// SPDX-License-Identifier: BSD-3-Clause
//! An HTTP/1.1 client for downloads that a boot depends on.
//!
//! [`Client::send`] yields a [`Response`] whose body is read piece by piece; [`download`] fills a buffer from a
//! [`Source`], resumes where a connection broke, and fetches large bodies in several concurrent ranges. Every phase
//! has a deadline, every length a limit, and a transfer that becomes too slow fails.
//!
//! Sources: RFC 9110 (semantics), RFC 9112 (HTTP/1.1), RFC 3986 (URLs), RFC 7617 and 6750 (Basic, Bearer).
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod chunk;
mod client;
pub mod codes;
mod connection;
mod download;
mod error;
pub mod fuzz;
mod head;
mod limits;
mod pool;
mod request;
mod response;
mod retry;
mod secret;
mod url;

pub use client::Client;
pub use download::{Division, Observer, Slot, Slots, Source, download, stream};
pub use error::{Cause, Error, Framing, Part, Phase, is_transient};
pub use head::Head;
pub use limits::Limits;
pub use request::{Content, Method, Range, Request};
pub use response::Response;
pub use retry::Backoff;
pub use secret::Secret;
pub use url::{Proxy, Url, host_and_port};

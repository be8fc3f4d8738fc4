// SPDX-License-Identifier: BSD-3-Clause
//! A keyless signing service: no Fulcio, Rekor or timestamp authority can be reached by a test, so keys of `openssl` do
//! what theirs do. That they do it right is for cosign to judge (`net/sigstore/tests/oracle`).

mod bundle;
pub mod log;
mod service;

pub use bundle::{Form, Signed};
pub use service::{IDENTITY, ISSUER, REKOR_1, REKOR_2, Service, Signer, Stamp, base64, hex};

// SPDX-License-Identifier: BSD-3-Clause
//! Tokens of timestamp authorities.

use crate::{Error, Structure, keyless::CertificateAuthority};

/// Verifies that a trusted authority has seen the signature. Yields when, in seconds since 1970.
///
/// `token` is a `TimeStampResp` of RFC 3161 in DER.
pub(crate) fn verify(
    _token: &[u8],
    _signature: &[u8],
    _authorities: &[CertificateAuthority],
) -> Result<u64, Error> {
    Err(Error::refused(Structure::Timestamp, "timestamps are not read"))
}

// SPDX-License-Identifier: BSD-3-Clause
//! Promises of Rekor v1: the signed entry timestamp (SET), the log's signature over the entry and its time.

use alloc::{format, string::String};

use base64ct::{Base64, Encoding as _};

use super::{Entry, refused};
use crate::{Error, Structure, json::hex, keyless::TransparencyLog};

/// The largest integer that canonical JSON writes exactly.
///
/// Spec: RFC 8785 section 3.2.2.3; ECMAScript, `Number.MAX_SAFE_INTEGER`.
const LARGEST: u64 = (1 << 53) - 1;

/// Verifies a promise. Returns when the log accepted the entry, in seconds since 1970.
pub(super) fn verify(entry: &Entry, promise: &[u8], log: &TransparencyLog) -> Result<u64, Error> {
    let time = entry.integrated_time;
    log.key
        .verify_plain(signed(entry)?.as_bytes(), promise)
        .map_err(|_| refused(format!("the promise is not signed by the log {}", log.base_url)))?;
    if !log.validity.contains(time) {
        return Err(refused(format!("integratedTime {time} is outside the validity of the log's key")));
    }
    Ok(time)
}

/// The text that a promise signs: canonical JSON, whose members are sorted.
///
/// Spec: comment on `InclusionPromise` in sigstore_rekor.proto; RFC 8785.
fn signed(entry: &Entry) -> Result<String, Error> {
    for (field, number) in [("integratedTime", entry.integrated_time), ("logIndex", entry.log_index)] {
        if number > LARGEST {
            return Err(Error::malformed(Structure::LogEntry, format!("{field} is too large")));
        }
    }
    Ok(format!(
        r#"{{"body":"{}","integratedTime":{},"logID":"{}","logIndex":{}}}"#,
        Base64::encode_string(&entry.body),
        entry.integrated_time,
        hex(&entry.log_id),
        entry.log_index
    ))
}

// SPDX-License-Identifier: BSD-3-Clause
//! Names of TLS alerts.
use core::fmt;

/// A TLS alert, by its IANA number; printed as the standard's name with the number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Alert(pub u8);

impl Alert {
    /// The name in RFC 8446 section 6 or, for those that TLS 1.3 dropped, RFC 5246 section 7.2; `None` for an alert
    /// that no standard names.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            21 => "decryption_failed",
            22 => "record_overflow",
            30 => "decompression_failure",
            40 => "handshake_failure",
            41 => "no_certificate",
            42 => "bad_certificate",
            43 => "unsupported_certificate",
            44 => "certificate_revoked",
            45 => "certificate_expired",
            46 => "certificate_unknown",
            47 => "illegal_parameter",
            48 => "unknown_ca",
            49 => "access_denied",
            50 => "decode_error",
            51 => "decrypt_error",
            60 => "export_restriction",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            86 => "inappropriate_fallback",
            90 => "user_canceled",
            100 => "no_renegotiation",
            109 => "missing_extension",
            110 => "unsupported_extension",
            111 => "certificate_unobtainable",
            112 => "unrecognized_name",
            113 => "bad_certificate_status_response",
            114 => "bad_certificate_hash_value",
            115 => "unknown_psk_identity",
            116 => "certificate_required",
            120 => "no_application_protocol",
            121 => "ech_required",
            _ => return None,
        })
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use super::*;

    #[test]
    fn alerts_have_the_standards_names() {
        assert_eq!(Alert(40).to_string(), "handshake_failure (40)");
        assert_eq!(Alert(112).to_string(), "unrecognized_name (112)");
        assert_eq!(Alert(200).to_string(), "200");
    }
}

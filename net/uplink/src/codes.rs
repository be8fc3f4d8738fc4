// SPDX-License-Identifier: BSD-3-Clause
//! Error codes of this crate; others are in `ip`, `dial` and `tls`.

code::table! {
    /// Errors before an address can be requested.
    pub CODES;
    pub(crate) LINK: Code = "E-NET-LINK",
        "no network card has a link",
        "plug the cable in, enable the switch's port, or correct `cloudboot.net.if`";
}

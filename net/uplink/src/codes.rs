// SPDX-License-Identifier: BSD-3-Clause
//! The codes of this crate's failures, beside those of `ip`, `dial` and `tls`.

code::table! {
    /// What goes wrong before anybody can be asked for an address.
    pub CODES;
    pub(crate) LINK: Code = "E-NET-LINK",
        "no network card has a link",
        "plug the cable in, enable the switch's port, or correct `cloudboot.net.if`";
}

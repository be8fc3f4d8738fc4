// SPDX-License-Identifier: BSD-3-Clause
//! Error codes for streams that could not be opened. A platform's own layers (DNS, TCP, TLS) have more specific ones.

code::table! {
    /// Why a connection failed.
    pub CODES;
    pub NAME: Code = "E-NET-NAME",
        "the name of a host could not be resolved",
        "check the spelling, and the name servers (`cloudboot.dns`)";
    pub CONNECT: Code = "E-NET-CONNECT",
        "a host could not be reached, or refused the connection",
        "check that the server runs, and that no firewall is in between";
    pub SECURE: Code = "E-NET-SECURE",
        "TLS could not be started on a connection",
        "check the server's certificate, and the machine's clock";
}

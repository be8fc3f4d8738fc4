// SPDX-License-Identifier: BSD-3-Clause
//! Error codes of this crate.

code::table! {
    /// Errors between a network card and a connection.
    pub CODES;
    pub CARD: Code = "E-NET-CARD",
        "no usable network card: none found, none that the settings name, or its address, MTU or VLAN cannot be used",
        "use another card, or correct `cloudboot.net.if`, `BOOTIF` and `cloudboot.net.vlan`";
    pub(crate) FORM: Code = "E-NET-FORM",
        "an address setting is malformed",
        "write it in the form that the message shows";
    pub DHCP: Code = "E-NET-DHCP",
        "no address was assigned: no DHCP server or IPv6 router answered in time, or its answer cannot be used",
        "check cable, VLAN and server; or set `cloudboot.net.static`";
    pub(crate) SETTINGS: Code = "E-NET-SETTINGS",
        "the addresses or routes given cannot be used",
        "correct them at their source, which the message names";
    pub(crate) ROUTE: Code = "E-NET-ROUTE",
        "no address or route leads to the host",
        "check address, prefix and gateway";
    pub(crate) REFUSED: Code = "E-NET-REFUSED",
        "the host refused a connection to this port",
        "check host, port and firewall";
    pub(crate) RESET: Code = "E-NET-RESET",
        "the other side reset the connection",
        "check the server's log";
    pub(crate) TIMEOUT: Code = "E-NET-TIMEOUT",
        "no answer within the time allowed",
        "check host, route and firewall";
    pub(crate) NAME: Code = "E-NET-DNS-NAME",
        "not a valid DNS name",
        "correct it: labels of 1 to 63 characters, 253 in all";
    pub(crate) NO_SERVER: Code = "E-NET-DNS-NONE",
        "no DNS server is known",
        "set `cloudboot.dns`, or have the DHCP server announce one";
    pub(crate) NOT_FOUND: Code = "E-NET-DNS-NXDOMAIN",
        "DNS says that the name, or a record of this type for it, does not exist",
        "correct the name, or set `cloudboot.dns`";
    pub(crate) DNS: Code = "E-NET-DNS",
        "no DNS server gave a usable answer",
        "check the server named, or set `cloudboot.dns`";
    pub(crate) BUSY: Code = "E-NET-BUSY",
        "too many sockets, or no memory for another one",
        "close other connections first";
}

// SPDX-License-Identifier: BSD-3-Clause
//! Error codes of TLS.

code::table! {
    /// Why a TLS connection failed.
    pub CODES;
    pub(crate) HOST: Code = "E-NET-TLS-HOST",
        "the server's name is neither a DNS name nor an IP address",
        "correct the name";
    pub(crate) IO: Code = "E-NET-TLS-IO",
        "the connection below TLS failed",
        "check the network and the server";
    pub(crate) EOF: Code = "E-NET-TLS-EOF",
        "the server closed the connection without `close_notify`, so the received data may be truncated",
        "check the server's log";
    pub(crate) ALERT: Code = "E-NET-TLS-ALERT",
        "the server ended the connection with this TLS alert",
        "check the server's log";
    pub(crate) PLAIN: Code = "E-NET-TLS-PLAIN",
        "the server does not speak TLS on this port",
        "correct the port";
    pub(crate) COMMON: Code = "E-NET-TLS-COMMON",
        "server and client have no TLS version, cipher suite or group in common",
        "enable TLS 1.2 or 1.3 on the server, with one of the suites that the README of `net/crypto` lists";
    pub(crate) PROTOCOL: Code = "E-NET-TLS-PROTOCOL",
        "the server broke the TLS protocol",
        "update the server, or the proxy or firewall in between";
    pub(crate) MAC: Code = "E-NET-TLS-MAC",
        "a record cannot be decrypted (`bad_record_mac`): it was altered in transit",
        "try again; if it persists, look for a faulty device or proxy in between";
    pub(crate) SIZE: Code = "E-NET-TLS-SIZE",
        "a record or a handshake message is larger than this client accepts (64 KiB)",
        "shorten the server's certificate chain";
    pub(crate) EXPIRED: Code = "E-NET-TLS-EXPIRED",
        "a certificate has expired",
        "renew the certificate, or set the machine's clock";
    pub(crate) EARLY: Code = "E-NET-TLS-EARLY",
        "a certificate is not valid yet",
        "set the machine's clock";
    pub(crate) NAME: Code = "E-NET-TLS-NAME",
        "the certificate is for other names",
        "connect by one of its names, or reissue it with this name as a subjectAltName";
    pub(crate) ISSUER: Code = "E-NET-TLS-ISSUER",
        "the certificate chain ends at an issuer that is not trusted",
        "trust its root with `cloudboot.ca`, or have the server send its intermediate certificates";
    pub(crate) CERT: Code = "E-NET-TLS-CERT",
        "the certificate chain is not valid, or not for servers",
        "have the certificate reissued";
    pub RANDOM: Code = "E-NET-TLS-RANDOM",
        "no random numbers for keys",
        "give the machine a source of entropy (virtio-rng, `EFI_RNG_PROTOCOL`)";
    pub ROOTS: Code = "E-NET-TLS-ROOTS",
        "a file of root certificates cannot be used",
        "correct the file: PEM, one or more `CERTIFICATE` sections";
}

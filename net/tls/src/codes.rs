// SPDX-License-Identifier: BSD-3-Clause
//! The codes of connections that TLS does not let through.

code::table! {
    /// Why there is no connection by TLS, or no longer.
    pub CODES;
    pub(crate) HOST: Code = "E-NET-TLS-HOST",
        "the server's name is neither a DNS name nor an IP address",
        "correct the name";
    pub(crate) IO: Code = "E-NET-TLS-IO",
        "the connection below TLS failed",
        "check the network and the server";
    pub(crate) EOF: Code = "E-NET-TLS-EOF",
        "the server closed the connection without `close_notify`, so that what was received may be cut off",
        "look into the server's log";
    pub(crate) ALERT: Code = "E-NET-TLS-ALERT",
        "the server ended the connection with this TLS alert",
        "look into the server's log";
    pub(crate) PLAIN: Code = "E-NET-TLS-PLAIN",
        "the server does not speak TLS on this port",
        "correct the port";
    pub(crate) COMMON: Code = "E-NET-TLS-COMMON",
        "the server has no TLS version, cipher suite or group that this client has",
        "let the server speak TLS 1.2 or 1.3 with one of the suites that the README of `net/crypto` lists";
    pub(crate) PROTOCOL: Code = "E-NET-TLS-PROTOCOL",
        "the server broke the TLS protocol",
        "update the server, or what stands between";
    pub(crate) MAC: Code = "E-NET-TLS-MAC",
        "a record cannot be decrypted (`bad_record_mac`): it was altered on its way",
        "try again; if it stays, look for what stands between";
    pub(crate) SIZE: Code = "E-NET-TLS-SIZE",
        "a record or a handshake message is larger than this client takes (64 KiB)",
        "shorten the server's certificate chain";
    pub(crate) EXPIRED: Code = "E-NET-TLS-EXPIRED",
        "a certificate's time of validity is over",
        "renew the certificate, or set the machine's clock";
    pub(crate) EARLY: Code = "E-NET-TLS-EARLY",
        "a certificate's time of validity has not begun",
        "set the machine's clock";
    pub(crate) NAME: Code = "E-NET-TLS-NAME",
        "the certificate is for other names",
        "connect by a name that it has, or have it issued with this one as a subjectAltName";
    pub(crate) ISSUER: Code = "E-NET-TLS-ISSUER",
        "the certificate chain ends at an issuer that is not trusted",
        "trust its root with `cloudboot.ca`, or have the server send its intermediate certificates";
    pub(crate) CERT: Code = "E-NET-TLS-CERT",
        "the certificate chain is not valid, or not for servers",
        "have the certificate issued anew";
    pub RANDOM: Code = "E-NET-TLS-RANDOM",
        "there is no randomness for keys",
        "give the machine a source of entropy (virtio-rng, `EFI_RNG_PROTOCOL`)";
    pub ROOTS: Code = "E-NET-TLS-ROOTS",
        "a file of root certificates cannot be used",
        "correct the file: PEM, one or more `CERTIFICATE` sections";
}

// SPDX-License-Identifier: BSD-3-Clause
//! The codes of this crate's failures.

code::table! {
    /// What goes wrong between a client and a server of HTTP.
    pub CODES;
    pub URL: Code = "E-NET-HTTP-URL",
        "an address is not an http or https URL",
        "correct the address";
    pub TIMEOUT: Code = "E-NET-HTTP-TIMEOUT",
        "the server, or the proxy, did not answer in time",
        "check that the server runs, and that no firewall is in between";
    pub STALL: Code = "E-NET-HTTP-STALL",
        "a transfer has come to a halt, or to a trickle",
        "check the network and the server's load";
    pub CUT: Code = "E-NET-HTTP-CUT",
        "the connection ended before the message did",
        "check the network and the server's log";
    pub HEAD: Code = "E-NET-HTTP-HEAD",
        "what the server answers is not HTTP/1.1",
        "check address and port: perhaps the port speaks TLS, or another protocol";
    pub LIMIT: Code = "E-NET-HTTP-LIMIT",
        "the head of an answer is larger than 32 KiB, or has more than 100 fields",
        "find out which server answers";
    pub FRAMING: Code = "E-NET-HTTP-FRAMING",
        "the length of a body is not clear, or its chunks are malformed",
        "find out which server or proxy answers";
    pub SIZE: Code = "E-NET-HTTP-SIZE",
        "a body is longer or shorter than it must be",
        "find out whether the server has been given another file";
    pub REDIRECT: Code = "E-NET-HTTP-REDIRECT",
        "a redirect leads nowhere, or redirects go on for ever",
        "correct the server's redirects";
    pub PLAIN: Code = "E-NET-HTTP-PLAIN",
        "a redirect leads from https to http",
        "let the server redirect to https";
    pub STATUS: Code = "E-NET-HTTP-STATUS",
        "the server answers that it cannot or will not serve the request",
        "see the status, RFC 9110 section 15";
    pub RANGE: Code = "E-NET-HTTP-RANGE",
        "the server sends another part of a file than was asked for",
        "find out which server or cache answers";
    pub CHANGED: Code = "E-NET-HTTP-CHANGED",
        "the file on the server has changed while it was read",
        "start again; replicas behind one name must have the same file, with the same ETag";
    pub PROXY: Code = "E-NET-HTTP-PROXY",
        "the proxy does not open a connection",
        "see the status, and the proxy's rules and passwords";
    pub UPLOAD: Code = "E-NET-HTTP-UPLOAD",
        "what is to be sent cannot be read",
        "check the file";
    pub STORE: Code = "E-NET-HTTP-STORE",
        "what was received cannot be kept",
        "see the cause: a full disk, for example";
}

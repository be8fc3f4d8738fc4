// SPDX-License-Identifier: BSD-3-Clause
//! Error codes of this crate.

code::table! {
    /// Errors between an HTTP client and a server.
    pub CODES;
    pub URL: Code = "E-NET-HTTP-URL",
        "an address is not an http or https URL",
        "correct the address";
    pub TIMEOUT: Code = "E-NET-HTTP-TIMEOUT",
        "the server, or the proxy, did not answer in time",
        "check that the server runs, and that no firewall is in between";
    pub STALL: Code = "E-NET-HTTP-STALL",
        "a transfer stalled: too few bytes arrived in the time allowed",
        "check the network and the server's load";
    pub CUT: Code = "E-NET-HTTP-CUT",
        "the connection was closed before the message was complete",
        "check the network and the server's log";
    pub HEAD: Code = "E-NET-HTTP-HEAD",
        "the server's response is not HTTP/1.1",
        "check address and port: the port may speak TLS or another protocol";
    pub LIMIT: Code = "E-NET-HTTP-LIMIT",
        "the response head is larger than 32 KiB, or has more than 100 fields",
        "check which server or proxy responds";
    pub FRAMING: Code = "E-NET-HTTP-FRAMING",
        "the length of the response body is ambiguous, or its chunks are malformed",
        "check which server or proxy responds";
    pub SIZE: Code = "E-NET-HTTP-SIZE",
        "the body is longer or shorter than expected",
        "check whether the file on the server was replaced";
    pub REDIRECT: Code = "E-NET-HTTP-REDIRECT",
        "a redirect has no usable address, or there are too many redirects",
        "correct the server's redirects";
    pub PLAIN: Code = "E-NET-HTTP-PLAIN",
        "a redirect leads from https to http",
        "make the server redirect to https";
    pub STATUS: Code = "E-NET-HTTP-STATUS",
        "the server refused the request, or failed to serve it",
        "look the status up in RFC 9110, section 15";
    pub RANGE: Code = "E-NET-HTTP-RANGE",
        "the server sent a different part of the file than requested",
        "check which server or cache responds";
    pub CHANGED: Code = "E-NET-HTTP-CHANGED",
        "the file on the server changed during the download",
        "start again; replicas behind one name must have the same file, with the same ETag";
    pub PROXY: Code = "E-NET-HTTP-PROXY",
        "the proxy refused to open a connection",
        "look the status up; check the proxy's rules, user and password";
    pub UPLOAD: Code = "E-NET-HTTP-UPLOAD",
        "the data to upload cannot be read",
        "check the file";
    pub STORE: Code = "E-NET-HTTP-STORE",
        "the received data cannot be stored",
        "see the cause in the message, such as a full disk";
}

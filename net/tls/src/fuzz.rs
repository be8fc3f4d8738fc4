// SPDX-License-Identifier: BSD-3-Clause
//! The fuzz entry points.
use core::{
    convert::Infallible,
    pin::pin,
    task::{Context, Waker},
};

use embedded_io_async::{ErrorType, Read, Write};

use rustls::pki_types::CertificateDer;

use crate::{Config, Date, Roots, connect, name::Chain};

/// Entry point for fuzzing root files: any bytes give roots or an error. Returns the number of roots: zero after
/// an error.
pub fn roots(data: &[u8]) -> Result<usize, usize> {
    let mut roots = Roots::none();
    let added = roots.add_pem("fuzz", data);
    added.map_err(|_| roots.len())
}

/// Entry point for fuzzing the names in a certificate: any bytes give text for messages.
pub fn certificate(data: &[u8]) {
    let certificate = CertificateDer::from(data);
    let chain = Chain::new(&certificate, &[]);
    chain.last_issuer();
    chain.subject_of_end(Date(0));
}

/// Entry point for fuzzing connections: whatever a server sends, in pieces of this size, gives data or an error. With a
/// recorded server and the same random numbers, the whole connection is replayed.
///
/// Returns the number of bytes of application data, and whether the server ended with `close_notify`.
pub fn connection(
    config: &Config,
    server: &str,
    request: &[u8],
    script: &[u8],
    piece: usize,
) -> (usize, bool) {
    let script = Script { rest: script, piece };
    let mut run = pin!(async {
        let mut received = 0_usize;
        let Ok(mut stream) = connect(script, server, config).await else { return (received, false) };
        if stream.write_all(request).await.is_err() {
            return (received, false);
        }
        let mut buffer = [0; 512];
        loop {
            match stream.read(&mut buffer).await {
                Ok(0) => return (received, true),
                Ok(count) => received = received.checked_add(count).unwrap_or(received),
                Err(_) => return (received, false),
            }
        }
    });
    // A script never waits, so its reader does not either.
    match run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        core::task::Poll::Ready(result) => result,
        core::task::Poll::Pending => (0, false),
    }
}

/// A server that sends its script, whatever it receives.
struct Script<'a> {
    rest: &'a [u8],
    piece: usize,
}

impl ErrorType for Script<'_> {
    type Error = Infallible;
}

impl Read for Script<'_> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        let count = self.piece.max(1).min(buffer.len()).min(self.rest.len());
        let (Some((now, rest)), Some(space)) = (self.rest.split_at_checked(count), buffer.get_mut(..count))
        else {
            return Ok(0);
        };
        space.copy_from_slice(now);
        self.rest = rest;
        Ok(count)
    }
}

impl Write for Script<'_> {
    async fn write(&mut self, buffer: &[u8]) -> Result<usize, Infallible> {
        Ok(buffer.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

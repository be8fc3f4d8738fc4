// SPDX-License-Identifier: BSD-3-Clause
//! A connection.

use std::{
    fmt,
    future::poll_fn,
    io::{self, ErrorKind, Read as _, Write as _},
    net::TcpStream,
    rc::Rc,
    task::Poll,
};

use embedded_io_async::{ErrorType, Read, Write};
use rustix::event::PollFlags;

use crate::Waits;

/// A connection; closed when it is dropped.
pub struct Socket {
    stream: Rc<TcpStream>,
    waits: Rc<Waits>,
}

impl Socket {
    pub(crate) fn new(stream: Rc<TcpStream>, waits: Rc<Waits>) -> Self {
        Self { stream, waits }
    }

    async fn retry(
        &self,
        flags: PollFlags,
        mut attempt: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Result<usize, Failed> {
        poll_fn(|_| match attempt(&self.stream) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                self.waits.wait_for(self.stream.clone(), flags);
                Poll::Pending
            }
            result => Poll::Ready(result.map_err(Failed)),
        })
        .await
    }
}

/// Why a connection failed: the system's error.
#[derive(Debug)]
pub struct Failed(io::Error);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failed {}

impl embedded_io_async::Error for Failed {
    fn kind(&self) -> embedded_io_async::ErrorKind {
        match self.0.kind() {
            ErrorKind::ConnectionReset => embedded_io_async::ErrorKind::ConnectionReset,
            ErrorKind::BrokenPipe => embedded_io_async::ErrorKind::BrokenPipe,
            _ => embedded_io_async::ErrorKind::Other,
        }
    }
}

impl ErrorType for Socket {
    type Error = Failed;
}

impl Read for Socket {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Failed> {
        self.retry(PollFlags::IN, |mut stream| stream.read(buf)).await
    }
}

impl Write for Socket {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Failed> {
        self.retry(PollFlags::OUT, |mut stream| stream.write(buf)).await
    }

    async fn flush(&mut self) -> Result<(), Failed> {
        Ok(())
    }
}

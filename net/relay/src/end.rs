// SPDX-License-Identifier: BSD-3-Clause
//! The ends of a cable: sockets.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, ErrorKind, Read as _, Write as _},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixDatagram,
    },
    path::{Path, PathBuf},
};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

/// QEMU's largest frame in bytes (include/net/net.h: NET_BUFSIZE).
const LARGEST: usize = 4096 + 65536;
/// Bytes of the length before each frame in a stream (net/stream.c).
const LENGTH: usize = 4;
/// Bytes read at once.
const PIECE: usize = 256 << 10;
/// The pending bytes above which no more frames are taken.
const MOST_PENDING: usize = 1 << 20;

/// One end of the relay.
#[derive(Debug)]
pub struct End(Kind);

#[derive(Debug)]
enum Kind {
    Stream { socket: File, received: Vec<u8>, pending: VecDeque<u8> },
    Datagram { socket: UnixDatagram, to: PathBuf, is_connected: bool, pending: Option<Vec<u8>> },
}

impl End {
    /// A connected stream socket of any kind, on which each frame is preceded by its length, as four bytes, the
    /// highest first: QEMU's `-netdev stream`.
    ///
    /// # Errors
    /// It cannot be made non-blocking.
    pub fn stream(socket: impl Into<OwnedFd>) -> io::Result<Self> {
        let socket = socket.into();
        fcntl_setfl(&socket, fcntl_getfl(&socket)? | OFlags::NONBLOCK)?;
        Ok(Self(Kind::Stream { socket: socket.into(), received: Vec::new(), pending: VecDeque::new() }))
    }

    /// A datagram socket: each frame is one datagram, sent to the address `to`.
    ///
    /// # Errors
    /// It cannot be made non-blocking.
    pub fn datagram(socket: UnixDatagram, to: PathBuf) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self(Kind::Datagram { socket, to, is_connected: false, pending: None }))
    }

    /// Reads available bytes, and passes each complete frame to `take`.
    ///
    /// False at the end of a stream.
    ///
    /// # Errors
    /// The socket fails, or a frame is longer than QEMU's largest.
    pub fn receive(&mut self, mut take: impl FnMut(Vec<u8>)) -> io::Result<bool> {
        let mut piece = vec![0; PIECE];
        match &mut self.0 {
            Kind::Stream { socket, received, .. } => {
                let Some(length) = unless_blocked(socket.read(&mut piece))? else { return Ok(true) };
                received.extend(piece.iter().take(length));
                let mut rest = received.as_slice();
                while let Some((frame, behind)) = split(rest)? {
                    take(frame.to_vec());
                    rest = behind;
                }
                // Cannot saturate: `rest` is an end of what was received.
                let used = received.len().saturating_sub(rest.len());
                received.drain(..used);
                Ok(length > 0)
            }
            Kind::Datagram { socket, .. } => {
                while let Some(length) = unless_blocked(socket.recv(&mut piece))? {
                    take(piece.get(..length).unwrap_or_default().to_vec());
                }
                Ok(true)
            }
        }
    }

    /// Whether it takes a frame now.
    pub fn has_room(&self) -> bool {
        match &self.0 {
            Kind::Stream { pending, .. } => pending.len() < MOST_PENDING,
            Kind::Datagram { pending, .. } => pending.is_none(),
        }
    }

    /// Whether there are pending bytes to write.
    pub fn is_pending(&self) -> bool {
        match &self.0 {
            Kind::Stream { pending, .. } => !pending.is_empty(),
            Kind::Datagram { pending, .. } => pending.is_some(),
        }
    }

    /// Sends a frame, now or with a later [`flush`](Self::flush).
    ///
    /// # Errors
    /// A datagram socket fails. A missing other side is not an error: nothing is connected to the cable.
    pub fn send(&mut self, frame: Vec<u8>) -> io::Result<()> {
        match &mut self.0 {
            Kind::Stream { pending, .. } => {
                let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
                pending.extend(length.to_be_bytes());
                pending.extend(frame);
                Ok(())
            }
            Kind::Datagram { pending, .. } => {
                *pending = Some(frame);
                self.flush().map(drop)
            }
        }
    }

    /// Writes pending bytes, as far as possible now. False if the stream's reader is gone.
    ///
    /// # Errors
    /// The socket fails.
    pub fn flush(&mut self) -> io::Result<bool> {
        match &mut self.0 {
            Kind::Stream { socket, pending, .. } => {
                while !pending.is_empty() {
                    let (first, _) = pending.as_slices();
                    match unless_blocked(socket.write(first)) {
                        Ok(Some(length)) => drop(pending.drain(..length)),
                        Ok(None) => break,
                        Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(false),
                        Err(error) => return Err(error),
                    }
                }
            }
            Kind::Datagram { socket, to, is_connected, pending } => {
                let Some(frame) = pending.take() else { return Ok(true) };
                match unless_blocked(datagram(socket, to, is_connected, &frame)) {
                    Ok(Some(_)) => {}
                    Ok(None) => *pending = Some(frame),
                    Err(error)
                        if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) =>
                    {
                        *is_connected = false;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(true)
    }
}

impl AsFd for End {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Kind::Stream { socket, .. } => socket.as_fd(),
            Kind::Datagram { socket, .. } => socket.as_fd(),
        }
    }
}

/// Sends a datagram. Only a connected socket can be polled until the other side has room.
fn datagram(socket: &UnixDatagram, to: &Path, is_connected: &mut bool, frame: &[u8]) -> io::Result<usize> {
    if !*is_connected {
        socket.connect(to)?;
        *is_connected = true;
    }
    socket.send(frame)
}

/// The result, or `None` if it would block. The end of a stream is 0 bytes, whatever its reason.
fn unless_blocked(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(length) => Ok(Some(length)),
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(None),
            ErrorKind::ConnectionReset => Ok(Some(0)),
            _ => Err(error),
        },
    }
}

/// The first frame of a stream and the bytes after it; `None` if it is not complete.
fn split(stream: &[u8]) -> io::Result<Option<(&[u8], &[u8])>> {
    let Some((length, rest)) = stream.split_first_chunk::<LENGTH>() else { return Ok(None) };
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(io::Error::other)?;
    if length > LARGEST {
        let why = format!("a frame of {length} bytes: not a stream of frames");
        return Err(io::Error::new(ErrorKind::InvalidData, why));
    }
    Ok(rest.split_at_checked(length))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn received(end: &mut End) -> (Vec<Vec<u8>>, bool) {
        let mut frames = Vec::new();
        let goes_on = end.receive(|frame| frames.push(frame)).unwrap();
        (frames, goes_on)
    }

    #[test]
    fn a_stream_is_divided_into_frames_wherever_it_is_torn() {
        let (mut other, own) = UnixStream::pair().unwrap();
        let mut end = End::stream(own).unwrap();
        assert_eq!(received(&mut end), (vec![], true), "nothing is there");
        let stream = [&[0, 0, 0, 3][..], b"abc", &[0, 0, 0, 0], &[0, 0, 1, 0], &[7; 256]].concat();
        let mut frames = Vec::new();
        for byte in stream {
            other.write_all(&[byte]).unwrap();
            frames.extend(received(&mut end).0);
        }
        assert_eq!(frames, [b"abc".to_vec(), vec![], vec![7; 256]]);
        other.write_all(&[0, 0, 0, 1, b'x', 0, 0, 0, 1, b'y', 0]).unwrap();
        assert_eq!(received(&mut end), (vec![b"x".to_vec(), b"y".to_vec()], true));
        drop(other);
        assert_eq!(received(&mut end), (vec![], false));
    }

    #[test]
    fn what_is_no_stream_of_frames_is_refused() {
        let (mut other, own) = UnixStream::pair().unwrap();
        let mut end = End::stream(own).unwrap();
        other.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        let why = end.receive(|_| {}).unwrap_err();
        assert_eq!(why.to_string(), "a frame of 1195725856 bytes: not a stream of frames");
    }

    #[test]
    fn a_reader_that_is_slow_holds_frames_back() {
        let (other, own) = UnixStream::pair().unwrap();
        let (mut end, mut other) = (End::stream(own).unwrap(), End::stream(other).unwrap());
        let mut sent = 0;
        while end.has_room() {
            end.send(vec![sent; 60_000]).unwrap();
            assert!(end.flush().unwrap());
            sent += 1;
        }
        assert!(end.is_pending());
        let mut found = Vec::new();
        while end.is_pending() {
            found.extend(received(&mut other).0);
            end.flush().unwrap();
        }
        while found.len() < usize::from(sent) {
            found.extend(received(&mut other).0);
        }
        assert!((0..sent).all(|number| found[usize::from(number)] == vec![number; 60_000]));
        drop(other);
        end.send(vec![0; 60]).unwrap();
        assert!(!end.flush().unwrap(), "nobody reads");
    }

    #[test]
    fn datagrams_are_lost_where_nobody_is_and_held_back_where_nobody_reads() {
        let folder = std::env::temp_dir().join(format!("relay-end-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let [one, two] = ["one", "two"].map(|name| folder.join(name));
        let mut end = End::datagram(UnixDatagram::bind(&one).unwrap(), two.clone()).unwrap();
        end.send(b"lost".to_vec()).unwrap();
        assert!(end.has_room(), "nobody is there");
        let other = UnixDatagram::bind(&two).unwrap();
        let mut sent = 0;
        while end.has_room() {
            end.send(vec![sent; 1000]).unwrap();
            sent += 1;
        }
        let mut other = End::datagram(other, one).unwrap();
        let mut found = received(&mut other).0;
        end.flush().unwrap();
        assert!(end.has_room());
        found.extend(received(&mut other).0);
        let wanted: Vec<_> = (0..sent).map(|number| vec![number; 1000]).collect();
        assert_eq!(found, wanted);
        drop(other);
        std::fs::remove_dir_all(folder).unwrap();
        end.send(b"lost".to_vec()).unwrap();
        assert!(end.has_room(), "nobody is there any more");
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Frames between two stream sockets, of Unix and of TCP.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::net::UnixStream,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use relay::{Counts, Cut, Direction, End, Faults, Judge, Relay};

/// How long a frame may take, however busy the machine is.
const LIMIT: Duration = Duration::from_secs(300);

/// The test's end, and the relay's.
fn pair() -> (UnixStream, UnixStream) {
    let (own, other) = UnixStream::pair().unwrap();
    own.set_read_timeout(Some(LIMIT)).unwrap();
    (own, other)
}

fn frame(number: u32) -> Vec<u8> {
    let bytes = number.to_be_bytes().repeat(16);
    [64u32.to_be_bytes().to_vec(), bytes].concat()
}

/// The numbers of the frames that come, until the stream ends.
fn numbers(stream: &mut impl Read, most: usize) -> Vec<u32> {
    let mut found = Vec::new();
    let mut bytes = [0; 68];
    while found.len() < most && stream.read_exact(&mut bytes).is_ok() {
        let number = u32::from_be_bytes(bytes[4..8].try_into().unwrap());
        assert_eq!(bytes.to_vec(), frame(number));
        found.push(number);
    }
    found
}

fn spawn(guest: End, network: End, faults: Faults) -> JoinHandle<[Counts; 2]> {
    let mut relay = Relay::new(guest, network, faults);
    thread::spawn(move || {
        relay.run().unwrap();
        relay.counts()
    })
}

#[test]
fn the_frames_that_the_judge_has_chosen_are_lost_in_every_run() {
    let faults =
        Faults { loss: 100, late: 100, late_by: Duration::from_millis(200), seed: 3, ..Faults::default() };
    let mut judge = Judge::new(faults);
    let fates: Vec<_> = (0..200).map(|number| judge.judge(Direction::ToGuest, &frame(number)[4..])).collect();
    let wanted: Vec<u32> = (0..200).zip(&fates).filter(|(_, fate)| !fate.is_lost()).map(|(n, _)| n).collect();
    assert!((150..195).contains(&wanted.len()), "{}", wanted.len());
    for _ in 0..2 {
        let (mut guest, left) = pair();
        let (mut network, right) = pair();
        let relay = spawn(End::stream(left).unwrap(), End::stream(right).unwrap(), faults);
        for number in 0..200 {
            network.write_all(&frame(number)).unwrap();
        }
        let mut found = numbers(&mut guest, wanted.len());
        assert!(!found.is_sorted(), "late ones are overtaken: {found:?}");
        found.sort_unstable();
        assert_eq!(found, wanted);
        drop(guest);
        let [to_guest, to_network] = relay.join().unwrap();
        let lost = 200 - wanted.len() as u64;
        assert_eq!(to_guest, Counts { frames: 200, bytes: 200 * 64, lost });
        assert_eq!(to_network, Counts::default());
    }
}

#[test]
fn frames_go_both_ways_over_tcp_and_take_their_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut guest = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    guest.set_read_timeout(Some(LIMIT)).unwrap();
    let left = listener.accept().unwrap().0;
    let (mut network, right) = pair();
    let delay = Duration::from_millis(40);
    let faults = Faults { delay, ..Faults::default() };
    let relay = spawn(End::stream(left).unwrap(), End::stream(right).unwrap(), faults);
    let start = Instant::now();
    guest.write_all(&frame(1)).unwrap();
    assert_eq!(numbers(&mut network, 1), [1]);
    network.write_all(&frame(2)).unwrap();
    assert_eq!(numbers(&mut guest, 1), [2]);
    assert!(start.elapsed() >= 2 * delay);
    drop(network);
    let counts = relay.join().unwrap().map(|counts| (counts.frames, counts.lost));
    assert_eq!(counts, [(1, 0), (1, 0)]);
    assert_eq!(numbers(&mut guest, 1), [], "both ends are closed");
}

#[test]
fn a_cut_ends_both_streams() {
    let (mut guest, left) = pair();
    let (mut network, right) = pair();
    let faults = Faults { cut: Some((64 * 3, Cut::End)), ..Faults::default() };
    let relay = spawn(End::stream(left).unwrap(), End::stream(right).unwrap(), faults);
    network.write_all(&[frame(1), frame(2)].concat()).unwrap();
    assert_eq!(numbers(&mut guest, 2), [1, 2]);
    network.write_all(&frame(3)).unwrap();
    assert_eq!(numbers(&mut guest, 1), []);
    assert_eq!(numbers(&mut network, 1), []);
    assert_eq!(relay.join().unwrap()[0].frames, 3);
}

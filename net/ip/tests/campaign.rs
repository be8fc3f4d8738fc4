// SPDX-License-Identifier: BSD-3-Clause
//! Damaged answers of DHCP and DNS servers and of routers are read or refused, within limits of time, stack and memory.
//! What is damaged is read as it stands: the checksums of their datagrams are checked before.

use std::rc::Rc;

use block::BlockRead;
use ip::{dhcp4::Reply, dns::Message, v6::Advertisement};
use oracle::campaign::{self, Depth, Plan};

/// What the bazel target of this test has time for.
const MUTANTS: usize = 1000;

fn bytes(device: &Rc<dyn BlockRead>) -> Option<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(device.size()).ok()?];
    device.read_at(0, &mut bytes).ok()?;
    ip::fuzz::fuzz(&bytes);
    Some(bytes)
}

fn dhcp(device: Rc<dyn BlockRead>, _: Depth) -> usize {
    bytes(&device).map_or(0, |bytes| usize::from(Reply::parse(&bytes).is_ok()))
}

fn dns(device: Rc<dyn BlockRead>, _: Depth) -> usize {
    let message = bytes(&device).and_then(|bytes| Message::parse(&bytes).ok());
    message.map_or(0, |message| 1 + usize::from(message.answers.len() == 4))
}

fn router(device: Rc<dyn BlockRead>, _: Depth) -> usize {
    bytes(&device).map_or(0, |bytes| usize::from(Advertisement::parse(&bytes).is_ok()))
}

fn run(name: &str, image: &[u8], layers: &[&str], read: fn(Rc<dyn BlockRead>, Depth) -> usize, seed: u64) {
    let repair = |_: &mut [u8], _| {};
    let _ = campaign::run(Plan { name, image, layers, read, repair, mutants: MUTANTS, seed });
}

#[test]
fn dhcp_reply() {
    let mut image = vec![2, 1, 6, 0, 0, 0, 0, 1];
    image.resize(16, 0);
    image.extend([10, 0, 0, 9]);
    image.resize(236, 0);
    image.extend([99, 130, 83, 99]);
    let options: [(u8, &[u8]); 11] = [
        (53, &[5]),
        (54, &[10, 0, 0, 1]),
        (51, &[0, 0, 14, 16]),
        (1, &[255, 255, 255, 0]),
        (3, &[10, 0, 0, 1]),
        (6, &[10, 0, 0, 1, 10, 0, 0, 2]),
        (12, b"box"),
        (15, b"example.org"),
        (26, &[5, 220]),
        (67, b"oci://registry.example/linux:1"),
        (121, &[16, 10, 9, 10, 0, 0, 1, 0, 10, 0, 0, 1]),
    ];
    for (code, value) in options {
        image.extend([code, value.len() as u8]);
        image.extend(value);
    }
    image.push(255);
    run("dhcp", &image, &["reply"], dhcp, 31);
}

#[test]
fn dns_answer() {
    let mut image = vec![0, 1, 0x81, 0x80, 0, 1, 0, 4, 0, 0, 0, 0];
    image.extend(b"\x01a\x01x\x00\x00\x21\x00\x01");
    image.extend(b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x09\x00\x04\x01b\xc0\x0e");
    image.extend(b"\xc0\x18\x00\x21\x00\x01\x00\x00\x00\x09\x00\x0b\x00\x01\x00\x02\x01\xbb\x02cd\xc0\x0e");
    image.extend(b"\xc0\x18\x00\x01\x00\x01\x00\x00\x00\x09\x00\x04\x0a\x00\x00\x01");
    image.extend(b"\xc0\x18\x00\x1c\x00\x01\x00\x00\x00\x09\x00\x10\xfd\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01");
    run("dns", &image, &["answer", "all records"], dns, 32);
}

#[test]
fn router_advertisement() {
    let mut image = vec![134, 0, 0, 0, 64, 0xc0, 7, 8];
    image.resize(16, 0);
    // The MTU; a prefix; two recursive servers (RFC 8106); a search list.
    image.extend([5, 1, 0, 0, 0, 0, 5, 220]);
    image.extend([3, 4, 64, 0xc0, 0, 0, 14, 16, 0, 0, 14, 16, 0, 0, 0, 0, 0xfd, 9]);
    image.extend([0; 14]);
    image.extend([25, 5, 0, 0, 0, 0, 14, 16, 0xfd, 9]);
    image.extend([0; 13]);
    image.extend([1, 0xfd, 9]);
    image.extend([0; 13]);
    image.push(2);
    image.extend([31, 3, 0, 0, 0, 0, 14, 16]);
    image.extend(b"\x07example\x03org\x00\x00\x00\x00");
    run("router", &image, &["advertisement"], router, 33);
}

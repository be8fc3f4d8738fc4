// SPDX-License-Identifier: BSD-3-Clause
//! SRV records of the real dnsmasq.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use dial::{Dial, Service};
use peers::{LIMIT, free_port};
use sockets::Sockets;

struct Dnsmasq {
    child: Child,
    at: SocketAddr,
}

impl Dnsmasq {
    /// On loopback, with its options and the zone `zone.test`.
    fn start(options: &[String]) -> Self {
        let end = Instant::now() + LIMIT;
        // Somebody else may take the port.
        while Instant::now() < end {
            let port = free_port();
            let mut child = Command::new("dnsmasq")
                // As it is debugged: it gives no rights up, which it may not do in a sandbox.
                .args(["--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"])
                .args(["--listen-address=127.0.0.1", "--bind-interfaces", "--local=/test/", "--pid-file="])
                .arg(format!("--port={port}"))
                .args(options)
                .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
                .stderr(Stdio::null())
                .spawn()
                .expect("dnsmasq, of the toolbox");
            while child.try_wait().unwrap().is_none() && Instant::now() < end {
                if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                    return Self { child, at: (Ipv4Addr::LOCALHOST, port).into() };
                }
                thread::sleep(Duration::from_millis(50));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        panic!("dnsmasq does not start");
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const NAME: &str = "_registry._tcp.zone.test";

fn asked(servers: Vec<SocketAddr>, name: &str) -> Result<Vec<Service>, dial::Error> {
    let sockets = Sockets::default().asking(servers);
    let mut services = sockets.run(sockets.services(name))?;
    services.sort_by_key(|service| (service.priority, service.port));
    Ok(services)
}

fn service(priority: u16, weight: u16, port: u16, target: &str) -> Service {
    Service { priority, weight, port, target: target.into() }
}

#[test]
fn records_are_found() {
    let dnsmasq = Dnsmasq::start(&[
        format!("--srv-host={NAME},a.zone.test,5000,1,10"),
        format!("--srv-host={NAME},b.zone.test,5001,2,0"),
        "--host-record=a.zone.test,127.0.0.1".into(),
    ]);
    let expected = [service(1, 10, 5000, "a.zone.test"), service(2, 0, 5001, "b.zone.test")];
    assert_eq!(asked(vec![dnsmasq.at], NAME).unwrap(), expected);
    assert_eq!(asked(vec![dnsmasq.at], "_Registry._TCP.zone.test.").unwrap(), expected);
    // A name without such records, and none.
    assert_eq!(asked(vec![dnsmasq.at], "a.zone.test").unwrap(), []);
    assert_eq!(asked(vec![dnsmasq.at], "_none._tcp.zone.test").unwrap(), []);
    let error = asked(vec![dnsmasq.at], "_registry..test").unwrap_err();
    assert_eq!(error.to_string(), "E-NET-NAME _registry..test: a label is empty");
    // A server that is not there does not keep others from answering, nor does one that says nothing.
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (nobody, silent) = (([127, 0, 0, 1], free_port()).into(), silent.local_addr().unwrap());
    assert_eq!(asked(vec![nobody, silent, dnsmasq.at], NAME).unwrap(), expected);
    let error = asked(vec![nobody], NAME).unwrap_err();
    assert_eq!((error.kind, error.code.to_string().as_str()), (dial::Kind::Name, "E-NET-NAME"));
    assert!(error.cause.contains("refused"), "{error}");
}

#[test]
fn a_truncated_answer_is_asked_for_by_tcp() {
    let long = "x".repeat(50);
    let target = |number: u16| format!("{long}{number}.zone.test");
    let option = |number: u16| format!("--srv-host={NAME},{},5000,{number},1", target(number));
    let dnsmasq = Dnsmasq::start(&(1..=40).map(option).collect::<Vec<_>>());
    let expected: Vec<_> = (1..=40).map(|number| service(number, 1, 5000, &target(number))).collect();
    assert_eq!(asked(vec![dnsmasq.at], NAME).unwrap(), expected);
}

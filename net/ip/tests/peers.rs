// SPDX-License-Identifier: BSD-3-Clause
//! The stack against real peers: dnsmasq (DHCP, DNS), and Linux's own IP behind a tap device in namespaces of the
//! test's own, for which no rights are needed but those to open /dev/net/tun. socat carries its frames as datagrams.

use std::{
    collections::VecDeque,
    fs,
    future::Future,
    io::{BufRead, BufReader},
    net::{IpAddr, SocketAddr},
    os::unix::net::UnixDatagram,
    path::PathBuf,
    pin::pin,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll, Waker},
    thread::{self, JoinHandle},
    time::{Duration, Instant as Clock},
};

use embedded_io_async::{Read, Write};
use ip::{Connection, Entropy, Error, Instant, Network, Options, Stack, Unassigned, Unresolved, Vlan};
use nic::{Frame, Mac, Nic};

const MAC: Mac = Mac([0x02, 0, 0, 0, 0, 0x42]);
/// How long anything may take, however busy the machine is.
const LIMIT: Duration = Duration::from_secs(300);
/// What dnsmasq has in every test: its own files only, no rights to give up, the card, and the place of its leases.
const DNSMASQ: &str = "dnsmasq -d -C /dev/null -R -h --log-dhcp -i t0 -z --dhcp-leasefile=leases";

/// The other end of the cable: a Linux with `10.9.0.1/24` and `fd09::1/64` that runs a script.
struct Peer {
    folder: PathBuf,
    child: Child,
    /// Writes what the peer says into a file.
    log: Option<JoinHandle<()>>,
    card: Option<Tap>,
}

impl Peer {
    /// Starts it. The script's first word on standard error that says it has started is awaited.
    fn new(script: &str, started: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // A short path: an address of a socket has 107 bytes.
        let folder = PathBuf::from(format!("/tmp/ip-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let socket = UnixDatagram::bind(folder.join("card")).unwrap();
        socket.set_nonblocking(true).unwrap();
        let script = format!(
            "ip link set lo up
            socat UNIX-SENDTO:$PWD/card,bind=$PWD/tap TUN,tun-type=tap,iff-no-pi,tun-name=t0,iff-up &
            until ip addr add 10.9.0.1/24 dev t0 2>/dev/null; do kill -0 $! || exit 1; sleep 0.05; done
            ip addr add fd09::1/64 dev t0 nodad
            {script}"
        );
        let mut child = Command::new("unshare")
            .args(["--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "bash", "-c"])
            .arg(script)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .current_dir(&folder)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut seen = String::new();
        loop {
            let Some(Ok(line)) = lines.next() else { panic!("the peer ended: {seen}") };
            seen += &(line.clone() + "\n");
            if line.contains(started) {
                break;
            }
        }
        let file = folder.join("log");
        let log = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                seen += &(line + "\n");
                fs::write(&file, &seen).unwrap();
            }
        });
        let card = Tap { socket, to: folder.join("tap"), vlan: None, draft: vec![], queue: VecDeque::new() };
        Self { folder, child, log: Some(log), card: Some(card) }
    }

    fn dnsmasq(options: &str) -> Self {
        Self::new(&format!("exec {DNSMASQ} {options}"), "started, version")
    }

    fn host(&mut self) -> Host {
        Host::new(self.card.take().unwrap(), None)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // With it go all that are in its namespace of processes.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.log.take().map(JoinHandle::join);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A card whose wire is a pair of sockets.
struct Tap {
    socket: UnixDatagram,
    to: PathBuf,
    /// A switch between the card and the peer, which puts the card's frames into this VLAN.
    vlan: Option<[u8; 4]>,
    draft: Vec<u8>,
    queue: VecDeque<Vec<u8>>,
}

impl Nic for Tap {
    fn name(&self) -> &str {
        "tap"
    }

    fn mac(&self) -> Mac {
        MAC
    }

    fn mtu(&self) -> usize {
        1500
    }

    fn has_link(&mut self) -> bool {
        true
    }

    fn receive(&mut self) -> Option<Frame> {
        let mut buffer = vec![0; 65536];
        let length = self.socket.recv(&mut buffer).ok()?;
        buffer.truncate(length);
        if let Some(tag) = self.vlan {
            buffer.splice(12..12, tag);
        }
        let whole = 0..buffer.len();
        Frame::new(buffer.into(), whole)
    }

    fn recycle(&mut self, _: Frame) {}

    fn can_transmit(&mut self) -> bool {
        self.queue.len() < 64
    }

    fn transmit(&mut self, length: usize) -> Option<&mut [u8]> {
        (length <= 1518).then(|| {
            self.draft = vec![0xaa; length];
            self.draft.as_mut_slice()
        })
    }

    fn commit(&mut self) {
        self.queue.push_back(std::mem::take(&mut self.draft));
    }

    fn flush(&mut self) {
        while let Some(mut frame) = self.queue.pop_front() {
            if let Some(tag) = self.vlan {
                let found: Vec<u8> = frame.drain(12..16).collect();
                assert_eq!(found, tag, "the card's tag");
            }
            match self.socket.send_to(&frame, &self.to) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    return self.queue.push_front(frame);
                }
                // A peer that is gone is a cable that is pulled.
                _ => {}
            }
        }
    }
}

struct Random(fs::File);

impl Entropy for Random {
    fn fill(&mut self, bytes: &mut [u8]) {
        std::io::Read::read_exact(&mut self.0, bytes).unwrap();
    }
}

/// A stack, and the loop that polls it.
struct Host {
    stack: Stack,
    start: Clock,
    /// How much faster its clock goes. It goes slowly where something is to happen in time, on a busy machine, too.
    speed: f64,
}

const SLOW: f64 = 0.25;

impl Host {
    fn new(card: Tap, vlan: Option<Vlan>) -> Self {
        let random = Box::new(Random(fs::File::open("/dev/urandom").unwrap()));
        let stack = Stack::new(Box::new(card), vlan, random, Instant::from_micros(0)).unwrap();
        Self { stack, start: Clock::now(), speed: SLOW }
    }

    fn with_address(card: Tap) -> Self {
        let host = Self::new(card, None);
        host.stack.apply(ip::parse_static("10.9.0.9/24:10.9.0.1:10.9.0.1").unwrap()).unwrap();
        host
    }

    fn run<F: Future>(&self, future: F) -> F::Output {
        let (mut future, mut context) = (pin!(future), Context::from_waker(Waker::noop()));
        let start = Clock::now();
        loop {
            let elapsed = self.start.elapsed().mul_f64(self.speed);
            self.stack.poll(Instant::from_micros(elapsed.as_micros().try_into().unwrap()));
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return value;
            }
            assert!(start.elapsed() < LIMIT, "it takes too long");
            if self.stack.poll_at().is_none_or(|at| at > self.stack.now()) {
                thread::sleep(Duration::from_micros(100));
            }
        }
    }

    /// Connects as soon as somebody listens there.
    async fn connect(&self, to: &str) -> Connection {
        loop {
            match self.stack.connect(to.parse().unwrap(), Options::default()).await {
                Err(Error::Refused { .. }) => self.stack.sleep(Duration::from_millis(10)).await,
                result => return result.unwrap(),
            }
        }
    }

    fn dhcp(&self) -> ip::dhcp4::Lease {
        self.run(self.stack.dhcp4(Duration::from_secs(100))).unwrap()
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn addresses(list: &[&str]) -> Vec<IpAddr> {
    list.iter().map(|text| address(text)).collect()
}

const RANGE: &str = "--dhcp-range=10.9.0.50,10.9.0.60,2m";

#[test]
fn a_lease_has_all_that_dnsmasq_assigns() {
    let mut peer = Peer::dnsmasq(&format!(
        "{RANGE} --dhcp-host=02:00:00:00:00:42,box,10.9.0.55 --domain=example \
        --dhcp-option=3,10.9.0.1 --dhcp-option=6,10.9.0.1,10.9.0.3 --dhcp-option=26,1400 \
        --dhcp-option=42,10.9.0.4 --dhcp-option=43,01:02:ff --dhcp-option=67,oci://registry.example/linux:1"
    ));
    let host = peer.host();
    let lease = host.dhcp();
    let shown = "10.9.0.55/24 via 10.9.0.1 (DHCP server 10.9.0.1)";
    assert_eq!(lease.to_string(), format!("{shown}, 120 s, option 43: 01 02 ff"));
    let settings = lease.settings;
    assert_eq!(settings.dns, addresses(&["10.9.0.1", "10.9.0.3"]));
    assert_eq!(settings.ntp, addresses(&["10.9.0.4"]));
    assert_eq!(settings.hostname.as_deref(), Some("box"));
    assert_eq!(settings.domains, ["example"]);
    assert_eq!(settings.mtu, Some(1400));
    assert_eq!(settings.boot_file.as_deref(), Some("oci://registry.example/linux:1"));
    assert_eq!(host.stack.settings(), [Some(settings), None]);
}

#[test]
fn routes_and_an_address_without_a_network_are_used() {
    let mut peer = Peer::new(
        &format!(
            "ip addr add 172.30.0.1/32 dev lo
            socat TCP-LISTEN:7,fork,reuseaddr PIPE &
            exec {DNSMASQ} --dhcp-range=10.9.0.0,static --dhcp-host=02:00:00:00:00:42,10.9.0.9 \
            --dhcp-option=1,255.255.255.255 --dhcp-option=3,10.9.0.250 \
            --dhcp-option=121,10.9.0.1/32,0.0.0.0,172.30.0.0/16,10.9.0.1"
        ),
        "started, version",
    );
    let host = peer.host();
    let settings = host.dhcp().settings;
    let routes: Vec<_> = settings.routes.iter().map(|way| (way.to.to_string(), way.via)).collect();
    assert_eq!(routes, [("10.9.0.1/32".into(), None), ("172.30.0.0/16".into(), Some(address("10.9.0.1")))]);
    assert_eq!(settings.addresses, [Network::new(address("10.9.0.9"), 32).unwrap()]);
    for to in ["10.9.0.1:7", "172.30.0.1:7"] {
        host.run(async {
            let mut echo = host.connect(to).await;
            echo.write_all(to.as_bytes()).await.unwrap();
            let mut back = vec![0; to.len()];
            echo.read_exact(&mut back).await.unwrap();
            assert_eq!(back, to.as_bytes());
        });
    }
    let nowhere = host.run(host.stack.connect("8.8.8.8:7".parse().unwrap(), Options::default()));
    assert!(matches!(nowhere.err(), Some(Error::NoRoute { cause: "no route to that network", .. })));
}

#[test]
fn a_lease_is_renewed() {
    let mut peer = Peer::dnsmasq(RANGE);
    let mut host = peer.host();
    host.dhcp();
    // Two minutes' lease: renewed after one.
    host.speed = 20.0;
    let count = |peer: &Peer, kind| peer.log().matches(kind).count();
    // Each search has one offer and one request; more requests are renewals.
    host.run(async {
        while count(&peer, "DHCPREQUEST(") < count(&peer, "DHCPOFFER(") + 2 {
            host.stack.sleep(Duration::from_secs(1)).await;
        }
        while host.stack.settings()[0].is_none() {
            host.stack.sleep(Duration::from_secs(1)).await;
        }
    });
}

#[test]
fn no_server_is_an_error_after_the_wait() {
    let mut peer = Peer::new("echo ready >&2; sleep 1000", "ready");
    let mut host = peer.host();
    host.speed = 4.0;
    let error = host.run(host.stack.dhcp4(Duration::from_secs(2))).unwrap_err();
    let Error::Unassigned { cause, .. } = &error else { panic!("{error}") };
    assert_eq!(**cause, Unassigned::Silence { seconds: 2 });
    assert_eq!(
        format!("{} {error}", error.code()),
        "E-NET-DHCP tap: DHCP: no answer within 2 s; check cable, VLAN and server"
    );
}

#[test]
fn a_vlan_is_used() {
    let mut peer = Peer::dnsmasq(RANGE);
    let mut card = peer.card.take().unwrap();
    card.vlan = Some([0x81, 0, 0, 42]);
    let host = Host::new(card, Vlan::new(42));
    host.dhcp();
}

/// Names that dnsmasq has, and no others below `example`.
fn names() -> String {
    let services = (0..60).map(|n| format!(" --srv-host=_big._tcp.example,h{n}.example,443,{n},1"));
    format!(
        "--local=/example/ --host-record=host.example,10.9.0.7 --host-record=both.example,10.9.0.8,fd09::8 \
        --cname=alias.example,host.example --cname=second.example,alias.example \
        --srv-host=_oci._tcp.example,b.example,5001,20,1 --srv-host=_oci._tcp.example,a.example,5000,10,1 {}",
        services.collect::<String>()
    )
}

#[test]
fn names_are_resolved() {
    let mut peer = Peer::dnsmasq(&names());
    let host = Host::with_address(peer.card.take().unwrap());
    let stack = &host.stack;
    let of = |name: &str| host.run(stack.addresses_of(name));
    assert_eq!(of("host.example").unwrap(), addresses(&["10.9.0.7"]));
    assert_eq!(of("Second.Example.").unwrap(), addresses(&["10.9.0.7"]));
    assert_eq!(of("both.example").unwrap(), addresses(&["10.9.0.8"]), "no IPv6 here");
    assert_eq!(of("fd09::5").unwrap(), addresses(&["fd09::5"]));
    let text = |error: Error| format!("{} {error}", error.code());
    assert_eq!(
        text(of("missing.example").unwrap_err()),
        "E-NET-DNS-NXDOMAIN missing.example: A: no such name (says 10.9.0.1)"
    );
    assert_eq!(
        text(of("_oci._tcp.example").unwrap_err()),
        "E-NET-DNS-NXDOMAIN _oci._tcp.example: A: no such record (says 10.9.0.1)"
    );
    assert_eq!(
        text(of("other.test").unwrap_err()),
        "E-NET-DNS other.test: A: 10.9.0.1: the server failed (REFUSED)"
    );
    assert_eq!(text(of("a b").unwrap_err()).split(' ').next(), Some("E-NET-DNS-NAME"));
}

#[test]
fn services_are_found_and_a_long_list_by_tcp() {
    let mut peer = Peer::dnsmasq(&names());
    let host = Host::with_address(peer.card.take().unwrap());
    let services = host.run(host.stack.services_of("_oci._tcp.example")).unwrap();
    let shown: Vec<_> = services.iter().map(|service| (service.host.as_str(), service.port)).collect();
    assert_eq!(shown, [("a.example", 5000), ("b.example", 5001)]);
    // More than a datagram holds.
    let services = host.run(host.stack.services_of("_big._tcp.example")).unwrap();
    let priorities: Vec<_> = services.iter().map(|service| service.priority).collect();
    assert_eq!(priorities, (0..60).collect::<Vec<_>>());
}

#[test]
fn a_dead_server_is_passed_over() {
    let mut peer = Peer::dnsmasq(&names());
    let mut host = Host::with_address(peer.card.take().unwrap());
    host.stack.use_servers(addresses(&["10.9.0.99", "10.9.0.1"]));
    assert_eq!(host.run(host.stack.addresses_of("host.example")).unwrap(), addresses(&["10.9.0.7"]));
    host.stack.use_servers(addresses(&["10.9.0.99"]));
    host.speed = 4.0;
    let error = host.run(host.stack.addresses_of("host.example")).unwrap_err();
    assert!(matches!(error, Error::Unresolved { cause: Unresolved::Silence, .. }), "{error}");
    host.stack.use_servers(Vec::new());
    let error = host.run(host.stack.addresses_of("host.example")).unwrap_err();
    assert!(matches!(error, Error::NoServer { .. }), "{error}");
}

#[test]
fn short_names_are_looked_for_in_the_domain() {
    let mut peer = Peer::dnsmasq(&format!("{RANGE} --domain=example {}", names()));
    let host = peer.host();
    host.dhcp();
    assert_eq!(host.run(host.stack.addresses_of("host")).unwrap(), addresses(&["10.9.0.7"]));
}

#[test]
fn megabytes_arrive_whole_on_two_connections() {
    let script = "seq 1 400000 >blob; socat -U TCP-LISTEN:80,fork,reuseaddr FILE:blob & echo ready >&2; wait";
    let mut peer = Peer::new(script, "ready");
    let host = Host::with_address(peer.card.take().unwrap());
    let wanted: String = (1..=400_000).map(|n| format!("{n}\n")).collect();
    let whole = async || {
        let (mut connection, mut found) = (host.connect("10.9.0.1:80").await, Vec::new());
        let mut buffer = vec![0; 65536];
        loop {
            match connection.read(&mut buffer).await.unwrap() {
                0 => return found,
                length => found.extend_from_slice(&buffer[..length]),
            }
        }
    };
    let (mut first, mut second) = (pin!(whole()), pin!(whole()));
    let (mut one, mut two) = (None, None);
    host.run(std::future::poll_fn(|context| {
        for (place, future) in [(&mut one, &mut first), (&mut two, &mut second)] {
            if place.is_none()
                && let Poll::Ready(found) = future.as_mut().poll(context)
            {
                *place = Some(found);
            }
        }
        if one.is_some() && two.is_some() { Poll::Ready(()) } else { Poll::Pending }
    }));
    assert!(one.unwrap() == wanted.as_bytes() && two.unwrap() == wanted.as_bytes());
}

#[test]
fn connections_are_refused_and_time_out() {
    let mut peer = Peer::new("socat TCP-LISTEN:7,fork,reuseaddr PIPE & echo ready >&2; wait", "ready");
    let host = Host::with_address(peer.card.take().unwrap());
    let connect = |to: &str, options| host.run(host.stack.connect(to.parse().unwrap(), options));
    let error = connect("10.9.0.1:9", Options::default()).err().unwrap();
    assert_eq!(error, Error::Refused { to: "10.9.0.1:9".parse().unwrap() });
    let short = Options { connect: Duration::from_millis(300), ..Options::default() };
    let error = connect("10.9.0.77:80", short).err().unwrap();
    let to: SocketAddr = "10.9.0.77:80".parse().unwrap();
    assert_eq!(error, Error::TimedOut { to, what: "a connection request", milliseconds: 300 });
    for unreachable in ["0.0.0.0:80", "224.0.0.1:80", "[fd09::1]:80", "10.9.0.1:0"] {
        assert!(matches!(connect(unreachable, short).err(), Some(Error::NoRoute { .. })), "{unreachable}");
    }
    drop(host.run(host.connect("10.9.0.1:7")));
    let idle = Options { idle: Duration::from_millis(300), ..Options::default() };
    let mut silent = connect("10.9.0.1:7", idle).unwrap();
    let error = host.run(silent.read(&mut [0; 9])).unwrap_err();
    assert!(matches!(error, Error::TimedOut { what: "a read", .. }), "{error}");
    silent.set_deadline(host.stack.now());
    assert!(matches!(host.run(silent.write(b"x")), Ok(1)), "what needs no wait is done");
    assert!(matches!(host.run(silent.read(&mut [])), Ok(0)));
}

#[test]
fn connections_end_in_order_or_are_reset() {
    let mut peer = Peer::new(
        "socat TCP-LISTEN:7,fork,reuseaddr PIPE & socat -u FILE:/dev/null TCP-LISTEN:8,fork,reuseaddr &
        echo ready >&2; wait",
        "ready",
    );
    let host = Host::with_address(peer.card.take().unwrap());
    host.run(async {
        let mut echo = host.connect("10.9.0.1:7").await;
        echo.write_all(b"hello").await.unwrap();
        echo.finish();
        let mut back = [0; 9];
        echo.read_exact(&mut back[..5]).await.unwrap();
        assert_eq!(&back[..5], b"hello");
        assert_eq!(echo.read(&mut back).await, Ok(0));
        let mut closed = host.connect("10.9.0.1:8").await;
        let error = loop {
            match closed.write(b"x").await {
                Ok(_) => host.stack.sleep(Duration::from_millis(1)).await,
                Err(error) => break error,
            }
        };
        assert_eq!(error, Error::Reset { to: "10.9.0.1:8".parse().unwrap() });
    });
}

/// A host whose IPv6 is configured by the peer, and its settings.
fn configured(peer: &mut Peer) -> (Host, ip::Settings) {
    let host = peer.host();
    let settings = host.run(host.stack.autoconfigure_v6(Duration::from_secs(60))).unwrap();
    (host, settings)
}

const OWN: &str = "fd09::ff:fe00:42/64";
const RESOLVER: &str =
    "--dhcp-option=option6:dns-server,[fd09::1] --dhcp-option=option6:domain-search,example";

#[test]
fn a_router_assigns_addresses_routes_and_resolvers() {
    let mut peer = Peer::new(
        &format!(
            "ip addr add 2001:db8::1/128 dev lo
            socat TCP6-LISTEN:7,fork,reuseaddr PIPE &
            exec {DNSMASQ} --enable-ra --ra-param=t0,mtu:1400,10,600 --dhcp-range=fd09::,ra-only,64 {RESOLVER} {}",
            names()
        ),
        "started, version",
    );
    let (host, settings) = configured(&mut peer);
    let shown = settings.to_string();
    assert!(shown.starts_with(&format!("{OWN} via fe80::")) && shown.contains("(router fe80::"), "{shown}");
    assert_eq!(settings.dns, addresses(&["fd09::1"]));
    assert_eq!((settings.domains, settings.mtu), (vec!["example".into()], Some(1400)));
    assert_eq!(host.run(host.stack.addresses_of("both")).unwrap(), addresses(&["fd09::8"]));
    for to in ["[fd09::1]:7", "[2001:db8::1]:7"] {
        host.run(async {
            let mut echo = host.connect(to).await;
            echo.write_all(to.as_bytes()).await.unwrap();
            let mut back = vec![0; to.len()];
            echo.read_exact(&mut back).await.unwrap();
            assert_eq!(back, to.as_bytes());
        });
    }
    host.stack.apply(ip::parse_static("10.9.0.9/24::10.9.0.1").unwrap()).unwrap();
    assert_eq!(
        host.run(host.stack.addresses_of("both.example")).unwrap(),
        addresses(&["fd09::8", "10.9.0.8"])
    );
}

#[test]
fn servers_come_by_dhcpv6_where_the_router_says_so() {
    let mut peer = Peer::dnsmasq(&format!(
        "--enable-ra --dhcp-range=fd09::,ra-stateless,64 {RESOLVER} \
        --dhcp-option=option6:bootfile-url,oci://registry.example/linux:1 \
        --dhcp-option=option6:sntp-server,[fd09::4]"
    ));
    let (_, settings) = configured(&mut peer);
    let shown = settings.to_string();
    assert!(shown.starts_with(&format!("{OWN} via fe80::")), "{shown}");
    assert!(shown.contains("(DHCPv6 server fe80::"), "{shown}");
    assert_eq!(settings.boot_file.as_deref(), Some("oci://registry.example/linux:1"));
    assert_eq!(settings.ntp, addresses(&["fd09::4"]));
    assert_eq!(settings.domains[0], "example");
}

#[test]
fn an_address_comes_by_dhcpv6_and_is_renewed() {
    let mut peer = Peer::dnsmasq(&format!(
        "--enable-ra --dhcp-range=fd09::50,fd09::60,64,2m {RESOLVER} \
        --dhcp-host=id:00:03:00:01:02:00:00:00:00:42,[fd09::55] {}",
        names()
    ));
    let (mut host, settings) = configured(&mut peer);
    let shown = settings.to_string();
    assert!(shown.starts_with("fd09::55/64 via fe80::") && shown.contains("(DHCPv6 server"), "{shown}");
    assert_eq!(host.run(host.stack.addresses_of("both")).unwrap(), addresses(&["fd09::8"]));
    host.speed = 20.0;
    host.run(async {
        while !peer.log().contains("DHCPRENEW(") {
            host.stack.sleep(Duration::from_secs(1)).await;
        }
        while host.stack.settings()[1].is_none() {
            host.stack.sleep(Duration::from_secs(1)).await;
        }
    });
}

#[test]
fn a_switch_that_snoops_knows_where_the_host_listens() {
    // The kernel's bridge as the switch: the tap is its port. A querier makes it snoop.
    let mut peer = Peer::new(
        &format!(
            "ip addr flush dev t0
            ip link add br0 type bridge mcast_snooping 1 mcast_querier 1
            ip link set t0 master br0; ip link set br0 up; ip addr add fd09::1/64 dev br0 nodad
            (while sleep 0.2; do bridge mdb show >&2; done) &
            exec {} --enable-ra --dhcp-range=fd09::,ra-only,64",
            DNSMASQ.replace("-i t0", "-i br0")
        ),
        "started, version",
    );
    let (host, _) = configured(&mut peer);
    host.run(async {
        while !peer.log().contains("port t0 grp ff02::1:ff00:42 ") {
            host.stack.sleep(Duration::from_millis(100)).await;
        }
    });
}

#[test]
fn no_router_is_an_error_after_the_wait() {
    let mut peer = Peer::new("echo ready >&2; sleep 1000", "ready");
    let mut host = peer.host();
    host.speed = 4.0;
    let error = host.run(host.stack.autoconfigure_v6(Duration::from_secs(2))).unwrap_err();
    assert_eq!(
        format!("{} {error}", error.code()),
        "E-NET-DHCP tap: IPv6 router: no answer within 2 s; check cable, VLAN and server"
    );
}

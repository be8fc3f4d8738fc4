// SPDX-License-Identifier: BSD-3-Clause
//! The stack against real peers: dnsmasq (DHCP, DNS), and Linux's own IP at the other end of the cable.

use std::{
    fs,
    future::Future,
    net::{IpAddr, SocketAddr},
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant as Clock},
};

use embedded_io_async::{Read, Write};
use ip::{Connection, Entropy, Error, Instant, Network, Options, Stack, Unassigned, Unresolved, Vlan};
use peers::neighbor::{DNSMASQ, Neighbor, Tap};

/// How long anything may take, however busy the machine is.
const LIMIT: Duration = Duration::from_secs(300);
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

    fn of(peer: &mut Neighbor) -> Self {
        Self::new(peer.card(), None)
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
    let mut peer = Neighbor::dnsmasq(&format!(
        "{RANGE} --dhcp-host=02:00:00:00:00:42,box,10.9.0.55 --domain=example \
        --dhcp-option=3,10.9.0.1 --dhcp-option=6,10.9.0.1,10.9.0.3 --dhcp-option=26,1400 \
        --dhcp-option=42,10.9.0.4 --dhcp-option=43,01:02:ff --dhcp-option=67,oci://registry.example/linux:1"
    ));
    let host = Host::of(&mut peer);
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
    let mut peer = Neighbor::new(
        &format!(
            "ip addr add 172.30.0.1/32 dev lo
            socat TCP-LISTEN:7,fork,reuseaddr PIPE &
            exec {DNSMASQ} --dhcp-range=10.9.0.0,static --dhcp-host=02:00:00:00:00:42,10.9.0.9 \
            --dhcp-option=1,255.255.255.255 --dhcp-option=3,10.9.0.250 \
            --dhcp-option=121,10.9.0.1/32,0.0.0.0,172.30.0.0/16,10.9.0.1"
        ),
        "started, version",
    );
    let host = Host::of(&mut peer);
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
    let mut peer = Neighbor::dnsmasq(RANGE);
    let mut host = Host::of(&mut peer);
    host.dhcp();
    // Two minutes' lease: renewed after one.
    host.speed = 20.0;
    let count = |peer: &Neighbor, kind| peer.log().matches(kind).count();
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
    let mut peer = Neighbor::new("echo ready >&2; sleep 1000", "ready");
    let mut host = Host::of(&mut peer);
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
    let mut peer = Neighbor::dnsmasq(RANGE);
    let host = Host::new(peer.card().in_vlan([0x81, 0, 0, 42]), Vlan::new(42));
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
    let mut peer = Neighbor::dnsmasq(&names());
    let host = Host::with_address(peer.card());
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
    let mut peer = Neighbor::dnsmasq(&names());
    let host = Host::with_address(peer.card());
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
    let mut peer = Neighbor::dnsmasq(&names());
    let mut host = Host::with_address(peer.card());
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
    let mut peer = Neighbor::dnsmasq(&format!("{RANGE} --domain=example {}", names()));
    let host = Host::of(&mut peer);
    host.dhcp();
    assert_eq!(host.run(host.stack.addresses_of("host")).unwrap(), addresses(&["10.9.0.7"]));
}

#[test]
fn megabytes_arrive_whole_on_two_connections() {
    let script = "seq 1 400000 >blob; socat -U TCP-LISTEN:80,fork,reuseaddr FILE:blob & echo ready >&2; wait";
    let mut peer = Neighbor::new(script, "ready");
    let host = Host::with_address(peer.card());
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
    let mut peer = Neighbor::new("socat TCP-LISTEN:7,fork,reuseaddr PIPE & echo ready >&2; wait", "ready");
    let host = Host::with_address(peer.card());
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
    let mut peer = Neighbor::new(
        "socat TCP-LISTEN:7,fork,reuseaddr PIPE & socat -u FILE:/dev/null TCP-LISTEN:8,fork,reuseaddr &
        echo ready >&2; wait",
        "ready",
    );
    let host = Host::with_address(peer.card());
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
fn configured(peer: &mut Neighbor) -> (Host, ip::Settings) {
    let host = Host::of(peer);
    let settings = host.run(host.stack.autoconfigure_v6(Duration::from_secs(60))).unwrap();
    (host, settings)
}

const OWN: &str = "fd09::ff:fe00:42/64";
const RESOLVER: &str =
    "--dhcp-option=option6:dns-server,[fd09::1] --dhcp-option=option6:domain-search,example";

#[test]
fn a_router_assigns_addresses_routes_and_resolvers() {
    let mut peer = Neighbor::new(
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
    let mut peer = Neighbor::dnsmasq(&format!(
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
    let mut peer = Neighbor::dnsmasq(&format!(
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
    let mut peer = Neighbor::new(
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
    let mut peer = Neighbor::new("echo ready >&2; sleep 1000", "ready");
    let mut host = Host::of(&mut peer);
    host.speed = 4.0;
    let error = host.run(host.stack.autoconfigure_v6(Duration::from_secs(2))).unwrap_err();
    assert_eq!(
        format!("{} {error}", error.code()),
        "E-NET-DHCP tap: IPv6 router: no answer within 2 s; check cable, VLAN and server"
    );
}

// SPDX-License-Identifier: BSD-3-Clause
//! From a card to a file of the real nginx: addresses and names of the real dnsmasq, Linux's IP at the other end of the
//! cable.

use std::{
    cell::{Cell, RefCell},
    fmt, fs, io,
    rc::Rc,
    thread,
    time::{Duration, Instant as Clock, SystemTime, UNIX_EPOCH},
};

use config::{Config, Origin, Text, Trust};
use dial::{Dial as _, Kind};
use embedded_io_async::{Read as _, Write as _};
use http::{Cause, Client, Limits, Request, Url};
use nic::Nic;
use peers::neighbor::{DNSMASQ, Neighbor};
use peers::{Issued, Key, Pki};
use tls::{NoRandomness, Provider, Random, Roots};
use uplink::{Error, Machine, Uplink, Wishes};

/// How long anything may take, however busy the machine is.
const LIMIT: Duration = Duration::from_secs(550);
/// How fast the program's clock goes. What waits for a time-out of a minute waits longer than [`LIMIT`].
const SLOW: f64 = 0.1;
const RANGE: &str = "--dhcp-range=10.9.0.50,10.9.0.60,2m --dhcp-host=02:00:00:00:00:42,10.9.0.55";
const NAMES: &str = "--local=/example/ --host-record=www.example,10.9.0.1 --host-record=six.example,fd09::1 \
    --host-record=both.example,10.9.0.1,fd09::dead \
    --srv-host=_oci._tcp.example,www.example,80,10,1";

/// A program with a clock of its own.
struct Program {
    start: Clock,
    speed: f64,
    ahead: Cell<Duration>,
    lines: RefCell<Vec<String>>,
}

impl Program {
    fn new(speed: f64) -> Self {
        Self { start: Clock::now(), speed, ahead: Cell::default(), lines: RefCell::default() }
    }

    fn start(&self, cards: Vec<Box<dyn Nic>>, settings: &str) -> Result<Uplink<'_>, Error> {
        self.start_with(cards, settings, None)
    }

    fn start_with(
        &self,
        cards: Vec<Box<dyn Nic>>,
        settings: &str,
        tls: Option<Rc<tls::Config>>,
    ) -> Result<Uplink<'_>, Error> {
        let config = Config::resolve(&[Text::new(Origin::File, settings.as_bytes())], Trust::Open);
        assert_eq!(config.problems(), []);
        Uplink::start(cards, Wishes::of(&config)?, self, tls)
    }

    /// The only line that starts like this, without its time.
    fn line(&self, start: &str) -> String {
        let lines = self.lines.borrow();
        let found: Vec<_> = lines.iter().filter(|line| line.starts_with(start)).collect();
        let [line] = found.as_slice() else { panic!("{start}: {lines:?}") };
        let (line, time) = line.rsplit_once(" (").unwrap();
        assert!(time.strip_suffix(" s)").unwrap().parse::<f64>().is_ok(), "{time}");
        line.into()
    }
}

impl Machine for Program {
    fn now(&self) -> Duration {
        self.start.elapsed().mul_f64(self.speed) + self.ahead.get()
    }

    fn pause(&self) {
        assert!(self.start.elapsed() < LIMIT, "it takes too long: {:?}", self.lines.borrow());
        thread::sleep(Duration::from_micros(100));
    }

    fn fill(&self, bytes: &mut [u8]) {
        io::Read::read_exact(&mut fs::File::open("/dev/urandom").unwrap(), bytes).unwrap();
    }

    fn line(&self, text: fmt::Arguments<'_>) {
        self.lines.borrow_mut().push(text.to_string());
    }
}

fn boxed(card: impl Nic + 'static) -> Vec<Box<dyn Nic>> {
    vec![Box::new(card)]
}

/// A neighbor with dnsmasq, and with nginx, which has these lines in its server.
fn web(options: &str, server: &str) -> Neighbor {
    let script = format!(
        "seq 1 400000 >blob; echo hello >small
        {}
        until socat -u /dev/null TCP:10.9.0.1:80 2>/dev/null; do kill -0 $! || exit 1; sleep 0.05; done
        exec {DNSMASQ} {options} {NAMES}",
        nginx(&format!("listen 10.9.0.1:80; listen [fd09::1]:80; root $PWD; {server}"))
    );
    Neighbor::new(&script, "started, version")
}

/// Lines of a script that start nginx with this server.
fn nginx(server: &str) -> String {
    format!(
        "cat >nginx.conf <<EOF
user root root; daemon off; master_process off; pid $PWD/pid; error_log $PWD/error.log info; events {{}}
http {{
  access_log $PWD/access.log; client_body_temp_path $PWD/1; proxy_temp_path $PWD/2; fastcgi_temp_path $PWD/3;
  uwsgi_temp_path $PWD/4; scgi_temp_path $PWD/5; server {{ {server} }}
}}
EOF
        nginx -e $PWD/error.log -c $PWD/nginx.conf &"
    )
}

/// A file of a server.
fn fetch(uplink: &Uplink<'_>, url: &str) -> Result<Vec<u8>, http::Error> {
    let long = Duration::from_secs(100);
    let limits =
        Limits { connect: long, secure: long, head: long, body: long, window: long, ..Limits::default() };
    let client = Client::new(uplink).with_limits(limits);
    let url = Url::parse(url).unwrap();
    uplink.run(async { client.send(&Request::get(&url)).await?.success()?.bytes(4 << 20).await })
}

fn fetches(uplink: &Uplink<'_>, url: &str) {
    let wanted: String = (1..=400_000).map(|n| format!("{n}\n")).collect();
    assert!(fetch(uplink, url).unwrap() == wanted.as_bytes(), "{url}");
}

/// How a connection fails.
fn fails(uplink: &Uplink<'_>, host: &str, port: u16) -> dial::Error {
    uplink.run(uplink.connect(host, port)).err().unwrap()
}

#[test]
fn dhcp_leads_to_a_file_and_errors_are_told() {
    let mut far = web(RANGE, "");
    let program = Program::new(SLOW);
    let uplink = program.start(boxed(far.card()), "").unwrap();
    assert_eq!(program.line("dhcp"), "dhcp 10.9.0.55/24 via tap");
    for host in ["www.example", "10.9.0.1"] {
        fetches(&uplink, &format!("http://{host}/blob"));
    }
    // What an address of IPv6 has time for.
    program.ahead.set(Duration::from_secs(5));
    let missing = fails(&uplink, "missing.example", 80);
    assert_eq!(missing.kind, Kind::Refused);
    let shown = missing.to_string();
    assert_eq!(
        shown,
        "E-NET-DNS-NXDOMAIN missing.example:80: missing.example: A: no such name (says 10.9.0.1)"
    );
    let refused = fails(&uplink, "www.example", 81);
    assert_eq!(refused.kind, Kind::Connect);
    assert_eq!(refused.to_string(), "E-NET-REFUSED www.example:81: 10.9.0.1:81: connection refused");
    let refused = fails(&uplink, "10.9.0.1", 81);
    assert_eq!(refused.to_string(), "E-NET-REFUSED 10.9.0.1:81: 10.9.0.1:81: connection refused");
    let error = fetch(&uplink, "https://www.example/blob").unwrap_err();
    assert!(matches!(error.cause(), Cause::Dial(error) if error.kind == Kind::Connect), "{error}");
    let services = uplink.run(uplink.services("_oci._tcp.example")).unwrap();
    let shown: Vec<_> = services.iter().map(|service| (service.target.as_str(), service.port)).collect();
    assert_eq!(shown, [("www.example", 80)]);
    assert_eq!(uplink.run(uplink.services("_none._tcp.example")).unwrap(), []);
    let [(card, settings)] = uplink.settings().try_into().unwrap();
    assert_eq!(
        (card.as_str(), settings.to_string()),
        ("tap", "10.9.0.55/24 via 10.9.0.1 (DHCP server 10.9.0.1)".into())
    );
}

#[test]
fn a_router_alone_leads_to_a_file() {
    let options = "--enable-ra --dhcp-range=fd09::,ra-only,64 --dhcp-option=option6:dns-server,[fd09::1]";
    let mut far = web(options, "");
    let program = Program::new(SLOW);
    let uplink = program.start(boxed(far.card()), "").unwrap();
    assert_eq!(program.line("router"), "router fd09::ff:fe00:42/64 via tap");
    for host in ["six.example", "[fd09::1]"] {
        fetches(&uplink, &format!("http://{host}/blob"));
    }
    program.ahead.set(Duration::from_secs(5));
    let refused = fails(&uplink, "fd09::1", 81).to_string();
    assert_eq!(refused, "E-NET-REFUSED [fd09::1]:81: [fd09::1]:81: connection refused");
}

#[test]
fn servers_of_addresses_name_a_boot_file() {
    const SIX: &str = "--enable-ra --dhcp-range=fd09::50,fd09::60,64,2m";
    let is_wanted = |file: &str| file.starts_with("oci://");
    // Longer than the field of BOOTP.
    let (four, six) = (&*format!("oci://four.example/a:1@sha512:{}", "0".repeat(128)), "oci://six.example/a");
    let (by_four, by_six) = (format!("--dhcp-boot={four}"), format!("--dhcp-option=option6:59,{six}"));
    for (options, expected) in [
        (format!("{RANGE} {by_four}"), four),
        (format!("{SIX} {by_six}"), six),
        // The one that says nothing of the kind may be the first one.
        (format!("{RANGE} --dhcp-boot=pxelinux.0 {SIX} {by_six}"), six),
        (format!("{RANGE} {by_four} {SIX}"), four),
    ] {
        let mut far = Neighbor::dnsmasq(&options);
        let program = Program::new(SLOW);
        let uplink = program.start(boxed(far.card()), "").unwrap();
        assert_eq!(uplink.boot_file(is_wanted).as_deref(), Some(expected), "{options}");
    }
}

#[test]
fn openstacks_service_answers_at_the_links_address_of_ipv6() {
    const DOCUMENT: &str = r#"{"uuid":"1","cloudboot":{"target":"six"}}"#;
    // Beside IPv4 where nobody listens, and where there is nothing but a router of IPv6.
    for (options, settings) in [(RANGE, ""), ("--enable-ra --dhcp-range=fd09::,ra-only,64", "ip=off")] {
        let script = format!(
            "ip addr add 169.254.169.254/32 dev t0; ip addr add fe80::a9fe:a9fe/64 dev t0 nodad
            mkdir -p openstack/latest; echo '{DOCUMENT}' >openstack/latest/meta_data.json
            {}
            until socat -u /dev/null TCP:[fd09::1]:80 2>/dev/null; do kill -0 $! || exit 1; sleep 0.05; done
            exec {DNSMASQ} {options}",
            nginx("listen [::]:80 ipv6only=on; root $PWD;")
        );
        let mut far = Neighbor::new(&script, "started, version");
        let program = Program::new(SLOW);
        let uplink = program.start(boxed(far.card()), settings).unwrap();
        let document = uplink.run(metadata::fetch(&uplink, &metadata::Source::OpenStack)).unwrap();
        assert_eq!(document.settings().collect::<Vec<_>>(), [("cloudboot.target", "six")], "{options}");
    }
}

#[test]
fn a_dead_address_of_the_other_kind_is_passed_over() {
    let six = "--enable-ra --dhcp-range=fd09::50,fd09::60,64,2m";
    let mut far = web(&format!("{RANGE} {six}"), "");
    let program = Program::new(SLOW);
    let uplink = program.start(boxed(far.card()), "").unwrap();
    uplink.run(async {
        while uplink.settings().len() < 2 {
            uplink.sleep(uplink.now() + Duration::from_millis(100)).await;
        }
    });
    program.line("dhcp 10.9.0.55/24");
    fetches(&uplink, "http://both.example/blob");
}

#[test]
fn what_is_set_needs_nobody() {
    let mut far = web("", "");
    let program = Program::new(SLOW);
    let settings = "cloudboot.net.skip=1 cloudboot.net.static=10.9.0.9/24:10.9.0.1:10.9.0.1";
    let uplink = program.start(boxed(far.card()), settings).unwrap();
    assert_eq!(program.line("static"), "static 10.9.0.9/24 via tap");
    fetches(&uplink, "http://www.example/blob");
    drop(uplink);
    let mut far = web("", "");
    let settings = "ip=10.9.0.9::10.9.0.1:255.255.255.0:::none cloudboot.dns=10.9.0.1";
    let uplink = program.start(boxed(far.card()), settings).unwrap();
    assert_eq!(program.line("ip="), "ip= 10.9.0.9/24 via tap");
    fetches(&uplink, "http://www.example/blob");
}

#[test]
fn a_card_without_a_server_holds_nobody_up_and_may_join_later() {
    let script = format!(
        "(until test -e go; do sleep 0.05; done; exec {DNSMASQ} {RANGE}) &
        echo ready >&2; wait"
    );
    let (mut late, mut far) = (Neighbor::new(&script, "ready"), web(RANGE, ""));
    // The late one is asked again after 8 s.
    let program = Program::new(0.25);
    let cards: Vec<Box<dyn Nic>> = vec![Box::new(late.card().named("late", 0x43)), Box::new(far.card())];
    let uplink = program.start(cards, "").unwrap();
    assert_eq!(program.line("dhcp"), "dhcp 10.9.0.55/24 via tap");
    fetches(&uplink, "http://www.example/blob");
    fs::write(late.folder().join("go"), "").unwrap();
    uplink.run(async {
        while uplink.settings().len() < 2 {
            uplink.sleep(uplink.now() + Duration::from_millis(100)).await;
        }
    });
    let order: Vec<String> = uplink.settings().into_iter().map(|(card, _)| card).collect();
    assert_eq!(order, ["tap", "late"]);
    fetches(&uplink, "http://www.example/blob");
}

#[test]
fn only_the_card_that_is_named_is_used() {
    let (mut first, mut far) = (web(RANGE, ""), web(RANGE, ""));
    let program = Program::new(SLOW);
    let cards: Vec<Box<dyn Nic>> = vec![Box::new(first.card().named("other", 0x43)), Box::new(far.card())];
    let uplink = program.start(cards, "BOOTIF=01-02-00-00-00-00-42").unwrap();
    assert_eq!(program.line("dhcp"), "dhcp 10.9.0.55/24 via tap");
    fetches(&uplink, "http://www.example/blob");
    assert!(!first.log().contains("DHCPDISCOVER"), "{}", first.log());
}

#[test]
fn the_vlan_is_used() {
    let mut far = web(RANGE, "");
    let program = Program::new(SLOW);
    let card = far.card().in_vlan([0x81, 0, 0, 42]);
    let uplink = program.start(boxed(card), "cloudboot.net.vlan=42").unwrap();
    fetches(&uplink, "http://www.example/blob");
}

#[test]
fn nobody_there_is_an_error_after_the_wait() {
    let mut far = Neighbor::new("echo ready >&2; sleep 1000", "ready");
    let program = Program::new(4.0);
    let error = program.start(boxed(far.card()), "cloudboot.net.wait=6").err().unwrap();
    assert_eq!(
        error.to_string(),
        "E-NET-DHCP tap: no DHCP server or IPv6 router answered within 6 s; check the VLAN and the server, or set \
         cloudboot.net.static"
    );
}

#[test]
fn a_transfer_goes_on_when_the_wait_for_a_router_ends() {
    let mut far = web(RANGE, "");
    let program = Program::new(SLOW);
    let uplink = program.start(boxed(far.card()), "cloudboot.net.wait=20").unwrap();
    let whole = uplink.run(async {
        let mut stream = uplink.connect("10.9.0.1", 80).await.unwrap();
        stream.write_all(b"GET /blob HTTP/1.0\r\n\r\n").await.unwrap();
        let mut buffer = vec![0; 65536];
        let mut whole = Vec::new();
        loop {
            match stream.read(&mut buffer).await.unwrap() {
                0 => return whole,
                length => whole.extend_from_slice(&buffer[..length]),
            }
            // Less than a connection may be idle.
            program.ahead.set(Duration::from_secs(20));
        }
    });
    assert!(whole.ends_with(b"\n399999\n400000\n"), "{}", whole.len());
}

struct Kernel;

impl Random for Kernel {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandomness> {
        let file = fs::File::open("/dev/urandom");
        file.and_then(|mut file| io::Read::read_exact(&mut file, buffer)).map_err(|_| NoRandomness)
    }
}

struct WallClock;

impl tls::Clock for WallClock {
    fn now(&self) -> Option<u64> {
        SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|time| time.as_secs())
    }
}

static PROVIDER: Provider = Provider::new(&Kernel);

#[test]
fn tls_is_spoken_with_whom_the_roots_vouch_for() {
    let pki = Pki::new();
    pki.root("root", Key::P256);
    let issued = Issued { extensions: "subjectAltName = DNS:www.example\n", ..Issued::default() };
    pki.issue("leaf", Key::P256, "root", &issued);
    let folder = pki.folder().display();
    let server = format!(
        "listen 10.9.0.1:443 ssl; ssl_certificate {folder}/leaf.pem; ssl_certificate_key {folder}/leaf.key;"
    );
    let mut roots = Roots::none();
    roots.add_pem("root.pem", &pki.read("root.pem")).unwrap();
    let config = Rc::new(tls::Config::new(&PROVIDER, roots, WallClock));
    let mut far = web(RANGE, &server);
    let program = Program::new(SLOW);
    let uplink = program.start_with(boxed(far.card()), "", Some(config)).unwrap();
    assert_eq!(fetch(&uplink, "https://www.example/small").unwrap(), b"hello\n");
    let error = fetch(&uplink, "https://10.9.0.1/blob").unwrap_err();
    assert_eq!(error.code(), "E-NET-TLS-NAME", "{error}");
    assert!(matches!(error.cause(), Cause::Dial(error) if error.kind == Kind::Refused), "{error}");
    drop(uplink);
    let mut far = web(RANGE, &server);
    let uplink = program.start(boxed(far.card()), "").unwrap();
    let error = fetch(&uplink, "https://www.example/blob").unwrap_err();
    assert_eq!(error.to_string(), "E-NET-SECURE https://www.example/blob: no root certificates are trusted");
}

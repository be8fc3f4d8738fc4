// SPDX-License-Identifier: BSD-3-Clause
//! nginx, on the host or behind a relay.

use std::{
    ffi::OsStr,
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use relay::{End, Namespace, Relay};

use super::{Content, Line, log};
use crate::scratch::{self, Scratch};

/// The host's address in QEMU's user network, and that of the server behind the relay.
const HOST: &str = "10.0.2.2";
const BEHIND: &str = "10.9.0.1";
/// How often to check whether it listens, and the time limit for that.
const TICK: Duration = Duration::from_millis(20);
const TICKS: usize = 3000;

/// A running server for one boot.
pub struct Server {
    /// `ADDRESS:PORT` for HTTP.
    pub plain: String,
    /// The same for HTTPS.
    pub secure: String,
    /// The root certificate of its certificate.
    pub root: PathBuf,
    /// QEMU's options for the card and its network.
    pub card: [String; 4],
    log: PathBuf,
    behind: Behind,
}

/// Its processes; ended when dropped.
enum Behind {
    Host(Child),
    /// The relay ends with QEMU, the namespace when this is dropped.
    Relay {
        _namespace: Namespace,
        thread: Option<JoinHandle<()>>,
    },
}

impl Server {
    /// Starts it.
    ///
    /// # Errors
    /// A tool is missing or fails.
    pub fn start(scratch: &Scratch, content: &Content, line: &Line) -> Result<Self> {
        let folder = scratch.path("server");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder)?;
        let own = match line {
            Line::User | Line::Legacy => "127.0.0.1",
            Line::Relay(_) => BEHIND,
        };
        let ports = match line {
            Line::User | Line::Legacy => free_ports()?,
            Line::Relay(_) => [80, 443],
        };
        certificates(&folder, if own == BEHIND { BEHIND } else { HOST })?;
        scratch::write(&folder.join("nginx.conf"), configuration(&folder, own, ports, content).as_bytes())?;
        let (network, behind) = match line {
            Line::User | Line::Legacy => (["-netdev".into(), "user,id=net0".into()], host(&folder, ports)?),
            Line::Relay(faults) => behind(&folder, *faults)?,
        };
        let shown = if own == BEHIND { BEHIND } else { HOST };
        let [plain, secure] = ports.map(|port| format!("{shown}:{port}"));
        let (log, root) = (folder.join("access.log"), folder.join("root.pem"));
        let [netdev, option] = network;
        let card = [netdev, option, "-device".into(), line.device().into()];
        Ok(Self { plain, secure, root, card, log, behind })
    }

    /// Stops it; returns its answers.
    ///
    /// # Errors
    /// There is no log.
    pub fn end(mut self) -> Result<Vec<log::Answer>> {
        match &mut self.behind {
            Behind::Host(child) => {
                child.kill()?;
                child.wait()?;
            }
            Behind::Relay { thread, .. } => {
                if thread.take().is_some_and(|thread| thread.join().is_err()) {
                    bail!("the relay failed");
                }
            }
        }
        log::answers(&fs::read_to_string(&self.log).with_context(|| self.log.display().to_string())?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Behind::Host(child) = &mut self.behind {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// nginx on the host.
fn host(folder: &Path, [port, _]: [u16; 2]) -> Result<Behind> {
    let child = Command::new("/usr/sbin/nginx")
        .args([OsStr::new("-p"), folder.as_ref(), "-e".as_ref(), "error.log".as_ref()])
        .args(["-c", "nginx.conf"])
        .stdout(Stdio::null())
        .spawn()
        .context("cannot start nginx")?;
    let mut server = Behind::Host(child);
    for _ in 0..TICKS {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(server);
        }
        let Behind::Host(child) = &mut server else { break };
        if child.try_wait()?.is_some() {
            break;
        }
        thread::sleep(TICK);
    }
    bail!("nginx does not listen: {}", fs::read_to_string(folder.join("error.log")).unwrap_or_default());
}

/// nginx and dnsmasq in namespaces, a relay, and the socket for QEMU.
fn behind(folder: &Path, faults: relay::Faults) -> Result<([String; 2], Behind)> {
    // --no-ping: otherwise dnsmasq pings an address for 3 s before it offers it.
    let script = format!(
        "ip addr add {BEHIND}/24 dev t0
        nginx -p {}/ -e error.log -c nginx.conf &
        exec dnsmasq -d -C /dev/null -R -h -i t0 -z --no-ping --dhcp-leasefile=leases --dhcp-range=10.9.0.50,10.9.0.60,1h",
        folder.display()
    );
    let mut namespace = Namespace::start(&script, "started, version", &[])?;
    let network = namespace.end().context("cannot connect to the new namespace")?;
    let socket = folder.join("qemu");
    let listener = UnixListener::bind(&socket)?;
    let thread = thread::spawn(move || {
        let guest = listener.accept().and_then(|(stream, _)| End::stream(stream));
        if let Err(why) = guest.and_then(|guest| Relay::new(guest, network, faults).run()) {
            eprintln!("net: the relay: {why}");
        }
    });
    let option = format!("stream,id=net0,server=off,addr.type=unix,addr.path={}", socket.display());
    Ok((["-netdev".into(), option], Behind::Relay { _namespace: namespace, thread: Some(thread) }))
}

fn configuration(folder: &Path, own: &str, [plain, secure]: [u16; 2], content: &Content) -> String {
    let folder = folder.display();
    // A small send buffer, since bytes in it count as sent.
    format!(
        "user root root; daemon off; master_process off; pid {folder}/pid; events {{}}\n\
         http {{ log_format times '{}'; access_log {folder}/access.log times; sendfile on; tcp_nopush on;\n\
         client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;\n\
         uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi; send_timeout 1200s;\n\
         ssl_certificate {folder}/leaf.pem; ssl_certificate_key {folder}/leaf.key;\n\
         server {{ listen {own}:{plain} sndbuf=256k; listen {own}:{secure} ssl sndbuf=256k;\n{}}} }}\n",
        log::FORMAT,
        content.locations()
    )
}

/// Makes a root certificate, and a certificate for this address.
fn certificates(folder: &Path, address: &str) -> Result<()> {
    let path = |name: &str| folder.join(name).into_os_string();
    let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650";
    let request: Vec<&OsStr> = request.split(' ').map(OsStr::new).collect();
    let key = path("root.key");
    let root = path("root.pem");
    let own: [&OsStr; 8] = [
        "-subj".as_ref(),
        "/CN=bench root".as_ref(),
        "-addext".as_ref(),
        "keyUsage=critical,keyCertSign".as_ref(),
        "-keyout".as_ref(),
        &key,
        "-out".as_ref(),
        &root,
    ];
    scratch::output("openssl", &[&request[..], &own].concat())?;
    let name = format!("subjectAltName=IP:{address}");
    let (leaf_key, leaf) = (path("leaf.key"), path("leaf.pem"));
    let own: [&OsStr; 14] = [
        "-subj".as_ref(),
        "/CN=bench".as_ref(),
        "-CA".as_ref(),
        &root,
        "-CAkey".as_ref(),
        &key,
        "-addext".as_ref(),
        name.as_ref(),
        "-addext".as_ref(),
        "basicConstraints=critical,CA:FALSE".as_ref(),
        "-keyout".as_ref(),
        &leaf_key,
        "-out".as_ref(),
        &leaf,
    ];
    scratch::output("openssl", &[&request[..], &own].concat()).map(drop)
}

/// Two ports that are free at the moment.
fn free_ports() -> Result<[u16; 2]> {
    let [one, two] =
        [TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?];
    Ok([one.local_addr()?.port(), two.local_addr()?.port()])
}

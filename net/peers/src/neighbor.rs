// SPDX-License-Identifier: BSD-3-Clause
//! Linux's own IP, and the real servers on it, behind a tap device in the test's own namespaces, for which no
//! privileges are needed except access to /dev/net/tun. socat carries its frames as datagrams.

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead as _, BufReader, ErrorKind},
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread::{self, JoinHandle},
};

use nic::{Frame, Mac, Nic};

/// dnsmasq's options in every test: its own files only, no change of user, the card, and the file of its leases.
pub const DNSMASQ: &str = "dnsmasq -d -C /dev/null -R -h --log-dhcp -i t0 -z --dhcp-leasefile=leases";

/// The other end of the cable: a Linux with `10.9.0.1/24` and `fd09::1/64` on `t0` that runs a script.
pub struct Neighbor {
    folder: PathBuf,
    child: Child,
    /// Writes what it says into a file.
    log: Option<JoinHandle<()>>,
    card: Option<Tap>,
}

impl Neighbor {
    /// Starts it, in its own folder, and waits until the script prints `started` to standard error.
    ///
    /// # Panics
    /// The script ends before that.
    pub fn new(script: &str, started: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // A short path: an address of a socket has 107 bytes.
        let folder = PathBuf::from(format!("/tmp/ip-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for a test");
        let socket = UnixDatagram::bind(folder.join("card")).expect("a socket in it");
        socket.set_nonblocking(true).expect("a socket that does not block");
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
            .expect("unshare, of the toolbox");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let mut seen = String::new();
        loop {
            let Some(Ok(line)) = lines.next() else { panic!("the neighbor ended: {seen}") };
            seen += &(line.clone() + "\n");
            if line.contains(started) {
                break;
            }
        }
        let file = folder.join("log");
        let log = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                seen += &(line + "\n");
                fs::write(&file, &seen).expect("a log");
            }
        });
        let card = Tap::new(socket, folder.join("tap"));
        Self { folder, child, log: Some(log), card: Some(card) }
    }

    /// A neighbor that only runs dnsmasq.
    ///
    /// # Panics
    /// It does not start.
    pub fn dnsmasq(options: &str) -> Self {
        Self::new(&format!("exec {DNSMASQ} {options}"), "started, version")
    }

    /// Our end of the cable.
    ///
    /// # Panics
    /// When called a second time.
    pub fn card(&mut self) -> Tap {
        self.card.take().expect("one card")
    }

    /// Its output since it started.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Its folder, in which the script runs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Neighbor {
    fn drop(&mut self) {
        // With it go all that are in its namespace of processes.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.log.take().map(JoinHandle::join);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A card whose wire is a pair of sockets.
pub struct Tap {
    name: &'static str,
    mac: Mac,
    socket: UnixDatagram,
    to: PathBuf,
    vlan: Option<[u8; 4]>,
    draft: Vec<u8>,
    queue: VecDeque<Vec<u8>>,
}

impl Tap {
    fn new(socket: UnixDatagram, to: PathBuf) -> Self {
        let mac = Mac([0x02, 0, 0, 0, 0, 0x42]);
        Self { name: "tap", mac, socket, to, vlan: None, draft: vec![], queue: VecDeque::new() }
    }

    /// Replaces the name `tap`, and the last byte 42 of its address.
    #[must_use]
    pub fn named(self, name: &'static str, last: u8) -> Self {
        Self { name, mac: Mac([0x02, 0, 0, 0, 0, last]), ..self }
    }

    /// The same with a switch between the card and the neighbor, which puts the card's frames into the VLAN of this
    /// tag.
    #[must_use]
    pub fn in_vlan(self, tag: [u8; 4]) -> Self {
        Self { vlan: Some(tag), ..self }
    }
}

impl Nic for Tap {
    fn name(&self) -> &str {
        self.name
    }

    fn mac(&self) -> Mac {
        self.mac
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
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return self.queue.push_front(frame);
                }
                // If the neighbor is gone, the cable is pulled.
                _ => {}
            }
        }
    }
}

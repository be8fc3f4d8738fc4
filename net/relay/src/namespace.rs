// SPDX-License-Identifier: BSD-3-Clause
//! A Linux network namespace at the other end of the cable.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread::{self, JoinHandle},
};

use anyhow::{Context as _, Result, bail};

use crate::End;

/// User, process and network namespaces with the tap device `t0`, in which bash runs a script. No privileges are
/// needed except access to /dev/net/tun. socat carries the tap's frames as datagrams.
///
/// The script's standard error goes to the file `log` in its folder, which is its working directory and
/// is removed with it, as are all its processes.
#[derive(Debug)]
pub struct Namespace {
    folder: PathBuf,
    child: Child,
    log: Option<JoinHandle<()>>,
    end: Option<End>,
}

impl Namespace {
    /// Starts it with files in its folder, and waits until a line on standard error has `ready` in it.
    ///
    /// # Errors
    /// A tool is missing, or the script ends before that; the error has its output.
    pub fn start(script: &str, ready: &str, files: &[(&str, &[u8])]) -> Result<Self> {
        let folder = folder()?;
        let result = Self::within(&folder, script, ready, files);
        if result.is_err() {
            // Best effort: the reason why it does not start matters more.
            let _ = fs::remove_dir_all(&folder);
        }
        result
    }

    fn within(folder: &Path, script: &str, ready: &str, files: &[(&str, &[u8])]) -> Result<Self> {
        for (name, bytes) in files {
            fs::write(folder.join(name), bytes).with_context(|| format!("writing {name}"))?;
        }
        let end = End::datagram(UnixDatagram::bind(folder.join("card"))?, folder.join("tap"))?;
        let mut child = Command::new("unshare")
            .args(["--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "bash", "-c"])
            .arg(format!(
                "ip link set lo up
                socat UNIX-SENDTO:$PWD/card,bind=$PWD/tap TUN,tun-type=tap,iff-no-pi,tun-name=t0,iff-up &
                until ip link show t0 up 2>/dev/null | grep -q t0; do kill -0 $! || exit 1; sleep 0.05; done
                {script}"
            ))
            // Servers are in folders that a user's PATH lacks.
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start unshare")?;
        let mut lines = BufReader::new(child.stderr.take().context("its standard error")?).lines();
        let mut seen = String::new();
        loop {
            let Some(Ok(line)) = lines.next() else {
                let status = child.wait()?;
                bail!("the namespace's script ended ({status}): {seen}");
            };
            seen += &format!("{line}\n");
            if line.contains(ready) {
                break;
            }
        }
        let file = folder.join("log");
        fs::write(&file, &seen)?;
        let log = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                seen += &format!("{line}\n");
                // Nothing depends on it while the namespace works.
                let _ = fs::write(&file, &seen);
            }
        });
        Ok(Self { folder: folder.into(), child, log: Some(log), end: Some(end) })
    }

    /// The tap's end of the cable; can be taken once.
    pub fn end(&mut self) -> Option<End> {
        self.end.take()
    }

    /// A file in its folder; empty if it does not exist.
    pub fn read(&self, name: &str) -> String {
        fs::read(self.folder.join(name))
            .map(|bytes| String::from_utf8_lossy(&bytes).into())
            .unwrap_or_default()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // This ends all processes in its process namespace.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.log.take().map(JoinHandle::join);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A new folder with a short path: an address of a socket has 107 bytes.
fn folder() -> Result<PathBuf> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("relay-{}-{number}", std::process::id());
    let path = [PathBuf::from("/tmp"), env::temp_dir()]
        .into_iter()
        .map(|parent| parent.join(&name))
        .find(|path| fs::create_dir(path).is_ok());
    path.with_context(|| format!("making a folder {name} in /tmp"))
}

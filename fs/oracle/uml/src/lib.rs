// SPDX-License-Identifier: BSD-3-Clause
//! User-mode Linux: a Linux that runs as a process, with this machine's root filesystem, and with files as disks.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Maximum run time of a machine in seconds: about a hundred times what it needs.
const DEADLINE: &str = "600";
/// The search path for programs, also in the machine.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// A machine to start.
#[derive(Clone, Copy, Debug)]
pub struct Machine<'a> {
    /// Its memory in MiB.
    pub memory: u32,
    /// Files for its disks /dev/ubda, /dev/ubdb and so on, in this order.
    pub disks: &'a [PathBuf],
    /// A folder for its control socket.
    pub work: &'a Path,
}

impl Machine<'_> {
    /// Runs Linux with `program` as process 1, which must power off the machine; returns the console output.
    ///
    /// Linux splits arguments at spaces, and appends some of its own.
    ///
    /// # Errors
    /// All output, if `done` was not printed or the deadline passed.
    pub fn run(&self, program: &Path, arguments: &[String], done: &str) -> Result<String, String> {
        let output = self
            .command()
            .arg(format!("init={}", program.display()))
            .arg("--")
            .args(arguments)
            .output()
            .map_err(|error| format!("timeout: {error}"))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if said.contains(done) {
            return Ok(said);
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(format!("linux.uml, {}:\n{said}{errors}", output.status))
    }

    fn command(&self) -> Command {
        // `timeout` also ends the helper processes of User-mode Linux.
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=5", DEADLINE, "linux.uml", &format!("mem={}M", self.memory)])
            .args(["root=/dev/root", "rootfstype=hostfs", "rootflags=/", "rw"])
            .args(["con=null", "con0=null,fd:1", "quiet", "panic=-1"])
            .args(self.disks.iter().enumerate().map(|(i, disk)| format!("ubd{i}={}", disk.display())))
            .env("PATH", PATH)
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .env("HOME", self.work)
            .stdin(Stdio::null());
        command
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use super::*;

    #[test]
    fn the_first_program_sees_the_disks_in_their_order() {
        let work = env::var_os("TEST_TMPDIR").map_or_else(env::temp_dir, PathBuf::from);
        let work = work.join(format!("uml-{}", std::process::id()));
        fs::create_dir_all(&work).unwrap();
        let disks: Vec<PathBuf> = ["one", "other"].map(|name| work.join(name)).to_vec();
        for disk in &disks {
            fs::write(disk, format!("{:512}", disk.file_name().unwrap().display())).unwrap();
        }
        let script = work.join("script");
        let words = "cat /dev/ubda /dev/ubdb; echo \"done: $1\"; exec busybox poweroff -f\n";
        fs::write(&script, words).unwrap();
        let machine = Machine { memory: 64, disks: &disks, work: &work };
        let arguments = [script.display().to_string(), "first".into()];
        let said = machine.run(Path::new("/bin/sh"), &arguments, "done: first").unwrap();
        assert!(said.find("one ").unwrap() < said.find("other ").unwrap(), "{said}");
        let failed = machine.run(Path::new("/bin/sh"), &arguments, "done: never").unwrap_err();
        assert!(failed.contains("done: first"), "{failed}");
        fs::remove_dir_all(&work).unwrap();
    }
}

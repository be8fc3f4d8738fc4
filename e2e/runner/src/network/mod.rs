// SPDX-License-Identifier: BSD-3-Clause
//! A boot from the network: real servers beside the machine, an artifact in a registry, and an ESP with the loader.
//!
//! Everything is data ([`Network`]): who pushes, how the machine is wired, what is wrong with the servers. The servers
//! end with [`Running`], and panic where they cannot be started.

mod artifact;
mod esp;
mod faulty;
mod keyless;
mod line;
mod proxy;
mod servers;
mod signing;
mod traffic;
mod wire;
mod words;
pub mod writes;

use std::{
    env, fs,
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use arch::Arch;
use peers::{Nginx, Registry, Scratch, Server, Setup};
use serde::Deserialize;

pub use artifact::{Damage, PushedBy};
pub use faulty::Fault;
pub use keyless::Keyless;
pub use line::Line;
pub use servers::{Blobs, Certificate};
pub use signing::{Form, Signing, Started};
pub use wire::{Wire, enter};

use self::{
    artifact::{Artifact, NAME},
    line::Cable,
    servers::Servers,
    traffic::Traffic,
    words::{replaced, words},
    writes::Log,
};

/// What is around a machine that boots from the network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// The program `cloud-boot` of the machine that tests.
    pub command: String,
    /// The loader, an EFI program.
    pub loader: String,
    /// The artifact's parts.
    pub files: Vec<String>,
    /// Who pushes them.
    pub pushed_by: PushedBy,
    /// Who signs it, and whose signatures the loader asks for; none: a loader without keys.
    pub signing: Option<Signing>,
    /// What is done to the artifact afterwards.
    pub damage: Option<Damage>,
    /// Where the machine's cards lead to.
    pub wire: Wire,
    /// What is wrong with that line, where dnsmasq is on the wire.
    pub line: Option<Line>,
    /// Whether others send to everybody all the time, where dnsmasq is on the wire.
    pub traffic: bool,
    /// QEMU's names of the cards, the first of which is on the wire. `silent:` in front of one stands for a cable with
    /// nobody at its other end.
    pub cards: Vec<String>,
    /// dnsmasq's options for names and addresses, where that is on the wire; none: a lease and the name `registry.test`.
    pub dnsmasq: Vec<String>,
    /// Our own addresses there; none: `10.9.0.1/24` and `fd09::1/64`.
    pub addresses: Vec<String>,
    /// The registry's name in the reference; none: the address that the wire gives it.
    pub host: String,
    /// What the registry shows to the machine.
    pub certificate: Certificate,
    /// Whether the registry wants a login: user `me`, password `hunter2`.
    pub login: bool,
    /// Who has the blobs.
    pub blobs: Blobs,
    /// What a server in front of the registry, which has no certificate then, does to blobs.
    pub front: Option<Fault>,
    /// What the registry's mirror (`@MIRROR@`) does, by plain HTTP as well.
    pub mirror: Option<Fault>,
    /// The text of an entry of the Boot Loader Specification, on the disk with the loader.
    pub entry: String,
    /// Whether the artifact's kernel and initrd are an entry of that disk, too, which is called `Local`.
    pub local: bool,
    /// The document that a cloud's metadata service has for the machine, at 169.254.169.254, where dnsmasq is on the wire;
    /// none where there is no such service.
    pub metadata: String,
    /// The document of a NoCloud volume, on a disk of its own; empty where there is no such volume.
    pub seed: String,
    /// Whether a proxy (`@PROXY@`) is there, which knows `registry.test`.
    pub proxy: bool,
    /// The loader's settings, by fw_cfg.
    pub settings: String,
    /// A boot before the one that is judged.
    pub earlier: Option<Earlier>,
}

/// A boot before the one that is judged: of the same machine, with the same servers. What it writes to its ESP and to
/// its variables stays.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// Patterns that its console has, in their order; it ends with the last one.
    pub expect: Vec<String>,
    /// What happens then, in this order.
    pub then: Vec<Event>,
    /// In how many states the machine is judged that its ESP would have been left in, had power failed on the way.
    #[serde(default)]
    pub cuts: usize,
}

/// What happens between two boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The registry dies.
    RegistryDies,
    /// A bit of each part in the loader's cache is flipped.
    CacheIsChanged,
}

/// In the toolbox; a user's PATH lacks it.
const FSCK: &str = "/usr/sbin/fsck.fat";
/// The variables of a machine that boots more than once.
const VARIABLES: &str = "vars-kept.fd";
/// The record of writes to the ESP.
const RECORD: &str = "writes.log";

/// Servers that run, and what the machine has of them.
pub struct Running {
    /// More of QEMU's options.
    pub options: Vec<String>,
    /// What stands for each `@WORD@` in settings and patterns.
    words: Vec<(&'static str, String)>,
    folder: Scratch,
    servers: Servers,
    cable: Option<Cable>,
    traffic: Option<Traffic>,
    _metadata: Option<Nginx>,
    _dnsmasq: Option<Server>,
}

impl Network {
    /// Starts the servers, has the artifact pushed, makes the ESP.
    ///
    /// # Errors
    /// When settings contradict each other, or a tool says what it should not.
    ///
    /// # Panics
    /// A server or a tool fails.
    pub fn start(&self, arch: Arch) -> Result<Running> {
        let folder = Scratch::new("network");
        ensure!(self.line.is_none() || self.wire == Wire::Dnsmasq, "a bad line needs the wire dnsmasq");
        ensure!(!self.traffic || self.wire == Wire::Dnsmasq, "traffic needs the wire dnsmasq");
        let cable = self.line.map(|line| line.lay(self.size()?)).transpose()?;
        self.wire.make(&self.dnsmasq_options(), &self.own_addresses(), cable.is_some())?;
        let pki = servers::pki();
        // It has the artifact, whatever is shown to the machine afterwards.
        let store = Registry::set_up(&Setup { of_http: &servers::tls(&pki, "pushing"), ..Setup::default() });
        let artifact = Artifact {
            command: &absolute(&self.command)?,
            folder: folder.path(),
            registry: &store,
            ca: &pki.folder().join("own.pem"),
            arch,
        };
        artifact.push(&self.files, self.pushed_by)?;
        let first = artifact.first()?;
        let loader = self.signed(&artifact)?;
        if let Some(damage) = &self.damage {
            artifact.damage(damage)?;
        }
        let digest = store.digest(NAME, artifact::TAG);
        let host = if self.host.is_empty() { self.wire.host() } else { &self.host };
        let servers = Servers::start(self, &pki, store, host)?;
        let words = words(&servers, digest, &first);
        let entry = replaced(&words, &self.entry)?;
        esp::format(folder.path(), if self.earlier.is_some() { self.size()? } else { 0 });
        esp::fill(folder.path(), arch, &loader, &pki.read("own.pem"), &entry)?;
        esp::add_keys(folder.path(), self.signing.as_ref().map_or(&[], |signing| &signing.beside));
        if self.local {
            esp::add_local(folder.path())?;
        }
        let document = replaced(&words, &self.metadata)?;
        let metadata = (!document.is_empty()).then(|| servers::metadata(&document));
        let dnsmasq = self.dnsmasq_options().into_iter().map(|option| replaced(&words, &option));
        let dnsmasq = dnsmasq.collect::<Result<Vec<_>>>()?;
        let dnsmasq = (self.wire == Wire::Dnsmasq).then(|| servers::dnsmasq(folder.path(), &dnsmasq));
        let mut options = wire::cards(self.wire, &self.cards, cable.as_ref().map(Cable::netdev));
        let settings = replaced(&words, &self.settings)?;
        if !settings.is_empty() {
            // A comma ends a setting of QEMU; two are one.
            let settings = settings.replace(',', ",,");
            options.extend(["-fw_cfg".into(), format!("name=opt/org.cloudboot/cmdline,string={settings}")]);
        }
        let seed = replaced(&words, &self.seed)?;
        if !seed.is_empty() {
            let disk = esp::make_seed(folder.path(), &seed)?;
            options.extend(["-drive".into(), format!("if=none,id=seed,format=raw,readonly=on,file={disk}")]);
            options.extend(["-device".into(), "virtio-blk-pci,drive=seed".into()]);
        }
        let traffic = self.traffic.then(Traffic::start).transpose()?;
        Ok(Running {
            options,
            words,
            folder,
            servers,
            cable,
            traffic,
            _metadata: metadata,
            _dnsmasq: dnsmasq,
        })
    }

    /// Bytes of the artifact's parts.
    fn size(&self) -> Result<u64> {
        // They have no 2^64.
        self.files.iter().try_fold(0_u64, |sum, file| Ok(sum.saturating_add(fs::metadata(file)?.len())))
    }

    /// The loader's path: where the artifact is signed, which is done, that of one with keys built in.
    fn signed(&self, artifact: &Artifact<'_>) -> Result<String> {
        let loader = absolute(&self.loader)?;
        let Some(signing) = &self.signing else { return Ok(loader) };
        let folder = artifact.folder;
        let service = signing.keyless.map(|_| Keyless::serve(folder)).transpose()?;
        let image = || artifact.digested();
        if let Some(epoch) = signing.epoch {
            let epoch = epoch.to_string();
            artifact.annotate(&[("org.cloudboot.name", signing::NAME), ("org.cloudboot.epoch", &epoch)])?;
        }
        if signing.index {
            artifact.damage(&Damage::Index(vec!["amd64".into()]))?;
        }
        let loader = signing.build(folder, artifact.command, artifact.arch, &loader, artifact.ca);
        if let (Some(keyless), Some(service)) = (signing.keyless, service) {
            keyless.sign(service, &artifact.document()?, artifact)?;
        }
        let signed = image();
        signing.sign(folder, &signed, artifact.ca)?;
        if signing.of_another {
            artifact.annotate(&[("changed", "1")])?;
            Signing::move_to(folder, &signed, &image(), artifact.ca);
        }
        Ok(loader)
    }

    fn dnsmasq_options(&self) -> Vec<String> {
        if self.dnsmasq.is_empty() { texts(&wire::DNSMASQ) } else { self.dnsmasq.clone() }
    }

    fn own_addresses(&self) -> Vec<String> {
        if self.addresses.is_empty() { texts(&wire::ADDRESSES) } else { self.addresses.clone() }
    }
}

/// Before or after the boot whose writes are recorded.
#[derive(Clone, Copy, Debug)]
pub enum Time {
    /// Before it.
    Before,
    /// After it.
    After,
}

impl Time {
    /// Where the variables of that time are kept.
    fn file(self) -> &'static str {
        match self {
            Self::Before => "vars-before.fd",
            Self::After => "vars-after.fd",
        }
    }
}

impl Running {
    /// The image of a disk: an EFI system partition with the loader and the certificate.
    pub fn esp(&self) -> String {
        self.folder.path().join(esp::FILE).display().to_string()
    }

    /// The firmware's variables for this boot, made of `vars`.
    ///
    /// # Errors
    /// When a file cannot be made.
    ///
    /// # Panics
    /// A tool fails.
    pub fn variables(&self, network: &Network, vars: String) -> Result<String> {
        let made = match &network.signing {
            Some(signing) => signing.variables(self.folder.path(), &absolute(&vars)?)?,
            None => None,
        };
        let vars = made.unwrap_or(vars);
        if network.earlier.is_none() {
            return Ok(vars);
        }
        let kept = self.folder.path().join(VARIABLES);
        fs::write(&kept, fs::read(&vars)?)?;
        Ok(kept.display().to_string())
    }

    /// Keeps the variables as they are now.
    ///
    /// # Errors
    /// When a file cannot be made.
    pub fn keep_variables(&self, time: Time) -> Result<()> {
        fs::copy(self.folder.path().join(VARIABLES), self.folder.path().join(time.file()))?;
        Ok(())
    }

    /// Where writes to the ESP are to be recorded. The ESP and the variables as they are now are kept beside.
    ///
    /// # Errors
    /// When a file cannot be made.
    pub fn record(&self) -> Result<PathBuf> {
        fs::copy(self.esp(), self.folder.path().join(esp::BEFORE))?;
        self.keep_variables(Time::Before)?;
        let record = self.folder.path().join(RECORD);
        // QEMU makes none.
        File::create(&record)?;
        Ok(record)
    }

    /// Makes the ESP what it would be, had power failed behind so many of the recorded writes, beside the variables of
    /// one time.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn cut(&self, log: &Log, count: usize, variables: Time) -> Result<()> {
        fs::copy(self.folder.path().join(variables.file()), self.folder.path().join(VARIABLES))?;
        fs::copy(self.folder.path().join(esp::BEFORE), self.esp())?;
        log.replay(count, &File::options().write(true).open(self.esp())?)
    }

    /// What the checker of filesystems says of the ESP.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn checked(&self) -> Result<String> {
        let output = Command::new(FSCK).args(["-n", &self.esp()]).output().context(FSCK)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Something happens between two boots.
    ///
    /// # Errors
    /// When there is nothing that it could happen to.
    ///
    /// # Panics
    /// A tool fails.
    pub fn happen(&mut self, event: Event) -> Result<()> {
        match event {
            Event::RegistryDies => self.servers.die(),
            Event::CacheIsChanged => esp::change_cache(self.folder.path())?,
        }
        Ok(())
    }

    /// The text with each `@WORD@` replaced.
    ///
    /// # Errors
    /// When there is another one.
    pub fn replaced(&self, text: &str) -> Result<String> {
        replaced(&self.words, text)
    }

    /// What is said of a run in which all lines were seen, once QEMU has ended, when a fault has not been met.
    pub fn complaint(self) -> Option<String> {
        let of_line = self.cable.and_then(Cable::complaint);
        let of_traffic = self.traffic.and_then(Traffic::complaint);
        of_line.or(of_traffic).or_else(|| self.servers.complaint())
    }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).into()).collect()
}

/// Tools run in folders of their own.
fn absolute(file: &str) -> Result<String> {
    ensure!(Path::new(file).is_file(), "{file} is missing");
    let path = env::current_dir()?.join(file);
    Ok(path.to_str().context("a path that is no UTF-8")?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_understood() {
        let text = r#"{"wire": "dnsmasq", "damage": {"flip": "vmlinuz"}, "certificate": "expired", "pushed_by": "oras"}"#;
        let network: Network = serde_json::from_str(text).unwrap();
        assert_eq!(network.damage, Some(Damage::Flip("vmlinuz".into())));
        assert_eq!((network.wire, network.certificate), (Wire::Dnsmasq, Certificate::Expired));
        assert!(serde_json::from_str::<Network>(r#"{"cable": 1}"#).is_err());
    }
}

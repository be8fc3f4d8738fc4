// SPDX-License-Identifier: BSD-3-Clause
//! A boot from the network: real servers beside the machine, an artifact in a registry, and an ESP with the loader.
//!
//! Everything is data ([`Network`]): who pushes, how the machine is connected, which faults the servers have. The
//! servers end with [`Running`], and panic if they cannot be started.

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

/// The network around a machine that boots from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// The host's program `cloud-boot`.
    pub command: String,
    /// The loader, an EFI program.
    pub loader: String,
    /// The artifact's parts.
    pub files: Vec<String>,
    /// Who pushes them.
    pub pushed_by: PushedBy,
    /// Who signs it, and whose signatures the loader requires; none for a loader without keys.
    pub signing: Option<Signing>,
    /// Damage to the artifact afterwards.
    pub damage: Option<Damage>,
    /// The network that the machine's cards are connected to.
    pub wire: Wire,
    /// Faults of the line; needs the wire dnsmasq.
    pub line: Option<Line>,
    /// Whether there is constant broadcast traffic; needs the wire dnsmasq.
    pub traffic: bool,
    /// QEMU's names of the cards, the first of which is on the wire. The prefix `silent:` connects a card to a cable
    /// without a peer.
    pub cards: Vec<String>,
    /// dnsmasq's options for names and addresses, if it is on the wire; by default a lease and `registry.test`.
    pub dnsmasq: Vec<String>,
    /// The host's addresses there; by default `10.9.0.1/24` and `fd09::1/64`.
    pub addresses: Vec<String>,
    /// The registry's name in the reference; by default the address that the wire gives it.
    pub host: String,
    /// The certificate that the registry shows to the machine.
    pub certificate: Certificate,
    /// Whether the registry requires a login: user `me`, password `hunter2`.
    pub login: bool,
    /// The server that has the blobs.
    pub blobs: Blobs,
    /// Fault of a server in front of the registry, which then has no certificate.
    pub front: Option<Fault>,
    /// Fault of the registry's mirror (`@MIRROR@`), which has no certificate either.
    pub mirror: Option<Fault>,
    /// The text of an entry of the Boot Loader Specification, on the disk with the loader.
    pub entry: String,
    /// Whether that disk also has the artifact's kernel and initrd, as the entry `Local`.
    pub local: bool,
    /// The document of a metadata service at 169.254.169.254, with the wire dnsmasq; empty for no such
    /// service.
    pub metadata: String,
    /// The document of a NoCloud volume, on its own disk; empty for no such volume.
    pub seed: String,
    /// Whether there is a proxy (`@PROXY@`), which resolves `registry.test`.
    pub proxy: bool,
    /// The loader's settings, by fw_cfg.
    pub settings: String,
    /// A boot before the tested one.
    pub earlier: Option<Earlier>,
}

/// A boot before the tested one, of the same machine with the same servers. Its writes to the ESP and to the variables
/// are kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// Patterns for its console, in order; it ends with the last one.
    pub expect: Vec<String>,
    /// Events after it, in this order.
    pub then: Vec<Event>,
    /// Number of states of the ESP to test, each as if power had failed during this boot.
    #[serde(default)]
    pub cuts: usize,
}

/// An event between two boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The registry stops.
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

/// The running servers, and what the machine needs of them.
pub struct Running {
    /// More of QEMU's options.
    pub options: Vec<String>,
    /// Values of each `@WORD@` in settings and patterns.
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
    /// When settings contradict each other, or the output of a tool is unexpected.
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
        // The registry for the push, whatever the machine sees afterwards.
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
            // A comma ends a QEMU setting; a double comma stands for one.
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
        // Their sum is below 2^64.
        self.files.iter().try_fold(0_u64, |sum, file| Ok(sum.saturating_add(fs::metadata(file)?.len())))
    }

    /// Signs the artifact, if it is to be signed; returns the path of the loader, then one with keys built in.
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

/// Time relative to the boot whose writes are recorded.
#[derive(Clone, Copy, Debug)]
pub enum Time {
    /// Before it.
    Before,
    /// After it.
    After,
}

impl Time {
    /// The file with the variables of that time.
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

    /// The firmware's variables for this boot, made from `vars`.
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

    /// The file for the record of writes to the ESP. Keeps copies of the current ESP and variables.
    ///
    /// # Errors
    /// When a file cannot be made.
    pub fn record(&self) -> Result<PathBuf> {
        fs::copy(self.esp(), self.folder.path().join(esp::BEFORE))?;
        self.keep_variables(Time::Before)?;
        let record = self.folder.path().join(RECORD);
        // QEMU does not create the file.
        File::create(&record)?;
        Ok(record)
    }

    /// Sets the ESP to its state after the first `count` recorded writes, as if power had failed then, and the
    /// variables to those of one time.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn cut(&self, log: &Log, count: usize, variables: Time) -> Result<()> {
        fs::copy(self.folder.path().join(variables.file()), self.folder.path().join(VARIABLES))?;
        fs::copy(self.folder.path().join(esp::BEFORE), self.esp())?;
        log.replay(count, &File::options().write(true).open(self.esp())?)
    }

    /// The output of fsck on the ESP.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn checked(&self) -> Result<String> {
        let output = Command::new(FSCK).args(["-n", &self.esp()]).output().context(FSCK)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Performs an event between two boots.
    ///
    /// # Errors
    /// When there is nothing for the event to act on.
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
    /// When a word is unknown.
    pub fn replaced(&self, text: &str) -> Result<String> {
        replaced(&self.words, text)
    }

    /// The complaint about a successful run, once QEMU has ended, if a fault was not triggered.
    pub fn complaint(self) -> Option<String> {
        let of_line = self.cable.and_then(Cable::complaint);
        let of_traffic = self.traffic.and_then(Traffic::complaint);
        of_line.or(of_traffic).or_else(|| self.servers.complaint())
    }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).into()).collect()
}

/// An absolute path, since tools run in other folders.
fn absolute(file: &str) -> Result<String> {
    ensure!(Path::new(file).is_file(), "{file} is missing");
    let path = env::current_dir()?.join(file);
    Ok(path.to_str().context("a path is not UTF-8")?.into())
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

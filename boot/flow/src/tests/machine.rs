// SPDX-License-Identifier: BSD-3-Clause
//! A machine of fakes: one for each trait.

mod network;
mod registry;
mod storage;

use std::{
    boxed::Box,
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    fmt, format,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    rc::Rc,
    string::{String, ToString},
    time::Duration,
    vec,
    vec::Vec,
};

use arch::Arch;
use block::{BlockRead, Memory as Image, ReadError};
use config::{Config, Origin, Text, Trust};
use efi::text;
use menu::{Key, Menu, Outcome};

pub use network::Answer;
pub use registry::{Pushed, Registry, Signing};
pub use storage::Failing;

use storage::{Files, PowerCut};

use super::disks::Disk;
use crate::{
    Clock, Console, Content, Disks, Ended, Floor, Floors, HandOver, Instance, Journal, Memory, Operator,
    Payload, Permit, Place, Platform, Policy, Refused, Tries, Variables, Vendor, Verified, codes,
};

/// The machine, and what happens on it.
pub struct Machine {
    disks: Vec<(Rc<Plugged>, String)>,
    /// How many disks are there; the others appear when drivers are started.
    awake: Cell<usize>,
    /// What is on the disks once something was chosen.
    changed: Vec<Vec<u8>>,
    settings: String,
    memory: u64,
    variables: RefCell<BTreeMap<String, Vec<u8>>>,
    has_setup: bool,
    is_locked: bool,
    has_key: bool,
    is_asking: bool,
    /// What is pressed whenever the menu is shown.
    presses: RefCell<VecDeque<&'static str>>,
    rename: Option<&'static str>,
    /// The metadata document; none where it cannot be had.
    document: Option<&'static str>,
    /// What DHCP names to boot; an error where there is no server.
    boot_file: Result<Option<&'static str>, ()>,
    /// What the network yields, one after the other.
    answers: RefCell<VecDeque<Answer>>,
    /// How many programs come back before one stays.
    returning: Cell<u32>,
    /// Programs start the loader again.
    leads_back: bool,
    /// How many images the firmware does not load.
    unloadable: Cell<u32>,
    lines: RefCell<Vec<String>>,
    /// Names of variables that somebody else has made.
    forged: RefCell<Vec<String>>,
    /// Who may sign.
    signers: Option<cosign::Policy>,
    /// What [`Answer::Registry`] is of.
    registry: RefCell<Registry>,
    /// The volume that the loader was started from.
    files: Files,
}

/// How a boot on the machine ended.
#[derive(Debug, Eq, PartialEq)]
pub enum End {
    /// This was started, and stays.
    Started(String),
    /// Nothing was.
    Ended(Ended),
    /// Power failed.
    Cut,
}

/// A disk that can be pulled.
struct Plugged {
    image: RefCell<Image>,
    is_pulled: Cell<bool>,
}

impl BlockRead for Plugged {
    fn size(&self) -> u64 {
        self.image.borrow().size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        if self.is_pulled.get() {
            return Err(ReadError::reading(offset, "the disk is gone"));
        }
        self.image.borrow().read_at(offset, buf)
    }
}

impl Machine {
    /// A machine with these disks.
    pub fn new(disks: &[Disk]) -> Self {
        let plug = |(i, disk): (usize, &Disk)| {
            let image = RefCell::new(Image::new(disk.bytes()));
            let name = format!("vd{}", char::from(b'a' + u8::try_from(i).unwrap()));
            (Rc::new(Plugged { image, is_pulled: Cell::new(false) }), name)
        };
        Self {
            disks: disks.iter().enumerate().map(plug).collect(),
            awake: Cell::new(usize::MAX),
            changed: Vec::new(),
            settings: String::new(),
            memory: 1 << 30,
            variables: RefCell::default(),
            has_setup: true,
            is_locked: false,
            has_key: false,
            is_asking: false,
            presses: RefCell::default(),
            rename: None,
            document: None,
            boot_file: Ok(None),
            answers: RefCell::default(),
            returning: Cell::new(0),
            leads_back: false,
            unloadable: Cell::new(0),
            lines: RefCell::default(),
            forged: RefCell::default(),
            signers: None,
            registry: RefCell::default(),
            files: Files::default(),
        }
    }

    pub fn settings(self, settings: &str) -> Self {
        Self { settings: settings.into(), ..self }
    }

    pub fn memory(self, memory: u64) -> Self {
        Self { memory, ..self }
    }

    pub fn variable(self, name: &str, value: &str) -> Self {
        self.variables.borrow_mut().insert(name.into(), text::encode(value));
        self
    }

    pub fn without_setup(self) -> Self {
        Self { has_setup: false, ..self }
    }

    pub fn locked(self) -> Self {
        Self { is_locked: true, ..self }
    }

    /// A signature key is built in.
    pub fn with_key(self) -> Self {
        Self { has_key: true, ..self }
    }

    /// A key was pressed before the menu.
    pub fn asking(self) -> Self {
        Self { is_asking: true, ..self }
    }

    /// What is pressed whenever the menu is shown, one text each: `>` is the arrow down, `\n` Enter, `!` a key that
    /// means nothing, `#` pulls all disks.
    pub fn presses(self, presses: &[&'static str]) -> Self {
        Self { presses: RefCell::new(presses.iter().copied().collect()), ..self }
    }

    /// Renaming fails.
    pub fn read_only(self) -> Self {
        Self { rename: Some("EFI status WRITE_PROTECTED"), ..self }
    }

    /// A metadata document.
    pub fn document(self, text: &'static str) -> Self {
        Self { document: Some(text), ..self }
    }

    /// What DHCP names to boot.
    pub fn boot_file(self, text: &'static str) -> Self {
        Self { boot_file: Ok(Some(text)), ..self }
    }

    /// There is no DHCP server.
    pub fn without_dhcp(self) -> Self {
        Self { boot_file: Err(()), ..self }
    }

    /// What the network yields, one after the other.
    pub fn network(self, answers: &[Answer]) -> Self {
        Self { answers: RefCell::new(answers.iter().copied().collect()), ..self }
    }

    /// A registry answers whatever is fetched, and what these have signed may start.
    pub fn registry(self, signers: Option<cosign::Policy>) -> Self {
        let is_locked = signers.is_some();
        Self { signers, has_key: is_locked, is_locked, ..self }
    }

    /// Changes the registry, between boots.
    pub fn with_registry(&self, change: impl FnOnce(&mut Registry)) {
        change(&mut self.registry.borrow_mut());
    }

    /// The volume that the loader was started from.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Makes a variable somebody else's.
    pub fn forge(&self, name: &str, value: &[u8]) {
        self.variables.borrow_mut().insert(name.into(), value.into());
        self.forged.borrow_mut().push(name.into());
    }

    /// A variable's bytes.
    pub fn variable_bytes(&self, name: &str) -> Option<Vec<u8>> {
        self.variables.borrow().get(name).cloned()
    }

    /// Sets or removes a variable.
    pub fn set_variable(&self, name: &str, value: Option<Vec<u8>>) {
        match value {
            Some(value) => self.variables.borrow_mut().insert(name.into(), value),
            None => self.variables.borrow_mut().remove(name),
        };
    }

    /// So many disks are there; the others appear when drivers are started.
    pub fn awake(self, count: usize) -> Self {
        self.awake.set(count);
        self
    }

    /// What is on the disks once something was chosen, in the place of what discovery has seen.
    pub fn changing(self, disks: &[Disk]) -> Self {
        Self { changed: disks.iter().map(Disk::bytes).collect(), ..self }
    }

    /// The first so many programs return.
    pub fn returning(self, count: u32) -> Self {
        self.returning.set(count);
        self
    }

    /// Each program starts the loader again, and returns when that does.
    pub fn leading_back(self) -> Self {
        Self { leads_back: true, ..self }
    }

    /// The firmware does not load the next so many images.
    pub fn refuse_to_load(&self, count: u32) {
        self.unloadable.set(count);
    }

    /// A variable, as text.
    pub fn read_variable(&self, name: &str) -> Option<String> {
        self.variables.borrow().get(name).map(|value| text::decode(value))
    }

    /// Boots, and returns the console's lines, without times, and the end.
    pub fn boot(&self) -> (Vec<String>, End) {
        let text = Text::new(Origin::Section, self.settings.as_bytes());
        let journal = Journal::new(self, self);
        let trust = match (self.has_key, self.is_locked) {
            (true, _) => Trust::LockedWithKey,
            (false, true) => Trust::Locked,
            (false, false) => Trust::Open,
        };
        let (disks, network, clock) = (self, self, self);
        let instance = Instance { cloud: None, trust, disks, network, console: &journal, clock };
        let config = instance.settle(Config::resolve(&[text], trust));
        let platform = Platform {
            disks: self,
            console: &journal,
            clock: self,
            memory: self,
            tries: self,
            network: self,
            hand_over: self,
            operator: self,
            variables: self,
            floors: self,
            storage: &self.files,
            policy: Policy {
                arch: Arch::X86_64,
                is_locked: self.is_locked,
                is_secure_boot: self.is_locked,
                cosign: config.cosign(),
                signers: self.signers.clone(),
            },
            version: "1",
            exit: "returning to the firmware",
        };
        let boot = AssertUnwindSafe(|| crate::boot(&platform, &config));
        let end = match catch_unwind(boot) {
            Ok(ended) => End::Ended(ended),
            Err(panic) if panic.is::<PowerCut>() => End::Cut,
            Err(started) => match started.downcast() {
                Ok(started) => End::Started(*started),
                Err(panic) => resume_unwind(panic),
            },
        };
        (self.lines.take(), end)
    }
}

/// A program that starts the loader again.
impl Machine {
    /// How the program returns, if it does.
    fn start_again(&self) -> Refused {
        let (lines, end) = self.boot();
        self.lines.replace(lines);
        match end {
            End::Started(what) => resume_unwind(Box::new(what)),
            End::Cut => resume_unwind(Box::new(PowerCut)),
            End::Ended(_) => returned(),
        }
    }
}

impl Disks for Machine {
    fn disks(&self) -> Vec<crate::Disk> {
        let disks = self.disks.iter().take(self.awake.get());
        disks.map(|(disk, name)| crate::Disk { device: disk.clone(), name: name.clone() }).collect()
    }

    fn connect(&self) {
        self.awake.set(usize::MAX);
    }
}

impl Console for Machine {
    fn progress(&self, _: fmt::Arguments<'_>) {}

    fn line(&self, text: fmt::Arguments<'_>) {
        let line = format!("{text}").replace(" (0.00 s)", "").replace(", 0.00 s)", ")");
        if line.starts_with("choose \"") {
            for ((disk, _), bytes) in self.disks.iter().zip(&self.changed) {
                disk.image.replace(Image::new(bytes.clone()));
            }
        }
        self.lines.borrow_mut().push(line);
    }
}

impl Clock for Machine {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn since_power_on(&self) -> Duration {
        Duration::ZERO
    }
}

impl Memory for Machine {
    fn available(&self) -> u64 {
        self.memory
    }

    fn buffer(&self, length: usize) -> Option<Vec<u8>> {
        Some(vec![0xee; length])
    }
}

impl Tries for Machine {
    fn rename(&self, place: &Place, name: &str) -> Result<(), String> {
        self.lines.borrow_mut().push(format!("[rename {:?} {} to {name}]", place.partition, place.path));
        self.rename.map_or(Ok(()), |cause| Err(cause.into()))
    }
}

impl Operator for Machine {
    fn is_asking(&self) -> bool {
        self.is_asking
    }

    fn choose(&self, menu: &mut Menu) -> Option<Outcome> {
        self.lines.borrow_mut().push(summary(menu));
        let keys = self.presses.borrow_mut().pop_front()?;
        let outcome = keys.chars().fold(Outcome::Stay, |_, key| match key {
            '>' => menu.key(Key::Down),
            '\n' => menu.key(Key::Enter),
            '!' => menu.key(Key::Other),
            '#' => {
                self.disks.iter().for_each(|(disk, _)| disk.is_pulled.set(true));
                Outcome::Stay
            }
            key => menu.key(Key::Char(key)),
        });
        if outcome != Outcome::Stay {
            return Some(outcome);
        }
        // Nothing was chosen, and an hour passes. Where that chooses nothing either, the last screen is shown.
        let has_run_out = menu.tick(Duration::from_secs(3600)) != Outcome::Stay;
        self.lines.borrow_mut().extend((!has_run_out).then(|| summary(menu)));
        None
    }
}

fn returned() -> Refused {
    Refused { code: codes::RETURNED, cause: "the program returned to the loader".into() }
}

/// A menu in a line: the item under the cursor, the countdown, the message.
fn summary(menu: &Menu) -> String {
    let screen = menu.draw();
    let row = |number: usize| screen.rows()[number].text.trim();
    let marked = screen.rows().iter().find(|row| row.is_marked).map_or("", |row| row.text.as_str());
    let title = marked.get(4..).unwrap_or_default().split("  ").next().unwrap_or_default();
    let left = row(23).strip_prefix("Boots the marked entry in ").and_then(|rest| rest.split(';').next());
    let left = left.map_or(String::new(), |left| format!(", {left}"));
    let message = if row(22).is_empty() { String::new() } else { format!(": {}", row(22)) };
    format!("[menu at {}{left}{message}]", title.trim())
}

impl Variables for Machine {
    fn read(&self, _: Vendor, name: &str) -> Option<Vec<u8>> {
        self.variables.borrow().get(name).cloned()
    }

    fn write(&self, _: Vendor, name: &str, value: &[u8]) {
        self.variables.borrow_mut().insert(name.into(), value.into());
    }

    fn store(&self, vendor: Vendor, name: &str, value: &[u8]) {
        self.lines.borrow_mut().push(format!("[store {name} {}]", text::decode(value)));
        self.write(vendor, name, value);
    }

    fn remove(&self, _: Vendor, name: &str) {
        self.variables.borrow_mut().remove(name);
    }

    fn has_setup(&self) -> bool {
        self.has_setup
    }
}

impl Floors for Machine {
    fn kept(&self, name: &str) -> Floor {
        if self.forged.borrow().iter().any(|forged| forged == name) {
            return Floor::Foreign;
        }
        self.variables.borrow().get(name).cloned().map_or(Floor::None, Floor::Kept)
    }

    fn keep(&self, name: &str, value: &[u8]) -> Result<(), String> {
        self.files.step();
        self.variables.borrow_mut().insert(name.into(), value.into());
        Ok(())
    }

    fn forget(&self, name: &str) -> bool {
        self.files.step();
        self.forged.borrow_mut().retain(|forged| forged != name);
        self.variables.borrow_mut().remove(name).is_some()
    }

    fn names(&self, prefix: &str) -> Vec<String> {
        self.variables.borrow().keys().filter(|name| name.starts_with(prefix)).cloned().collect()
    }
}

impl HandOver for Machine {
    fn hand_over(
        &self,
        payload: Verified<Payload>,
        permit: Permit,
        starting: &dyn Fn() -> Result<(), Refused>,
    ) -> Result<std::convert::Infallible, Refused> {
        if let Some(left) = self.unloadable.get().checked_sub(1) {
            self.unloadable.set(left);
            return Err(Refused { code: codes::SECURE_BOOT, cause: "db lacks its signer".into() });
        }
        starting()?;
        let Payload { title, content, .. } = payload.into_inner(permit);
        if let Some(left) = self.returning.get().checked_sub(1) {
            self.returning.set(left);
            return Err(returned());
        }
        if self.leads_back && matches!(content, Content::Program { .. }) {
            return Err(self.start_again());
        }
        let what = match content {
            Content::Kernel { options, initrd, .. } => {
                format!("{title}: {options} with {}", String::from_utf8_lossy(&initrd).trim_end_matches('\0'))
            }
            Content::Program { options, place, .. } => {
                let place = place.map_or("nowhere".to_string(), |place| place.path);
                format!("{title}: {} at {place}", options.as_deref().unwrap_or("(its own)"))
            }
        };
        resume_unwind(Box::new(what))
    }
}

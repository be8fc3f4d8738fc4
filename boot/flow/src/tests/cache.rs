// SPDX-License-Identifier: BSD-3-Clause
//! The last good image: what is kept, what starts when the registry does not answer, and what an attacker with the ESP
//! achieves.

use std::{format, string::String, vec::Vec};

use super::machine::{Answer, End, Failing, Machine, Pushed, Signing};
use crate::{CACHE_VARIABLE, Ended};

const TAG: &str = "1";
const UNREACHED: &str = "cache looks for host.example/linux:1";
/// Columns of the firmware's console.
const COLUMNS: usize = 80;

/// A machine with a cache, whose registry has an image with the initrd "one".
struct Bed {
    machine: Machine,
    key: Signing,
    one: Pushed,
}

impl Bed {
    /// Whose images must be signed.
    fn new() -> Self {
        Self::with("", true)
    }

    fn with(settings: &str, is_locked: bool) -> Self {
        let key = Signing::new(1);
        let signers = is_locked.then(|| cosign::Policy::any_of([key.public()].into()));
        let settings = format!("cloudboot.cache=1 cloudboot.image=host.example/linux:{TAG} {settings}");
        let machine = Machine::new(&[]).settings(&settings).registry(signers);
        let mut one = None;
        machine.with_registry(|registry| one = Some(registry.push(TAG, "one", 0, &[&key])));
        Self { machine, key, one: one.unwrap() }
    }

    fn push(&self, initrd: &str, epoch: u64) -> Pushed {
        let mut pushed = None;
        self.machine.with_registry(|registry| pushed = Some(registry.push(TAG, initrd, epoch, &[&self.key])));
        pushed.unwrap()
    }

    fn down(&self) {
        self.machine.with_registry(|registry| registry.set_down(true));
    }

    fn up(&self) {
        self.machine.with_registry(|registry| registry.set_down(false));
    }

    /// Boots: the lines about what is fetched and kept, and the initrd that is started, if one is.
    fn boot(&self) -> (Vec<String>, String) {
        let (lines, end) = self.machine.boot();
        let lines: Vec<String> = lines.into_iter().filter(|line| !line.starts_with("discover ")).collect();
        let is_ours = |line: &&String| line.starts_with("cache ") || line.contains("E-CACHE-");
        lines.iter().filter(is_ours).for_each(|line| assert!(line.len() <= COLUMNS, "{line}"));
        let end = match end {
            End::Started(what) => what.rsplit(' ').next().unwrap().into(),
            End::Ended(Ended::AllFailed) => "nothing".into(),
            other => format!("{other:?}"),
        };
        (lines, end)
    }

    /// Boots, and expects this initrd to start, and a line that contains these words; none where they are empty.
    #[track_caller]
    fn starts(&self, initrd: &str, words: &str) -> Vec<String> {
        let (lines, found) = self.boot();
        assert_eq!(found, initrd, "{lines:#?}");
        assert!(lines.iter().any(|line| line.contains(words)), "{words:?} in {lines:#?}");
        lines
    }

    /// What `systemd-bless-boot good` does with the file that counts the tries of this boot.
    fn bless(&self) {
        let path = self.machine.read_variable("LoaderBootCountPath").expect("a boot that is counted");
        let path = path.replace('\\', "/");
        let path = path.strip_prefix("/EFI/cloud-boot/cache/").expect("a file of the cache");
        let (folder, _) = path.split_once('/').unwrap();
        let mut files = self.machine.files().files.borrow_mut();
        let record = files.remove(path).expect("the file is there");
        files.insert(format!("{folder}/record.cb"), record);
        drop(files);
        self.machine.set_variable("LoaderBootCountPath", None);
    }

    /// The images "one", blessed, and "two", which was tried once, are kept.
    fn of_two() -> (Self, Pushed) {
        let bed = Self::new();
        bed.starts("one", "cache keeps");
        bed.bless();
        let two = bed.push("two", 0);
        bed.starts("two", "cache keeps");
        (bed, two)
    }

    fn file(&self, path: &str) -> Vec<u8> {
        self.machine.files().files.borrow()[path].clone()
    }

    fn set_file(&self, path: &str, bytes: &[u8]) {
        self.machine.files().files.borrow_mut().insert(path.into(), bytes.into());
    }

    fn change(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        change(self.machine.files().files.borrow_mut().get_mut(path).unwrap());
    }

    /// Gives a file another name, as who writes to the ESP can.
    fn call(&self, path: &str, new: &str) {
        let bytes = self.file(path);
        self.remove(path);
        self.set_file(new, &bytes);
    }

    /// The same machine, on which the holders of these keys may sign.
    fn trusting(self, keys: &[&Signing]) -> Self {
        let keys = keys.iter().map(|key| key.public()).collect();
        Self { machine: self.machine.registry(Some(cosign::Policy::any_of(keys))), ..self }
    }

    fn remove(&self, path: &str) {
        self.machine.files().files.borrow_mut().remove(path).unwrap();
    }

    fn variable(&self) -> String {
        let bytes = self.machine.variable_bytes(CACHE_VARIABLE).unwrap_or_default();
        String::from_utf8(bytes).unwrap()
    }

    fn records(&self) -> Vec<String> {
        self.machine.files().paths().into_iter().filter(|path| path.contains("record")).collect()
    }
}

/// The file of a part.
fn part(slot: &str, digest: &oci::Digest) -> String {
    format!("{slot}/sha256-{}", digest.hex())
}

#[test]
fn what_was_verified_is_kept_and_started_when_the_registry_is_gone() {
    let bed = Bed::new();
    let lines = bed.starts("one", "cache keeps sha256:");
    assert!(lines.iter().any(|line| line.starts_with("signed host.example/linux:1 ")), "{lines:#?}");
    assert_eq!(bed.records(), ["a/record+2-1.cb"]);
    let path = bed.machine.read_variable("LoaderBootCountPath");
    assert_eq!(path.as_deref(), Some("\\EFI\\cloud-boot\\cache\\a\\record+2-1.cb"));
    bed.down();
    let lines = bed.starts("one", "cache a host.example/linux:1 -> sha256:");
    assert!(lines.iter().any(|line| line == UNREACHED), "{lines:#?}");
    assert!(lines.iter().any(|line| line.ends_with(" (1.5 KiB)")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("signed host.example/linux:1 ")), "{lines:#?}");
    assert_eq!(bed.records(), ["a/record+1-2.cb"]);
}

#[test]
fn without_the_setting_nothing_is_kept() {
    let key = Signing::new(1);
    let machine = Machine::new(&[]).settings("cloudboot.image=host.example/linux:1");
    let machine = machine.registry(Some(cosign::Policy::any_of([key.public()].into())));
    machine.with_registry(|registry| drop(registry.push(TAG, "one", 0, &[&key])));
    assert!(matches!(machine.boot().1, End::Started(_)));
    assert!(machine.files().paths().is_empty() && machine.variable_bytes(CACHE_VARIABLE).is_none());
}

#[test]
fn tries_that_are_used_up_end_what_was_never_good() {
    let bed = Bed::new();
    bed.starts("one", "cache keeps");
    bed.down();
    bed.starts("one", "cache a host");
    bed.starts("one", "cache a host");
    assert_eq!(bed.records(), ["a/record+0-3.cb"]);
    bed.starts("nothing", "E-NET-CONNECT");
    // It is started from the registry all the same, where there is no better one.
    bed.up();
    bed.starts("one", "oci host.example/linux:1");
    assert_eq!(bed.records(), ["a/record+0-3.cb"]);
}

#[test]
fn a_blessed_image_becomes_the_good_one_and_is_not_counted() {
    let bed = Bed::new();
    bed.starts("one", "cache keeps");
    bed.bless();
    bed.starts("one", "oci host.example/linux:1");
    assert_eq!(bed.records(), ["a/record.cb"]);
    assert_eq!(bed.machine.read_variable("LoaderBootCountPath"), None);
    bed.down();
    for _ in 0..5 {
        bed.starts("one", "cache a host");
    }
    // Firmware that shows capitals.
    let record = bed.file("a/record.cb");
    bed.remove("a/record.cb");
    bed.set_file("a/RECORD.CB", &record);
    bed.starts("one", "cache a host");
}

#[test]
fn a_new_image_goes_beside_the_good_one_and_takes_its_place_when_blessed() {
    let (bed, _) = Bed::of_two();
    assert_eq!(bed.records(), ["a/record.cb", "b/record+2-1.cb"]);
    bed.down();
    bed.starts("one", "cache a host");
    bed.up();
    bed.starts("two", "oci host.example/linux:1");
    assert_eq!(bed.records(), ["a/record.cb", "b/record+1-2.cb"]);
    bed.bless();
    bed.down();
    bed.starts("two", "cache b host");
    // The next one has the slot of what was good before.
    bed.up();
    bed.push("three", 0);
    bed.starts("three", "cache keeps");
    assert_eq!(bed.records(), ["a/record+2-1.cb", "b/record.cb"]);
    assert_eq!(bed.machine.files().paths().len(), 8, "four files each: a record, three parts");
}

#[test]
fn the_good_one_starts_where_the_new_one_used_up_its_tries() {
    let (bed, _) = Bed::of_two();
    bed.starts("two", "oci");
    bed.starts("two", "oci");
    assert_eq!(bed.records(), ["a/record.cb", "b/record+0-3.cb"]);
    for _ in 0..2 {
        let lines = bed.starts("one", "E-CACHE-TRIES its tries are used up");
        assert!(!lines.iter().any(|line| line.starts_with("oci ")), "{lines:#?}");
    }
    // Where the good one cannot be used, nothing is better.
    let good = bed.file("a/record.cb");
    bed.set_file("a/record.cb", b"changed");
    let lines = bed.starts("two", "cache a/record.cb: E-CACHE-FILES digest is ");
    assert!(lines.iter().any(|line| line.starts_with("oci ")), "{lines:#?}");
    assert_eq!(bed.records(), ["a/record.cb", "b/record+0-3.cb"]);
    bed.set_file("a/record.cb", &good);
    // A third one has a slot, and tries, of its own.
    bed.push("three", 0);
    bed.starts("three", "cache keeps");
    assert_eq!(bed.records(), ["a/record.cb", "b/record+2-1.cb"]);
}

#[test]
fn who_writes_to_the_volume_can_say_neither_that_tries_are_used_up_nor_that_they_are_not() {
    let (bed, _) = Bed::of_two();
    // The registry answers. The older image would start in place of the new one, on each boot.
    bed.call("b/record+2-1.cb", "b/record+0-3.cb");
    bed.starts("two", "oci host.example/linux:1");
    assert_eq!(bed.records(), ["a/record.cb", "b/record+1-2.cb"]);
    bed.call("b/record+1-2.cb", "b/record+9.cb");
    bed.starts("two", "oci host.example/linux:1");
    assert_eq!(bed.records(), ["a/record.cb", "b/record+0-3.cb"]);
    bed.call("b/record+0-3.cb", "b/record+3.cb");
    bed.starts("one", "E-CACHE-TRIES its tries are used up");
}

#[test]
fn a_record_is_renewed_when_others_have_signed_the_same_image() {
    let (bed, other) = (Bed::new(), Signing::new(2));
    bed.starts("one", "cache keeps");
    bed.bless();
    let before = bed.variable();
    bed.machine.with_registry(|registry| drop(registry.push(TAG, "one", 0, &[&other])));
    let bed = bed.trusting(&[&other]);
    bed.starts("one", "oci host.example/linux:1");
    assert_eq!(bed.records(), ["a/record.cb"]);
    assert_ne!(bed.variable(), before);
    assert_eq!(bed.machine.files().paths().len(), 4, "a record, three parts");
    bed.down();
    bed.starts("one", "cache a host");
    // Nothing is written where nothing is new.
    bed.up();
    let (before, record) = (bed.variable(), bed.file("a/record.cb"));
    bed.starts("one", "oci host.example/linux:1");
    assert_eq!((bed.variable(), bed.file("a/record.cb")), (before, record));
}

#[test]
fn what_was_kept_before_a_key_was_built_in_starts_once_its_signature_was_seen() {
    let bed = Bed::with("cloudboot.cosign=off", false);
    bed.starts("one", "cache keeps");
    bed.bless();
    let settings = format!("cloudboot.cache=1 cloudboot.image=host.example/linux:{TAG}");
    let key = Signing::new(1);
    let bed = Bed { machine: bed.machine.settings(&settings), ..bed }.trusting(&[&key]);
    bed.starts("one", "signed host.example/linux:1");
    bed.down();
    bed.starts("one", "signed host.example/linux:1");
    // Where nobody looks for signatures, those that are known stay.
    bed.up();
    let off = format!("{settings} cloudboot.cosign=off");
    let bed = Bed { machine: bed.machine.settings(&off), ..bed };
    bed.starts("one", "oci host.example/linux:1");
    let bed = Bed { machine: bed.machine.settings(&settings), ..bed };
    bed.down();
    bed.starts("one", "signed host.example/linux:1");
}

#[test]
fn wherever_power_fails_while_a_record_is_renewed_the_image_starts() {
    let (one, other) = (Signing::new(1), Signing::new(2));
    for is_torn in [false, true] {
        for changes in 0.. {
            let bed = Bed::new().trusting(&[&one, &other]);
            bed.starts("one", "cache keeps");
            bed.bless();
            bed.machine.with_registry(|registry| drop(registry.push(TAG, "one", 0, &[&other])));
            bed.machine.files().cut_after(changes, is_torn);
            let has_ended = bed.machine.boot().1 != End::Cut;
            bed.machine.files().power();
            bed.down();
            bed.starts("one", "cache a host");
            bed.up();
            bed.starts("one", "oci host.example/linux:1");
            let bed = bed.trusting(&[&other]);
            bed.down();
            bed.starts("one", "cache a host");
            if has_ended {
                assert_eq!(
                    changes, 4,
                    "the record beside the old one, the variable, the record, what was beside it"
                );
                break;
            }
        }
    }
}

#[test]
fn what_is_in_a_slot_is_not_fetched_again() {
    let (bed, two) = Bed::of_two();
    bed.machine.with_registry(|registry| registry.damage(&two.initrd));
    bed.starts("two", "oci host.example/linux:1");
    // What is damaged in the slot is fetched anew, and mended.
    bed.machine.with_registry(|registry| registry.damage(&two.initrd));
    bed.change(&part("b", &two.initrd), |bytes| bytes[0] ^= 1);
    bed.starts("two", "E-CACHE-FILES digest is ");
    assert_eq!(bed.file(&part("b", &two.initrd)), b"two");
    bed.remove(&part("b", &two.initrd));
    bed.set_file("b/record+3.cb", b"one record too many");
    bed.starts("two", "it has two records");
}

#[test]
fn only_an_unreached_registry_leads_to_the_cache() {
    let (bed, two) = Bed::of_two();
    bed.bless();
    // Unsigned.
    bed.machine.with_registry(|registry| drop(registry.push(TAG, "bad", 0, &[])));
    bed.starts("nothing", "E-TRUST-UNSIGNED");
    // By somebody else.
    bed.machine.with_registry(|registry| drop(registry.push(TAG, "bad", 0, &[&Signing::new(2)])));
    bed.starts("nothing", "E-TRUST-SIGNER");
    // Tampered with.
    let three = bed.push("three", 0);
    bed.machine.with_registry(|registry| registry.damage(&three.initrd));
    bed.starts("nothing", "E-NET-OCI-DIGEST");
    // All this has left the slots as they were.
    bed.down();
    bed.starts("two", "cache b host");
    bed.up();
    bed.machine.with_registry(|registry| registry.tag(TAG, &two));
    bed.starts("two", "oci");
}

#[test]
fn a_changed_part_is_refused() {
    let bed = Bed::new();
    bed.starts("one", "cache keeps");
    bed.bless();
    bed.down();
    let path = part("a", &bed.one.initrd);
    bed.change(&path, |bytes| bytes[0] ^= 1);
    bed.starts(
        "nothing",
        &format!("warning: obtain cache a {}: E-CACHE-FILES digest is ", &bed.one.initrd.hex()[..12]),
    );
    bed.change(&path, Vec::clear);
    bed.starts("nothing", "E-CACHE-FILES too short: 0 bytes");
    bed.remove(&path);
    bed.starts("nothing", "E-CACHE-FILES EFI status NOT_FOUND");
    // More bytes than there should be are not looked at.
    bed.set_file(&path, b"one and more");
    bed.starts("one", "cache a host");
}

#[test]
fn a_changed_record_is_refused() {
    let (bed, _) = Bed::of_two();
    bed.down();
    let good = bed.file("a/record.cb");
    bed.change("a/record.cb", |bytes| *bytes.last_mut().unwrap() ^= 1);
    bed.starts("two", "warning: obtain cache a/record.cb: E-CACHE-FILES digest is ");
    bed.set_file("a/record.cb", &[0; (8 << 20) + 1]);
    bed.starts("two", "larger than 8388608 bytes");
    assert_eq!(bed.records(), ["a/record.cb", "b/record+0-3.cb"]);
    bed.starts("nothing", "E-CACHE-FILES");
    bed.set_file("a/record.cb", &good);
    bed.starts("one", "cache a host");
}

#[test]
fn slots_that_are_swapped_are_refused() {
    let (bed, two) = Bed::of_two();
    bed.bless();
    bed.down();
    let (a, b) = (bed.file("a/record.cb"), bed.file("b/record.cb"));
    bed.set_file("a/record.cb", &b);
    bed.set_file("b/record.cb", &a);
    let (one, two) = (part("", &bed.one.initrd), part("", &two.initrd));
    bed.set_file(&format!("b{one}"), b"one");
    bed.set_file(&format!("a{two}"), b"two");
    let lines = bed.starts("nothing", "cache a/record.cb: E-CACHE-FILES");
    assert!(lines.iter().any(|line| line.contains("cache b/record.cb: E-CACHE-FILES")), "{lines:#?}");
}

#[test]
fn an_older_record_is_refused() {
    let bed = Bed::new();
    bed.starts("one", "cache keeps");
    let old: Vec<(String, Vec<u8>)> = bed
        .machine
        .files()
        .files
        .borrow()
        .iter()
        .map(|(path, bytes)| (path.clone(), bytes.clone()))
        .collect();
    bed.bless();
    for initrd in ["two", "three"] {
        bed.push(initrd, 0);
        bed.starts(initrd, "cache keeps");
        bed.bless();
    }
    // "three" is in the slot that "one" had.
    bed.machine.files().files.borrow_mut().retain(|path, _| !path.starts_with("a/"));
    // The attacker says that it is good, too.
    old.iter().for_each(|(path, bytes)| bed.set_file(&path.replace("+2-1", ""), bytes));
    bed.down();
    bed.starts("two", "cache a/record.cb: E-CACHE-FILES digest is ");
}

#[test]
fn an_epoch_that_was_raised_revokes_what_is_kept() {
    let bed = Bed::new();
    bed.push("old", 4);
    bed.starts("old", "cache keeps");
    bed.bless();
    bed.push("new", 5);
    bed.starts("new", "cache keeps");
    bed.down();
    bed.starts("new", "E-TRUST-EPOCH epoch 4 of \"\" is revoked: this machine has started epoch 5 of it");
    // What was revoked is not better than what has used up its tries.
    bed.up();
    bed.starts("new", "oci ");
    assert_eq!(bed.records(), ["a/record.cb", "b/record+0-3.cb"]);
    bed.starts("new", "E-CACHE-TRIES");
    bed.down();
    bed.starts("nothing", "E-TRUST-EPOCH epoch 4");
    bed.up();
    // One that is too old is not kept either.
    bed.push("older", 3);
    let before = bed.machine.files().paths();
    bed.starts("nothing", "E-TRUST-EPOCH");
    assert_eq!(bed.machine.files().paths(), before);
}

/// A machine whose good image is "old", of epoch 4, and which has started "new", of epoch 5, once.
fn of_two_epochs() -> (Bed, Pushed) {
    let bed = Bed::new();
    let old = bed.push("old", 4);
    bed.starts("old", "cache keeps");
    bed.bless();
    bed.push("new", 5);
    bed.starts("new", "cache keeps");
    (bed, old)
}

const REVOKED: &str = "E-TRUST-EPOCH epoch 4 of \"\" is revoked: this machine has started epoch 5 of it";

#[test]
fn who_keeps_a_newer_epoch_from_becoming_good_does_not_bring_the_older_one_back() {
    let (bed, old) = of_two_epochs();
    // The cable is cut, and who writes to the ESP says that the new one has no tries left, then removes it.
    bed.down();
    bed.call("b/record+2-1.cb", "b/record+0-3.cb");
    bed.starts("new", REVOKED);
    bed.machine.files().files.borrow_mut().retain(|path, _| !path.starts_with("b/"));
    bed.starts("nothing", REVOKED);
    // The registry, or who answers for it, offers the old one again.
    bed.up();
    bed.machine.with_registry(|registry| registry.tag(TAG, &old));
    bed.starts("nothing", REVOKED);
    bed.machine.files().files.borrow_mut().clear();
    bed.starts("nothing", REVOKED);
    // The cache itself, which a file on the ESP may switch on and off, makes no difference.
    let settings = format!("cloudboot.cache=0 cloudboot.image=host.example/linux:{TAG}");
    let bed = Bed { machine: bed.machine.settings(&settings), ..bed };
    bed.starts("nothing", REVOKED);
}

#[test]
fn what_was_good_cannot_be_said_to_be_untried_to_bring_an_older_epoch_back() {
    let (bed, _) = of_two_epochs();
    bed.bless();
    bed.call("b/record.cb", "b/record+0-3.cb");
    bed.down();
    // It has tries left: nothing else counts them.
    bed.starts("new", REVOKED);
}

#[test]
fn an_older_signed_image_is_refused_wherever_it_is_offered() {
    let (bed, old) = of_two_epochs();
    bed.machine.with_registry(|registry| {
        registry.tag("2", &old);
        registry.push_index("3", &old, 9);
    });
    let mut bed = bed;
    // Under another tag, from another repository, and in an index that says of itself that it is newer.
    for reference in ["linux:2", "other:2", "linux:3"] {
        let settings = format!("cloudboot.cache=1 cloudboot.image=host.example/{reference}");
        bed = Bed { machine: bed.machine.settings(&settings), ..bed };
        bed.starts("nothing", REVOKED);
    }
}

#[test]
fn a_tag_that_changes_once_it_is_known_is_not_asked_for_again() {
    let bed = Bed::new();
    bed.machine.with_registry(|registry| {
        let other = registry.push("2", "other", 0, &[]);
        registry.tag_then(TAG, &other);
    });
    bed.starts("one", "cache keeps");
    let mut count = 0;
    bed.machine.with_registry(|registry| count = registry.count("/manifests/1"));
    assert_eq!(count, 1);
}

#[test]
fn without_an_address_the_cache_is_used() {
    let bed = Bed::new();
    bed.starts("one", "cache keeps");
    bed.bless();
    let bed = Bed { machine: bed.machine.network(&[Answer::None]), ..bed };
    let lines = bed.starts("one", "cache a host");
    assert!(lines.iter().any(|line| line.contains("network dhcp: ")), "{lines:#?}");
}

#[test]
fn what_the_firmware_does_not_load_revokes_nothing() {
    let bed = Bed::new();
    bed.push("old", 4);
    bed.starts("old", "cache keeps");
    bed.bless();
    bed.push("new", 5);
    bed.machine.refuse_to_load(3);
    (0..3).for_each(|_| drop(bed.starts("nothing", "db lacks its signer")));
    // Its tries are used up.
    bed.starts("old", "E-CACHE-TRIES");
}

#[test]
fn an_epoch_that_is_raised_behind_a_good_image_leaves_a_good_one() {
    let bed = Bed::new();
    bed.push("old", 4);
    bed.starts("old", "cache keeps");
    bed.bless();
    // First the new image with the old epoch, then the same one with the new epoch, as the book says.
    for epoch in [4, 5] {
        bed.push("new", epoch);
        bed.starts("new", "cache keeps");
        bed.bless();
        bed.down();
        bed.starts("new", "cache ");
        bed.up();
    }
}

#[test]
fn a_key_that_is_no_longer_trusted_does_not_vouch_for_what_is_kept() {
    let bed = Bed::new();
    bed.starts("one", "cache keeps");
    bed.bless();
    bed.down();
    let bed = Bed {
        machine: bed.machine.registry(Some(cosign::Policy::any_of([Signing::new(2).public()].into()))),
        ..bed
    };
    let lines = bed.starts("nothing", "E-TRUST-SIGNER");
    assert!(lines.iter().any(|line| line.starts_with("warning: verify ")), "{lines:#?}");
}

#[test]
fn a_variable_of_somebody_else_is_removed() {
    let (bed, _) = Bed::of_two();
    let value = bed.machine.variable_bytes(CACHE_VARIABLE).unwrap();
    bed.machine.forge(CACHE_VARIABLE, &value);
    bed.down();
    bed.starts("nothing", "E-CACHE-VARIABLE not this loader's: removed");
    assert_eq!((bed.variable(), bed.machine.files().paths().len()), (String::new(), 0));
    bed.up();
    bed.starts("two", "cache keeps");
    bed.machine.set_variable(CACHE_VARIABLE, Some(b"a b c d\n".into()));
    bed.starts("two", "E-CACHE-VARIABLE malformed: removed");
    // Nothing was known of what lay there, so that it is kept anew.
    assert_eq!(bed.records(), ["a/record+2-1.cb"]);
}

#[test]
fn another_reference_is_another_image() {
    let bed = Bed::new();
    bed.starts("one", "cache keeps");
    bed.bless();
    bed.down();
    let other = bed.machine.settings("cloudboot.cache=1 cloudboot.image=host.example/linux:2");
    let bed = Bed { machine: other, ..bed };
    bed.starts("nothing", "E-NET-CONNECT");
}

#[test]
fn without_keys_the_digest_or_the_variable_vouches() {
    for settings in ["cloudboot.cosign=off", "PINNED"] {
        let bed = Bed::with("", false);
        let pinned = format!("cloudboot.image=host.example/linux:1@{}", bed.one.manifest);
        let settings = format!("cloudboot.cache=1 cloudboot.image=host.example/linux:1 {settings}");
        let machine = bed.machine.settings(&settings.replace("PINNED", &pinned));
        let bed = Bed { machine, key: bed.key, one: bed.one };
        bed.starts("one", "cache keeps");
        bed.down();
        bed.starts("one", "cache a host");
        // The same bytes by another record are others than were kept.
        bed.change("a/record+1-2.cb", |bytes| bytes.extend_from_slice(b"0 x \n\n"));
        bed.starts("nothing", "E-CACHE-FILES digest is ");
    }
}

#[test]
fn an_unsigned_image_that_is_only_warned_of_is_not_kept() {
    let bed = Bed::with("cloudboot.cosign=warn", true);
    bed.machine.with_registry(|registry| drop(registry.push(TAG, "unsigned", 0, &[])));
    bed.starts("unsigned", "going on because of cloudboot.cosign=warn");
    assert!(bed.machine.files().paths().is_empty());
}

#[test]
fn a_volume_without_room_or_that_cannot_be_written_keeps_nothing_and_boots() {
    let bed = Bed::new();
    bed.machine.files().size.set(9 << 20);
    bed.starts("one", "warning: obtain cache a: E-CACHE-ROOM 9.0 MiB wanted, 9.0 MiB free");
    assert!(bed.machine.files().paths().is_empty());
    bed.machine.files().size.set(64 << 20);
    bed.machine.files().failing.set(Some(Failing::ReadOnly));
    bed.starts("one", "warning: obtain cache a: E-CACHE-WRITE EFI status WRITE_PROTECTED");
    bed.machine.files().failing.set(Some(Failing::Absent));
    bed.starts("one", "warning: obtain cache: E-CACHE-VOLUME this program was not started from a volume");
    bed.machine.files().failing.set(None);
    bed.starts("one", "cache keeps");
    // Where the name cannot be changed, that is said.
    bed.machine.files().failing.set(Some(Failing::ReadOnly));
    bed.starts("one", "tries are not counted: a/record+2-1.cb: EFI status WRITE_PROTECTED");
}

#[test]
fn what_belongs_to_no_slot_is_removed() {
    let bed = Bed::new();
    bed.starts("one", "cache keeps");
    bed.bless();
    let before = bed.machine.files().paths();
    for path in ["junk", "b/junk", "b/record.cb"] {
        bed.set_file(path, b"junk");
    }
    (0..600).for_each(|number| bed.set_file(&format!("b/{number}"), b""));
    bed.starts("one", "oci");
    assert_eq!(bed.machine.files().paths(), before);
    // More than anybody has put there by mistake ends the use of the cache, not the boot.
    (0..2000).for_each(|number| bed.set_file(&format!("b/{number}"), b""));
    bed.starts("one", "warning: obtain cache: E-CACHE-WRITE slot b has more than 1024 files");
    // A record that is hidden behind other names is none.
    (0..600).for_each(|number| bed.set_file(&format!("a/{number}"), b""));
    bed.down();
    bed.starts("nothing", "its record is missing");
}

#[test]
fn a_cache_whose_folder_is_removed_is_empty() {
    let (bed, _) = Bed::of_two();
    bed.machine.files().files.borrow_mut().clear();
    let lines = bed.starts("two", "cache keeps");
    assert!(!lines.iter().any(|line| line.contains("warning")), "{lines:#?}");
}

#[test]
fn wherever_power_fails_the_next_boot_starts_one_image_or_the_other() {
    for is_torn in [false, true] {
        for changes in 0.. {
            let (bed, _) = Bed::of_two();
            // "one" is good, "two" was tried once, and "three" takes its slot.
            bed.push("three", 0);
            bed.machine.files().cut_after(changes, is_torn);
            let (_, end) = bed.machine.boot();
            let has_ended = end != End::Cut;
            bed.machine.files().power();
            bed.down();
            bed.starts("one", "cache a host");
            bed.up();
            bed.starts("three", "oci host.example/linux:1");
            bed.bless();
            bed.down();
            bed.starts("three", "cache b host");
            if has_ended {
                assert!(
                    changes > 8,
                    "{changes} changes: the variable, four files, four more, the variable, a name"
                );
                break;
            }
        }
    }
}

#[test]
fn wherever_power_fails_the_first_image_is_kept_whole_or_not_at_all() {
    for is_torn in [false, true] {
        for changes in 0.. {
            let bed = Bed::new();
            bed.machine.files().cut_after(changes, is_torn);
            let has_ended = bed.machine.boot().1 != End::Cut;
            bed.machine.files().power();
            bed.down();
            let is_kept = !bed.variable().is_empty();
            bed.starts(if is_kept { "one" } else { "nothing" }, "");
            bed.up();
            bed.starts("one", "oci");
            bed.bless();
            bed.down();
            bed.starts("one", "cache a host");
            if has_ended {
                break;
            }
        }
    }
}

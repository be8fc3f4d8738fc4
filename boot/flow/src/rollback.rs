// SPDX-License-Identifier: BSD-3-Clause
//! Revocation of old images whose signatures are still valid: signed annotations give an image a name and an epoch, and
//! no image starts whose epoch is below the highest one that was started under that name.
//!
//! The highest epoch that was started (the floor) is stored in a firmware variable, one for each trusted signer and
//! each name. The booted system can neither read nor set it: the variable lacks the runtime attribute, and firmware
//! creates no such variable after ExitBootServices. A variable with that attribute was therefore not written by this
//! loader.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use oci::{Digest, Image};
use sha2::{Digest as _, Sha256};

use crate::{Failure, Phase, Platform, Refused, Vouched, codes, report::Report};

/// The annotation that holds an image's name.
///
/// Source: docs/sign-and-lock.md, "Old images".
const NAME: &str = "org.cloudboot.name";
/// The annotation that holds its epoch, a decimal number.
pub const EPOCH: &str = "org.cloudboot.epoch";
/// Prefix of the variables' names; the vendor GUID is cloud-boot's.
pub const EPOCH_VARIABLE: &str = "CloudBootEpoch-";
/// Bytes of the hash in a variable's name.
const TOLD_APART: usize = 16;

/// The name and epoch of an image.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Release {
    /// The name that its signers chose; may be empty.
    pub name: String,
    /// A higher epoch revokes images of the same name with a lower one.
    pub epoch: u64,
}

impl Release {
    /// Reads the signed documents: the manifest, and the index around it if the index is what was signed. The higher
    /// epoch counts, and the manifest's name before the index's. Missing annotations mean an empty name and epoch 0.
    ///
    /// # Errors
    /// An epoch that is not a decimal number.
    pub fn of(image: &Image, signed: &Digest) -> Result<Self, Failure> {
        let index = image.index.as_ref().filter(|_| *signed == image.digest).map(|index| &index.annotations);
        let mut release = Self::default();
        for annotations in [Some(&image.manifest.annotations), index].into_iter().flatten() {
            let epoch = annotations.get(EPOCH).map_or("0", String::as_str);
            let number = Self::epoch(epoch).ok_or_else(|| {
                let cause = format!("annotation {EPOCH}={epoch:?} is not a decimal number");
                Failure::new(Phase::Verify, signed.to_string(), codes::TRUST_EPOCH, &cause)
            })?;
            release.epoch = release.epoch.max(number);
            if release.name.is_empty() {
                release.name = annotations.get(NAME).cloned().unwrap_or_default();
            }
        }
        Ok(release)
    }

    /// The number in the annotation [`EPOCH`]; None if it is not a decimal number of at most 64 bits.
    pub fn epoch(text: &str) -> Option<u64> {
        let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| is_decimal)
    }
}

/// Variables that survive reboots and that no booted system can access, by name.
pub trait Floors {
    /// The value of a variable.
    fn kept(&self, name: &str) -> Floor;

    /// Stores these bytes.
    ///
    /// # Errors
    /// Why the variable still has its old value.
    fn keep(&self, name: &str, value: &[u8]) -> Result<(), String>;

    /// Deletes a variable; returns whether that worked.
    fn forget(&self, name: &str) -> bool;

    /// The names of all variables that start with `prefix`.
    fn names(&self, prefix: &str) -> Vec<String>;
}

/// A variable of [`Floors`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Floor {
    /// There is none.
    None,
    /// These bytes.
    Kept(Vec<u8>),
    /// There may be one, but it cannot be read.
    Unreadable,
    /// It has the runtime attribute, so this loader did not write it.
    Foreign,
}

/// The variable's name for one trusted signer and one image name.
fn variable(member: &str, name: &str) -> String {
    let hash = Sha256::new().chain_update(member).chain_update([0]).chain_update(name).finalize();
    let hex: String = hash.iter().take(TOLD_APART).map(|byte| format!("{byte:02x}")).collect();
    format!("{EPOCH_VARIABLE}{hex}")
}

/// How many epochs are stored.
pub fn count(floors: &dyn Floors) -> usize {
    floors.names(EPOCH_VARIABLE).len()
}

/// Deletes all epochs: returns how many were deleted, and how many could not be.
pub fn forget(floors: &dyn Floors) -> (usize, usize) {
    let names = floors.names(EPOCH_VARIABLE);
    let forgotten = names.iter().filter(|name| floors.forget(name)).count();
    // Cannot saturate: no more are deleted than there are.
    (forgotten, names.len().saturating_sub(forgotten))
}

/// Refuses a revoked image, and warns of variables that this loader did not write.
///
/// # Errors
/// As [`check`].
pub fn expect_current(
    platform: &Platform<'_>,
    report: &Report<'_>,
    title: &str,
    vouched: Option<&Vouched>,
) -> Result<(), Failure> {
    let Some(Vouched { release, .. }) = vouched else { return Ok(()) };
    let foreign = |variable: &str, is_removed| report.foreign_floor(variable, is_removed);
    check(platform.floors, title, &platform.policy.members(), release, &foreign)
}

/// Checks the floors of all members of a policy. `foreign` is told of each variable that this loader did not write, and
/// whether it could be removed.
///
/// # Errors
/// A later epoch was started before, or a floor cannot be read.
fn check(
    floors: &dyn Floors,
    title: &str,
    members: &[String],
    release: &Release,
    foreign: &dyn Fn(&str, bool),
) -> Result<(), Failure> {
    let failed = |cause: &str| Err(Failure::new(Phase::Verify, title, codes::TRUST_EPOCH, &cause));
    for member in members {
        let variable = variable(member, &release.name);
        let kept = match floors.kept(&variable) {
            Floor::None => continue,
            Floor::Foreign => {
                foreign(&variable, floors.forget(&variable));
                continue;
            }
            Floor::Unreadable => return failed(&format!("the variable {variable} cannot be read")),
            Floor::Kept(bytes) => bytes,
        };
        let text = core::str::from_utf8(&kept).ok();
        let Some(floor) = text.and_then(|text| text.parse::<u64>().ok()) else {
            return failed(&format!("the variable {variable} holds no epoch"));
        };
        if release.epoch < floor {
            let Release { name, epoch } = release;
            return failed(&format!(
                "epoch {epoch} of {name:?} is revoked: this machine has started epoch {floor} of it"
            ));
        }
    }
    Ok(())
}

/// Raises the floor to the image's epoch, for all members of the policy: the next image may be signed by other members.
///
/// # Errors
/// One of the floors could not be stored: then none is changed, and nothing may start.
pub fn raise(floors: &dyn Floors, members: &[String], release: &Release) -> Result<(), Refused> {
    let epoch = release.epoch.to_string();
    let mut raised = Vec::new();
    // An epoch of 0 is below nothing.
    for member in members.iter().filter(|_| release.epoch > 0) {
        let variable = variable(member, &release.name);
        let before = floors.kept(&variable);
        if before == Floor::Kept(epoch.clone().into_bytes()) {
            continue;
        }
        if let Err(cause) = floors.keep(&variable, epoch.as_bytes()) {
            lower(floors, &raised);
            let cause = format!("epoch {epoch} cannot be stored in the variable {variable}: {cause}");
            return Err(Refused { code: codes::TRUST_FLOOR, cause });
        }
        raised.push((variable, before));
    }
    Ok(())
}

/// Restores the previous floors for an image that does not start, since it revokes nothing. Best effort: a floor that
/// stays too high only refuses more than it must.
fn lower(floors: &dyn Floors, raised: &[(String, Floor)]) {
    for (variable, before) in raised {
        let _ = match before {
            Floor::Kept(bytes) => floors.keep(variable, bytes).is_ok(),
            Floor::None | Floor::Foreign => floors.forget(variable),
            // The old value is unknown.
            Floor::Unreadable => true,
        };
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::BTreeMap, format, string::String, vec, vec::Vec};

    use oci::{
        Document,
        spec::{Annotations, Index},
    };

    use super::*;

    /// Variables, and whether each is somebody else's.
    #[derive(Default)]
    struct Store(RefCell<BTreeMap<String, Floor>>);

    impl Floors for Store {
        fn kept(&self, name: &str) -> Floor {
            self.0.borrow().get(name).cloned().unwrap_or(Floor::None)
        }

        fn keep(&self, name: &str, value: &[u8]) -> Result<(), String> {
            self.0.borrow_mut().insert(name.into(), Floor::Kept(value.to_vec()));
            Ok(())
        }

        fn forget(&self, name: &str) -> bool {
            self.0.borrow_mut().remove(name).is_some()
        }

        fn names(&self, prefix: &str) -> Vec<String> {
            self.0.borrow().keys().filter(|name| name.starts_with(prefix)).cloned().collect()
        }
    }

    fn release(name: &str, epoch: u64) -> Release {
        Release { name: name.into(), epoch }
    }

    fn signers(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| String::from(*name)).collect()
    }

    /// Starts it, if it may be; the cause, if not.
    fn start(store: &Store, by: &[&str], release: &Release) -> Result<(), String> {
        let signers = signers(by);
        check(store, "x", &signers, release, &|_, _| {}).map_err(|failure| failure.cause)?;
        raise(store, &signers, release).map_err(|refused| refused.cause)
    }

    #[test]
    fn what_is_older_than_what_was_started_is_refused() {
        let store = Store::default();
        assert_eq!(start(&store, &["a"], &release("linux", 4)), Ok(()));
        assert_eq!(start(&store, &["a"], &release("linux", 5)), Ok(()));
        let refused = "epoch 4 of \"linux\" is revoked: this machine has started epoch 5 of it";
        assert_eq!(start(&store, &["a"], &release("linux", 4)), Err(refused.into()));
        assert_eq!(
            start(&store, &["b", "a"], &release("linux", 4)),
            Err(refused.into()),
            "with one more signer"
        );
        // Another name, and another signer, have epochs of their own.
        assert_eq!(start(&store, &["a"], &release("other", 1)), Ok(()));
        assert_eq!(start(&store, &["b"], &release("linux", 1)), Ok(()));
        assert_eq!(start(&store, &["a"], &release("linux", 5)), Ok(()));
    }

    #[test]
    fn what_is_forgotten_starts_again() {
        let store = Store::default();
        assert_eq!(start(&store, &["a", "b"], &release("linux", 5)), Ok(()));
        store.keep("CloudBootCache", b"").unwrap();
        assert_eq!((count(&store), forget(&store), count(&store)), (2, (2, 0), 0));
        assert_eq!(start(&store, &["a"], &release("linux", 4)), Ok(()));
        assert_eq!(store.kept("CloudBootCache"), Floor::Kept(Vec::new()), "it is no epoch");
    }

    #[test]
    fn where_it_cannot_be_kept_nothing_is_started() {
        struct Full;
        impl Floors for Full {
            fn kept(&self, _: &str) -> Floor {
                Floor::None
            }

            fn keep(&self, _: &str, _: &[u8]) -> Result<(), String> {
                Err("EFI status OUT_OF_RESOURCES".into())
            }

            fn forget(&self, _: &str) -> bool {
                false
            }

            fn names(&self, prefix: &str) -> Vec<String> {
                vec![format!("{prefix}0")]
            }
        }
        let refused = raise(&Full, &signers(&["a"]), &release("linux", 1)).unwrap_err();
        assert_eq!(refused.code.to_string(), "E-TRUST-FLOOR");
        assert!(refused.cause.ends_with("EFI status OUT_OF_RESOURCES"), "{}", refused.cause);
        assert_eq!(raise(&Full, &signers(&["a"]), &release("linux", 0)), Ok(()));
        assert_eq!(forget(&Full), (0, 1));
    }

    /// Room for one variable more.
    struct Small(Store, RefCell<usize>);

    impl Floors for Small {
        fn kept(&self, name: &str) -> Floor {
            self.0.kept(name)
        }

        fn keep(&self, name: &str, value: &[u8]) -> Result<(), String> {
            let mut room = self.1.borrow_mut();
            if self.kept(name) == Floor::None {
                *room = room.checked_sub(1).ok_or("EFI status OUT_OF_RESOURCES")?;
            }
            self.0.keep(name, value)
        }

        fn forget(&self, name: &str) -> bool {
            self.0.forget(name)
        }

        fn names(&self, prefix: &str) -> Vec<String> {
            self.0.names(prefix)
        }
    }

    #[test]
    fn an_epoch_is_raised_for_all_members_or_for_none() {
        let small = Small(Store::default(), RefCell::new(1));
        small.0.keep(&variable("a", "linux"), b"3").unwrap();
        let before = small.0.0.borrow().clone();
        // "a" has a variable, "b" gets the last one, "c" none.
        let members = signers(&["a", "b", "c"]);
        let refused = raise(&small, &members, &release("linux", 4)).unwrap_err();
        assert_eq!(refused.code, codes::TRUST_FLOOR);
        assert_eq!(*small.0.0.borrow(), before);
        // What is not started revokes nothing.
        assert_eq!(check(&small, "x", &members, &release("linux", 3), &|_, _| ()), Ok(()));
        *small.1.borrow_mut() = 2;
        assert_eq!(raise(&small, &members, &release("linux", 4)), Ok(()));
        assert!(check(&small, "x", &members, &release("linux", 3), &|_, _| ()).is_err());
    }

    #[test]
    fn without_epochs_nothing_is_kept() {
        let store = Store::default();
        assert_eq!(start(&store, &["a"], &release("", 0)), Ok(()));
        assert!(store.0.borrow().is_empty());
    }

    #[test]
    fn what_somebody_else_has_made_is_removed_and_told() {
        let store = Store::default();
        let name = variable("a", "linux");
        store.0.borrow_mut().insert(name.clone(), Floor::Foreign);
        let told = RefCell::new(Vec::new());
        let foreign = |name: &str, is_removed| told.borrow_mut().push((String::from(name), is_removed));
        let checked = check(&store, "x", &signers(&["a"]), &release("linux", 1), &foreign);
        assert_eq!((checked, told.into_inner()), (Ok(()), vec![(name.clone(), true)]));
        assert_eq!(store.kept(&name), Floor::None);
    }

    #[test]
    fn a_floor_that_cannot_be_read_lets_nothing_start() {
        let store = Store::default();
        let name = variable("a", "linux");
        store.keep(&name, b"five").unwrap();
        let expected = format!("the variable {name} holds no epoch");
        assert_eq!(start(&store, &["a"], &release("linux", 9)), Err(expected));
        store.0.borrow_mut().insert(name.clone(), Floor::Unreadable);
        let expected = format!("the variable {name} cannot be read");
        assert_eq!(start(&store, &["a"], &release("linux", 9)), Err(expected));
    }

    fn digest(letter: &str) -> Digest {
        Digest::parse(&format!("sha256:{}", letter.repeat(64))).unwrap()
    }

    fn annotations(list: &[(&str, &str)]) -> Annotations {
        list.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    /// A manifest and the index around it, with these annotations.
    fn image(of_manifest: &[(&str, &str)], of_index: &[(&str, &str)]) -> Image {
        let empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        let text = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"{}","digest":"{empty}","size":2}},"layers":[]}}"#,
            oci::spec::EMPTY
        );
        let Ok(Document::Manifest(mut manifest)) = Document::parse(text.as_bytes(), &[oci::spec::MANIFEST])
        else {
            panic!("not a manifest");
        };
        manifest.annotations = annotations(of_manifest);
        let index = Index {
            schema_version: 2,
            media_type: None,
            artifact_type: None,
            manifests: Vec::new(),
            annotations: annotations(of_index),
        };
        Image { digest: digest("a"), manifest_digest: digest("b"), manifest: *manifest, index: Some(index) }
    }

    #[test]
    fn only_what_is_signed_says_which_epoch_it_is() {
        let (old, new) = ([(NAME, "linux"), (EPOCH, "1")], [(NAME, "linux"), (EPOCH, "7")]);
        let of = |image: &Image, letter: &str| Release::of(image, &digest(letter)).unwrap();
        assert_eq!(of(&image(&[], &new), "a"), release("linux", 7));
        assert_eq!(of(&image(&old, &new), "a"), release("linux", 7), "the higher one counts");
        assert_eq!(of(&image(&[(NAME, "mine")], &new), "a"), release("mine", 7));
        assert_eq!(of(&image(&[], &new), "b"), release("", 0), "nobody has signed the index");
        assert_eq!(of(&image(&old, &new), "b"), release("linux", 1));
    }

    #[test]
    fn an_epoch_is_decimal() {
        for text in ["", "-1", "+1", "0x1", "1.0", "18446744073709551616", "1 "] {
            let cause = Release::of(&image(&[(EPOCH, text)], &[]), &digest("b")).unwrap_err().cause;
            assert_eq!(cause, format!("annotation org.cloudboot.epoch={text:?} is not a decimal number"));
        }
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Who may set what: the lists of the contract, and what somebody tries who answers for the metadata service.

use std::{collections::BTreeMap, iter};

use config::{Config, KEYS, Key, Login, Origin, Problem, Text, Trust, Value};

const TRUSTS: [Trust; 3] = [Trust::Open, Trust::Locked, Trust::LockedWithKey];

/// Keys that only what is built in may set on a locked machine.
const BUILT_IN: &str = "disk disk.device disk.fs disk.kernel disk.initrd disk.luks-passphrase menu retry failure \
    cmdline cmdline.extra console exit plan.modpack local insecure cosign cosign.key cosign.threshold cosign.identity \
    cosign.issuer cosign.trusted-root lldp lldp.wait \
    lldp.tx lldp.name ca";
/// Keys of them that no other source may set on any machine.
const TRUST: &str = "cosign.identity cosign.issuer cosign.trusted-root";
/// Keys that every source may set on a locked machine. (`BOOTIF` is another way to say `net.if`.)
const FREE: &str = "target keymap debug quiet timeout metadata.url net.wait net.skip net.static net.if net.vlan \
    net.proxy net.ntp net.lldp ip dns BOOTIF mirror cache rd.user rd.pass openstack.auth-url openstack.app-cred-id \
    openstack.app-cred-secret";
/// Keys that they may set where a signature key is built in.
const SIGNED: &str = "plan image";

/// What the metadata document may set, …
const DOCUMENT: &str = "plan image target exit keymap cmdline disk disk.fs disk.device disk.kernel disk.initrd \
    disk.luks-passphrase openstack.auth-url openstack.app-cred-id openstack.app-cred-secret net.skip net.static \
    net.lldp ca rd.user rd.pass";
/// … and what of it on a locked machine; [`SIGNED`] as everywhere.
const DOCUMENT_LOCKED: &str = "target disk disk.fs disk.device disk.kernel disk.initrd disk.luks-passphrase \
    openstack.auth-url openstack.app-cred-id openstack.app-cred-secret net.skip net.static net.lldp rd.user rd.pass";

/// Whole names.
fn names(list: &str) -> impl Iterator<Item = String> {
    list.split_whitespace().map(|name| match name {
        "ip" | "BOOTIF" => name.into(),
        "rd.user" | "rd.pass" => name.replace("rd.", "rd.cloudboot."),
        _ => format!("cloudboot.{name}"),
    })
}

/// A value that the key can have.
fn value(key: &Key) -> &'static str {
    match key.value {
        Value::Flag | Value::Number | Value::Seconds => "1",
        Value::Word(words) => words[0],
        Value::Path => "/x",
        Value::Text | Value::Any => "x",
    }
}

/// Whether a source's key counts. One that does not is a problem that names it.
fn counts(key: &Key, origin: Origin, trust: Trust) -> bool {
    let config = match origin {
        Origin::Metadata => Config::default().with_metadata([(key.name, value(key))], iter::empty(), trust),
        _ => {
            let line = format!("{}={}", key.name, value(key));
            Config::resolve(&[Text::new(origin, line.as_bytes())], trust)
        }
    };
    let is_refused = config.problems().iter().any(|problem| problem.code() == "E-CONFIG-LOCKED");
    let counts = config.effective().any(|(name, _, from)| name == key.name && from == origin);
    assert!(config.problems().iter().all(|problem| problem.to_string().contains(key.name)));
    assert_eq!(counts, !is_refused, "{} of {origin}, {trust:?}: {:?}", key.name, config.problems());
    counts
}

#[test]
fn every_key_is_in_one_list() {
    let mut lists: BTreeMap<String, u32> = BTreeMap::new();
    for name in names(BUILT_IN).chain(names(FREE)).chain(names(SIGNED)) {
        *lists.entry(name).or_default() += 1;
    }
    let keys: BTreeMap<String, u32> = KEYS.iter().map(|key| (key.name.into(), 1)).collect();
    assert_eq!(lists, keys);
}

#[test]
fn a_locked_machine_takes_what_the_lists_say() {
    let others = [Origin::File, Origin::LoadOptions, Origin::Variable, Origin::Smbios, Origin::FwCfg];
    for key in KEYS {
        let is_in = |list: &str| names(list).any(|name| name == key.name);
        for trust in TRUSTS {
            assert!(counts(key, Origin::Section, trust), "{}", key.name);
            let expected = match trust {
                Trust::Open => !is_in(TRUST),
                Trust::Locked => is_in(FREE),
                Trust::LockedWithKey => is_in(FREE) || is_in(SIGNED),
            };
            for origin in others {
                assert_eq!(counts(key, origin, trust), expected, "{} of {origin}, {trust:?}", key.name);
            }
        }
    }
}

#[test]
fn the_metadata_sets_what_its_lists_say() {
    for key in KEYS {
        let is_in = |list: &str| names(list).any(|name| name == key.name);
        for trust in TRUSTS {
            let expected = match trust {
                Trust::Open => is_in(DOCUMENT),
                Trust::Locked => is_in(DOCUMENT_LOCKED),
                Trust::LockedWithKey => is_in(DOCUMENT_LOCKED) || is_in(SIGNED),
            };
            assert_eq!(counts(key, Origin::Metadata, trust), expected, "{}, {trust:?}", key.name);
        }
    }
}

/// Settings of `\cloudboot\cmdline`, and of a document.
fn with_document(line: &str, settings: &[(&str, &str)], trust: Trust) -> Config {
    let config = Config::resolve(&[Text::new(Origin::File, line.as_bytes())], trust);
    config.with_metadata(settings.iter().copied(), iter::empty(), trust)
}

fn problems(config: &Config) -> Vec<String> {
    config.problems().iter().map(ToString::to_string).collect()
}

#[test]
fn a_locked_machine_refuses_by_name_what_would_weaken_it() {
    let attack = [
        ("cloudboot.ca", "https://attacker.example/ca.pem"),
        ("cloudboot.cosign", "off"),
        ("cloudboot.insecure", "1"),
        ("cloudboot.menu", "always"),
        ("cloudboot.cosign.key", "/key"),
        ("cloudboot.cmdline", "init=/bin/sh"),
        ("cloudboot.image", "oci://attacker.example/x:1"),
        ("cloudboot.target", "debian"),
    ];
    let config = with_document("", &attack, Trust::Locked);
    let locked = "this machine is locked: only built-in settings may set it";
    let never = "a metadata document may not set it";
    let line = |key: &str, why: &str| format!("E-CONFIG-LOCKED cloudboot.{key} (the metadata): {why}");
    let expected = [
        line("ca", locked),
        line("cosign", never),
        line("insecure", never),
        line("menu", never),
        line("cosign.key", never),
        line("cmdline", locked),
        line("image", locked),
    ];
    assert_eq!(problems(&config), expected);
    assert_eq!(config.explain().collect::<Vec<_>>(), ["cloudboot.target=debian from the metadata"]);
    let with_key = with_document("", &attack, Trust::LockedWithKey);
    assert_eq!(
        (problems(&with_key), with_key.image()),
        (expected[..6].to_vec(), Some("oci://attacker.example/x:1"))
    );
}

#[test]
fn an_open_machine_refuses_only_what_no_document_may_set() {
    let attack =
        [("cloudboot.ca", "/ca.pem"), ("cloudboot.cosign", "off"), ("cloudboot.local", "1"), ("ip", "dhcp")];
    let config = with_document("", &attack, Trust::Open);
    let refused: Vec<Problem> =
        ["cloudboot.cosign", "cloudboot.local", "ip"].map(|name| Problem::Never { name: name.into() }).into();
    assert_eq!((config.problems(), config.ca()), (&refused[..], Some("/ca.pem")));
    assert_eq!(config.rest(), "");
}

#[test]
fn a_text_of_the_metadata_is_held_to_the_same_rules() {
    let text = Text::new(Origin::Metadata, b"cloudboot.insecure=1 cloudboot.target=x init=/bin/sh");
    for trust in TRUSTS {
        let config = Config::resolve(std::slice::from_ref(&text), trust);
        assert_eq!((config.insecure(), config.target(), config.rest().as_str()), (false, Some("x"), ""));
        assert_eq!(config.problems().len(), 2);
    }
}

#[test]
fn a_wrong_value_leaves_that_of_the_other_source() {
    let config = with_document(
        "cloudboot.disk.kernel=/vmlinuz cloudboot.disk.luks-passphrase=good",
        &[
            ("cloudboot.disk.kernel", "vmlinuz"),
            ("cloudboot.disk.luks-passphrase", ""),
            ("cloudboot.tarket", "x"),
        ],
        Trust::Open,
    );
    assert_eq!(config.disk_kernel(), Some("/vmlinuz"));
    let said = problems(&config);
    assert!(said.contains(
        &"E-CONFIG-VALUE cloudboot.disk.kernel=vmlinuz (the metadata): expected an absolute path".into()
    ));
    assert!(said.contains(
        &"E-CONFIG-VALUE cloudboot.disk.luks-passphrase=*** (the metadata): expected a value".into()
    ));
    assert!(said.contains(&"E-CONFIG-UNKNOWN cloudboot.tarket (the metadata): there is no such key".into()));
}

const LOGIN: &str = "rd.cloudboot.user=me rd.cloudboot.pass=hunter2";

/// Whether the password goes to the registry of the image, or whose sources are in the way.
fn sent(config: &Config) -> Result<bool, (Origin, Origin)> {
    config.login().map(|login| login.is_some_and(|Login { password, .. }| password == "hunter2"))
}

#[test]
fn the_metadata_gets_no_password_that_others_wrote_down() {
    let refused = Err((Origin::Metadata, Origin::File));
    let theirs = [("cloudboot.image", "oci://attacker.example/x:1")];
    assert_eq!(sent(&with_document(LOGIN, &theirs, Trust::Open)), refused);
    assert_eq!(sent(&with_document(LOGIN, &theirs, Trust::LockedWithKey)), refused);
    // On a locked machine without a key the image is not theirs to choose.
    let line = format!("{LOGIN} cloudboot.image=oci://host.example/x:1");
    assert_eq!(sent(&with_document(LOGIN, &theirs, Trust::Locked)), Ok(true));
    assert_eq!(with_document(&line, &theirs, Trust::Open).image(), Some("oci://attacker.example/x:1"));
    assert_eq!(sent(&with_document(&line, &theirs, Trust::Open)), refused);
    // Half of a login is no way to get the other half.
    for half in [("rd.cloudboot.user", "other"), ("rd.cloudboot.pass", "hunter2")] {
        assert_eq!(sent(&with_document(LOGIN, &[theirs[0], half], Trust::Open)), refused);
    }
    // The host is ours, and who vouches for it theirs.
    assert_eq!(sent(&with_document(&line, &[("cloudboot.ca", "/ca.pem")], Trust::Open)), refused);
    assert_eq!(sent(&with_document(&line, &[("cloudboot.ca", "/ca.pem")], Trust::LockedWithKey)), Ok(true));
}

#[test]
fn the_metadata_may_bring_a_login_for_its_own_image_and_for_that_of_others() {
    let both = [
        ("cloudboot.image", "oci://host.example/x:1"),
        ("rd.cloudboot.user", "me"),
        ("rd.cloudboot.pass", "hunter2"),
    ];
    assert_eq!(sent(&with_document("", &both, Trust::Open)), Ok(true));
    assert_eq!(sent(&with_document("", &both, Trust::LockedWithKey)), Ok(true));
    let line = "cloudboot.image=oci://host.example/x:1";
    assert_eq!(sent(&with_document(line, &both[1..], Trust::Open)), Ok(true));
}

#[test]
fn what_names_the_network_is_known() {
    for (line, expected) in [
        ("cloudboot.image=x", true),
        ("cloudboot.plan=x", true),
        ("cloudboot.metadata.url=http://x/", true),
        ("cloudboot.net.wait=5", true),
        ("ip=dhcp cloudboot.dns=10.0.2.3 cloudboot.disk=/dev/vda", false),
    ] {
        let config = Config::resolve(&[Text::new(Origin::File, line.as_bytes())], Trust::Open);
        assert_eq!(config.names_network(), expected, "{line}");
    }
}

#[test]
fn a_file_beside_a_loader_with_a_key_says_what_is_booted_and_not_whether_it_may_be() {
    let weaker = [
        ("cloudboot.cosign", "off"),
        ("cloudboot.cosign.key", "/theirs.pub"),
        ("cloudboot.cosign.threshold", "1"),
        ("cloudboot.cosign.identity", "*"),
        ("cloudboot.cosign.issuer", "*"),
        ("cloudboot.cosign.trusted-root", "/theirs.json"),
        ("cloudboot.ca", "/theirs.pem"),
        ("cloudboot.insecure", "1"),
        ("cloudboot.local", "1"),
        ("cloudboot.cmdline", "init=/bin/sh"),
        ("cloudboot.cmdline.extra", "init=/bin/sh"),
        ("cloudboot.menu", "always"),
    ];
    let line: Vec<String> = weaker.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let built_in = Text::new(Origin::Section, b"cloudboot.cosign.threshold=2");
    for origin in [Origin::File, Origin::LoadOptions, Origin::Variable, Origin::Smbios, Origin::FwCfg] {
        let line = format!("{} cloudboot.image=host.example/linux:1 init=/bin/sh", line.join(" "));
        let config =
            Config::resolve(&[built_in.clone(), Text::new(origin, line.as_bytes())], Trust::LockedWithKey);
        assert_eq!((config.cosign(), config.cosign_threshold(), config.cosign_keys().count()), (None, 2, 0));
        assert_eq!((config.cosign_identity(), config.cosign_trusted_root(), config.ca()), (None, None, None));
        assert_eq!((config.local(), config.insecure(), config.rest().as_str()), (false, false, ""));
        assert_eq!((config.cmdline(), config.cmdline_extra()), (None, None));
        assert_eq!(config.image(), Some("host.example/linux:1"));
        // Each is named, and so is the word for the kernel.
        assert_eq!(config.problems().len(), weaker.len() + 1, "{:?}", config.problems());
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! A signing service in a folder: an authority that issues certificates, a log of certificates, two transparency logs
//! and a timestamp authority, all with keys of `openssl`.

use std::{fs, time::SystemTime};

use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{Issued, Key, Pki};

/// Who signs.
pub const IDENTITY: &str = "release@example.org";
/// Who says who signs.
pub const ISSUER: &str = "https://accounts.example.org";

/// The host of the log of version 1.
pub const REKOR_1: &str = "rekor1.example.org";
/// That of version 2.
pub const REKOR_2: &str = "rekor2.example.org";

/// Before, and after, all that is made here.
const LONG: (&str, &str) = ("20200101000000Z", "20991231235959Z");

const TSA_CONFIGURATION: &str = "\
[tsa]
default_tsa = any
[any]
serial = tsa-serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha1, sha256, sha384, sha512
accuracy = secs:1
ordering = no
tsa_name = yes
ess_cert_id_chain = no
";

/// The service. Keys and certificates have these names: `ca` issues `issuing`, which issues signers; `ct` logs
/// certificates, `ct-other` is a log that the trusted root does not have, `rekor1` and `rekor2` signatures;
/// `tsa-root` issues `tsa`.
pub struct Service {
    /// Its keys and certificates.
    pub pki: Pki,
    /// Its time, in seconds since 1970; timestamps have the machine's.
    pub now: u64,
}

/// What the log of certificates says of a signer's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stamp {
    /// That it has logged it.
    Good,
    /// Nothing.
    Missing,
    /// That it has logged another one.
    OfAnother,
    /// A log that is not in the trusted root says that it has logged it.
    ByAnother,
}

/// What a signer's certificate differs in from a good one.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// The kind of its key.
    pub key: Key,
    /// More extensions, a line each.
    pub extensions: &'a str,
    /// Seconds before now from which, and after now to which it is valid.
    pub validity: (u64, u64),
    /// Who has issued it.
    pub issuer: &'a str,
    /// The timestamp in it.
    pub stamp: Stamp,
}

impl Default for Signer<'_> {
    fn default() -> Self {
        Self {
            key: Key::P256,
            extensions: "extendedKeyUsage = codeSigning\n",
            validity: (3600, 3600),
            issuer: "issuing",
            stamp: Stamp::Good,
        }
    }
}

impl Service {
    /// A new one; of the second log and the timestamp authority, with these kinds of keys.
    ///
    /// # Panics
    /// openssl fails, here and below.
    pub fn new(log: Key, tsa: Key) -> Self {
        let pki = Pki::new();
        pki.root("ca", Key::P384);
        pki.intermediate("issuing", Key::P256, "ca", "extendedKeyUsage = codeSigning\n");
        pki.root("tsa-root", Key::P256);
        let extensions = "extendedKeyUsage = critical, timeStamping\nkeyUsage = critical, digitalSignature\n";
        let issued = Issued { common_name: "tsa", extensions, validity: LONG, options: "" };
        pki.issue("tsa", tsa, "tsa-root", &issued);
        fs::write(pki.folder().join("tsa.cnf"), TSA_CONFIGURATION).unwrap();
        fs::write(pki.folder().join("tsa-serial"), "01\n").unwrap();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let service = Self { pki, now };
        for (name, key) in
            [("ct", Key::P256), ("ct-other", Key::P256), ("rekor1", Key::P256), ("rekor2", log)]
        {
            service.pki.key(name, key);
            service.publish(name);
        }
        for name in ["ca", "issuing", "tsa-root", "tsa"] {
            service.to_der(name);
        }
        service.publish("issuing");
        service
    }

    /// Writes the `SubjectPublicKeyInfo` of a key.
    pub fn publish(&self, name: &str) {
        self.pki.openssl(&format!("pkey -in {name}.key -pubout -outform DER -out {name}.spki"));
    }

    /// Writes `NAME.der` beside the certificate `NAME.pem`.
    pub fn to_der(&self, name: &str) {
        self.pki.openssl(&format!("x509 -in {name}.pem -outform DER -out {name}.der"));
    }

    /// `SubjectPublicKeyInfo` of a key of the service.
    pub fn spki(&self, name: &str) -> Vec<u8> {
        self.pki.read(&format!("{name}.spki"))
    }

    /// A certificate in DER.
    pub fn der(&self, name: &str) -> Vec<u8> {
        self.pki.read(&format!("{name}.der"))
    }

    /// A signature of a key: with this hash function, or of an Ed25519 key: none, or `ph` for Ed25519ph.
    pub fn sign(&self, key: &str, hash: &str, message: &[u8]) -> Vec<u8> {
        fs::write(self.pki.folder().join("message"), message).unwrap();
        let digest = match hash {
            "" => String::new(),
            "ph" => "-pkeyopt instance:Ed25519ph".into(),
            _ => format!("-digest {hash}"),
        };
        self.pki
            .openssl(&format!("pkeyutl -sign -rawin {digest} -inkey {key}.key -in message -out signature"));
        self.pki.read("signature")
    }

    /// Issues a signer's certificate with a certificate timestamp in it, `NAME.pem` and `NAME.der`.
    pub fn certify(&self, name: &str, signer: &Signer<'_>) {
        self.pki.key(name, signer.key);
        let extensions = format!(
            "keyUsage = critical, digitalSignature\nsubjectAltName = critical, email:{IDENTITY}\n\
             1.3.6.1.4.1.57264.1.1 = DER:{}\n1.3.6.1.4.1.57264.1.8 = ASN1:UTF8:{ISSUER}\n{}",
            colons(ISSUER.as_bytes()),
            signer.extensions
        );
        let from = self.date(self.now - signer.validity.0);
        let to = self.date(self.now + signer.validity.1);
        let issue = |extensions: &str| {
            // The same serial number both times, which `openssl` would not issue twice.
            fs::write(self.pki.folder().join("index.txt"), "").unwrap();
            fs::write(self.pki.folder().join("serial"), "4711\n").unwrap();
            let issued = Issued { common_name: "signer", extensions, validity: (&from, &to), options: "" };
            self.pki.certify(name, name, signer.issuer, &issued);
            self.to_der(name);
        };
        issue(&extensions);
        let der = self.der(name);
        let mut logged = to_be_signed(&der).to_vec();
        let log = if signer.stamp == Stamp::ByAnother { "ct-other" } else { "ct" };
        match signer.stamp {
            Stamp::Missing => return,
            // The last bit of the last extension.
            Stamp::OfAnother => logged.iter_mut().last().into_iter().for_each(|byte| *byte ^= 1),
            Stamp::Good | Stamp::ByAnother => {}
        }
        let timestamp = self.certificate_timestamp(log, signer.issuer, &logged);
        issue(&format!("{extensions}\n1.3.6.1.4.1.11129.2.4.2 = DER:{}\n", colons(&timestamp)));
    }

    /// A list with one SCT, as the extension has it: RFC 6962 section 3.3.
    fn certificate_timestamp(&self, log: &str, issuer: &str, to_be_signed: &[u8]) -> Vec<u8> {
        let time = (self.now * 1000).to_be_bytes();
        let issuer = Sha256::digest(self.spki(issuer));
        let length = (to_be_signed.len() as u32).to_be_bytes();
        let signed =
            [&[0, 0], &time[..], &[0, 1], issuer.as_slice(), &length[1..], to_be_signed, &[0, 0]].concat();
        let signature = self.sign(log, "sha256", &signed);
        let id = Sha256::digest(self.spki(log));
        let length = (signature.len() as u16).to_be_bytes();
        let one = [&[0], id.as_slice(), &time, &[0, 0, 4, 3], &length, &signature].concat();
        let length = one.len() as u8;
        [&[4, length + 4, 0, length + 2, 0, length][..], &one].concat()
    }

    /// `YYYYMMDDHHMMSSZ`.
    fn date(&self, time: u64) -> String {
        let (days, seconds) = (time / 86400, time % 86400);
        // Days since 0000-03-01: years that begin in March end with the leap day.
        let days = days + 719_468;
        let (era, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        format!("{:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z", year + era * 400)
    }

    /// A timestamp by `openssl ts`, with more options of its reply, and lines of its configuration.
    pub fn timestamp(&self, of: &[u8], hash: &str, options: &str, configuration: &str) -> Vec<u8> {
        let folder = self.pki.folder();
        fs::write(folder.join("seen"), of).unwrap();
        fs::write(folder.join("tsa-now.cnf"), [TSA_CONFIGURATION, configuration].concat()).unwrap();
        let request = if options.contains("no-certificates") { "" } else { "-cert" };
        let options = options.replace("no-certificates", "");
        self.pki.openssl(&format!("ts -query -data seen -{hash} {request} -out query"));
        let signer = if options.contains("-signer") { "" } else { "-signer tsa.pem -inkey tsa.key" };
        self.pki.openssl(&format!(
            "ts -reply -config tsa-now.cnf -queryfile query {signer} {options} -out reply"
        ));
        self.pki.read("reply")
    }

    /// `trusted_root.json`.
    pub fn trusted_root(&self) -> Value {
        let from = "2020-01-01T00:00:00Z";
        let log = |name: &str, host: &str, details: &str| {
            let spki = self.spki(name);
            json!({
                "baseUrl": format!("https://{host}"),
                "hashAlgorithm": "SHA2_256",
                "publicKey": {"rawBytes": base64(&spki), "keyDetails": details, "validFor": {"start": from}},
                "logId": {"keyId": base64(&Sha256::digest(&spki))},
            })
        };
        let chain = |names: &[&str]| {
            let chain: Vec<_> =
                names.iter().map(|name| json!({"rawBytes": base64(&self.der(name))})).collect();
            json!({
                "subject": {"organization": "example.org", "commonName": "example"},
                "uri": "https://authority.example.org",
                "certChain": {"certificates": chain},
                "validFor": {"start": from},
            })
        };
        let p256 = "PKIX_ECDSA_P256_SHA_256";
        let is_edwards = self.spki("rekor2").len() == 44;
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [
                log("rekor1", REKOR_1, p256),
                log("rekor2", REKOR_2, if is_edwards { "PKIX_ED25519" } else { p256 }),
            ],
            "certificateAuthorities": [chain(&["issuing", "ca"])],
            "ctlogs": [log("ct", "ct.example.org", p256)],
            "timestampAuthorities": [chain(&["tsa", "tsa-root"])],
        })
    }
}

/// Standard base64, padded.
pub fn base64(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Digits as `openssl` wants them.
fn colons(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

/// The `TBSCertificate` of a certificate, both of which are longer than 255 bytes.
fn to_be_signed(certificate: &[u8]) -> &[u8] {
    let [0x30, 0x82, _, _, rest @ ..] = certificate else { panic!("a certificate") };
    let [0x30, 0x82, high, low, ..] = rest else { panic!("a certificate") };
    &rest[..usize::from(u16::from_be_bytes([*high, *low])) + 4]
}

// SPDX-License-Identifier: BSD-3-Clause
//! A node of an image, as JSON.

use filesystem::{Attr, FileType};
use serde::Serialize;
use sha2::{Digest, Sha256};
use vfs::{Error, Node};

use crate::{
    progress::Progress,
    walk::{Budget, Trouble},
};

/// Bytes of one read.
const CHUNK: usize = 1024 * 1024;

/// What checksums need: the budget of bytes to read, and the progress.
pub type Sums<'s> = (&'s mut Budget, &'s mut Progress);

/// A line of a manifest. A name or target that is not UTF-8 is given as base64.
#[derive(Default, Serialize)]
pub struct Record {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
    r#type: Option<&'static str>,
    mode: Option<String>,
    uid: Option<u32>,
    gid: Option<u32>,
    size: Option<u64>,
    nlink: Option<u64>,
    mtime: Option<String>,
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_base64: Option<String>,
    rdev: Option<String>,
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip)]
    trouble: Option<Trouble>,
}

impl Record {
    /// The record of a node; `sums` asks for its checksum.
    pub fn new(path: &[u8], node: &Node<'_>, attr: &Result<Attr, Error>, sums: Option<Sums<'_>>) -> Self {
        let (text, base64) = text_or_base64(path.to_vec());
        let mut record = Self { path: text, path_base64: base64, ..Self::default() };
        match attr {
            Ok(attr) => record.describe((path, node), attr, sums),
            Err(error) => record.fail(&error.into()),
        }
        record
    }

    fn describe(&mut self, (path, node): (&[u8], &Node<'_>), attr: &Attr, sums: Option<Sums<'_>>) {
        let Attr { kind, mode, uid, gid, size, links, modified, device } = attr;
        self.r#type = Some(word(*kind));
        self.mode = Some(format!("{mode:04o}"));
        (self.uid, self.gid, self.size, self.nlink) = (Some(*uid), Some(*gid), Some(*size), Some(*links));
        self.mtime = Some(format!("{}.{:09}", modified.seconds, modified.nanoseconds));
        match kind {
            FileType::Symlink => match node.read_link() {
                Ok(target) => (self.target, self.target_base64) = text_or_base64(target),
                Err(error) => self.fail(&(&error).into()),
            },
            FileType::CharDevice | FileType::BlockDevice => {
                self.rdev = Some(format!("{}:{}", device.0, device.1));
            }
            FileType::File => {
                if let Some(sums) = sums {
                    match sha256((path, node), *size, sums) {
                        Ok(sum) => self.sha256 = Some(sum),
                        Err(trouble) => self.fail(&trouble),
                    }
                }
            }
            _ => {}
        }
    }

    /// Sets the error; the first one stays.
    pub fn fail(&mut self, trouble: &Trouble) {
        if self.trouble.is_none() {
            self.error = Some(format!("{} {}", trouble.code, trouble.cause));
            self.trouble = Some(trouble.clone());
        }
    }

    /// What could not be read.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }
}

/// The word for a kind of node.
pub fn word(kind: FileType) -> &'static str {
    match kind {
        FileType::File => "file",
        FileType::Directory => "dir",
        FileType::Symlink => "symlink",
        FileType::CharDevice => "char",
        FileType::BlockDevice => "block",
        FileType::Fifo => "fifo",
        FileType::Socket => "socket",
    }
}

/// Reads a file piece by piece, up to the size in its attributes.
pub fn read<E: From<Trouble>>(
    node: &Node<'_>,
    size: u64,
    each: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let (mut offset, mut buf) = (0, vec![0; CHUNK]);
    while offset < size {
        let wanted = usize::try_from(size - offset).unwrap_or(CHUNK).min(CHUNK);
        let buf = &mut buf[..wanted];
        let got = node.read_at(offset, buf).map_err(|error| Trouble::from(&error))?;
        each(&buf[..got])?;
        offset += got as u64;
        if got < wanted {
            let cause = format!("the file ends at byte {offset} of {size}");
            return Err(Trouble { code: flow::codes::SHORT, cause }.into());
        }
    }
    Ok(())
}

fn sha256(
    (path, node): (&[u8], &Node<'_>),
    size: u64,
    (budget, progress): Sums<'_>,
) -> Result<String, Trouble> {
    budget.take(size).map_err(|error| Trouble::from(&error))?;
    let mut hash = Sha256::new();
    read::<Trouble>(node, size, &mut |bytes| {
        hash.update(bytes);
        progress.add(path, bytes.len());
        Ok(())
    })?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn text_or_base64(bytes: Vec<u8>) -> (Option<String>, Option<String>) {
    match String::from_utf8(bytes) {
        Ok(text) => (Some(text), None),
        Err(error) => (None, Some(base64(error.as_bytes()))),
    }
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let [a, b, c] = [0, 1, 2].map(|i| chunk.get(i).copied().unwrap_or(0));
        let bits = u32::from_be_bytes([0, a, b, c]);
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        // Section 10 of it, and a text of two bytes.
        let cases = [("", ""), ("f", "Zg=="), ("ba", "YmE="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (bytes, text) in cases {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(b"\xff\xfb"), "//s=");
    }

    #[test]
    fn a_record_has_the_fields_of_the_contract_in_their_order() {
        let fields = "{\"path\":\"/x\",\"type\":null,\"mode\":null,\"uid\":null,\"gid\":null,\"size\":null,\"nlink\":null,\
                      \"mtime\":null,\"target\":null,\"rdev\":null,\"sha256\":null}";
        let record = Record { path: Some("/x".into()), ..Record::default() };
        assert_eq!(serde_json::to_string(&record).unwrap(), fields);
    }
}

// SPDX-License-Identifier: BSD-3-Clause
//! Formats that exist in tests only: a container with a key, a set, a filesystem with two roots.

use std::{cell::RefCell, rc::Rc};

use block::{BlockRead, ReadError, Slice};
use damage::{Format, Unsupported};
use filesystem::FileSystem;
use oracle::Tree;
use vfs::{Device, Error, Keys, LAYERS, Layer, Member, Opened};

/// First byte of what a container or member holds.
const CONTENT: u64 = 512;

/// Those of the product, the image formats, and ours.
pub const ALL: &[Layer] = &[
    Layer { name: "toy-lock", probe: |device| starts(device, b"TOYLOCK\0"), open: open_lock },
    Layer { name: "toy-set", probe: |device| starts(device, b"TOYSET\0\0"), open: open_member },
    Layer { name: "toy", probe: |device| starts(device, b"TOYFS\0\0\0"), open: open_toy },
    Layer {
        name: "qcow2",
        probe: |device| Ok(qcow2::probe(device)?),
        open: |device| Ok(Opened::Device(Rc::new(qcow2::Qcow2::open(device)?))),
    },
    Layer {
        name: "vhd",
        probe: |device| Ok(vhd::probe(device)?),
        open: |device| Ok(Opened::Device(Rc::new(vhd::Vhd::open(device)?))),
    },
    LAYERS[0],
    LAYERS[1],
    LAYERS[2],
];

fn starts(device: &dyn BlockRead, magic: &[u8; 8]) -> Result<bool, Error> {
    let mut bytes = [0; 8];
    if device.size() < CONTENT {
        return Ok(false);
    }
    device.read_at(0, &mut bytes)?;
    Ok(bytes == *magic)
}

fn image(magic: &[u8; 8], header: &[u8], content: &[u8]) -> Vec<u8> {
    let mut bytes = [magic, header].concat();
    bytes.resize(CONTENT as usize, 0);
    bytes.extend(content);
    bytes
}

fn header(device: &dyn BlockRead) -> Result<[u8; 64], Error> {
    let mut bytes = [0; 64];
    device.read_at(8, &mut bytes)?;
    Ok(bytes)
}

fn text(header: &[u8]) -> Vec<u8> {
    header.iter().copied().take_while(|byte| *byte != 0).collect()
}

/// A container with this key.
pub fn lock(key: &[u8], content: &[u8]) -> Vec<u8> {
    image(b"TOYLOCK\0", key, content)
}

fn open_lock(device: Rc<dyn BlockRead>) -> Result<Opened, Error> {
    let stored = text(&header(&*device)?);
    Ok(Opened::Locked(Box::new(move |key| {
        if key != stored {
            return Ok(None);
        }
        let content = Slice::new(Rc::clone(&device), CONTENT, device.size() - CONTENT)?;
        Ok(Some(Rc::new(content)))
    })))
}

/// Keys to try, and the containers that they were asked for.
pub struct KeyRing {
    pub keys: Vec<&'static [u8]>,
    pub asked: RefCell<Vec<String>>,
}

impl Keys for KeyRing {
    fn unlock(
        &self,
        container: &Device,
        attempt: &mut dyn FnMut(&[u8]) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        self.asked.borrow_mut().push(container.name.clone());
        for key in &self.keys {
            if attempt(key)? {
                break;
            }
        }
        Ok(())
    }
}

/// A member of a set whose content is that of its members behind each other.
pub fn member(set: u8, index: u8, count: u8, content: &[u8]) -> Vec<u8> {
    image(b"TOYSET\0\0", &[set, index, count, 0], content)
}

/// A member of a set whose members all have the same content.
pub fn mirror(set: u8, index: u8, count: u8, content: &[u8]) -> Vec<u8> {
    image(b"TOYSET\0\0", &[set, index, count, 1], content)
}

fn open_member(device: Rc<dyn BlockRead>) -> Result<Opened, Error> {
    let [set, index, count, is_mirror, ..] = header(&*device)?;
    Ok(Opened::Member(Member {
        format: Format::File,
        set: set.to_string(),
        index: index.into(),
        count: count.into(),
        assemble: if is_mirror == 1 { assemble_mirror } else { assemble_chain },
    }))
}

fn content(member: &Rc<dyn BlockRead>) -> Result<Rc<dyn BlockRead>, Error> {
    Ok(Rc::new(Slice::new(Rc::clone(member), CONTENT, member.size() - CONTENT)?))
}

fn missing() -> Error {
    Error::Unsupported(Unsupported { format: Format::File, feature: "a set without all its members".into() })
}

fn assemble_mirror(members: &[Option<Rc<dyn BlockRead>>]) -> Result<Opened, Error> {
    Ok(Opened::Device(content(members.iter().flatten().next().ok_or_else(missing)?)?))
}

fn assemble_chain(members: &[Option<Rc<dyn BlockRead>>]) -> Result<Opened, Error> {
    let parts = members.iter().map(|member| content(member.as_ref().ok_or_else(missing)?));
    Ok(Opened::Device(Rc::new(Chain(parts.collect::<Result<_, _>>()?))))
}

/// Devices behind each other.
struct Chain(Vec<Rc<dyn BlockRead>>);

impl BlockRead for Chain {
    fn size(&self) -> u64 {
        self.0.iter().map(|part| part.size()).sum()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        block::check_bounds(offset, buf.len(), self.size())?;
        for (byte, mut at) in buf.iter_mut().zip(offset..) {
            for part in &self.0 {
                if at < part.size() {
                    part.read_at(at, std::slice::from_mut(byte))?;
                    break;
                }
                at -= part.size();
            }
        }
        Ok(())
    }
}

/// A filesystem with the roots `@`, whose `/name` holds this name, and `@home`.
pub fn toy(name: &[u8]) -> Vec<u8> {
    let mut bytes = image(b"TOYFS\0\0\0", name, &[]);
    bytes.resize(4096, 0);
    bytes
}

fn open_toy(device: Rc<dyn BlockRead>) -> Result<Opened, Error> {
    let tree = Tree::new()
        .uuid("toy")
        .file("/@/name", text(&header(&*device)?))
        .symlink("/@/link", "/")
        .file("/@home/user/file", "home")
        .symlink("/@home/user/link", "/user/file");
    let roots =
        ["@", "@home"].map(|name| (name.to_string(), tree.lookup(&tree.root(), name.as_bytes()).unwrap()));
    Ok(Opened::filesystem_with_roots(tree, roots.into()))
}

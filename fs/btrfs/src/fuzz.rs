// SPDX-License-Identifier: BSD-3-Clause
//! The fuzz entry point.

use alloc::{rc::Rc, vec, vec::Vec};
use core::ops::ControlFlow;

use filesystem::FileSystem;

use crate::{
    Btrfs, Node, assembly,
    checksum::Algorithm,
    chunk::{Chunks, Item},
    compressed::Method,
    devices::Devices,
    directory, log,
    node::{self, Geometry, Key, Wanted},
    superblock,
    units::{Generation, Logical, Physical, TreeId, Uuid},
};

/// The most nodes that one input is walked for: more than a small valid image holds.
const MOST: usize = 256;

/// Fuzz entry point: any bytes, and everything read from them, must give a value or an error.
///
/// The bytes are read as a device, and by every parser that normally comes after a checksum.
pub fn fuzz(data: &[u8]) {
    parsers(data);
    let Ok(btrfs) = Btrfs::open(vec![Rc::new(data.to_vec())]) else { return };
    let _ = (btrfs.summary(), btrfs.subvolumes(), btrfs.missing(), btrfs.profiles());
    let mut waiting: Vec<Node> = Vec::from([btrfs.root()]);
    let mut buf = [0; 4096];
    for _ in 0..MOST {
        let Some(node) = waiting.pop() else { break };
        if let Ok(attr) = btrfs.attr(&node) {
            let _ = btrfs.read_at(&node, 0, &mut buf);
            let _ = btrfs.read_at(&node, attr.size / 2, &mut buf);
            // Saturates for an empty file, which is read from offset 0.
            let _ = btrfs.read_at(&node, attr.size.saturating_sub(1), &mut buf);
        }
        let _ = btrfs.read_link(&node);
        let mut last = Vec::new();
        let _ = btrfs.read_dir(&node, &mut |name, inner, _| {
            waiting.push(inner);
            last = name.to_vec();
            if waiting.len() < MOST { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let _ = btrfs.lookup(&node, &last);
    }
}

fn parsers(data: &[u8]) {
    let _ = superblock::parse(data, Physical(65_536));
    directory::parse_any(data);
    log::parse_any(data);
    let mut out = vec![0; 10_000];
    for method in [Method::Zlib, Method::Lzo, Method::Zstd] {
        let _ = method.unpack(data, &mut out, 4096, Logical(0));
    }
    let mut devices = Devices::default();
    let _ = assembly::system_chunks(data, Physical(0), 4096, &mut devices);
    let mut chunks = Chunks::default();
    let key = Key { objectid: 256, kind: 228, offset: 0 };
    if let Ok((item, _)) = Item::parse(key, data, Logical(0)) {
        let _ = chunks.add(&item, &mut devices, 4096);
        let _ = chunks.finish();
        let _ = chunks.find(Logical(1 << 20));
    }
    // The first byte is the level; the checksum is made right.
    let geometry = Geometry {
        checksum: Algorithm::Crc32c,
        node_size: data.len(),
        sector_size: 4096,
        fsids: vec![Uuid([0; 16])],
    };
    let level = data.first().map_or(0, |byte| byte % 2);
    let (address, generation) = (Logical(0), Generation(0));
    let wanted = Wanted { address, level, generation, tree: TreeId(0), first: None };
    node::parse_any(data, &wanted, &geometry);
}

// SPDX-License-Identifier: BSD-3-Clause
//! Maps blocks of a file to blocks of the filesystem.

use block::BlockRead;
use filesystem::Error;

use crate::{extent, indirect, inode::Inode, run::Leaf, units::FileBlock, volume::Volume};

/// The leaf that maps block `logical` of the file.
pub fn leaf<D: BlockRead>(volume: &Volume<D>, inode: &Inode, logical: FileBlock) -> Result<Leaf, Error> {
    if inode.has_extents() {
        extent::leaf(volume, inode, logical)
    } else {
        indirect::leaf(volume, inode, logical)
    }
}

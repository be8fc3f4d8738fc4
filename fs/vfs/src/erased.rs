// SPDX-License-Identifier: BSD-3-Clause
//! Type-erased filesystems, whose format the caller does not know.

use alloc::{rc::Rc, vec::Vec};
use core::{any::Any, ops::ControlFlow};

use filesystem::{Attr, Error, FileSystem, FileType, Summary};

/// A node of any format.
pub type ErasedNode = Rc<dyn Any>;

/// Callback for the entries of a directory.
pub type EachErased<'a> = dyn FnMut(&[u8], ErasedNode, Option<FileType>) -> ControlFlow<()> + 'a;

/// [`FileSystem`] with type-erased nodes.
pub trait Erased {
    fn summary(&self) -> Result<Summary, Error>;
    fn lookup(&self, dir: &ErasedNode, name: &[u8]) -> Result<ErasedNode, Error>;
    fn attr(&self, node: &ErasedNode) -> Result<Attr, Error>;
    fn read_dir(&self, dir: &ErasedNode, each: &mut EachErased<'_>) -> Result<(), Error>;
    fn read_link(&self, node: &ErasedNode) -> Result<Vec<u8>, Error>;
    fn read_at(&self, node: &ErasedNode, offset: u64, buf: &mut [u8]) -> Result<usize, Error>;
}

/// Erases the type of a filesystem.
pub fn erase<F: FileSystem + 'static>(filesystem: F) -> Rc<dyn Erased> {
    Rc::new(Typed(filesystem))
}

struct Typed<F>(F);

impl<F: FileSystem> Typed<F> {
    /// The typed node. A node is only ever passed to the filesystem that it came from; any other is
    /// [`Error::NotFound`].
    fn node<'a>(&self, node: &'a ErasedNode) -> Result<&'a F::Node, Error> {
        node.downcast_ref().ok_or(Error::NotFound)
    }
}

impl<F: FileSystem> Erased for Typed<F> {
    fn summary(&self) -> Result<Summary, Error> {
        self.0.summary()
    }

    fn lookup(&self, dir: &ErasedNode, name: &[u8]) -> Result<ErasedNode, Error> {
        Ok(Rc::new(self.0.lookup(self.node(dir)?, name)?))
    }

    fn attr(&self, node: &ErasedNode) -> Result<Attr, Error> {
        self.0.attr(self.node(node)?)
    }

    fn read_dir(&self, dir: &ErasedNode, each: &mut EachErased<'_>) -> Result<(), Error> {
        self.0.read_dir(self.node(dir)?, &mut |name, node, kind| each(name, Rc::new(node), kind))
    }

    fn read_link(&self, node: &ErasedNode) -> Result<Vec<u8>, Error> {
        self.0.read_link(self.node(node)?)
    }

    fn read_at(&self, node: &ErasedNode, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
        self.0.read_at(self.node(node)?, offset, buf)
    }
}

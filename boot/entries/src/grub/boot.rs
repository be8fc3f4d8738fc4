// SPDX-License-Identifier: BSD-3-Clause
//! The outcome of an entry's commands.

use alloc::{string::String, vec::Vec};

use vfs::VolumeId;

use crate::{Elsewhere, File, Initrd, Linux, Program, Start};

/// What an entry has loaded. As in GRUB, a later command of this kind replaces it.
#[derive(Clone, Debug, Default)]
pub enum Loaded {
    /// Nothing.
    #[default]
    Nothing,
    /// `linux`
    Kernel {
        /// The kernel.
        kernel: File,
        /// The command line.
        options: String,
        /// The initial RAM disks.
        initrd: Vec<Initrd>,
    },
    /// `chainloader` with a file.
    Program(Program),
    /// `chainloader` with sectors of a disk, which only a BIOS could start; the command as written.
    Sectors(String),
}

/// How an entry leaves GRUB without booting.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Leaving {
    /// It ends GRUB: the firmware goes on with its next boot option.
    Exit,
    /// By this command it opens the firmware setup or the menu of another disk, restarts the machine or switches it
    /// off.
    Machine(String),
}

/// What the body of an entry would start.
#[derive(Clone, Debug, Default)]
pub struct Boot {
    /// What is started.
    pub loaded: Loaded,
    /// `devicetree`
    pub devicetree: Option<File>,
    /// How it ends without a start.
    pub leaving: Option<Leaving>,
    /// Why nothing is loaded: an unknown command, a device that does not exist.
    pub obstacle: Option<String>,
    /// It opens a menu of this volume that was found already.
    pub known: Option<VolumeId>,
}

impl Boot {
    /// Drops what was loaded, with the reason.
    pub fn refuse(&mut self, reason: String) {
        self.loaded = Loaded::Nothing;
        self.obstacle = Some(reason);
    }

    /// Whether `boot` would start something.
    pub fn is_loaded(&self) -> bool {
        !matches!(self.loaded, Loaded::Nothing)
    }

    /// What is started, or why nothing is.
    pub fn start(self) -> Result<Start, String> {
        if self.leaving == Some(Leaving::Exit) {
            return Ok(Start::Elsewhere(Elsewhere { command: "exit".into() }));
        }
        match self.loaded {
            Loaded::Kernel { kernel, options, initrd } => {
                Ok(Start::Linux(Linux { kernel, initrd, options, devicetree: self.devicetree }))
            }
            Loaded::Program(program) => Ok(Start::Program(program)),
            Loaded::Sectors(command) => Ok(Start::Elsewhere(Elsewhere { command })),
            Loaded::Nothing => Err(self.obstacle.unwrap_or_else(|| "it has no linux command".into())),
        }
    }
}

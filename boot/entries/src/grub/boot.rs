// SPDX-License-Identifier: BSD-3-Clause
//! What the commands of an entry come to.

use alloc::{string::String, vec::Vec};

use vfs::VolumeId;

use crate::{Elsewhere, File, Initrd, Linux, Program, Start};

/// What an entry has loaded: another command of this kind takes its place, as in GRUB.
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
    /// `chainloader` with sectors of a disk, as it is spelled: what a BIOS would start.
    Sectors(String),
}

/// What an entry does in place of booting.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Leaving {
    /// It ends GRUB: the firmware goes on to the next of its boot options.
    Exit,
    /// It opens the firmware's set-up or the menu of another disk, restarts the machine or switches it off, by this
    /// command.
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
    /// Why nothing is loaded: a command that is not known here, a device that does not exist.
    pub obstacle: Option<String>,
    /// It opens a menu that was found already, of this volume.
    pub known: Option<VolumeId>,
}

impl Boot {
    /// Takes what was loaded away, for a reason.
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

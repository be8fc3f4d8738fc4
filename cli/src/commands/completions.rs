// SPDX-License-Identifier: BSD-3-Clause
//! `cloud-boot completions`.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use crate::{Arguments, failure::Stop, printer::Printer};

/// Shell completion script for commands and options
#[derive(Args)]
#[command(after_help = "Examples:
  cloud-boot completions bash > ~/.local/share/bash-completion/completions/cloud-boot
      bash, from the next session on
  cloud-boot completions fish > ~/.config/fish/completions/cloud-boot.fish
      fish
  source <(cloud-boot completions zsh)
      zsh, this session only")]
pub struct Options {
    /// The shell
    shell: Shell,
}

impl Options {
    /// Prints it.
    pub fn run(&self, printer: &mut Printer) -> Result<(), Stop> {
        let mut script = Vec::new();
        generate(self.shell, &mut Arguments::command(), "cloud-boot", &mut script);
        // clap_complete 4.6.11 writes the hyphen of the program's name in two ways, and bash finds no command below it.
        let script = String::from_utf8_lossy(&script).replace("cloud__subcmd__boot", "cloud__boot");
        printer.bytes(script.as_bytes())
    }
}

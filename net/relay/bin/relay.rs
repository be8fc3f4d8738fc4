// SPDX-License-Identifier: BSD-3-Clause
//! `relay [--help]`.
#![forbid(unsafe_code)]

use clap::Parser as _;

fn main() -> anyhow::Result<()> {
    relay::Options::parse().run()
}

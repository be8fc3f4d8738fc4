// SPDX-License-Identifier: BSD-3-Clause
//! Why the network cannot be used.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt::{self, Write as _};

use code::Code;

use crate::codes;

/// Why the network cannot be used, in one line: code, object, cause, and what to do.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A setting that cannot be used.
    Setting {
        /// The key.
        key: &'static str,
        /// Value, cause, and the expected form.
        form: Box<ip::Error>,
    },
    /// The machine has no network card.
    NoCard,
    /// No card matches the settings.
    NoMatch {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// Names and addresses of the available cards.
        available: String,
    },
    /// No card can be used.
    Unusable {
        /// Names of the cards.
        cards: String,
        /// Why the last one cannot be used.
        cause: Box<ip::Error>,
    },
    /// No card has a link.
    NoLink {
        /// Names of the cards.
        cards: String,
        /// The time waited.
        seconds: u64,
    },
    /// No card with a link got an address.
    NoAddress {
        /// Names of the cards with a link.
        cards: String,
        /// The time waited.
        seconds: u64,
        /// The errors, other than no answer.
        causes: Vec<ip::Error>,
    },
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Setting { form, .. } => form.code(),
            Self::NoCard | Self::NoMatch { .. } | Self::Unusable { .. } => ip::codes::CARD,
            Self::NoLink { .. } => codes::LINK,
            Self::NoAddress { causes, .. } => causes.first().map_or(ip::codes::DHCP, ip::Error::code),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.code())?;
        match self {
            Self::Setting { key, form } => write!(f, "{key}={}", Clean(form)),
            Self::NoCard => f.write_str("cards: none found; add one, or a driver for it"),
            Self::NoMatch { key, value, available } => {
                let value = Clean(value);
                write!(f, "{key}={value}: no such card; available: {available}")
            }
            Self::Unusable { cards, cause } => write!(f, "{cards}: {cause}; use another card"),
            Self::NoLink { cards, seconds } => {
                write!(f, "{cards}: no link within {seconds} s; check the cable and the switch's port")
            }
            Self::NoAddress { cards, seconds, causes } => match causes.split_first() {
                None => write!(
                    f,
                    "{cards}: no DHCP server or IPv6 router answered within {seconds} s; \
                     check the VLAN and the server, or set cloudboot.net.static"
                ),
                Some((first, rest)) => {
                    write!(f, "{}", Clean(first))?;
                    rest.iter().try_for_each(|cause| write!(f, "; {}", Clean(cause)))
                }
            },
        }
    }
}

impl core::error::Error for Error {}

/// Text without control characters, which a setting may have: an error is one line.
struct Clean<T>(T);

impl<T: fmt::Display> fmt::Display for Clean<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Line(f), "{}", self.0)
    }
}

struct Line<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for Line<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| self.0.write_char(if c.is_control() { '?' } else { c }))
    }
}

//! How links that share a lower link exchange packets.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Record, Result};

/// A mode by its name, which is that of `ip link`.
macro_rules! mode {
    ($(#[$doc:meta])* $Mode:ident, default = $Default:ident, names = $names:literal, $($(#[$variant_doc:meta])* $Variant:ident = $name:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $Mode {
            $($(#[$variant_doc])* $Variant,)*
        }

        impl $Mode {
            /// What the field `mode` of a record says, or the default.
            pub(super) fn from_record(record: &Record) -> Result<Self> {
                record.text("mode")?.map_or(Ok(Self::$Default), str::parse)
            }
        }

        impl FromStr for $Mode {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                match text {
                    $($name => Ok(Self::$Variant),)*
                    _ => Err(Error::invalid(format!(concat!("\"{}\" is not a mode: ", $names), text))),
                }
            }
        }

        impl fmt::Display for $Mode {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$Variant => $name,)*
                })
            }
        }
    };
}

mode!(
    /// How macvlans and macvtaps on one link exchange packets (`MACVLAN_MODE_*` of `linux/if_link.h`).
    MacvlanMode,
    default = Bridge,
    names = "bridge, private, vepa, passthru or source",
    /// Directly.
    Bridge = "bridge",
    /// Not at all.
    Private = "private",
    /// Through the switch outside, which sends them back.
    Vepa = "vepa",
    /// There is only one, which has the lower link for itself.
    Passthru = "passthru",
    /// By lists of the senders' addresses.
    Source = "source",
);

mode!(
    /// At which layer ipvlans on one link exchange packets (`IPVLAN_MODE_*` of `linux/if_link.h`).
    IpvlanMode,
    default = L2,
    names = "l2, l3 or l3s",
    /// As a switch.
    L2 = "l2",
    /// As a router.
    L3 = "l3",
    /// As a router whose packets the firewall sees.
    L3s = "l3s",
);

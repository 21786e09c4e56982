//! One VLAN of a link.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Record, Result};

/// One VLAN of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vlan {
    /// Its number, the VID: 1 to 4094.
    pub id: u16,
    /// How its packets are tagged.
    pub protocol: VlanProtocol,
}

/// How the packets of a VLAN are tagged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VlanProtocol {
    /// By the tag that switches use.
    #[default]
    Ieee8021Q,
    /// By the outer one of two tags.
    Ieee8021Ad,
}

impl Vlan {
    pub(super) fn from_record(record: &Record) -> Result<Self> {
        let id = record.integer("vid")?.filter(|id| (1..=4094).contains(id));
        let id = id.ok_or_else(|| Error::invalid("field \"vid\": a VLAN has a number from 1 to 4094"))?;
        let protocol = record.text("protocol")?.map(str::parse).transpose()?.unwrap_or_default();
        Ok(Self { id, protocol })
    }

    pub(super) fn words(self) -> Vec<String> {
        vec![format!("protocol {}", self.protocol), format!("id {}", self.id)]
    }
}

impl FromStr for VlanProtocol {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.to_ascii_lowercase().as_str() {
            "802.1q" => Ok(Self::Ieee8021Q),
            "802.1ad" => Ok(Self::Ieee8021Ad),
            _ => Err(Error::invalid(format!("\"{text}\" is not the protocol of a VLAN: 802.1Q or 802.1ad"))),
        }
    }
}

impl fmt::Display for VlanProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ieee8021Q => "802.1Q",
            Self::Ieee8021Ad => "802.1ad",
        })
    }
}

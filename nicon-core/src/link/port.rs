//! What a link is to be like as a port of a bridge.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::{Error, Record, Result};

/// The options of a port. If VLANs are asked for, it has these and no others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortSpec {
    /// Its VLANs; one of the others need not be among them.
    pub vlans: Vec<VidRange>,
    /// The VLAN that what arrives without a tag belongs to.
    pub pvid: Option<u16>,
    /// The VLANs that it sends without a tag.
    pub untagged: Vec<VidRange>,
    /// Whether it exchanges nothing with other isolated ports.
    pub isolated: Option<bool>,
}

/// VLAN identifiers, from the first to the last one: `10` or `20-29`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VidRange {
    first: u16,
    last: u16,
}

/// One VLAN of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortVlan {
    /// Its identifier.
    pub vid: u16,
    /// Whether what arrives without a tag belongs to it.
    pub pvid: bool,
    /// Whether it is sent without a tag.
    pub untagged: bool,
}

/// Whether a number is a VLAN identifier: IEEE 802.1Q reserves the least and the greatest one of its twelve bits.
fn is_vid(vid: u16) -> bool {
    (1..=4094).contains(&vid)
}

impl PortSpec {
    /// What a record says.
    ///
    /// # Errors
    /// The first field that cannot be understood.
    pub fn from_record(record: &Record) -> Result<Self> {
        let pvid: Option<u16> = record.integer("pvid")?;
        if let Some(pvid) = pvid.filter(|pvid| !is_vid(*pvid)) {
            return Err(Error::invalid(format!("field \"pvid\": {pvid} is not a VLAN ID (1 to 4094)")));
        }
        Ok(Self {
            vlans: ranges(record, "vlan")?,
            pvid,
            untagged: ranges(record, "untagged")?,
            isolated: record.boolean("isolated")?,
        })
    }

    /// Whether anything is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// All VLANs that the port is to have, in order; `None` if it keeps those that it has.
    #[must_use]
    pub fn port_vlans(&self) -> Option<Vec<PortVlan>> {
        if self.vlans.is_empty() && self.pvid.is_none() && self.untagged.is_empty() {
            return None;
        }
        let all =
            |ranges: &[VidRange]| ranges.iter().flat_map(|range| range.first..=range.last).collect::<BTreeSet<_>>();
        let (mut vids, untagged) = (all(&self.vlans), all(&self.untagged));
        vids.extend(untagged.iter().copied().chain(self.pvid));
        let vlan = |vid: u16| PortVlan { vid, pvid: self.pvid == Some(vid), untagged: untagged.contains(&vid) };
        Some(vids.into_iter().map(vlan).collect())
    }
}

/// A list of identifiers and ranges of them; one may stand alone.
fn ranges(record: &Record, field: &str) -> Result<Vec<VidRange>> {
    let wrong = || Error::invalid(format!("field \"{field}\": expected a list like [10, \"20-29\"]"));
    let range = |value: &Value| match value {
        Value::Number(vid) => vid.to_string().parse(),
        Value::String(range) => range.parse(),
        _ => Err(wrong()),
    };
    match record.get(field) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(range).collect(),
        Some(one) => Ok(vec![range(one)?]),
    }
}

impl FromStr for VidRange {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let vid = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|vid| digits && is_vid(*vid))
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (vid(first), vid(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self { first, last }),
            _ => Err(Error::invalid(format!("\"{text}\" is not a VLAN ID (1 to 4094) or a range like 20-29"))),
        }
    }
}

impl fmt::Display for VidRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        if self.last > self.first { write!(f, "-{}", self.last) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vlan_identifiers() {
        for text in ["1", "4094", "20-29", "7-7"] {
            assert_eq!(text.parse::<VidRange>().unwrap().to_string(), text.replace("7-7", "7"));
        }
        for text in ["", "0", "4095", "29-20", "1-", "-1", "+1", "1-2-3", "x", "65537"] {
            assert!(text.parse::<VidRange>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_vlans_of_a_port() {
        let port = |line: &str| PortSpec::from_record(&Record::parse(line).unwrap());
        let vlans = port(r#"{"vlan":[10,"20-21"],"pvid":5,"untagged":10}"#).unwrap().port_vlans().unwrap();
        let vlan = |vid, pvid, untagged| PortVlan { vid, pvid, untagged };
        let expected = [vlan(5, true, false), vlan(10, false, true), vlan(20, false, false), vlan(21, false, false)];
        assert_eq!(vlans, expected);
        assert_eq!(port(r#"{"isolated":true}"#).unwrap().port_vlans(), None);
        assert!(port("{}").unwrap().is_empty() && !port(r#"{"isolated":false}"#).unwrap().is_empty());
        for line in [r#"{"vlan":[true]}"#, r#"{"pvid":0}"#, r#"{"pvid":"5"}"#, r#"{"vlan":1.5}"#, r#"{"isolated":1}"#] {
            assert!(port(line).is_err(), "{line}");
        }
    }
}

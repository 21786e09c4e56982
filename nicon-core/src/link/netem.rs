//! What a link does to what it sends, as `tc(8)`'s netem does it.

use std::fmt;

use serde_json::Value;

use super::{Percent, Rate, Time};
use crate::{Error, Record, Result};

/// The netem of a link. It is one thing: what is not asked of it is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Netem {
    /// How much later it sends.
    pub delay: Time,
    /// By how much that varies, either way.
    pub jitter: Time,
    /// Which part of the packets it drops.
    pub loss: Percent,
    /// How much it sends at most; `None` if it is not limited.
    pub rate: Option<Rate>,
}

impl Netem {
    /// What a record says, if it says anything of it.
    ///
    /// # Errors
    /// The first field that cannot be understood.
    pub fn from_record(record: &Record) -> Result<Option<Self>> {
        let delay: Option<Time> = record.text("delay")?.map(str::parse).transpose()?;
        let jitter: Option<Time> = record.text("jitter")?.map(str::parse).transpose()?;
        let loss = match record.get("loss") {
            Some(Value::Number(number)) => Some(number.to_string().parse()?),
            _ => record.text("loss")?.map(str::parse::<Percent>).transpose()?,
        };
        let rate = record.text("rate")?.map(str::parse).transpose()?;
        if delay.is_none() && jitter.is_none() && loss.is_none() && rate.is_none() {
            return Ok(None);
        }
        let (delay, jitter, loss) = (delay.unwrap_or_default(), jitter.unwrap_or_default(), loss.unwrap_or_default());
        Ok(Some(Self { delay, jitter, loss, rate }))
    }

    /// Makes sure that its parts go together.
    ///
    /// # Errors
    /// If there is a jitter without a delay.
    pub fn check(&self) -> Result<()> {
        if self.jitter != Time::default() && self.delay == Time::default() {
            return Err(Error::invalid("a jitter varies a delay: it needs one"));
        }
        Ok(())
    }
}

impl fmt::Display for Netem {
    /// As `tc` takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "netem delay {}", self.delay)?;
        if self.jitter != Time::default() {
            write!(f, " {}", self.jitter)?;
        }
        if self.loss != Percent::default() {
            write!(f, " loss {}", self.loss)?;
        }
        self.rate.iter().try_for_each(|rate| write!(f, " rate {rate}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_record_asks_for() {
        let netem = |line: &str| Netem::from_record(&Record::parse(line).unwrap());
        let all = netem(r#"{"delay":"10ms","jitter":"2ms","loss":"0.5%","rate":"10mbit"}"#).unwrap().unwrap();
        assert_eq!(all.to_string(), "netem delay 10ms 2ms loss 0.5% rate 10mbit");
        assert_eq!(netem(r#"{"loss":0.5}"#).unwrap().unwrap().to_string(), "netem delay 0s loss 0.5%");
        assert_eq!(netem(r#"{"pid":1,"delay":null}"#).unwrap(), None);
        assert!(netem(r#"{"jitter":"1ms"}"#).unwrap().unwrap().check().is_err() && all.check().is_ok());
        for line in [r#"{"delay":10}"#, r#"{"delay":"10"}"#, r#"{"loss":101}"#, r#"{"rate":true}"#] {
            assert!(netem(line).is_err(), "{line}");
        }
    }
}

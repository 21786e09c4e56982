//! Times, percentages and rates in the units of `tc(8)`.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// A time, such as `10ms`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time(u64);

/// A part of all, such as `0.5%`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Percent(u32);

/// A rate, such as `10mbit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate(u64);

/// Units of time, in nanoseconds; the first of each length is the one that is printed.
const TIMES: [(&str, u64); 12] = [
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
    ("sec", 1_000_000_000),
    ("secs", 1_000_000_000),
    ("msec", 1_000_000),
    ("msecs", 1_000_000),
    ("usec", 1_000),
    ("usecs", 1_000),
    ("nsec", 1),
    ("nsecs", 1),
];

/// Units of rates, in bits per second; the first ones are printed.
const RATES: [(&str, u64); 18] = [
    ("tbit", 1_000_000_000_000),
    ("gbit", 1_000_000_000),
    ("mbit", 1_000_000),
    ("kbit", 1_000),
    ("bit", 1),
    ("kibit", 1 << 10),
    ("mibit", 1 << 20),
    ("gibit", 1 << 30),
    ("tibit", 1 << 40),
    ("bps", 8),
    ("kbps", 8_000),
    ("mbps", 8_000_000),
    ("gbps", 8_000_000_000),
    ("tbps", 8_000_000_000_000),
    ("kibps", 8 << 10),
    ("mibps", 8 << 20),
    ("gibps", 8 << 30),
    ("tibps", 8 << 40),
];

/// The longest time, in nanoseconds: the kernel keeps it as a signed number.
const LONGEST: f64 = 9e18;

impl Time {
    /// That of a number of nanoseconds.
    #[must_use]
    pub fn from_nanoseconds(nanoseconds: u64) -> Self {
        Self(nanoseconds)
    }

    /// In nanoseconds.
    #[must_use]
    pub fn nanoseconds(self) -> u64 {
        self.0
    }
}

impl Percent {
    /// That of a part of `u32::MAX`, as the kernel keeps it.
    #[must_use]
    pub fn from_part(part: u32) -> Self {
        Self(part)
    }

    /// As a part of `u32::MAX`.
    #[must_use]
    pub fn part(self) -> u32 {
        self.0
    }
}

impl Rate {
    /// That of a number of bytes per second, as the kernel keeps it.
    #[must_use]
    pub fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// In bytes per second.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Time {
    type Err = Error;

    /// `tc` takes a number alone for microseconds, which is hardly ever meant.
    fn from_str(text: &str) -> Result<Self> {
        let time = with_unit(text, &TIMES).filter(|time| *time < LONGEST);
        time.map(|nanoseconds| Self(rounded(nanoseconds)))
            .ok_or_else(|| Error::invalid(format!("\"{text}\" is not a time like 10ms (units: s, ms, us, ns)")))
    }
}

impl FromStr for Percent {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let percent = number(text).filter(|(percent, unit)| *percent <= 100.0 && ["%", ""].contains(unit));
        let part = |(percent, _)| u32::try_from(rounded(percent / 100.0 * f64::from(u32::MAX)));
        let part = percent.and_then(|percent| part(percent).ok());
        part.map(Self).ok_or_else(|| Error::invalid(format!("\"{text}\" is not a percentage like 0.5% (0% to 100%)")))
    }
}

impl FromStr for Rate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bits = with_unit(&text.to_ascii_lowercase(), &RATES).filter(|bits| (8.0..8.0 * LONGEST).contains(bits));
        bits.map(|bits| Self(rounded((bits / 8.0).floor()))).ok_or_else(|| {
            Error::invalid(format!(
                "\"{text}\" is not a rate like 10mbit (units: bit, kbit, mbit, gbit; bps are bytes)"
            ))
        })
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shortest(f, self.0, &TIMES[..4])
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = f64::from(self.0) / f64::from(u32::MAX) * 100.0;
        write!(f, "{}%", (percent * 1e6).round() / 1e6)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shortest(f, self.0.saturating_mul(8), &RATES[..5])
    }
}

/// A number of the greatest unit in which it is whole.
fn shortest(f: &mut fmt::Formatter<'_>, number: u64, units: &[(&str, u64)]) -> fmt::Result {
    let (unit, length) = units.iter().find(|(_, length)| number.is_multiple_of(*length)).expect("the last unit is 1");
    write!(f, "{}{unit}", number / length)
}

/// What a number with a unit means.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<f64> {
    let (number, unit) = number(text)?;
    let (_, length) = units.iter().find(|(name, _)| *name == unit)?;
    #[allow(clippy::cast_precision_loss, reason = "no unit has more than 53 binary digits")]
    Some(number * *length as f64)
}

/// A number without sign or exponent, and what follows it.
fn number(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    Some((digits.parse().ok()?, unit))
}

/// The nearest whole number.
fn rounded(number: f64) -> u64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in the range")]
    let whole = number.round() as u64;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let time = |text: &str| text.parse::<Time>().map(Time::nanoseconds).map_err(|error| error.to_string());
        assert_eq!((time("10ms"), time("1.5usecs"), time("2s")), (Ok(10_000_000), Ok(1_500), Ok(2_000_000_000)));
        for text in ["10ms", "1500us", "3s", "7ns", "0s"] {
            assert_eq!(text.parse::<Time>().unwrap().to_string(), text);
        }
        for text in ["", "10", "ms", "-1ms", "1e3ms", "10 ms", "10MS", "nan", "inf", "1.2.3s", "99999999999999999s"] {
            assert!(time(text).unwrap_err().contains("like 10ms"), "{text}");
        }
    }

    #[test]
    fn percentages_as_the_kernel_keeps_them() {
        for text in ["0%", "0.5%", "33.3%", "100%", "0.000001%"] {
            assert_eq!(text.parse::<Percent>().unwrap().to_string(), text);
        }
        assert_eq!("100%".parse::<Percent>().unwrap().part(), u32::MAX);
        assert_eq!("10".parse::<Percent>().unwrap(), "10%".parse().unwrap());
        for text in ["", "%", "101%", "-1%", "1%%", "1 %", "half"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }

    #[test]
    fn rates() {
        let rate = |text: &str| text.parse::<Rate>().map(Rate::bytes).map_err(|error| error.to_string());
        assert_eq!((rate("10mbit"), rate("10Mbit"), rate("1kbps")), (Ok(1_250_000), Ok(1_250_000), Ok(1_000)));
        assert_eq!((rate("1kibit"), rate("100gbit"), rate("9bit")), (Ok(128), Ok(12_500_000_000), Ok(1)));
        for text in ["10mbit", "1500kbit", "8bit", "100gbit"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in ["", "10", "0mbit", "7bit", "mbit", "10mb", "-1mbit", "10%"] {
            assert!(rate(text).unwrap_err().contains("like 10mbit"), "{text}");
        }
    }
}

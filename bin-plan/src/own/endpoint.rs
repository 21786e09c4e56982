//! The end of a link: `setup.olt_1:eth1`.

use std::net::IpAddr;

/// A path and, behind the last `:`, the name of the link there. Those before it are the path's.
///
/// # Errors
/// If it has not both.
pub(crate) fn split(text: &str) -> Result<(&str, &str), String> {
    if let Some((endpoint, address)) = split_address(text) {
        return Err(format!(
            "\"{text}\" has an address, which stands beside the endpoint: {{endpoint: \"{endpoint}\", addr: {address}}}"
        ));
    }
    match text.rsplit_once(':') {
        Some((path, name)) if !path.is_empty() && !name.is_empty() => Ok((path, name)),
        _ => Err(format!("\"{text}\" is not a container's path, a colon, and the name of a link, such as a.b:eth1")),
    }
}

/// What stands before an address that follows a colon, and the address. An IPv6 address has colons of its own.
fn split_address(text: &str) -> Option<(&str, &str)> {
    let is_address = |text: &str| {
        let (address, length) = text.split_once('/')?;
        Some(address.parse::<IpAddr>().is_ok() && length.parse::<u8>().is_ok())
    };
    let mut splits = text.match_indices(':').map(|(at, _)| (&text[..at], &text[at + 1..]));
    splits.find(|(_, rest)| is_address(rest) == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_colon_splits() {
        for (text, ends) in [
            ("setup.olt_1.lt_1:eth1", ("setup.olt_1.lt_1", "eth1")),
            ("host:up0", ("host", "up0")),
            ("netns:blue:eth0", ("netns:blue", "eth0")),
            ("a/my.b:eth0", ("a/my.b", "eth0")),
            ("podman:web:eth0", ("podman:web", "eth0")),
        ] {
            assert_eq!(split(text), Ok(ends));
        }
        for text in ["", "a.b", ":eth0", "a:"] {
            assert!(split(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_has_its_own_place() {
        for (text, said) in [
            ("setup.db:eth2:10.0.1.1/24", "{endpoint: \"setup.db:eth2\", addr: 10.0.1.1/24}"),
            ("podman:web:eth0:2001:db8::1/64", "{endpoint: \"podman:web:eth0\", addr: 2001:db8::1/64}"),
        ] {
            assert!(split(text).unwrap_err().ends_with(said), "{text}");
        }
    }
}

//! Hardware addresses of links between machines. The other end's neighbours go on sending to the address that they know: made anew, an end
//! has the same one.

use nicon_core::hash::hash;

/// That of an end: unicast, of those that nobody has registered (RFC 9542, section 2.1.1), and the same on every machine.
pub(super) fn mac(plan: &str, end: &str) -> String {
    let bytes = hash(&format!("{plan}\n{end}")).to_be_bytes();
    bytes[3..].iter().fold("02".to_owned(), |mac, byte| format!("{mac}:{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::mac;

    #[test]
    fn each_end_has_its_own() {
        let one = mac("lab", "lab1 a eth1");
        assert!(one.starts_with("02:") && one.len() == 17, "{one}");
        assert_eq!(one, mac("lab", "lab1 a eth1"));
        assert_ne!(one, mac("lab", "lab2 a eth1"));
        assert_ne!(one, mac("lab2", "lab1 a eth1"));
    }
}

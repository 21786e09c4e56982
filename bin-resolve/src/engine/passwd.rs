//! Users' names and homes, by `passwd(5)`.

/// Where they are.
pub(crate) const PASSWD: &str = "/etc/passwd";

/// The fields used of a line of `passwd(5)`.
pub(crate) struct PasswdEntry<'a> {
    pub(crate) name: &'a str,
    uid: u32,
    pub(crate) home: &'a str,
}

fn parse(line: &str) -> Option<PasswdEntry<'_>> {
    let mut fields = line.split(':');
    let (name, uid, home) = (fields.next()?, fields.nth(1)?, fields.nth(2)?);
    Some(PasswdEntry { name, uid: uid.parse().ok()?, home })
}

/// The entry of the user with this ID. The C library would load modules, which a static program cannot.
pub(crate) fn entry_of(passwd: &str, uid: u32) -> Option<PasswdEntry<'_>> {
    passwd.lines().find_map(|line| parse(line).filter(|entry| entry.uid == uid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_passwd() {
        let entry = parse("alice:x:1000:1000:Alice,,,:/home/alice:/bin/bash").unwrap();
        assert_eq!((entry.name, entry.uid, entry.home), ("alice", 1000, "/home/alice"));
        for other in ["", "+::::::", "alice:x:-1:0::/:", "alice"] {
            assert!(parse(other).is_none(), "{other}");
        }
    }
}

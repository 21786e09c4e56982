//! How the caller's C library is to look names up, so that the container's files decide: `nsswitch.conf(5)`.

/// This nsswitch.conf, with names of hosts looked up in /etc/hosts and by DNS, and nowhere else.
///
/// Others, such as `resolve` and `mymachines`, ask daemons of the caller's machine, which answer for its own network. The container's
/// own file is not taken: it says what libraries are loaded.
pub(super) fn with_files_and_dns(nsswitch: &[u8]) -> Vec<u8> {
    let is_of_hosts = |line: &[u8]| line.trim_ascii_start().starts_with(b"hosts:");
    let lines = nsswitch.split_inclusive(|byte| *byte == b'\n').filter(|line| !is_of_hosts(line));
    let mut changed = lines.collect::<Vec<_>>().concat();
    if changed.last().is_some_and(|last| *last != b'\n') {
        changed.push(b'\n');
    }
    changed.extend(b"hosts: files dns\n");
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_alone_are_looked_up_otherwise() {
        let changed = |text: &str| String::from_utf8(with_files_and_dns(text.as_bytes())).unwrap();
        let usual = "passwd: files systemd\n hosts:\tfiles mymachines resolve [!UNAVAIL=return] dns\nservices: db";
        assert_eq!(changed(usual), "passwd: files systemd\nservices: db\nhosts: files dns\n");
        assert_eq!(changed("# hosts: x\nghosts: y\n"), "# hosts: x\nghosts: y\nhosts: files dns\n");
        assert_eq!(changed(""), "hosts: files dns\n");
    }
}

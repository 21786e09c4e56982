//! Names of network namespaces that cannot be read: what only they keep may be missing, which is told.

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, output_within, tool};

use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![suite.trial_of_kernel(&[], "links::unreadable::names_are_told", names_are_told)]
}

/// Root without the capabilities to pass over permissions, as in a container, where /run/netns is somebody else's.
fn names_are_told(suite: &Suite) -> Result<(), Failed> {
    let script = r#"exec 2>&1; mount -t tmpfs t /run && mkdir /run/netns /run/locked && chown 1 /run/locked && chmod 700 /run/locked
        : >/run/netns/blue && unshare --net=/run/netns/blue true
        : >/run/netns/left && chown 1 /run/netns/left && chmod 0 /run/netns/left && ln -s nothing /run/netns/dangling
        look() { setpriv --bounding-set=-dac_override,-dac_read_search "$@"; echo "status $?"; }
        echo "case left"; look "$0" --all
        plan() { echo '{"plan":"nobodys"}' | look "$1" --destroy; }
        echo "case link"; ln -s /run/locked/x /run/netns/x; look "$0" --all; plan "$1"; rm /run/netns/x
        echo "case all"; chown 1 /run/netns; chmod 700 /run/netns; look "$0" --all; plan "$1""#;
    let (mut shell, bins) = (tool("unshare"), suite.bins()?);
    shell
        .args(["--mount", "--net", "sh", "-c", script])
        .args(["nicon-links", "nicon-wire"].map(|program| bins.join(program)));
    let ran = output_within(&mut shell, LIMIT)?;
    let cases: Vec<&str> = ran.stdout.split("case ").skip(1).collect();
    let [left, link, all] = cases[..] else { return Err(format!("{ran:?}").into()) };
    assert!(left.contains(r#""target":"netns:blue""#), "{left}");
    assert!(!left.contains("/run/netns/left") && !left.contains("dangling"), "nothing is mounted there: {left}");
    let told = "network namespaces that only have a name may be missing";
    for (case, words) in [(link, "open /run/netns/x: Permission denied"), (all, "read /run/netns: Permission denied")] {
        for program in ["nicon-links", "nicon-wire"] {
            assert!(case.contains(&format!("{program}: {words}: {told}")), "{case}");
        }
        assert_eq!(case.matches("status 2").count(), 2, "{case}");
    }
    assert!(link.contains(r#""target":"netns:blue""#) && !all.contains("netns:blue"), "{ran:?}");
    Ok(())
}

//! Why a link is not moved, in words, before anything is changed.

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use crate::links::settings::Ground;
use crate::support::expect::refusal;
use crate::support::kernel::Feature;
use crate::support::links::Place;
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::causes::names_that_the_kernel_keeps", kept_names),
        suite.trial_of_kernel(&[], "links::causes::an_mtu_above_that_of_the_link_below", mtu_of_macvlan),
        suite.trial_of_kernel(
            &[Feature::LinkKind("vlan"), Feature::LinkKind("macsec")],
            "links::causes::an_mtu_above_that_of_the_parent",
            mtu_of_vlan,
        ),
        suite.trial_of_kernel(&[], "links::causes::a_master_that_takes_no_ports", no_master),
        suite.trial_of_kernel(&[Feature::Wireless], "links::causes::a_wireless_link", wireless),
        suite.trial_of_kernel(&[], "links::causes::what_has_the_name_already", what_has_the_name),
    ]
}

fn kept_names(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    let before = ground.state();
    let (from, to) = (ground.from.pid(), ground.to.pid());
    for name in ["all", "default"] {
        let words = [&format!("\"{name}\" is not a link name"), "the kernel keeps it for settings"];
        let ran = ground.mv(suite, &["v9", name]);
        assert!(ran.status.code() == Some(2) && words.iter().all(|word| ran.stderr.contains(word)), "{ran:?}");
        let asked = json!({"pid": to, "from": from, "link": "v9", "name": name}).to_string();
        refusal(&suite.feed(&["nicon-linkmv"], asked), 2, &words);
        let asked = json!({"pid": to, "link": "v9", "altname": [name]}).to_string();
        assert!(!suite.feed(&["nicon-linkmv", "-n", "-f", &from.to_string()], asked).stdout.is_empty(), "only names");
    }
    assert_eq!(ground.state(), before);
    Ok(())
}

fn mtu_of_macvlan(suite: &Suite) -> Result<(), Failed> {
    mtu_below(
        suite,
        &[("link add u0 link v9 type macvlan", 1501), ("link add u0 type vxlan id 7 dev v9 dstport 4790", 1501)],
    )
}

fn mtu_of_vlan(suite: &Suite) -> Result<(), Failed> {
    mtu_below(suite, &[("link add u0 link v9 type vlan id 5", 1501), ("link add u0 link v9 type macsec", 1501)])
}

fn mtu_below(suite: &Suite, kinds: &[(&str, u32)]) -> Result<(), Failed> {
    for (line, mtu) in kinds {
        let ground = Ground::new();
        ground.from.ip(line);
        let before = ground.state();
        let words = [&format!("MTU {mtu} is out of range for u0"), "that of v9 below it is 1500"];
        let mtu = format!("--mtu={mtu}");
        refusal(&ground.mv(suite, &["u0", "eth1", &mtu]), 2, &words);
        refusal(&ground.mv(suite, &["--dry-run", "u0", "eth1", &mtu]), 2, &words);
        assert_eq!(ground.state(), before);
        // Its own overhead only the kernel knows.
        if line.contains("vxlan") {
            refusal(&ground.mv(suite, &["u0", "eth1", "--mtu=1499"]), 2, &["may be unable to have an MTU of 1499"]);
            assert_eq!(ground.state(), before);
        }
        // It may sit on a link of another namespace.
        ground.from.ip(&format!("link set u0 netns {}", ground.to.pid()));
        let (from, to) = (ground.from.pid().to_string(), ground.to.pid().to_string());
        refusal(&suite.run(&["nicon-linkmv", "-f", &to, "-t", &from, "u0", "eth1", &mtu]), 2, &words);
    }
    Ok(())
}

fn no_master(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    ground.to.ip("link add other type veth peer name another");
    let before = ground.state();
    refusal(&ground.mv(suite, &["v9", "eth1", "--master=other"]), 2, &["other in process", "takes no ports"]);
    assert_eq!(ground.state(), before);
    Ok(())
}

fn what_has_the_name(suite: &Suite) -> Result<(), Failed> {
    let (ground, third) = (Ground::new(), Ground::new());
    let (from, to, third) = (&ground.from, &ground.to, &third.to);
    to.ip_batch(
        "link add br0 type bridge\nlink property add dev br0 altname also\nlink add a0 type veth peer name a1
        link add b0 type veth peer name b1\nlink add c0 type veth peer name c1\nlink add d0 link a0 type macvlan",
    );
    to.ip(&format!("link set b1 netns {}", from.pid()));
    to.ip(&format!("link set c1 netns {}", third.pid()));
    let before = ground.state();
    for (name, what) in [
        ("br0", "(bridge)".to_owned()),
        ("also", "(an alternative name of br0, bridge)".to_owned()),
        ("a0", "(veth, whose other end is a1)".to_owned()),
        ("b0", format!("(veth, whose other end is b1 in the network namespace of PID {})", from.pid())),
        ("c0", format!("(veth, whose other end is c1 in the network namespace of PID {})", third.pid())),
        ("d0", "(macvlan, on a0)".to_owned()),
    ] {
        let told = format!("{name} already exists in process {} {what}\n", to.pid());
        refusal(&ground.mv(suite, &["v9", name]), 1, &[&told]);
    }
    assert_eq!(ground.state(), before);
    Ok(())
}

/// The kernel moves it only with its whole device.
fn wireless(suite: &Suite) -> Result<(), Failed> {
    let to = Place::new();
    let phys = std::fs::read_dir("/sys/class/ieee80211")?.collect::<Result<Vec<_>, _>>()?;
    let phy = phys.first().ok_or("no device")?;
    let link = std::fs::read_dir(phy.path().join("device/net"))?.next().ok_or("no link")??.file_name();
    let words = ["nicon-linkmv", "-f", "1", "-t", &to.pid().to_string(), &link.to_string_lossy(), "eth1"];
    let way_out = format!("iw phy {} set netns PID", phy.file_name().display());
    for option in ["--force", "--dry-run"] {
        refusal(&suite.run(&[&words[..], &[option]].concat()), 2, &["cannot be moved", &way_out]);
    }
    assert_eq!(to.links(), ["lo"]);
    Ok(())
}

//! What a move takes from a link: carried over, told, put back, and not cut off unless it is forced.

use std::process::Stdio;

use libtest_mimic::{Failed, Trial};
use nicon_lab::{LIMIT, becomes, output_within, tool};
use serde_json::{Value, json};

use crate::links::settings::{ALL, Ground, undo};
use crate::links::undo::furnished;
use crate::support::expect::{deed, record, refusal};
use crate::support::kernel::Feature;
use crate::support::links::{Place, one};
use crate::support::suite::Suite;

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::losses::what_is_kept_and_what_is_lost", kept_and_lost),
        suite.trial_of_kernel(&[], "links::losses::guards_need_force", guards),
        suite.trial_of_kernel(&[], "links::losses::a_dry_run_touches_nothing", dry_run),
        suite.trial_of_kernel(&[], "links::losses::undo_restores_settings_and_port", settings_and_port),
        suite.trial_of_kernel(&[], "links::losses::what_nothing_gives_back_is_told", forfeit_is_told),
        suite.trial_of_kernel(&[Feature::BridgeVlans], "links::losses::vlans_of_a_bridge_are_told", vlans_are_told),
        suite.trial_of_kernel(&[], "links::losses::each_setting_is_noticed", each_setting),
    ]
}

fn kept_and_lost(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    furnished(|line| ground.from.ip(line), "v9", "p9");
    ground.from.sh("echo 2 >/proc/sys/net/ipv4/conf/v9/rp_filter; echo 7 >/proc/sys/net/ipv6/conf/v9/hop_limit");
    let before = ground.state();
    let settings = |place: &Place, link: &str| {
        place.sh(&format!("cat /proc/sys/net/ipv4/conf/{link}/rp_filter /proc/sys/net/ipv6/conf/{link}/hop_limit"))
    };

    let moved = ground.mv(suite, &["v9", "eth1"]);
    let lost = &deed(&record(&moved))["lost"].clone();
    assert_eq!(lost["addr"], json!(["10.9.1.1/32", "10.9.0.1/24", "2001:db8:9::1/64", "2001:db8:9::2/64"]));
    assert_eq!(lost["route"].as_array().map(Vec::len), Some(4), "{lost}");
    assert_eq!(lost["sysctl"], json!(["ipv4/conf/rp_filter", "ipv6/conf/hop_limit"]));
    assert!(!ground.to.ip("-j addr show dev eth1").contains("10.9."));
    record(&undo(suite, &moved));
    ground.settles_as(&before);
    assert_eq!(settings(&ground.from, "v9"), "2\n7");

    let moved = ground.mv(suite, &["v9", "v9", "--keep=addr,route,sysctl"]);
    let nothing = json!({"addr": [], "route": [], "sysctl": [], "master": null, "neigh": [], "qdisc": [], "vlan": [], "stacked": []});
    assert_eq!(deed(&record(&moved))["lost"], nothing);
    let told = |place: &Place| {
        let link = one(&place.ip("-j -d addr show dev v9"));
        let infos = link["addr_info"].as_array().unwrap().iter();
        let mut addresses: Vec<String> = infos.map(|info| format!("{}/{}", info["local"], info["prefixlen"])).collect();
        addresses.sort();
        [addresses.join(" "), place.ip("-4 route show table all dev v9"), place.ip("-6 route show proto boot dev v9")]
    };
    let kept = told(&ground.to);
    record(&undo(suite, &moved));
    ground.settles_as(&before);
    assert_eq!(kept, told(&ground.from));

    let moved = ground.mv(suite, &["v9", "eth1", "--keep=sysctl", "--addr=10.9.0.1/24"]);
    assert_eq!(settings(&ground.to, "eth1"), "2\n7");
    let lost = &deed(&record(&moved))["lost"].clone();
    assert_eq!((&lost["sysctl"], lost["addr"].as_array().map(Vec::len)), (&json!([]), Some(3)), "{lost}");

    // A terminal is told as well.
    record(&undo(suite, &moved));
    let program = suite.bins()?.join("nicon-linkmv");
    let line = format!("{} -f {} -t {} v9 eth1", program.display(), ground.from.pid(), ground.to.pid());
    let ran = output_within(tool("script").args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()), LIMIT)?;
    assert!(ran.stdout.contains("4 addr, 4 route, 2 sysctl"), "{ran:?}");
    Ok(())
}

fn guards(suite: &Suite) -> Result<(), Failed> {
    let check = |ground: &Ground, words: &[&str]| {
        let before = ground.state();
        refusal(&ground.mv(suite, &["v9", "eth1"]), 2, &[words, &["--force"]].concat());
        assert_eq!(ground.state(), before);
        let moved = ground.mv(suite, &["--force", "v9", "eth1"]);
        record(&moved);
        moved
    };
    let ground = Ground::new();
    ground.from.ip("link set p9 up");
    ground.from.ip("link set v9 up");
    ground.from.ip("addr add 192.0.2.1/24 dev v9");
    ground.from.ip("route add default via 192.0.2.2");
    let before = ground.from.ip("route");
    record(&undo(suite, &check(&ground, &["v9 carries the default route of process"])));
    assert_eq!(ground.from.ip("route"), before);

    let ground = Ground::new();
    ground.from.ip("link add br0 type bridge");
    ground.from.ip("link set v9 master br0");
    assert_eq!(deed(&record(&check(&ground, &["v9 is a port of br0"])))["lost"]["master"], "br0");

    for (line, name) in [
        ("link add x1 type vxlan id 7 dev v9 dstport 4790", "x1"),
        ("link add link v9 name v9.5 type vlan id 5", "v9.5"),
        ("link add m0 link v9 type macvlan", "m0"),
    ] {
        let ground = Ground::new();
        let mut command = tool("nsenter");
        command.args([&format!("--net=/proc/{}/ns/net", ground.from.pid()), "ip"]).args(line.split(' '));
        let made = output_within(&mut command, LIMIT)?;
        // Not every kernel has all kinds; the first one must be there.
        if made.ok().is_ok() || name == "x1" {
            check(&ground, &[&format!("v9 has {name} stacked on it")]);
        }
    }
    Ok(())
}

fn dry_run(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    furnished(|line| ground.from.ip(line), "v9", "p9");
    let before = ground.state();
    let planned = ground.mv(suite, &[&["--dry-run", "--keep=addr"][..], &ALL].concat());
    let plan = record(&planned);
    ground.settles_as(&before);
    let steps: Vec<&str> = plan["steps"].as_array().ok_or("no steps")?.iter().filter_map(Value::as_str).collect();
    // It has the MTU already.
    let sets = "] name eth1 address 02:00:5e:00:53:21 alias up link up";
    assert!(steps[0].starts_with("link set v9 netns [process") && steps[0].ends_with(sets), "{steps:?}");
    for step in [
        "address replace 10.9.0.1/24 dev eth1",
        "address replace 192.0.2.1/24 dev eth1",
        "route add default via 192.0.2.2 dev eth1",
    ] {
        assert!(steps.contains(&step), "{step} is not in {steps:?}");
    }
    assert_eq!((plan.get("done"), plan.get("nic"), plan["lost"]["addr"].to_string()), (None, None, "[]".into()));
    refusal(&undo(suite, &planned), 2, &["this is not what nicon-linkmv, -veth, -linkadd or -wire printed"]);
    refusal(&ground.mv(suite, &["-n", "v9", "lo"]), 1, &["lo already exists"]);
    record(&ground.mv(suite, &["v9", "eth1"]));
    let before = ground.state();
    assert_eq!(record(&ground.mv(suite, &["-n", "v9", "eth1"]))["steps"], json!([]));
    ground.settles_as(&before);
    Ok(())
}

fn settings_and_port(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    ground.from.ip("link add br0 type bridge");
    ground.from.ip("link set br0 up");
    ground.from.ip("link set p9 up");
    ground.from.ip("link set v9 addrgenmode none");
    ground.from.ip("link set v9 master br0 up");
    ground.from.ip("link set v9 type bridge_slave cost 77 priority 9 hairpin on learning off isolated on");
    let port = || {
        let mut link = one(&ground.from.ip("-j -d addr show dev v9"));
        // What the bridge's own timers do is not the port's state.
        let data = link["linkinfo"]["info_slave_data"].as_object_mut().unwrap();
        data.retain(|name, _| !name.ends_with("_timer") && name != "state");
        link.to_string() + &ground.from.sh("cat /proc/sys/net/ipv6/conf/v9/addr_gen_mode")
    };
    let before = port();
    assert!(before.contains("\"cost\":77") && before.ends_with('1'), "{before}");
    let moved = ground.mv(suite, &["--force", "v9", "eth1"]);
    record(&moved);
    record(&undo(suite, &moved));
    becomes(port, &before);
    Ok(())
}

/// `tc`, `ip` and `bridge` say what is gone; neighbours come back.
fn forfeit_is_told(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    for line in [
        "link add br0 type bridge",
        "link set br0 up",
        "link set p9 up",
        "link set v9 master br0 up",
        "addr add 192.0.2.1/24 dev v9",
        "link add v8 type veth peer name p8",
        "link set p8 up",
        "link set v8 up",
        "addr add 198.51.100.1/24 dev v8",
        "route add 203.0.113.0/24 nexthop via 192.0.2.2 dev v9 nexthop via 198.51.100.2 dev v8",
        "neigh add 192.0.2.7 lladdr 02:00:5e:00:53:07 dev v9 nud permanent",
        "-6 neigh add 2001:db8::7 lladdr 02:00:5e:00:53:08 dev v9 nud permanent",
        "neigh add 192.0.2.8 lladdr 02:00:5e:00:53:09 dev v9 nud stale",
    ] {
        ground.from.ip(line);
    }
    ground.from.sh("tc qdisc add dev v9 root handle 5: pfifo && tc qdisc add dev v9 clsact");
    let neighbours = || ground.from.ip("neigh show nud permanent dev v9");
    let qdiscs = || ground.from.sh("tc qdisc show dev v9");
    let (before, qdiscs_before) = (neighbours(), qdiscs());
    assert!(qdiscs_before.contains("pfifo 5: root") && qdiscs_before.contains("clsact ffff:"), "{qdiscs_before}");

    let moved = ground.mv(suite, &["--force", "--keep=addr,route", "v9", "eth1"]);
    let lost = &deed(&record(&moved))["lost"].clone();
    assert_eq!(lost["qdisc"], json!(["pfifo 5: root", "clsact ffff: parent ffff:fff1"]));
    assert_eq!(lost["vlan"], json!([]));
    assert_eq!(lost["route"], json!(["203.0.113.0/24 via 192.0.2.2 (one way of 2)"]));
    let mut known: Vec<_> = lost["neigh"].as_array().ok_or("no neigh")?.iter().filter_map(Value::as_str).collect();
    known.sort_unstable();
    assert_eq!(known, ["192.0.2.7 lladdr 02:00:5e:00:53:07", "2001:db8::7 lladdr 02:00:5e:00:53:08"]);
    // It is as it tells: none of it is there.
    assert_eq!(ground.to.ip("neigh show nud permanent dev eth1"), "");
    assert!(!ground.to.sh("tc qdisc show dev eth1").contains("pfifo 5:"));

    record(&undo(suite, &moved));
    assert_eq!(neighbours(), before);
    assert_eq!(qdiscs(), qdiscs_before);
    assert!(
        !ground.from.ip("route show 203.0.113.0/24").lines().any(|hop| hop.contains("v9") && !hop.contains("dead"))
    );

    // One that has none of this is told to lose none, whatever the kernel does by itself.
    let nothing = record(&ground.mv(suite, &["--dry-run", "p8", "eth2"]));
    for kind in ["neigh", "qdisc", "vlan"] {
        assert_eq!(nothing["lost"][kind], json!([]), "{kind}");
    }
    Ok(())
}

/// `bridge` says what a port has.
fn vlans_are_told(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    for line in ["link add br0 type bridge vlan_filtering 1", "link set v9 master br0", "link set p9 master br0"] {
        ground.from.ip(line);
    }
    ground.from.sh("bridge vlan add dev v9 vid 77 && bridge vlan add dev v9 vid 78 pvid untagged");
    let of = |link: &str| {
        let shown = ground.from.sh(&format!("bridge vlan show dev {link}")).replace("Egress Untagged", "untagged");
        let lines = shown.lines().skip(1).map(|line| line.trim_start_matches(link).trim().to_owned());
        lines.collect::<Vec<_>>()
    };
    assert_eq!(of("v9"), ["1 untagged", "77", "78 PVID untagged"]);
    // What a bridge gives to every port is nothing to lose.
    assert_eq!(of("p9"), ["1 PVID untagged"]);
    for (link, lost) in [("v9", json!(of("v9"))), ("p9", json!([]))] {
        let before = of(link);
        let moved = ground.mv(suite, &["--force", link, "eth1"]);
        assert_eq!(deed(&record(&moved))["lost"]["vlan"], lost, "{link}");
        record(&undo(suite, &moved));
        assert_eq!(of(link), before, "{link}");
    }
    Ok(())
}

/// Settings are read only of links whose settings the kernel says are others than those of links before: whatever is set, it
/// must say so.
fn each_setting(suite: &Suite) -> Result<(), Failed> {
    let ground = Ground::new();
    let files = ground.from.sh("cd /proc/sys/net && ls ipv4/conf/v9/* ipv6/conf/v9/*");
    let ask = |link: &str| json!({"pid": ground.to.pid(), "from": ground.from.pid(), "link": link}).to_string();
    let asked = [ask("p9"), ask("v9")].join("\n");
    let mut noticed = 0;
    for file in files.lines() {
        let name = file.replace("/v9/", "/");
        let unset = ["mtu", "mc_forwarding", "stable_secret"].iter().any(|other| name.ends_with(&format!("/{other}")));
        // A value that is neither the one that is there nor, for a flag, out of range.
        let set = format!(
            "f=/proc/sys/net/{file}; old=$(cat $f 2>/dev/null) || exit 0; for new in 1 0 2 3; do [ \"$new\" != \"$old\" ] && \
             echo $new 2>/dev/null >$f && [ \"$(cat $f)\" != \"$old\" ] && echo \"$old\" && exit; done; exit 0"
        );
        let old = ground.from.sh(&set);
        if old.trim().is_empty() || unset {
            continue;
        }
        let told = crate::support::expect::records(&suite.feed(&["nicon-linkmv", "--dry-run"], &asked));
        assert_eq!(told[0]["lost"]["sysctl"], json!([]), "{name}");
        let lost = told[1]["lost"]["sysctl"].as_array().ok_or("no sysctl")?;
        assert!(lost.contains(&json!(name)), "{name} is not in {lost:?}");
        noticed += 1;
        ground.from.sh(&format!("echo {} >/proc/sys/net/{file}", old.trim()));
    }
    assert!(noticed > 60, "only {noticed} could be set");
    Ok(())
}

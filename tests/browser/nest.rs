//! The page under test.

use nicon_lab::{LIMIT, bins, command, output_of_input};
use serde_json::{Value, json};

/// Names that would be scripts if they were taken for more than text.
pub(crate) const HOSTILE: [&str; 4] = [
    "</script><script>hacked=1</script>",
    "</title></svg><script>hacked=1</script>",
    "<img src=x onerror=hacked=1>",
    "{script}'\"`${hacked=1}",
];

/// The page of a few containers, each of which has a wire to the next, and of a switch with a wire to two of them.
pub(crate) fn page() -> String {
    let mut records = Vec::new();
    for number in 1..=6 {
        let name = format!("c{number}");
        let hop = json!({"name": name, "id": number.to_string().repeat(64), "engine": "docker", "pid": 1000 + number, "inner_pid": number});
        for (side, wire, other) in [("west", number - 1, number - 1), ("east", number, number + 1)] {
            if (1..6).contains(&wire) {
                let end = if side == "west" { 2 } else { 1 };
                let (peer, peer_side) = (format!("c{other}"), if side == "west" { "east" } else { "west" });
                let nic = json!({
                    "name": format!("{side}{wire}"), "ifindex": wire * 10 + end, "netns": number, "kind": "veth", "operstate": "UP",
                    "mac": format!("02:00:00:00:{wire:02}:{end:02}"), "addresses": [format!("10.1.{wire}.{end}/30")],
                    "peer": {"name": format!("{peer_side}{wire}"), "ifindex": wire * 10 + 3 - end, "netns": other, "target": peer},
                });
                records.push(json!({"target": name, "hops": [hop], "nic": nic}));
            }
        }
    }
    let setup = json!({"name": "setup", "id": "a".repeat(64), "engine": "docker", "pid": 2000});
    let nic = json!({"name": "up2", "ifindex": 2, "netns": 99, "kind": "veth", "operstate": "UP", "master": {"name": "bridge0", "ifindex": 7}});
    records.push(json!({"target": "setup", "hops": [setup], "nic": nic}));
    let switch = json!({"name": "switch", "id": "b".repeat(64), "engine": "docker", "pid": 3000});
    let nic = |name: &str, netns: usize, ifindex: usize, more: Value| {
        let mut nic = json!({"name": name, "ifindex": ifindex, "netns": netns, "operstate": "UP"});
        nic.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        nic
    };
    let master = json!({"name": "br1", "ifindex": 1});
    let mut add = |hop: &Value, nic: Value| records.push(json!({"hops": [hop], "nic": nic}));
    add(&switch, nic("br1", 50, 1, json!({"kind": "bridge"})));
    // One has nothing plugged in.
    add(&switch, nic("port9", 50, 9, json!({"kind": "dummy", "master": master})));
    for number in [1, 6] {
        let peer = json!({"name": "up", "ifindex": 99, "netns": number});
        add(&switch, nic(&format!("port{number}"), 50, 1 + number, json!({"master": master, "peer": peer})));
        let peer = json!({"name": format!("port{number}"), "ifindex": 1 + number, "netns": 50});
        let hop = json!({"name": format!("c{number}"), "id": number.to_string().repeat(64), "engine": "docker"});
        add(&hop, nic("up", number, 99, json!({"peer": peer})));
    }
    records.extend(HOSTILE.iter().map(|name| json!({"hops": [setup, {"name": name, "id": name, "engine": name}]})));
    let input = records.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let mut tree = command(&bins().unwrap(), "nicon-tree");
    output_of_input(tree.args(["--links", "--html"]), input, LIMIT).unwrap().ok().unwrap()
}

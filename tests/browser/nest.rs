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

/// The page of a few containers, each of which has a wire to the next.
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
    records.extend(HOSTILE.iter().map(|name| json!({"hops": [setup, {"name": name, "id": name, "engine": name}]})));
    let input = records.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let mut tree = command(&bins().unwrap(), "nicon-tree");
    output_of_input(tree.args(["--links", "--html"]), input, LIMIT).unwrap().ok().unwrap()
}

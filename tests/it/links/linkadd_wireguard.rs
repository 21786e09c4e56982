//! Wireguard links of nicon-linkadd: their keys come from files and go nowhere but to the kernel.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use libtest_mimic::{Failed, Trial};
use nicon_lab::Ran;
use serde_json::{Value, json};

use crate::support::events::Events;
use crate::support::expect::{deed, record, refusal};
use crate::support::kernel::Feature;
use crate::support::links::{Place, one};
use crate::support::suite::Suite;

/// Two keys, private and public, which `openssl genpkey -algorithm X25519` has made for these tests.
const KEYS: [[&str; 2]; 2] = [
    ["APHtuOeNOy5OPcNRReUUXypQdLFhEUbpjt/JSAfPbFg=", "Kkn7LtW28rogrHyzVlU0plZXHvMNVARac2PjHmXrLks="],
    ["UIexh0B1i7Vy8nzVMfnUfrIOJsdy6DabCk7RkaHM1FA=", "spHQ8waWlPy5g0CJUqlkZUUdPYyl7OxkO6K3Sioj+Es="],
];

pub(crate) fn trials(suite: &Suite) -> Vec<Trial> {
    vec![
        suite.trial_of_kernel(&[], "links::linkadd::wireguard::keys_that_are_refused", refused),
        suite.trial_of_kernel(&[Feature::LinkKind("wireguard")], "links::linkadd::wireguard::carries_packets", carries),
        suite.trial_of_kernel(&[Feature::LinkKind("wireguard")], "links::linkadd::wireguard::a_second_run", second_run),
    ]
}

/// A file with a text that only root can read. It is gone when this is dropped.
struct KeyFile(PathBuf);

impl KeyFile {
    fn new(text: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let file = Self(format!("/run/key-{}-{number}", std::process::id()).into());
        fs::write(&file.0, text).unwrap();
        file.allow(0o600);
        file
    }

    fn allow(&self, mode: u32) {
        fs::set_permissions(&self.0, Permissions::from_mode(mode)).unwrap();
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A run that says nothing of a private key.
fn add(suite: &Suite, record: &Value) -> Ran {
    let ran = suite.feed(&["nicon-linkadd"], record.to_string());
    for [private, _] in KEYS {
        assert!(!ran.stdout.contains(private) && !ran.stderr.contains(private), "{ran:?}");
    }
    ran
}

fn refused(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    let ask = |more: &Value| {
        let mut record = json!({"pid": place.pid(), "kind": "wireguard", "name": "wg0"});
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        add(suite, &record)
    };
    refusal(&ask(&json!({"private_key": KEYS[0][0]})), 2, &["give the file that holds the key, not the key itself"]);
    refusal(&ask(&json!({"private_key": "/run/no-such-key"})), 2, &["read the key in /run/no-such-key: No such file"]);
    let file = KeyFile::new(KEYS[0][0]);
    file.allow(0o644);
    refusal(&ask(&json!({"private_key": file.path()})), 2, &["everybody can read the key in", "chmod o="]);
    let broken = KeyFile::new(&KEYS[0][0].replace('A', "-"));
    refusal(&ask(&json!({"private_key": broken.path()})), 2, &["not a key of wireguard"]);
    let endless = ask(&json!({"private_key": "/dev/zero"}));
    refusal(&endless, 2, &["not a key of wireguard"]);
    let peer = |peer: Value| json!({"peers": [peer]});
    refusal(&ask(&peer(json!({"public_key": KEYS[1][1], "port": 1}))), 2, &["a peer has no \"port\""]);
    refusal(&ask(&peer(json!({"public_key": KEYS[1][1], "preshared_key": KEYS[0][0]}))), 2, &["not the key itself"]);
    let words = ["nicon-linkadd", "wireguard", "wg0", "-t", &place.pid().to_string(), "--peer", "x,port=1"];
    let ran = suite.run(&words);
    assert_eq!((ran.code(), ran.stderr.contains("allowed-ip=")), (Some(2), true), "{ran:?}");
    assert_eq!(place.links(), ["lo"]);
    Ok(())
}

/// Two containers whose only way to each other is a tunnel, which sends from two hosts.
fn carries(suite: &Suite) -> Result<(), Failed> {
    let hosts = [Place::new(), Place::new()];
    hosts[0].ip(&format!("link add u0 type veth peer name u1 netns {}", hosts[1].pid()));
    let containers = [Place::new(), Place::new()];
    for (at, host) in hosts.iter().enumerate() {
        host.ip(&format!("link set u{at} up"));
        host.ip(&format!("addr add 198.51.100.{}/24 dev u{at}", at + 1));
    }
    let shared = KeyFile::new(KEYS[0][1]);
    for (at, (host, container)) in hosts.iter().zip(&containers).enumerate() {
        let file = KeyFile::new(&format!("{}\n", KEYS[at][0]));
        let [from, target] = [host, container].map(|place| place.pid().to_string());
        let peer = format!(
            "--peer={},endpoint=198.51.100.{}:51820,allowed-ip=192.0.2.{}/32,preshared-key={},keepalive=25",
            KEYS[1 - at][1],
            2 - at,
            2 - at,
            shared.path()
        );
        let (key, addr) = (format!("--private-key={}", file.path()), format!("--addr=192.0.2.{}/24", at + 1));
        let words = [
            "nicon-linkadd",
            "wireguard",
            "wg0",
            "-f",
            &from,
            "-t",
            &target,
            &key,
            "--listen-port=51820",
            &peer,
            &addr,
        ];
        let made = record(&suite.run(&words));
        assert_eq!((&made["nic"]["kind"], &made["nic"]["parent"]), (&json!("wireguard"), &Value::Null));
        let there = one(&container.ip("-j -d link show dev wg0"));
        assert_eq!(there["linkinfo"]["info_kind"], "wireguard");
        // The port as /proc shows it.
        let listens = |place: &Place| place.sh("cat /proc/net/udp").contains(":CA6C ");
        assert_eq!((listens(host), listens(container)), (true, false), "its socket stays where it is made from");
    }
    containers[0].reaches("192.0.2.2");
    Ok(())
}

fn second_run(suite: &Suite) -> Result<(), Failed> {
    let place = Place::new();
    let file = KeyFile::new(KEYS[0][0]);
    let ask = |peers: &Value, port: u16| {
        json!({
            "pid": place.pid(), "kind": "wireguard", "name": "wg0", "from": "target",
            "private_key": file.path(), "listen_port": port, "peers": peers
        })
    };
    let peer =
        |network: &str| json!([{"public_key": KEYS[1][1], "endpoint": "[2001:db8::1]:1", "allowed_ips": [network]}]);
    let run = |asked: &Value| record(&add(suite, asked));
    let planned = suite.feed(&["nicon-linkadd", "-n"], ask(&peer("192.0.2.7/24"), 7000).to_string());
    let steps = record(&planned)["steps"].to_string();
    let words = format!("wg set wg0 private-key {} listen-port 7000 peer {}", file.path(), KEYS[1][1]);
    assert!(steps.contains(&words) && steps.contains("allowed-ips 192.0.2.0/24"), "{steps}");
    let made = run(&ask(&peer("192.0.2.7/24"), 7000));
    assert_eq!(
        (&deed(&made)["changed"], &made["private_key"], &made["peers"]),
        (&json!(true), &Value::Null, &Value::Null)
    );
    assert_eq!(deed(&run(&ask(&peer("192.0.2.7/24"), 7000)))["changed"], false);
    assert_eq!(deed(&run(&ask(&peer("198.51.100.0/24"), 7000)))["changed"], true);
    assert_eq!(deed(&run(&ask(&peer("198.51.100.0/24"), 7001)))["changed"], true);
    assert!(place.sh("cat /proc/net/udp").contains(":1B59 "), "it listens at the new port");
    let steps = |asked: &Value| record(&suite.feed(&["nicon-linkadd", "-n"], asked.to_string()))["steps"].clone();
    assert_eq!(steps(&ask(&peer("198.51.100.0/24"), 7001)), json!([]));
    // A run that fails at last leaves the port and the peers as they were, whatever else it has changed.
    let mut late = ask(&peer("203.0.113.0/24"), 7002);
    late["mtu"] = 1300.into();
    // The address is the last thing that a link gets, and events show that the other one was changed by then.
    let last = json!({"pid": place.pid(), "kind": "bridge", "name": "br0", "addr": ["ff02::1/64"]});
    let events = Events::of(&place);
    let failed = suite.feed(&["nicon-linkadd", "--all-or-nothing"], format!("{late}\n{last}\n"));
    refusal(&failed, 2, &["add address ff02::1/64"]);
    let events = events.end();
    assert!(events.contains("mtu 1300"), "{events}");
    assert_eq!(steps(&ask(&peer("198.51.100.0/24"), 7001)), json!([]));
    // Its socket is somewhere else then.
    let other = Place::new();
    let mut elsewhere = ask(&json!([]), 7001);
    elsewhere["from"] = json!(other.pid());
    refusal(&add(suite, &elsewhere), 1, &["wg0 already exists", "a wireguard from elsewhere, not from process"]);
    Ok(())
}

//! A star over three machines that its plan calls by other names, and who hears what on the cables between them.

use std::fs;
use std::process::{Child, Stdio};

use libtest_mimic::{Failed, Trial};
use nicon_lab::fleet::lab::run_all_containers;
use nicon_lab::fleet::{ADDRESSES, Fleet, NAMES};
use nicon_lab::{LIMIT, output_within, tool};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::shared::{Shared, destroy, play};

pub(crate) fn trials(fleet: &Shared) -> Vec<Trial> {
    vec![fleet.trial("star::only_the_other_end_hears_of_it", only_the_other_end)]
}

/// Its middle is on the first machine. Links 0 and 1 lead to the others, 2 stays at home.
const PLAN: &str = "\
name: star
machines:
  east: {address: 198.51.100.1}
  west: {address: 198.51.100.2}
  north: {address: 198.51.100.3}
nodes: {\"m1-*\": {on: east}, \"m2-*\": {on: west}, \"m3-*\": {on: north}}
links:
- {endpoints: [{endpoint: \"m1-n1:s0\", addr: 10.9.0.1/30}, {endpoint: \"m2-n5:up\", addr: 10.9.0.2/30}], vni: 4000}
- {endpoints: [{endpoint: \"m1-n1:s1\", addr: 10.9.1.1/30}, {endpoint: \"m3-n5:up\", addr: 10.9.1.2/30}], vni: 4001}
- {endpoints: [{endpoint: \"m1-n1:s2\", addr: 10.9.2.1/30}, {endpoint: \"m1-n2:up\", addr: 10.9.2.2/30}]}
";

/// A ping of the largest packet that must not be cut in pieces.
const PING: &str = "pid=$(docker inspect --format '{{.State.Pid}}' m1-n1) &&
    mtu=$(nsenter -t $pid -n ip -j link show $1 | grep -o '\"mtu\":[0-9]*' | cut -d: -f2) &&
    nsenter -t $pid -n ping -q -M do -s $((mtu - 28)) -c 3 -W 5 $2";

fn only_the_other_end(fleet: &Fleet) -> Result<(), Failed> {
    let plan = fleet.write("star.yaml", PLAN)?;
    let names = NAMES.iter().zip(["east", "west", "north"]).map(|(host, name)| format!("{host} nicon_on={name}\n"));
    let names = fleet.write("names", &names.collect::<String>())?.display().to_string();
    run_all_containers(fleet)?;
    let cables = [0, 1, 2].map(|at| Capture::start(fleet, at));
    let cables = cables.into_iter().collect::<Result<Vec<_>, _>>()?;
    let wired = play(fleet, "wire.yml", &plan, &["-i", &names])?;
    assert!(wired.is_success(), "{}", wired.text());
    for (link, address) in [("s0", "10.9.0.2"), ("s1", "10.9.1.2"), ("s2", "10.9.2.2")] {
        fleet.machine(0)?.script(PING, &[link, address])?;
    }
    let [middle, west, north] = &cables.into_iter().map(Capture::end).collect::<Result<Vec<_>, _>>()?[..] else {
        unreachable!("three cables")
    };
    let [here, there, far] = ADDRESSES;
    for (heard, vni, end) in [(west, 4000, there), (north, 4001, far)] {
        let packets = heard.len();
        let between = |from: &str, to: &str| heard.iter().filter(|line| line.contains(&frame(from, to, vni))).count();
        let (out, back) = (between(here, end), between(end, here));
        assert!(out >= 3 && back >= 3 && out + back == packets, "VNI {vni}: {out} out, {back} back: {heard:#?}");
    }
    assert_eq!(middle.len(), west.len() + north.len(), "{middle:#?}");
    destroy(fleet, &plan, &["-i", &names]).map(drop)
}

/// What tcpdump prints of each packet of a VXLAN, without its ports.
fn frame(from: &str, to: &str, vni: u32) -> String {
    format!("{from} > {to} vni {vni}")
}

/// All VXLAN packets on the cable of a machine.
struct Capture {
    tcpdump: Child,
    file: std::path::PathBuf,
}

impl Capture {
    fn start(fleet: &Fleet, at: usize) -> Result<Self, Failed> {
        let file = fleet.directory().join(format!("cable{at}.pcap"));
        let mut tcpdump = tool("tcpdump");
        tcpdump.args(["-i", &format!("leg{at}"), "-U", "-w"]).arg(&file).args(["udp", "port", "4789"]);
        let tcpdump = tcpdump.stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let capture = Self { tcpdump, file };
        let begun = std::time::Instant::now();
        // It listens when its file has a head.
        while fs::metadata(&capture.file).map_or(0, |file| file.len()) == 0 {
            assert!(begun.elapsed() < LIMIT, "tcpdump does not begin");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Ok(capture)
    }

    /// One line for each packet: from where, to where, and the VNI.
    fn end(mut self) -> Result<Vec<String>, Failed> {
        kill(Pid::from_raw(self.tcpdump.id().cast_signed()), Signal::SIGINT)?;
        self.tcpdump.wait()?;
        let told = output_within(tool("tcpdump").args(["-nn", "-r"]).arg(&self.file), LIMIT)?.ok()?;
        let outer = |line: &&str| line.contains("VXLAN");
        Ok(told.lines().filter(outer).map(|line| packet(line).unwrap_or_else(|| line.to_owned())).collect())
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.tcpdump.kill();
        let _ = self.tcpdump.wait();
    }
}

/// `.. IP 198.51.100.1.49152 > 198.51.100.2.4789: VXLAN, flags [I] (0x08), vni 4000`
fn packet(line: &str) -> Option<String> {
    let (from, rest) = line.split_once(" IP ")?.1.split_once(" > ")?;
    let (to, rest) = rest.split_once(": ")?;
    let without_port = |address: &str| address.rsplit_once('.').map(|(host, _)| host.to_owned());
    let vni = rest.split_once("vni ")?.1.split_whitespace().next()?.parse().ok()?;
    Some(frame(&without_port(from)?, &without_port(to)?, vni))
}

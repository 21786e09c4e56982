//! What only some kernels and machines have. A test that takes it says so, and is reported as ignored elsewhere.

use std::env;
use std::fs;
use std::path::PathBuf;

use nicon_lab::{LIMIT, output_within, tool, witness};

/// Something of the machine that a test cannot do without, and that no package gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feature {
    /// `AppArmor` at work, and its parser to load a profile.
    AppArmor,
    /// Bridges that keep VLANs apart.
    BridgeVlans,
    /// Overlays of layers that are mounted nowhere.
    DetachedLayers,
    /// An answer to the creation of a link, which tells its ifindex.
    EchoOfCreation,
    /// Version 1 of the cgroups that freeze.
    Freezer,
    /// Links of a kind, as `ip link add type` calls it.
    LinkKind(&'static str),
    /// TCP over several paths.
    Mptcp,
    /// The queueing discipline netem.
    Netem,
    /// A network card that tests may move: that of user-mode Linux (tests/uml/links), in the initial network namespace.
    NetworkCard,
    /// A processor that keeps up with time limits, which an emulated one (`NICON_EMULATED=1`) does not.
    FullSpeed,
    /// A `binfmt_misc` of one's own in a user namespace.
    OwnInterpreters,
    /// A network device on a PCI bus, in the network namespace of the process that started this one.
    PciDevice,
    /// Inodes of pidfds that are never used again.
    Pidfs,
    /// A wireless device, such as that of `mac80211_hwsim`, in the initial network namespace.
    Wireless,
    /// Pods of Podman without systemd. Before 4.4, it lets them have no device where there are only cgroups of version 2.
    PodsOfPodman,
}

impl Feature {
    fn name(self) -> &'static str {
        match self {
            Self::LinkKind(kind) => kind,
            Self::Netem => "netem",
            Self::NetworkCard => "network-card",
            Self::AppArmor => "AppArmor",
            Self::BridgeVlans => "bridge-VLANs",
            Self::DetachedLayers => "overlays of detached layers",
            Self::EchoOfCreation => "echo of a link's creation",
            Self::Freezer => "freezer-cgroup",
            Self::FullSpeed => "full speed",
            Self::Mptcp => "MPTCP",
            Self::OwnInterpreters => "binfmt_misc in user namespaces",
            Self::PciDevice => "PCI-network-device",
            Self::Pidfs => "pidfs",
            Self::PodsOfPodman => "pods of Podman without systemd",
            Self::Wireless => "wireless",
        }
    }

    /// `None` where it is there, else words for the report.
    ///
    /// # Panics
    /// Where it is missing and `NICON_MUST_HAVE`, a list of names, says that this machine has it.
    pub(crate) fn missing(self) -> Option<String> {
        if self.is_here() {
            return None;
        }
        let name = self.name();
        let expected = env::var("NICON_MUST_HAVE").unwrap_or_default();
        assert!(!expected.split(' ').any(|other| other == name), "this machine is to have {name}, and has it not");
        Some(format!("this machine has no {name}"))
    }

    fn is_here(self) -> bool {
        match self {
            Self::AppArmor => {
                fs::read("/proc/self/attr/apparmor/current").is_ok() && runs(&["apparmor_parser", "--version"])
            }
            Self::BridgeVlans => {
                let bridge =
                    "unshare -n sh -c 'ip link add br0 type bridge && ip link set br0 type bridge vlan_filtering 1'";
                runs(&["sh", "-c", bridge])
            }
            Self::DetachedLayers => is_linux(6, 15),
            Self::EchoOfCreation => is_linux(6, 2),
            Self::Freezer => freezer().is_some(),
            Self::LinkKind(kind) => knows_kind(kind),
            Self::Mptcp => fs::exists("/proc/sys/net/mptcp").unwrap_or(false),
            Self::Netem => runs(&["unshare", "-n", "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"]),
            Self::NetworkCard => runs(&["nsenter", "-t", "1", "-n", "ip", "link", "show", "dev", "vec0"]),
            Self::FullSpeed => env::var_os("NICON_EMULATED").is_none(),
            Self::OwnInterpreters => {
                runs(&["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "binfmt_misc", "none", "/mnt"])
            }
            Self::PciDevice => pci_device().is_some(),
            Self::Pidfs => is_linux(6, 9),
            Self::PodsOfPodman => freezer().is_some() || podman() >= (4, 4),
            Self::Wireless => fs::read_dir("/sys/class/ieee80211").is_ok_and(|mut phys| phys.next().is_some()),
        }
    }
}

/// The ways of translating a PID that this kernel has, as options of nicon-resolve. Where it does not do it itself, what
/// happens by default is the other one.
pub(crate) fn translations() -> [&'static str; 2] {
    let by_kernel = if is_linux(6, 11) { "--translate=ioctl" } else { "--translate=auto" };
    [by_kernel, "--translate=scan"]
}

/// Whether the kernel knows a kind of links. What it wants to be told of a link of that kind does not matter.
fn knows_kind(kind: &str) -> bool {
    let made = output_within(tool("unshare").args(["-n", "ip", "link", "add", "type", kind]), LIMIT);
    made.is_ok_and(|ran| !ran.stderr.contains("Unknown device type") && !ran.stderr.contains("not supported"))
}

pub(crate) fn is_linux(major: u32, minor: u32) -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (major, minor)
}

fn runs(words: &[&str]) -> bool {
    output_within(tool(words[0]).args(&words[1..]), LIMIT).is_ok_and(|ran| ran.ok().is_ok())
}

/// The version of Podman.
fn podman() -> (u32, u32) {
    let said = output_within(tool("podman").arg("--version"), LIMIT).map(|ran| ran.stdout).unwrap_or_default();
    let mut numbers = said.split([' ', '.']).filter_map(|part| part.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Where cgroups of version 1 are frozen.
pub(crate) fn freezer() -> Option<PathBuf> {
    witness::cgroup_mounts().into_iter().find(|mount| mount.ends_with("freezer"))
}

/// A network device of this machine that is on its PCI bus, itself or by virtio: its name, and its address there. It must be
/// where the process is that started this one.
pub(crate) fn pci_device() -> Option<(String, String)> {
    let mut list = tool("nsenter");
    list.args([&format!("--net={}", machines()), "ip", "-o", "link"]);
    let names = output_within(&mut list, LIMIT).ok()?.ok().ok()?;
    let is_address = |part: &&str| part.len() == 12 && part.matches([':', '.']).count() == 3;
    fs::read_dir("/sys/class/net").ok()?.flatten().find_map(|entry| {
        let (path, name) = (entry.path().canonicalize().ok()?, entry.file_name().into_string().ok()?);
        let address = path.to_str()?.split('/').rfind(is_address)?.to_owned();
        names.contains(&format!(" {name}: ")).then_some((name, address))
    })
}

/// The network namespace of the process that started this one.
pub(crate) fn machines() -> String {
    format!("/proc/{}/ns/net", std::os::unix::process::parent_id())
}

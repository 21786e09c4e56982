//! The settings of a link under /proc/sys/net, which a move resets to the defaults of the new namespace.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nicon_core::link::Setting;
use nicon_core::{Context, Error, Result};
use nicon_rtnl::NetnsHandle;
use nix::errno::Errno;
use nix::fcntl::{self, OFlag};
use nix::sys::stat::Mode;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};
use serde::{Deserialize, Serialize};

/// Settings by name, such as `ipv4/conf/rp_filter`, without the link's own name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Sysctls(BTreeMap<String, String>);

/// Where those are that a move resets: each of these has a directory for every link, and one called `default`.
const FAMILIES: [&str; 2] = ["ipv4/conf", "ipv6/conf"];

/// Where others are that can be asked for.
const MORE: [&str; 3] = ["ipv4/neigh", "ipv6/neigh", "mpls/conf"];

/// Settings that are derived from others, or read-only.
const NOT_SETTINGS: [&str; 3] = ["mtu", "mc_forwarding", "stable_secret"];

/// The IPv6 settings that the kernel reports with the link (see [`nicon_rtnl::conf`]); of IPv4 it reports all. A newer kernel
/// may have more that it does not report, such as `regen_min_advance`.
const REPORTED_OF_IPV6: &str = "\
    accept_dad accept_ra accept_ra_defrtr accept_ra_from_local accept_ra_min_hop_limit accept_ra_min_lft \
    accept_ra_mtu accept_ra_pinfo accept_ra_rt_info_max_plen accept_ra_rt_info_min_plen accept_ra_rtr_pref \
    accept_redirects accept_source_route accept_untracked_na addr_gen_mode autoconf dad_transmits disable_ipv6 \
    disable_policy drop_unicast_in_l2_multicast drop_unsolicited_na enhanced_dad force_forwarding \
    force_mld_version force_tllao forwarding hop_limit ignore_routes_with_linkdown ioam6_enabled ioam6_id \
    ioam6_id_wide keep_addr_on_down max_addresses max_desync_factor mldv1_unsolicited_report_interval \
    mldv2_unsolicited_report_interval ndisc_evict_nocarrier ndisc_notify ndisc_tclass optimistic_dad proxy_ndp \
    ra_defrtr_metric regen_max_retry router_probe_interval router_solicitation_delay \
    router_solicitation_interval router_solicitation_max_interval router_solicitations rpl_seg_enabled \
    seg6_enabled seg6_require_hmac suppress_frag_ndisc temp_prefered_lft temp_valid_lft use_oif_addrs_only \
    use_optimistic use_tempaddr";

impl Sysctls {
    /// Those that are asked for.
    pub(crate) fn asked(settings: &[Setting]) -> Self {
        let name = |setting: &Setting| setting.key().replace('.', "/");
        Self(settings.iter().map(|setting| (name(setting), setting.value().to_owned())).collect())
    }

    /// The same settings, as a link has them now.
    ///
    /// # Errors
    /// If the namespace may not be entered.
    pub(crate) fn present(&self, netns: &NetnsHandle, link: &str) -> Result<Self> {
        let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
        Self::read(netns, link, &names)
    }

    /// Those that a link has with other values than these.
    ///
    /// # Errors
    /// If it has no such setting.
    pub(crate) fn lacking(&self, netns: &NetnsHandle, link: &str) -> Result<Self> {
        let present = self.present(netns, link)?;
        let mut lacking = Self::default();
        for (name, value) in &self.0 {
            let has = present.0.get(name).ok_or_else(|| {
                let way_out = if name.starts_with("mpls") { " (is the module mpls_router loaded?)" } else { "" };
                Error::failed(format!("{link} in {} has no setting {}{way_out}", netns.label, name.replace('/', ".")))
            })?;
            if !are_equal(has, value) {
                lacking.0.insert(name.clone(), value.clone());
            }
        }
        Ok(lacking)
    }

    /// Sets them for a link, and makes sure that the kernel keeps them so.
    ///
    /// # Errors
    /// The first that the kernel rejects, or rounds.
    pub(crate) fn give(&self, netns: &NetnsHandle, link: &str) -> Result<()> {
        self.write(netns, link)?;
        let present = self.present(netns, link)?;
        let is_other =
            |(name, value): &(&String, &String)| present.0.get(*name).is_some_and(|has| !are_equal(has, value));
        match self.0.iter().find(is_other) {
            Some((name, value)) => Err(Error::failed(format!(
                "set {name} of {link} to {value}: the kernel makes {} of it (ask for that)",
                present.0[name]
            ))),
            None => Ok(()),
        }
    }

    /// The settings of a link called `link` and their values, in the words of `sysctl`.
    pub(crate) fn words(&self, link: &str) -> impl Iterator<Item = String> {
        self.0.iter().map(move |(name, value)| {
            let (table, file) = name.rsplit_once('/').unwrap_or((name, ""));
            format!("sysctl -w net.{}.{link}.{file}={value}", table.replace('/', "."))
        })
    }

    /// Splits them into those that are reported with the link and those that have to be read.
    pub(crate) fn split_reported(self) -> (Self, Self) {
        let reported = |name: &str| match name.strip_prefix("ipv6/conf/") {
            Some(name) => REPORTED_OF_IPV6.split(' ').any(|reported| reported == name),
            None => true,
        };
        let (reported, unreported) = self.0.into_iter().partition(|(name, _)| reported(name));
        (Self(reported), Self(unreported))
    }

    /// Adds the `others`.
    pub(crate) fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// The defaults for links of a namespace. See `ip-sysctl` in the kernel's documentation.
    ///
    /// # Errors
    /// If the namespace may not be entered, or /proc/sys cannot be read.
    pub(crate) fn defaults(netns: &NetnsHandle) -> Result<Self> {
        let listed = netns.inside(|| {
            let mut names = Vec::new();
            for family in FAMILIES {
                match fs::read_dir(directory(family, "default")) {
                    // A kernel without IPv6.
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    entries => {
                        for entry in entries? {
                            names.push(format!("{family}/{}", entry?.file_name().to_string_lossy()));
                        }
                    }
                }
            }
            Ok::<_, std::io::Error>(names)
        })?;
        let mut names = listed.context(|| "list the settings of links in /proc/sys/net")?;
        names.retain(|name| !NOT_SETTINGS.iter().any(|other| name.ends_with(&format!("/{other}"))));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Self::read(netns, "default", &names)
    }

    /// The settings of a link that differ from the `defaults`.
    ///
    /// # Errors
    /// If the namespace may not be entered, or /proc/sys cannot be read.
    pub(crate) fn of(netns: &NetnsHandle, link: &str, defaults: &Self) -> Result<Self> {
        let names: Vec<&str> = defaults.0.keys().map(String::as_str).collect();
        let mut settings = Self::read(netns, link, &names)?;
        settings.0.retain(|name, value| defaults.0.get(name) != Some(value));
        Ok(settings)
    }

    /// There are about a hundred files. Opening them relative to their directory saves a path lookup for each.
    fn read(netns: &NetnsHandle, link: &str, names: &[&str]) -> Result<Self> {
        let read = netns.inside(|| {
            let mut settings = BTreeMap::new();
            for family in FAMILIES.iter().chain(&MORE).filter(|family| names.iter().any(|name| is_of(family, name))) {
                let path = directory(family, link);
                let directory = match fcntl::open(&path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()) {
                    // The link is gone, or its MTU is too small for IPv6.
                    Err(Errno::ENOENT) => continue,
                    directory => directory?,
                };
                for &name in names.iter().filter(|name| is_of(family, name)) {
                    let file = name.rsplit_once('/').map_or(name, |(_, file)| file);
                    // Some cannot be read until they are set.
                    if let Ok(value) = value(&directory, file) {
                        settings.insert(name.to_owned(), value);
                    }
                }
            }
            Ok::<_, Errno>(settings)
        })?;
        read.map(Self).context(|| format!("read the settings of {link} in /proc/sys/net"))
    }

    /// Sets them for a link.
    ///
    /// # Errors
    /// The first that the kernel rejects, or that is not a setting.
    pub(crate) fn write(&self, netns: &NetnsHandle, link: &str) -> Result<()> {
        self.write_each(netns, link).collect()
    }

    /// Sets them for a link, one by one.
    pub(crate) fn write_each(&self, netns: &NetnsHandle, link: &str) -> impl Iterator<Item = Result<()>> {
        self.0.iter().map(move |(name, value)| {
            let family_and_file = name.rsplit_once('/').filter(|(family, file)| {
                FAMILIES.iter().chain(&MORE).any(|known| known == family)
                    && file.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            });
            let (family, file) =
                family_and_file.ok_or_else(|| Error::failed(format!("\"{name}\" is no setting of a link")))?;
            let path = directory(family, link).join(file);
            let written = netns.inside(|| match fs::read_to_string(&path) {
                Ok(present) if present.trim_end() == value => Ok(()),
                _ => fs::write(&path, value).or_else(|error| match error.kind() {
                    ErrorKind::ReadOnlyFilesystem => write_in_own_proc(&path, value).map_err(|_| error),
                    _ => Err(error),
                }),
            })?;
            written.context(|| format!("set {name} of {link} to {value}"))
        })
    }

    /// Their names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Writes a file of /proc where that is read-only, as it is in most containers: who may change links there may have a proc of its own,
/// which nobody else sees.
fn write_in_own_proc(path: &Path, value: &str) -> io::Result<()> {
    let context = fsopen(c"proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&context)?;
    let proc = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?;
    let name = path.strip_prefix("/proc").map_err(io::Error::other)?;
    let file = fcntl::openat(proc, name, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    File::from(file).write_all(value.as_bytes())
}

/// Whether a setting is in a directory of settings.
fn is_of(family: &str, name: &str) -> bool {
    name.rsplit_once('/').is_some_and(|(directory, _)| directory == family)
}

/// Whether two values are the same to the kernel, which writes numbers without zeroes in front, and tabs between several.
fn are_equal(one: &str, other: &str) -> bool {
    let words = |text: &str| {
        let word = |word: &str| word.parse::<i64>().map_or_else(|_| word.to_owned(), |number| number.to_string());
        text.split_whitespace().map(word).collect::<Vec<_>>()
    };
    words(one) == words(other)
}

fn directory(family: &str, link: &str) -> PathBuf {
    Path::new("/proc/sys/net").join(family).join(link)
}

fn value(directory: &OwnedFd, file: &str) -> nix::Result<String> {
    let file = fcntl::openat(directory, file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    let mut bytes = [0; 256];
    let length = nix::unistd::read(file, &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes[..length]).trim_end().to_owned())
}

//! What `ip monitor` sees of the links of a network namespace: also of one that is there for a moment only.

use std::fs;
use std::path::PathBuf;
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};

use nicon_lab::{LIMIT, output_within, tool, wait_for};

use crate::support::links::{Place, one};

pub(crate) struct Events {
    monitor: Child,
    net: String,
    /// A link there, whose MTU tells moments: an alias would be told of a link that is up alone.
    marker: String,
    seen: PathBuf,
}

/// The MTU that tells the beginning, and the one that tells the end.
const MOMENTS: [&str; 2] = ["1281", "1282"];

impl Events {
    /// What happens in a place from now on.
    #[track_caller]
    pub(crate) fn of(place: &Place) -> Self {
        Self::at(place.pid(), "lo")
    }

    /// What happens in the runner's network namespace, where this test has a link of its own.
    #[track_caller]
    pub(crate) fn of_ours(marker: &str) -> Self {
        Self::at(std::process::id(), marker)
    }

    #[track_caller]
    fn at(pid: u32, marker: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let seen = std::env::temp_dir().join(format!("nicon-events-{}-{number}", std::process::id()));
        let net = format!("--net=/proc/{pid}/ns/net");
        let mut monitor = tool("nsenter");
        monitor.args([&net, "ip", "-o", "monitor", "link"]).stdout(fs::File::create(&seen).unwrap());
        let events = Self { monitor: monitor.spawn().unwrap(), net, marker: marker.to_owned(), seen };
        events.reach(MOMENTS[0]);
        events
    }

    /// Waits until it sees an event of this moment: it would see any before.
    #[track_caller]
    fn reach(&self, moment: &str) {
        let ip = |words: &[&str]| {
            let mut ip = tool("nsenter");
            output_within(ip.args([&self.net, "ip"]).args(words), LIMIT).unwrap().ok().unwrap()
        };
        let before = one(&ip(&["-j", "link", "show", "dev", &self.marker]))["mtu"].to_string();
        wait_for(format_args!("ip monitor to tell of mtu {moment}"), || {
            for mtu in [moment, &before] {
                ip(&["link", "set", &self.marker, "mtu", mtu]);
            }
            fs::read_to_string(&self.seen).unwrap().contains(&format!("mtu {moment}"))
        });
    }

    /// All events, each in a line.
    #[track_caller]
    pub(crate) fn end(self) -> String {
        self.reach(MOMENTS[1]);
        fs::read_to_string(&self.seen).unwrap()
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let _ = self.monitor.kill();
        let _ = self.monitor.wait();
        let _ = fs::remove_file(&self.seen);
    }
}

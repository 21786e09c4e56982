//! Resource limits: the command has the lower of the caller's and the target's.

use nicon_core::{Context, Error, Process, Result};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, rlim_t, setrlimit};

/// The limits, as /proc/PID/limits calls them.
const NAMES: [(&str, Resource); 16] = [
    ("Max cpu time", Resource::RLIMIT_CPU),
    ("Max file size", Resource::RLIMIT_FSIZE),
    ("Max data size", Resource::RLIMIT_DATA),
    ("Max stack size", Resource::RLIMIT_STACK),
    ("Max core file size", Resource::RLIMIT_CORE),
    ("Max resident set", Resource::RLIMIT_RSS),
    ("Max processes", Resource::RLIMIT_NPROC),
    ("Max open files", Resource::RLIMIT_NOFILE),
    ("Max locked memory", Resource::RLIMIT_MEMLOCK),
    ("Max address space", Resource::RLIMIT_AS),
    ("Max file locks", Resource::RLIMIT_LOCKS),
    ("Max pending signals", Resource::RLIMIT_SIGPENDING),
    ("Max msgqueue size", Resource::RLIMIT_MSGQUEUE),
    ("Max nice priority", Resource::RLIMIT_NICE),
    ("Max realtime priority", Resource::RLIMIT_RTPRIO),
    ("Max realtime timeout", Resource::RLIMIT_RTTIME),
];

/// The limits of the target, soft and hard.
pub(crate) struct Resources(Vec<(Resource, rlim_t, rlim_t)>);

impl Resources {
    /// Reads them: from /proc, since `prlimit(2)` takes a privilege to read those of another user.
    pub(crate) fn of(target: &Process) -> Result<Self> {
        let text = target.read("limits")?;
        let limits = NAMES.into_iter().map(|(name, resource)| {
            parse(&text, name).map(|(soft, hard)| (resource, soft, hard)).ok_or_else(|| {
                Error::failed(format!("read /proc/{}/limits: it does not tell \"{name}\"", target.pid()))
            })
        });
        limits.collect::<Result<_>>().map(Self)
    }

    /// Lowers our own to them, where they are lower.
    pub(crate) fn lower(&self) -> Result<()> {
        for (resource, soft, hard) in &self.0 {
            let what = || format!("lower the limit {resource:?}");
            let (own_soft, own_hard) = getrlimit(*resource).context(what)?;
            let (soft, hard) = (own_soft.min(*soft), own_hard.min(*hard));
            if (soft, hard) != (own_soft, own_hard) {
                setrlimit(*resource, soft.min(hard), hard).context(what)?;
            }
        }
        Ok(())
    }
}

fn parse(text: &str, name: &str) -> Option<(rlim_t, rlim_t)> {
    let mut words = text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace();
    let mut limit = || match words.next()? {
        "unlimited" => Some(RLIM_INFINITY),
        number => number.parse().ok(),
    };
    Some((limit()?, limit()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_a_process() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max open files            64                   1024                 files     \n\
                    Max nice priority         0                    0                    \n\
                    Max cpu time              unlimited            7                    seconds   \n";
        assert_eq!(parse(text, "Max open files"), Some((64, 1024)));
        assert_eq!(parse(text, "Max nice priority"), Some((0, 0)));
        assert_eq!(parse(text, "Max cpu time"), Some((RLIM_INFINITY, 7)));
        assert_eq!(parse(text, "Max processes"), None);
    }

    #[test]
    fn the_kernel_tells_all() {
        let text = std::fs::read_to_string("/proc/self/limits").unwrap();
        assert!(NAMES.iter().all(|(name, _)| parse(&text, name).is_some()));
    }
}

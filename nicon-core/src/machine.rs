//! Which machine this is, and since which boot: without them a PID says nothing to a reader elsewhere, or later.

use std::fs;
use std::io::ErrorKind;
use std::os::linux::fs::MetadataExt;
use std::sync::OnceLock;

use nix::sys::utsname::uname;

use crate::{Context, Error, Record, Result};

/// The inode number of the first UTS namespace, the machine's own: `PROC_UTS_INIT_INO` of `linux/proc_ns.h`.
const INITIAL_UTS: u64 = 0xEFFF_FFFE;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// A machine, since it was started.
#[derive(Debug)]
pub struct Machine {
    boot: Option<String>,
    name: Option<String>,
}

impl Machine {
    /// The one that we run on.
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) with the kernel's reason.
    pub fn this() -> Result<&'static Self> {
        static THIS: OnceLock<Result<Machine>> = OnceLock::new();
        THIS.get_or_init(Self::read).as_ref().map_err(Clone::clone)
    }

    fn read() -> Result<Self> {
        let boot = match fs::read_to_string(BOOT_ID) {
            Ok(text) => Some(text.trim().to_owned()),
            // A /proc without its sys, as some sandboxes have it.
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error).context(|| format!("read {BOOT_ID}")),
        };
        // In a UTS namespace of our own the name is a container's.
        let is_ours = fs::metadata("/proc/self/ns/uts").is_ok_and(|uts| uts.st_ino() != INITIAL_UTS);
        let name = if is_ours {
            None
        } else {
            let names = uname().map_err(std::io::Error::from).context(|| "ask for the machine's name")?;
            Some(names.nodename().to_string_lossy().into_owned())
        };
        Ok(Self { boot, name })
    }

    /// The kernel's ID of this boot, which no other has: `random(4)`, `/proc/sys/kernel/random/boot_id`.
    #[must_use]
    pub fn boot(&self) -> Option<&str> {
        self.boot.as_deref()
    }

    /// The machine's name, as `uname -n` prints it; `None` in a UTS namespace of our own, where it cannot be told.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Writes `boot` and `machine` into a record.
    pub fn write_to(&self, record: &mut Record) {
        for (field, value) in [("boot", self.boot()), ("machine", self.name())] {
            match value {
                Some(value) => record.set(field, value),
                None => record.remove(field),
            }
        }
    }

    /// Writes `boot` and `machine` into a record that does not say them.
    pub fn complete(&self, record: &mut Record) {
        for (field, value) in [("boot", self.boot()), ("machine", self.name())] {
            if let Some(value) = value.filter(|_| record.get(field).is_none()) {
                record.set(field, value);
            }
        }
    }

    /// Refuses a record of another machine, or of another boot of this one. What a record does not say is not compared.
    ///
    /// # Errors
    /// [`Status::Failed`](crate::Status::Failed) where it is another machine; [`Status::No`](crate::Status::No) where this one
    /// has been started anew: whatever ran before runs no more.
    pub fn check(&self, record: &Record) -> Result<()> {
        let recorded = record.text("machine")?;
        if let (Some(recorded), Some(name)) = (recorded, self.name())
            && recorded != name
        {
            return Err(Error::invalid(format!("the record was made on {recorded}, and this is {name}")));
        }
        match record.text("boot")? {
            Some(boot) if self.boot() != Some(boot) => {
                let name = recorded
                    .map_or_else(|| "another machine".to_owned(), |name| format!("another machine called {name}"));
                Err(Error::no(format!(
                    "the record was made before this machine was started, or on {name} (its \"boot\" differs)"
                )))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;

    #[test]
    fn records_of_elsewhere_are_refused() {
        let machine = Machine { boot: Some("b1".to_owned()), name: Some("one".to_owned()) };
        let contained = Machine { boot: Some("b1".to_owned()), name: None };
        let status = |machine: &Machine, line: &str| {
            machine.check(&Record::parse(line).unwrap()).map_err(|error| error.status()).err()
        };
        for (line, outside, inside) in [
            ("{}", None, None),
            (r#"{"boot":"b1","machine":"one"}"#, None, None),
            (r#"{"boot":"b2","machine":"one"}"#, Some(Status::No), Some(Status::No)),
            (r#"{"boot":"b1","machine":"two"}"#, Some(Status::Failed), None),
            (r#"{"machine":"two"}"#, Some(Status::Failed), None),
            (r#"{"boot":7}"#, Some(Status::Failed), Some(Status::Failed)),
        ] {
            assert_eq!((status(&machine, line), status(&contained, line)), (outside, inside), "{line}");
        }
        let mut record = Record::parse(r#"{"machine":"two","pid":1}"#).unwrap();
        contained.write_to(&mut record);
        assert_eq!(record.to_line(), r#"{"pid":1,"boot":"b1"}"#);
        let mut record = Record::parse(r#"{"machine":"two","pid":1}"#).unwrap();
        machine.complete(&mut record);
        assert_eq!(record.to_line(), r#"{"machine":"two","pid":1,"boot":"b1"}"#);
        let why = machine.check(&record).unwrap_err().to_string();
        assert_eq!(why, "the record was made on two, and this is one");
    }
}

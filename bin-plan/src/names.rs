//! Names of machines, and when they are to be looked up again.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::time::Duration;

/// How long a name is taken to lead where it led, and how long to nowhere.
const FRESH: Duration = Duration::from_mins(1);
const UNKNOWN: Duration = Duration::from_secs(5);

/// The look-ups of one reading of a plan.
#[derive(Default)]
pub(crate) struct Names(Cell<Option<Duration>>);

impl Names {
    /// The addresses of a name: `getaddrinfo(3)`.
    ///
    /// # Errors
    /// As that.
    pub(crate) fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found = (name, 0).to_socket_addrs();
        let limit = if found.is_ok() { FRESH } else { UNKNOWN };
        self.0.set(Some(self.0.get().map_or(limit, |other| other.min(limit))));
        Ok(found?.map(|address| address.ip()).collect())
    }

    /// How long what was read since the last time holds; `None` if no name was looked up: until the file changes.
    pub(crate) fn take_limit(&self) -> Option<Duration> {
        self.0.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_looked_up_is_tried_again_soon() {
        let names = Names::default();
        assert_eq!(names.take_limit(), None);
        assert_eq!(names.look_up("192.0.2.1").unwrap(), ["192.0.2.1".parse::<IpAddr>().unwrap()]);
        assert_eq!(names.take_limit(), Some(FRESH));
        // No resolver has to be asked for one that is too long.
        names.look_up(&"x".repeat(300)).unwrap_err();
        names.look_up("192.0.2.1").unwrap();
        assert_eq!((names.take_limit(), names.take_limit()), (Some(UNKNOWN), None));
    }
}

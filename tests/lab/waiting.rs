//! Waiting for what others do. Who waits in vain does not go on: what is asserted afterwards would lack its premise.

use std::fmt::{Debug, Display};
use std::thread;
use std::time::{Duration, Instant};

use crate::{LIMIT, patience};

/// Waits until something is there.
///
/// # Panics
/// When it takes too long.
#[track_caller]
pub fn until<T>(what: impl Display, mut look: impl FnMut() -> Option<T>) -> T {
    let give_up = Instant::now() + LIMIT * patience();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < give_up, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until something is so.
///
/// # Panics
/// When it takes too long.
#[track_caller]
pub fn wait_for(what: impl Display, mut is_so: impl FnMut() -> bool) {
    until(what, || is_so().then_some(()));
}

/// Waits until something is as it is to be.
///
/// # Panics
/// When it takes too long: shows how it is then, and how it was to be.
#[track_caller]
pub fn becomes<T: Debug + PartialEq>(mut look: impl FnMut() -> T, wanted: &T) {
    let give_up = Instant::now() + LIMIT * patience();
    loop {
        let now = look();
        if now == *wanted {
            return;
        }
        if Instant::now() >= give_up {
            assert_eq!(now, *wanted, "waited in vain");
        }
        // To look takes programs, of which the machine has others to run.
        thread::sleep(Duration::from_millis(20));
    }
}

/// Waits without a pause for what may be over soon.
///
/// # Panics
/// When it takes too long.
#[track_caller]
pub fn catch(what: impl Display, mut is_so: impl FnMut() -> bool) {
    let give_up = Instant::now() + LIMIT * patience();
    while !is_so() {
        assert!(Instant::now() < give_up, "waited in vain: {what}");
        thread::yield_now();
    }
}

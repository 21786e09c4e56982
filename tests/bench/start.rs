//! Starting what is measured, in numbers.

use std::ops::Range;

/// Starts each number of a range, so many at a time: most of it is waiting.
///
/// # Errors
/// The first failure of one of those who start them.
pub(crate) fn each(
    numbers: Range<usize>,
    at_a_time: usize,
    start: impl Fn(usize) -> Result<(), String> + Sync,
) -> Result<(), String> {
    let (start, numbers) = (&start, &numbers);
    std::thread::scope(|scope| {
        let starting: Vec<_> = (0..at_a_time)
            .map(|first| scope.spawn(move || numbers.clone().skip(first).step_by(at_a_time).try_for_each(start)))
            .collect();
        starting.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".into())))
    })
}

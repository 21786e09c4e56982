//! Steps of which none keeps the others from being taken.

use nicon_core::Result;

/// Takes every step, also after one that has failed.
///
/// # Errors
/// All that have failed, the first one first, as one.
pub(crate) fn every_step(steps: impl IntoIterator<Item = Result<()>>) -> Result<()> {
    let failures = steps.into_iter().filter_map(Result::err);
    failures.reduce(|all, failure| all.suffix(&format!("; {failure}"))).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use nicon_core::Error;

    use super::*;

    #[test]
    fn every_failure_is_told() {
        assert!(every_step([Ok(()), Ok(())]).is_ok());
        let failed = every_step([Ok(()), Err(Error::failed("this")), Ok(()), Err(Error::no("that"))]).unwrap_err();
        assert_eq!((failed.to_string(), failed.status()), ("this; that".to_owned(), nicon_core::Status::Failed));
    }
}

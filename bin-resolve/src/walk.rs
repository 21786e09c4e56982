//! Many paths at once: each prefix that they share is found once, and siblings concurrently.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};
use nicon_core::{Error, Result};

use crate::hop::{Hop, Settings};
use crate::name;

type Finding = Shared<LocalBoxFuture<'static, Result<Arc<Hop>>>>;

/// The paths of one batch. What was found is remembered for the batch only: containers come and go.
pub(crate) struct Walk {
    settings: Arc<Settings>,
    timeout: Duration,
    found: RefCell<HashMap<name::Path, Finding>>,
}

impl Walk {
    /// Begins a batch; each hop may take as long as `timeout`.
    pub(crate) fn new(settings: Arc<Settings>, timeout: Duration) -> Self {
        Self { settings, timeout, found: RefCell::default() }
    }

    /// Finds the container at `path`.
    pub(crate) fn find(&self, path: &[String]) -> Finding {
        if let Some(finding) = self.found.borrow().get(path) {
            return finding.clone();
        }
        let (name, outer) = path.split_last().expect("a path has a segment");
        let outer = (!outer.is_empty()).then(|| (name::show(outer), self.find(outer)));
        let (name, number) = (name.clone(), path.len());
        let (settings, timeout) = (Arc::clone(&self.settings), self.timeout);
        let finding = async move {
            let (place, outer) = match outer {
                Some((place, finding)) => (format!(" in {place}"), Some(finding.await?)),
                None => (String::new(), None),
            };
            let hop = tokio::time::timeout(timeout, Hop::find(outer, &name, &settings)).await;
            let late =
                |_| Err(Error::failed(format!("the engine does not answer (waited {} s)", timeout.as_secs_f64())));
            let context = |error: Error| error.within(format!("hop {number} ({name}{place})"));
            hop.unwrap_or_else(late).map(Arc::new).map_err(context)
        };
        let finding = finding.boxed_local().shared();
        self.found.borrow_mut().insert(path.to_vec(), finding.clone());
        finding
    }
}

//! Which engines are searched, and through which container.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::query::path::Path;
use crate::rootfs::directory::FileId;

/// The engines that are searched: each once, however many containers share its socket.
#[derive(Default)]
pub(crate) struct Searched(RefCell<HashMap<FileId, Path>>);

impl Searched {
    /// The path of the container through which an engine is searched.
    pub(crate) fn by(&self, engine: FileId) -> Option<Path> {
        self.0.borrow().get(&engine).cloned()
    }

    /// Whether nobody searches an engine yet.
    pub(crate) fn is_new(&self, engine: FileId) -> bool {
        !self.0.borrow().contains_key(&engine)
    }

    /// Whether an engine is searched through the container at `path`. It is from now on, if nobody searches it yet.
    pub(crate) fn claim(&self, engine: FileId, path: &[String]) -> bool {
        self.0.borrow_mut().entry(engine).or_insert_with(|| path.to_vec()) == path
    }
}

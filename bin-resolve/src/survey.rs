//! The survey of a container: all look-ups and connections that its engines need, on one thread.

use std::path::PathBuf;

use nicon_core::Result;

use crate::disk::Disk;
use crate::kind::Kind;
use crate::pool::Connection;
use crate::root::{Directory, Root, is_absent};
use crate::scope::Scope;
use crate::socket::connect_to_first;

impl Scope<'_> {
    /// The root directory, surveyed for `kinds` of engines when it is first opened.
    ///
    /// # Errors
    /// If it cannot be opened, or too many threads are blocked.
    pub(crate) async fn root(&self, kinds: &[Kind], asked: Option<Kind>) -> Result<&Root> {
        let open = async || {
            let root = Root::of(self.container)?;
            if self.container.is_some() {
                self.survey(&root, kinds, asked).await?;
            }
            Ok(root)
        };
        self.pools.root.get_or_try_init(open).await
    }

    /// Connects to the engines that listen, and looks up everything else, in one go: a thread costs as much as ten
    /// look-ups.
    async fn survey(&self, root: &Root, kinds: &[Kind], asked: Option<Kind>) -> Result<()> {
        let (seen, paths) = root.split_known(self.paths_of(kinds, asked));
        let is_there = |path: &PathBuf| seen.iter().any(|(at, file)| at == path && !file.is_err_and(is_absent));
        let may_be_there = |path: &&PathBuf| paths.contains(path) || is_there(path);
        let sockets = kinds.iter().map(|kind| {
            let places = self.places().of(*kind).iter().filter(may_be_there).cloned();
            (*kind, places.collect::<Vec<_>>())
        });
        let is_awake = |(kind, places): &(Kind, Vec<PathBuf>)| !places.is_empty() && !self.is_asleep(*kind, root);
        let sockets: Vec<_> = sockets.filter(is_awake).collect();
        if sockets.is_empty() && paths.is_empty() {
            root.remember(seen);
            return Ok(());
        }
        let look = move |directory: &Directory| {
            let connect = |(kind, places): (Kind, Vec<PathBuf>)| (kind, connect_to_first(directory, &places));
            let connected: Vec<_> = sockets.into_iter().map(connect).collect();
            Ok((connected, directory.files_at(paths)))
        };
        let (connected, asked) = root.ask(look).await?;
        root.remember([seen, asked].concat());
        for (kind, connected) in connected {
            // A failure is repeated when the engine is asked, and reported then.
            if let (Some(pool), Ok(Some(connected))) = (self.pools.of(kind), connected) {
                pool.keep(Connection::new(connected, pool).await?);
            }
        }
        Ok(())
    }

    /// All paths at which engines of these kinds may be found.
    pub(crate) fn paths_of(&self, kinds: &[Kind], asked: Option<Kind>) -> Vec<PathBuf> {
        let asked_for = asked.or(self.settings.engine).is_some();
        let paths = |kind: &Kind| [self.places().of(*kind), &Disk::paths(*kind, asked_for)].concat();
        kinds.iter().flat_map(paths).collect()
    }
}

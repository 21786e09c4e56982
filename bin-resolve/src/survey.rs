//! A first look at a container: which engines may be in it.

use std::path::PathBuf;

use nicon_core::Result;

use crate::disk::Disk;
use crate::ground::Ground;
use crate::kind::Kind;
use crate::reach::Connection;
use crate::root::{Directory, Root, is_absent};
use crate::socket::connect_to_first;

impl Ground<'_> {
    /// The root directory, of which `kinds` of engines will be asked for.
    ///
    /// # Errors
    /// That it cannot be opened, or that too many containers keep us waiting.
    pub(crate) async fn root(&self, kinds: &[Kind], asked: Option<Kind>) -> Result<&Root> {
        let open = async || {
            let root = Root::of(self.container)?;
            if self.container.is_some() {
                self.survey(&root, kinds, asked).await?;
            }
            Ok(root)
        };
        self.reaches.root.get_or_try_init(open).await
    }

    /// Connects to the engines that listen, and looks up all else, in one go: each go aside costs as much as ten look-ups.
    async fn survey(&self, root: &Root, kinds: &[Kind], asked: Option<Kind>) -> Result<()> {
        let (seen, paths) = root.tell_apart(self.paths_of(kinds, asked));
        let is_there =
            |path: &PathBuf| seen.iter().any(|(at, file)| at == path && !file.as_ref().is_err_and(is_absent));
        let may_be_there = |path: &&PathBuf| paths.contains(path) || is_there(path);
        let sockets = kinds.iter().map(|kind| {
            let places = self.places().of(*kind).iter().filter(may_be_there).cloned();
            (*kind, places.collect::<Vec<_>>())
        });
        let sockets: Vec<_> = sockets.filter(|(_, places)| !places.is_empty()).collect();
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
            // Where it failed, it fails again for whoever asks.
            if let (Some(reach), Ok(Some(connected))) = (self.reaches.of(kind), connected) {
                reach.keep(Connection::new(connected, reach).await?);
            }
        }
        Ok(())
    }

    /// All paths by which engines of these kinds may be known.
    pub(crate) fn paths_of(&self, kinds: &[Kind], asked: Option<Kind>) -> Vec<PathBuf> {
        let asked_for = asked.or(self.settings.engine).is_some();
        let paths = |kind: &Kind| [self.places().of(*kind), &Disk::places(*kind, asked_for)].concat();
        kinds.iter().flat_map(paths).collect()
    }
}

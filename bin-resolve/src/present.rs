//! Which engines are in a place, before anything is asked of them.

use nicon_core::{NsId, Result};

use crate::disk::Extent;
use crate::endpoint::Endpoint;
use crate::kind::Qualifier;
use crate::pool::Connection;
use crate::root::FileId;
use crate::scope::Scope;
use crate::survey::paths_of;

/// An engine that is present, and where it was found.
pub(crate) enum Present {
    /// A socket, with the process that listens and its PID namespace, if they are known.
    Socket {
        file: FileId,
        daemon: Option<(i32, NsId)>,
    },
    Files(FileId),
}

impl Scope<'_> {
    /// Finds those engines that are present and `asked` for, without asking them anything yet, so that they cannot delay us.
    ///
    /// # Errors
    /// [`Status::No`](nicon_core::Status::No) if there is none, as in most containers.
    pub(crate) async fn look(&self, asked: &Qualifier) -> Result<Vec<Present>> {
        let (mut present, mut refused) = (Vec::new(), None);
        let wanted = Extent { all: true, ..Extent::default() };
        let (near, others) = self.look_around().await?;
        let chosen = self.chosen(asked, &near);
        if let [first, ..] = &chosen[..] {
            first.root.look_for(paths_of(&chosen, &wanted)).await;
        }
        for endpoint in chosen.iter().chain(&self.chosen(asked, &others)) {
            match self.look_for(endpoint, &wanted).await {
                Ok(found) => present.extend(found),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        present.extend(self.unusual_engines(asked).await?.into_iter().map(Present::Files));
        if present.is_empty() {
            return Err(refused.unwrap_or_else(|| self.no_engine(asked)));
        }
        self.keep(near, others);
        Ok(present)
    }

    async fn look_for(&self, endpoint: &Endpoint, wanted: &Extent) -> Result<Option<Present>> {
        let question = async |connection: &Connection| {
            let daemon = connection.listener().ok().map(|daemon| (daemon.process.pid(), daemon.pidns.id()));
            Ok(Present::Socket { file: connection.file, daemon })
        };
        if self.is_asleep(endpoint).await {
            return Ok(self.on_disk(endpoint, wanted).await?.map(|disk| Present::Files(disk.file)));
        }
        let by_socket = endpoint.pool.ask(&endpoint.root, &endpoint.sockets, question).await;
        if let Ok(Some(_)) = by_socket {
            return by_socket;
        }
        match self.on_disk(endpoint, wanted).await? {
            Some(disk) => Ok(Some(Present::Files(disk.file))),
            None => by_socket,
        }
    }
}

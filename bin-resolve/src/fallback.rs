//! What is to be had of a daemon that takes too long: it has left files that tell as much. While it is waited for, they are
//! read, and are believed as far as they can be proved.

use std::sync::Arc;
use std::time::Duration;

use nicon_core::{Error, Result};
use tokio::time::timeout;

use crate::claim::Claim;
use crate::disk::{self, Disk};
use crate::ground::Ground;
use crate::kind::Kind;
use crate::listing::State;
use crate::reach::Connection;
use crate::root::Root;
use crate::roster::Member;

impl Ground<'_> {
    /// Asks for the container called `name`: `asking`, or else the files.
    ///
    /// # Errors
    /// Those of `asking`.
    pub(crate) async fn find_in_time<T>(
        &self,
        connection: &Connection,
        name: &str,
        asking: impl Future<Output = Result<T>>,
    ) -> Result<Said<T, Claim>> {
        let mut asking = std::pin::pin!(asking);
        if let Ok(answer) = timeout(self.patience(connection), &mut asking).await {
            return answer.map(Said::ByDaemon);
        }
        let find = async |disk: &Disk<'_>| Claim::from_files(disk, name).await;
        match self.ask_files_of(connection, name, find).await {
            Ok(Some(Some(claim))) if self.is_proved(name, &claim).await => Ok(Said::ByFiles(claim)),
            _ => asking.await.map(Said::ByDaemon),
        }
    }

    /// Asks for the list of containers: `asking`, or else the files.
    ///
    /// # Errors
    /// Those of `asking`.
    pub(crate) async fn list_in_time<T>(
        &self,
        connection: &Connection,
        state: State,
        asking: impl Future<Output = Result<T>>,
    ) -> Result<Said<T, (Vec<Member>, Error)>> {
        let patience = self.patience(connection);
        let mut asking = std::pin::pin!(asking);
        if let Ok(answer) = timeout(patience, &mut asking).await {
            return answer.map(Said::ByDaemon);
        }
        let list = async |disk: &Disk<'_>| self.list_files(disk, state).await;
        match self.ask_files_of(connection, "the list of containers", list).await {
            Ok(Some(members)) => {
                let waited = patience.as_secs_f64();
                let late = Error::failed(format!("the engine does not answer (waited {waited} s): its files are read"));
                Ok(Said::ByFiles((members, late)))
            }
            _ => asking.await.map(Said::ByDaemon),
        }
    }

    /// How long an engine is waited for before its files are read: half of the hop's time. One that was late is not waited for
    /// again.
    fn patience(&self, connection: &Connection) -> Duration {
        if connection.is_late() { Duration::ZERO } else { self.settings.timeout / 2 }
    }

    async fn ask_files_of<T>(
        &self,
        connection: &Connection,
        name: &str,
        question: impl AsyncFnOnce(&Disk<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        connection.set_late();
        let Ok(daemon) = connection.listener() else { return Ok(None) };
        let places = disk::docker_places(Arc::clone(&daemon.process)).await?;
        let root = Root::of(Some(&daemon.process))?;
        let Some(disk) = Disk::at(Kind::Docker, &root, daemon.pidns.try_clone()?, places).await? else {
            return Ok(None);
        };
        self.settings.tell(name, || "the engine takes its time: its files are read".to_owned());
        question(&disk).await.map(Some)
    }
}

/// Who had something to say.
pub(crate) enum Said<D, F> {
    ByDaemon(D),
    ByFiles(F),
}

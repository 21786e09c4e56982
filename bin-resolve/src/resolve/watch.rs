//! Follows containers as they come and go.
//!
//! A site, which is a container or our own machine, rings when something may have changed there: an engine tells of any event, a file of
//! its is written, or something is mounted. Then it is looked at again, as if for the first time, and the look is compared with the last
//! one. So nothing that an engine tells in between is believed, and nothing is missed. That a container has ended is known from its process.

mod bells;
mod look;
mod message;
mod pace;
mod recent;
mod registry;
mod reports;
pub(crate) mod sighting;
mod tree;
mod watcher;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use nicon_core::Result;
use tokio::sync::mpsc::{self, UnboundedReceiver, unbounded_channel};
use tokio::task::LocalSet;
use tokio::time::sleep;

use crate::engine::settings::Settings;
use crate::query::parse::Query;
use crate::resolve::watch::bells::Task;
use crate::resolve::watch::message::{Message, Shared};
use crate::resolve::watch::recent::RecentMonitors;
use crate::resolve::watch::sighting::Sighting;
use crate::resolve::watch::watcher::Watcher;
use crate::rootfs::changes::Changes;

/// How many inputs wait to be taken.
const WAITING: usize = 16;

/// How long changes of directories are left to settle: there may be very many, and an engine that removes its PID file is about to end.
const COLLECT: Duration = Duration::from_millis(20);

/// What is to be watched from now on, by the number of a query.
pub enum Order {
    /// To watch what this names or matches.
    Follow(usize, Query),
    /// Not to watch it any more.
    Leave(usize),
}

/// Who is told of what a watch sees, and what else it is told meanwhile.
pub trait Observer {
    /// What comes from elsewhere.
    type Input;

    /// Takes an input, and says what is to be watched from now on; `None` ends the watch.
    ///
    /// # Errors
    /// What ends the watch.
    fn take(&mut self, input: Self::Input) -> Result<Option<Vec<Order>>>;

    /// Takes note of what was seen at once. Returns whether the watch goes on.
    ///
    /// # Errors
    /// What ends the watch.
    fn see(&mut self, sightings: Vec<Sighting>) -> Result<bool>;
}

/// Where another thread puts inputs of a watch.
pub struct InputSender<T>(mpsc::Sender<T>);

/// The inputs of a watch.
pub struct Inputs<T>(mpsc::Receiver<T>);

/// The two ends of a queue of inputs.
#[must_use]
pub fn inputs<T>() -> (InputSender<T>, Inputs<T>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (InputSender(sender), Inputs(receiver))
}

impl<T> InputSender<T> {
    /// Waits until there is room, and puts an input there. Returns whether somebody will take it.
    pub fn send(&self, input: T) -> bool {
        self.0.blocking_send(input).is_ok()
    }
}

impl<T> Clone for InputSender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Watches until the observer ends it.
///
/// # Errors
/// Those of the observer, or if nothing can be watched.
pub(crate) async fn watch<O: Observer>(
    settings: Arc<Settings>,
    orders: Vec<Order>,
    inputs: Inputs<O::Input>,
    observer: &mut O,
) -> Result<()> {
    let (sender, messages) = unbounded_channel();
    let shared = Rc::new(Shared { settings, changes: Changes::new()?, monitors: RecentMonitors::default(), sender });
    LocalSet::new().run_until(go_on(&shared, orders, (messages, inputs), observer)).await
}

async fn go_on<O: Observer>(
    shared: &Rc<Shared>,
    orders: Vec<Order>,
    (mut messages, Inputs(mut inputs)): (UnboundedReceiver<Message>, Inputs<O::Input>),
    observer: &mut O,
) -> Result<()> {
    let _changes = {
        let shared = Rc::clone(shared);
        Task::new(async move { hear_of_changes(&shared).await })
    };
    let mut watcher = Watcher::new(shared);
    obey(&mut watcher, orders);
    loop {
        let sightings = watcher.settle();
        if !sightings.is_empty() && !observer.see(sightings)? {
            return Ok(());
        }
        let input = async {
            match inputs.recv().await {
                Some(input) => input,
                None => std::future::pending().await,
            }
        };
        let message = std::pin::pin!(messages.recv());
        match select(message, std::pin::pin!(input)).await {
            Either::Left((Some(message), _)) => watcher.take(message),
            Either::Left((None, _)) => return Ok(()),
            Either::Right((input, _)) => {
                let Some(orders) = observer.take(input)? else { return Ok(()) };
                obey(&mut watcher, orders);
            }
        }
    }
}

fn obey(watcher: &mut Watcher, orders: Vec<Order>) {
    for order in orders {
        match order {
            Order::Follow(query, asked) => watcher.follow(query, asked),
            Order::Leave(query) => watcher.leave(query),
        }
    }
}

/// Rings for changes of directories.
async fn hear_of_changes(shared: &Shared) {
    loop {
        let sites = shared.changes.next().await;
        sleep(COLLECT).await;
        for site in sites {
            shared.send(Message::Rung(site));
        }
    }
}

//! What tells that something may have changed at a site: events of its engines, and mounts. Directories are in
//! [`Changes`](crate::rootfs::changes::Changes).

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{Either, join_all, select};
use nicon_core::{Context, Error, Result, Status};
use nix::fcntl::{OFlag, open, openat};
use nix::libc;
use nix::sys::stat::Mode;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{sleep, timeout};

use crate::engine::activation::{daemons_of, is_asleep};
use crate::engine::address::Address;
use crate::engine::api::events::{Events, ask_whether_there};
use crate::engine::api::socket;
use crate::engine::endpoint::Endpoint;
use crate::query::Qualifier;
use crate::query::path::Path;
use crate::resolve::batch::Batch;
use crate::resolve::hop::Hop;
use crate::resolve::watch::message::{Message, Shared, SiteId};
use crate::rootfs::ready::Ready;

/// How many events are read before the look that the first of them causes: the others are read afterwards.
const MAX_UNREAD: usize = 256;

/// How long an engine that has just bound its socket may take to listen there: so often, and at first so long.
const TRIES: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// How long to wait before an engine is asked again that has ended its events at once.
const PAUSE: Duration = Duration::from_secs(1);

/// How long an engine takes to end that tells no more events.
const ENDING: Duration = Duration::from_millis(300);

/// The longest that one may take which systemd has started, by `DefaultTimeoutStopSec` of `systemd-system.conf(5)`.
const LONGEST_END: Duration = Duration::from_secs(90);

/// How long mounts are left to settle.
const SETTLE: Duration = Duration::from_millis(20);

/// A task that ends with this.
pub(super) struct Task(JoinHandle<()>);

impl Task {
    pub(super) fn new(work: impl Future<Output = ()> + 'static) -> Self {
        Self(spawn_local(work))
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why engines that listen tell no events.
type Refusals = BTreeMap<Address, Error>;

/// The bells of a site.
pub(super) struct Bells {
    site: SiteId,
    shared: Rc<Shared>,
    streams: HashMap<Address, Task>,
    refusals: Rc<RefCell<Refusals>>,
    _mounts: Option<Task>,
    /// How many looks have begun.
    looks: watch::Sender<u64>,
}

impl Bells {
    /// Those of a container, or of our own machine. Nothing rings yet but mounts.
    pub(super) fn new(site: SiteId, path: &Path, hop: Option<&Arc<Hop>>, shared: &Rc<Shared>) -> Self {
        let mounts = Mounts::of(hop).ok().map(|mounts| {
            let (shared, path, hop) = (Rc::clone(shared), path.clone(), hop.cloned());
            Task::new(async move { mounts.ring(site, &path, hop.as_deref(), &shared).await })
        });
        let (looks, _) = watch::channel(0);
        let (streams, refusals) = (HashMap::new(), Rc::default());
        Self { site, shared: Rc::clone(shared), streams, refusals, _mounts: mounts, looks }
    }

    /// Why engines do not ring that were asked to.
    pub(super) fn refusals(&self) -> Vec<Error> {
        self.refusals.borrow().values().cloned().collect()
    }

    /// A look begins: whatever happens from now on is another reason to look.
    pub(super) fn look_begins(&self) {
        self.looks.send_modify(|looks| *looks += 1);
    }

    /// Follows these engines' events, unless that is done.
    pub(super) fn listen(&mut self, endpoints: Vec<Arc<Endpoint>>, hop: Option<&Arc<Hop>>) {
        self.streams.retain(|_, task| !task.is_over());
        for endpoint in endpoints {
            let (site, shared, looks, hop) = (self.site, Rc::clone(&self.shared), self.looks.subscribe(), hop.cloned());
            let refusals = Rc::clone(&self.refusals);
            self.streams.entry(endpoint.address.clone()).or_insert_with(|| {
                Task::new(async move {
                    let followed = follow(site, &endpoint, hop.as_deref(), looks, (&shared, &refusals)).await;
                    take_note(followed, &endpoint, &refusals, || shared.send(Message::Rung(site)));
                })
            });
        }
    }
}

/// Takes note of why an engine tells no events. If that is new, the site is looked at again, with which it is tried once more.
fn take_note(followed: Result<()>, endpoint: &Endpoint, refusals: &RefCell<Refusals>, ring: impl Fn()) {
    let refusal = followed.err().filter(|error| error.status() == Status::Failed);
    let mut refusals = refusals.borrow_mut();
    let before = refusals.remove(&endpoint.address);
    if let Some(refusal) = refusal {
        refusals
            .insert(endpoint.address.clone(), refusal.prefix(format!("{} tells no events", endpoint.kind().name())));
        if before.is_none() {
            ring();
        }
    }
}

/// Rings for the events of an engine until it ends.
///
/// # Errors
/// If it tells none.
async fn follow(
    site: SiteId,
    endpoint: &Endpoint,
    hop: Option<&Hop>,
    looks: watch::Receiver<u64>,
    (shared, refusals): (&Shared, &RefCell<Refusals>),
) -> Result<()> {
    if is_asleep(endpoint, hop.map(Hop::process), &shared.settings).await {
        return Err(Error::no("it does not run"));
    }
    // One that has ended may be started again before its stream's end is noticed.
    let daemons = daemons_of(endpoint, hop.map(Hop::process)).await;
    let idle = if daemons.is_empty() { None } else { connect(endpoint).await };
    idle.as_ref().map(ask_whether_there).transpose()?;
    let Some(stream) = connect(endpoint).await else { return Err(Error::no("nobody listens")) };
    let mut events = Events::follow(stream).await?;
    refusals.borrow_mut().remove(&endpoint.address);
    let ring = || shared.send(Message::Rung(site));
    let begun = Instant::now();
    let ends: Vec<_> =
        daemons.iter().filter_map(|daemon| daemon.pidfd().try_clone_to_owned().ok()).map(end_of).collect();
    let known = shared.settings.daemons.know(daemons, idle.as_ref())?;
    {
        let (told, served) = (pass_on(&mut events, looks, ring), is_served(idle));
        select(std::pin::pin!(told), std::pin::pin!(served)).await;
    }
    // Who waits for more events holds up its end.
    drop(events);
    known.set_ending();
    wait_for_end(ends).await;
    drop(known);
    ring();
    if begun.elapsed() < PAUSE {
        sleep(PAUSE).await;
        ring();
    }
    Ok(())
}

/// Waits until an engine does not serve any more that systemd has started, by an idle connection to it. While it ends, it still tells
/// events, but whoever connects waits for nobody, and has systemd start it again.
async fn is_served(idle: Option<UnixStream>) {
    match idle.map(|idle| Ready::for_urgent(idle.into())) {
        // Nothing is urgent there but its end.
        Some(Ok(idle)) => idle.wait(|| true).await,
        _ => std::future::pending().await,
    }
}

/// Waits until an engine has ended that tells no more events, or has not. Meanwhile nobody connects to what it holds, if systemd would start
/// it again for that.
async fn wait_for_end(ends: Vec<impl Future<Output = Result<()>>>) {
    let most = if ends.is_empty() { ENDING } else { LONGEST_END };
    let ended = async { if ends.is_empty() { std::future::pending().await } else { join_all(ends).await } };
    let _ = timeout(most, ended).await;
}

/// Rings for events until there are no more.
async fn pass_on(events: &mut Events, mut looks: watch::Receiver<u64>, ring: impl Fn()) {
    loop {
        looks.mark_unchanged();
        ring();
        let mut left = MAX_UNREAD;
        // What is told before the look begins needs no other one. An engine that tells more than anybody could is not read meanwhile.
        loop {
            let may_read = left > 0;
            let next = async { if may_read { events.next().await } else { std::future::pending().await } };
            let look = std::pin::pin!(looks.changed());
            match select(look, std::pin::pin!(next)).await {
                Either::Left(_) => break,
                Either::Right((Some(()), _)) => left -= 1,
                Either::Right((None, _)) => return,
            }
        }
        if events.next().await.is_none() {
            return;
        }
    }
}

/// Connects to it; `None` if nobody listens there, or not to us.
async fn connect(endpoint: &Endpoint) -> Option<UnixStream> {
    let mut pause = FIRST_PAUSE;
    for _ in 0..TRIES {
        match socket::connect(&endpoint.root, &endpoint.sockets).await {
            Ok(connected) => return connected.map(|connected| connected.stream),
            Err(error) if error.errno() == Some(libc::ECONNREFUSED) => sleep(pause).await,
            Err(_) => return None,
        }
        pause *= 2;
    }
    None
}

/// The mounts that a site sees; see `proc_pid_mounts(5)`.
struct Mounts(Ready);

impl Mounts {
    fn of(hop: Option<&Arc<Hop>>) -> Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let file = match hop {
            Some(hop) => openat(hop.process().dir(), "mountinfo", flags, Mode::empty()),
            None => open("/proc/self/mountinfo", flags, Mode::empty()),
        };
        Ok(Self(Ready::for_urgent(file.context(|| "open mountinfo")?)?))
    }

    /// Rings if there is something else now where a directory was watched: a mount hides it without a word.
    async fn ring(&self, site: SiteId, path: &Path, hop: Option<&Hop>, shared: &Shared) {
        loop {
            self.0.wait(|| false).await;
            sleep(SETTLE).await;
            let batch = Batch::within(Arc::clone(&shared.settings), path, hop, shared.monitors.get(Instant::now()).0);
            let mut survey = shared.changes.survey(site);
            let surveyed = batch.survey(path, &Qualifier::default(), &mut survey).await;
            if surveyed.is_ok() && survey.is_more() {
                shared.send(Message::Rung(site));
            }
        }
    }
}

/// Waits until a process ends.
///
/// # Errors
/// If it cannot be waited for.
pub(super) async fn end_of(pidfd: OwnedFd) -> Result<()> {
    Ready::to_read(pidfd)?.wait(|| true).await;
    Ok(())
}

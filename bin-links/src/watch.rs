//! Watching: what happens to links, printed as it happens.

mod change;
mod failures;
mod following;
mod lookout;
mod rows;
mod stream;
mod waiting;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use nicon_core::filter::output::reader_has_left;
use nicon_core::filter::stream::Answers;
use nicon_core::machine::Machine;
use nicon_core::{Error, Namespace, NsType, Record, Result, Status};
use nicon_rtnl::NetnsHandle;
use nicon_rtnl::monitor::Event;
use nicon_rtnl::netns;

use crate::all::{self, LeftOut};
use crate::args::Args;
use crate::input::{self, AskedFile, Input};
use crate::listing::{Listing, Origin};
use crate::listings::Key;
use crate::record::LinkRecord;
use failures::Failures;
use following::Following;
use lookout::Lookout;
use rows::Row;
use stream::{Stream, Told};
use waiting::{Waiting, Woken};

/// How long after a list could not be made the next one is tried.
const RETRY_AFTER: Duration = Duration::from_millis(200);

struct Watch<'a> {
    following: Following<'a>,
    waiting: Waiting,
    lookout: Lookout,
    files: Vec<AskedFile>,
    stream: Stream,
    left_out: Option<LeftOut>,
    args: &'a Args,
    home: &'a NetnsHandle,
    answers: &'a mut Answers<LinkRecord>,
    told: Failures,
    /// When lists that could not be made are made again.
    retry_at: Option<Instant>,
}

/// Prints all links, and then every change, until no namespace is left and none can come. Listening begins before the list is
/// made, so that nothing is missed; after an overrun of a socket another list is compared with the last.
///
/// # Errors
/// What ends the whole run: standard output fails, or its reader has left. A look-up that fails does not.
pub(crate) fn watch(input: Input, args: &Args, home: &NetnsHandle, answers: &mut Answers<LinkRecord>) -> Result<()> {
    let Input { listings, files } = input;
    let (stream, rows) = if input::reads_stdin(args) { Stream::begin()? } else { Default::default() };
    let keys: Vec<Key> = listings.iter().map(|(key, _)| key).collect();
    let mut watch = Watch {
        following: Following::new(listings, home, args),
        waiting: Waiting::new(stream.rows())?,
        lookout: Lookout::new(args.all),
        files,
        stream,
        left_out: None,
        args,
        home,
        answers,
        told: Failures::default(),
        retry_at: None,
    };
    for key in keys {
        watch.begin_with(key, change::PRESENT)?;
    }
    watch.take(rows)?;
    watch.look_around(change::PRESENT)?;
    while watch.goes_on() {
        watch.step()?;
    }
    Ok(())
}

impl Watch<'_> {
    /// Whether there is anything to watch, or to come.
    fn goes_on(&self) -> bool {
        let is_watching = !self.files.is_empty() || !self.following.listings.is_empty();
        self.args.all || is_watching || self.stream.rows().is_some()
    }

    /// Waits for what happens next, and prints it.
    fn step(&mut self) -> Result<()> {
        let retry_at = self.retry_at.take().unwrap_or_else(|| Instant::now() + RETRY_AFTER);
        self.retry_at = self.following.has_to_retry().then_some(retry_at);
        let again = self.retry_at.map(|at| at.saturating_duration_since(Instant::now()));
        let now = self.following.is_unsure().then_some(Duration::ZERO);
        let time = [again, now, self.lookout.wait()].into_iter().flatten().min();
        let woken = self.waiting.wait(time)?;
        self.hear(woken)?;
        if self.retry_at.is_some_and(|at| at <= Instant::now()) {
            self.retry_at = None;
            self.following.retry();
        }
        if let Some(unsure) = self.following.take_unsure() {
            self.catch_up()?;
            self.following.refresh(&unsure);
            self.print()?;
        }
        if self.lookout.is_due() {
            self.look_around(change::ARRIVED)?;
        }
        Ok(())
    }

    /// Hears what has been announced before a list is made: it would be taken for newer than that.
    fn catch_up(&mut self) -> Result<()> {
        for _ in 0..=self.waiting.rounds() {
            let woken = self.waiting.wait(Some(Duration::ZERO))?;
            if woken.is_empty() {
                break;
            }
            self.hear(woken)?;
        }
        Ok(())
    }

    fn hear(&mut self, woken: Vec<Woken>) -> Result<()> {
        for woken in woken {
            match woken {
                Woken::ReaderHasLeft => return Err(reader_has_left()),
                Woken::Mounts => self.lookout.alert(),
                Woken::Exited(key) => self.follow_on(key)?,
                Woken::Events(key) => self.read(key)?,
                Woken::Input => match self.stream.next() {
                    Ok(rows) => self.take(rows)?,
                    Err(error) => {
                        self.following.answers.push(Err(error));
                        self.print()?;
                    }
                },
            }
        }
        Ok(())
    }

    fn read(&mut self, key: Key) -> Result<()> {
        let events = match self.waiting.events(key) {
            Ok(events) => events,
            Err(error) => return self.end(key, |label| error.prefix(label)),
        };
        for event in events {
            // A number is given to a namespace when a link leads into it for the first time: it may be a new one.
            if self.args.all && matches!(event, Event::Number(_)) {
                self.lookout.alert();
            }
            self.following.hear(key, event);
        }
        self.print()
    }

    /// Takes what records tell. All namespaces that have come are opened before the first of them is listed: they are wired to
    /// each other.
    fn take(&mut self, rows: Vec<Row>) -> Result<()> {
        let mut come = Vec::new();
        for Row { number, record } in rows {
            if record.as_ref().is_ok_and(|record| self.stream.is_newer(record)) {
                self.let_go_of_replaced()?;
            }
            let failed = match record.and_then(|record| stream::told(record, &self.following.listings)) {
                Ok(Told::Come(record, origin, arrival)) => {
                    self.add(record, origin).map(|key| come.extend(key.map(|key| (key, arrival)))).err()
                }
                Ok(Told::Changed(key, record)) => {
                    self.following.rename(key, record);
                    None
                }
                Ok(Told::Gone(key)) => {
                    self.let_go(key)?;
                    None
                }
                Ok(Told::Nothing) => None,
                Err(error) => Some(error),
            };
            self.following.answers.extend(failed.map(|error| Err(error.prefix(format!("line {number}")))));
        }
        for (key, arrival) in come {
            self.begin_with(key, arrival)?;
        }
        self.print()
    }

    /// Opens the namespace which a record names, unless its container has ended meanwhile, which the stream will tell.
    fn add(&mut self, record: Record, origin: Origin) -> Result<Option<Key>> {
        Machine::this()?.check(&record)?;
        let opened = input::open(&record, self.home, self.args).map(|listing| Listing { origin, ..listing });
        match input::add(record, opened, &mut self.following.listings, &mut self.files) {
            Err(error) if origin == Origin::Streamed && error.status() == Status::No => Ok(None),
            added => added.map(Some),
        }
    }

    /// Lets go what older revisions of a plan asked for.
    fn let_go_of_replaced(&mut self) -> Result<()> {
        let listings = self.following.listings.iter();
        let replaced = listings.filter(|(_, listing)| self.stream.is_replaced(&listing.record));
        let replaced: Vec<Key> = replaced.map(|(key, _)| key).collect();
        self.files.retain(|file| !self.stream.is_replaced(&file.record));
        replaced.into_iter().try_for_each(|key| self.let_go(key).map(drop))
    }

    /// Looks for namespaces that have come, and at the names by which others were found.
    fn look_around(&mut self, arrival: &'static str) -> Result<()> {
        let since = Instant::now();
        self.look_at_files()?;
        self.look_at_names()?;
        let opened = if self.args.all {
            all::open_new(&self.following.listings, &mut self.left_out, self.home, self.args)
        } else {
            Ok((Vec::new(), None))
        };
        self.lookout.looked(since);
        match opened {
            Ok((opened, left_out)) => {
                self.following.answers.extend(left_out.map(Err));
                for listing in opened {
                    self.begin(listing, arrival)?;
                }
            }
            Err(error) => self.following.answers.push(Err(error)),
        }
        self.print()
    }

    /// Looks whether a network namespace has ended that was asked for by its file, and whether there is one now.
    fn look_at_files(&mut self) -> Result<()> {
        for number in 0..self.files.len() {
            let AskedFile { path, record, listing } = &mut self.files[number];
            let there = Namespace::open(path).ok().filter(|ns| matches!(ns.ns_type(), Ok(NsType::Net)));
            let followed = listing.and_then(|key| self.following.listings.get(key));
            if there.as_ref().map(Namespace::id) == followed.map(|listing| listing.netns.ns.id()) {
                continue;
            }
            let ended = listing.take();
            let opened = there.map(|_| input::open(record, self.home, self.args));
            if let Some(key) = ended {
                self.end(key, |label| Error::no(format!("{label} has ended")))?;
            }
            match opened {
                Some(Ok(opened)) => self.files[number].listing = Some(self.begin(opened, change::ARRIVED)?),
                Some(Err(error)) if error.status() != Status::No => self.following.answers.push(Err(error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Looks whether each namespace that was found by a name still has one.
    fn look_at_names(&mut self) -> Result<()> {
        let is_file = |key| self.files.iter().any(|file| file.listing == Some(key));
        let listings = self.following.listings.iter();
        let named = listings.filter(|(key, listing)| !listing.netns.is_home() && !is_file(*key));
        let named = named.filter(|(_, listing)| listing.netns.process().is_none());
        let named: Vec<(Key, u64)> = named.map(|(key, listing)| (key, listing.netns.ns.id().ino)).collect();
        if !named.is_empty() {
            let inos: BTreeSet<u64> = netns::named().found.iter().map(|found| found.ino).collect();
            for (key, _) in named.into_iter().filter(|(_, ino)| !inos.contains(ino)) {
                self.follow_on(key)?;
            }
        }
        Ok(())
    }

    /// Continues with another process of the same namespace, or with a name that keeps it. If there is none, it is let go.
    fn follow_on(&mut self, key: Key) -> Result<()> {
        let Some(listing) = self.following.listings.get_mut(key) else { return Ok(()) };
        let found = listing.netns.find_again().and_then(|is_found| {
            let process = listing.netns.process().filter(|_| is_found);
            process.map_or(Ok(()), |process| self.waiting.add_process(key, process)).map(|()| is_found)
        });
        match found {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.end(key, |label| Error::no(format!("{label} exited: nobody is left in its network namespace")))
            }
            Err(error) => self.end(key, |label| error.prefix(label)),
        }
    }

    /// Begins to follow a namespace.
    fn begin(&mut self, listing: Listing, arrival: &'static str) -> Result<Key> {
        let key = self.following.listings.add(listing);
        self.begin_with(key, arrival)?;
        Ok(key)
    }

    fn begin_with(&mut self, key: Key, arrival: &'static str) -> Result<()> {
        let Some(listing) = self.following.listings.get_mut(key) else { return Ok(()) };
        if listing.netns.process().is_none() {
            listing.netns.release_file();
        }
        match self.waiting.add(key, &listing.netns) {
            Ok(()) => self.following.look(key, arrival),
            Err(error) => return self.end(key, |label| error.prefix(label)),
        }
        self.print()
    }

    /// Lets a namespace go, and tells why, unless nobody asked for it, or another program tells of its end.
    fn end(&mut self, key: Key, why: impl FnOnce(&str) -> Error) -> Result<()> {
        let Some(ended) = self.let_go(key)? else { return Ok(()) };
        let why = why(&ended.netns.label);
        let is_told = match ended.origin {
            Origin::Asked => true,
            Origin::Found => false,
            Origin::Streamed => why.status() != Status::No,
        };
        self.following.answers.extend(is_told.then_some(Err(why)));
        self.print()
    }

    /// Lets a namespace go.
    fn let_go(&mut self, key: Key) -> Result<Option<Listing>> {
        self.waiting.remove(key);
        let ended = self.following.let_go(key);
        self.print()?;
        Ok(ended)
    }

    fn print(&mut self) -> Result<()> {
        let mut answers = std::mem::take(&mut self.following.answers);
        answers.retain(|answer| match answer {
            Ok(_) => true,
            Err(error) => self.told.is_new(error.to_string(), Instant::now()),
        });
        self.answers.give_all(answers)
    }
}

//! The network namespaces that are listed.

use std::collections::BTreeMap;
use std::rc::Rc;

use nicon_core::filter::stream::{Answers, Lines};
use nicon_core::link::Cidr;
use nicon_core::link::target::{self, Target};
use nicon_core::{Process, Record, Result, Status, proc};
use nicon_rtnl::netns::{self, Way};
use nicon_rtnl::record::NIC;
use nicon_rtnl::record::RECORDS;
use nicon_rtnl::{Link, NetnsHandle};

use crate::args::Args;
use crate::tell::Told;

/// A network namespace, and the record that each of its links continues.
pub(crate) struct View {
    pub(crate) record: Rc<Record>,
    pub(crate) place: NetnsHandle,
    /// Its links by ifindex.
    pub(crate) links: BTreeMap<u32, Listed>,
    /// Whether they stayed the same while they were listed.
    pub(crate) settled: bool,
    /// Whether their counters are shown.
    pub(crate) with_stats: bool,
}

/// A link and its addresses.
pub(crate) struct Listed {
    pub(crate) link: Box<Link>,
    pub(crate) addresses: Vec<Cidr>,
}

impl View {
    fn new(mut record: Record, place: NetnsHandle, args: &Args) -> Result<Self> {
        record.remove(NIC);
        let with_stats = args.stats;
        let mut view = Self { record: record.into(), place, links: BTreeMap::new(), settled: false, with_stats };
        view.list(args)?;
        Ok(view)
    }

    /// Looks at the links as they are now.
    pub(crate) fn list(&mut self, args: &Args) -> Result<()> {
        let links = self.place.netlink.links(args.kind.as_deref())?;
        let addresses = self.place.netlink.all_addresses()?;
        self.settled = links.settled && addresses.settled;
        let listed = |link: Box<Link>| (link.ifindex, Listed { link, addresses: Vec::new() });
        self.links = links.entries.into_iter().map(listed).collect();
        for (ifindex, address) in addresses.entries {
            if let Some(listed) = self.links.get_mut(&ifindex) {
                listed.addresses.push(address);
            }
        }
        Ok(())
    }
}

/// Everything that the command line or standard input asks for. All of it is read before the first link is told: each
/// record may name the place of the other end of a link of the one before.
pub(crate) fn views(args: &Args, home: &NetnsHandle, answers: &mut Answers<Told>) -> Result<Vec<View>> {
    let mut views = Vec::new();
    if args.all {
        let census = netns::all()?;
        if let Some(complaint) = proc::complaint(&census.denied) {
            answers.give(None, Err(complaint))?;
        }
        for found in census.found {
            let view = || {
                let record = match &found.way {
                    _ if found.ino == home.ns.id().ino => Record::from(&Target::Host),
                    Way::Process(pid) => of_process(*pid)?,
                    // What is opened is what was found: on a name that is being removed nothing is mounted for a moment.
                    Way::Name(path) => {
                        let place = home.open_namespace(found.open()?, path.display().to_string())?;
                        return View::new(Record::from(&Target::File(path.clone())), place, args);
                    }
                };
                let place = home.open_record(&record)?;
                View::new(record, place, args)
            };
            match view() {
                // It was not asked for by name, so its end is not an error.
                Err(error) if error.status() == Status::No => {}
                view => keep(&mut views, None, view, answers)?,
            }
        }
    } else if args.targets.is_empty() && args.netns.is_empty() {
        for line in Lines::stdin("give --target PID, --netns NAME or --all")? {
            let line = line?;
            let view = || {
                let record = line.record(RECORDS)?;
                let place = home.open_record(&record)?;
                View::new(record, place, args)
            };
            keep(&mut views, Some(line.number), view(), answers)?;
        }
    }
    for target in &args.targets {
        let view = || {
            let record = match target {
                Target::Host | Target::File(_) => Record::from(target),
                Target::Pid(pid) => of_process(*pid)?,
            };
            let place = home.open_record(&record)?;
            View::new(record, place, args)
        };
        keep(&mut views, None, view(), answers)?;
    }
    for name in &args.netns {
        let view = || {
            let file = Target::File(target::path(name));
            let place = home.open_record(&Record::from(&file))?;
            View::new(Record::from(&file), place, args)
        };
        keep(&mut views, None, view(), answers)?;
    }
    Ok(views)
}

fn keep(views: &mut Vec<View>, line: Option<u64>, view: Result<View>, answers: &mut Answers<Told>) -> Result<()> {
    match view {
        Ok(view) => views.push(view),
        Err(error) => answers.give(line, Err(error))?,
    }
    Ok(())
}

/// A record that names a process as nicon-resolve would, so that the next program can act on it.
fn of_process(pid: i32) -> Result<Record> {
    let mut record = Record::default();
    Process::pin(pid)?.write_to(&mut record)?;
    Ok(record)
}

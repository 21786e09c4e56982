//! Watching: records in, for as long as they come, and a new picture whenever they tell something else.

use std::io::stdin;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nicon_core::filter::interrupt::Interrupt;
use nicon_core::filter::output::write_out;
use nicon_core::filter::stream::{Answers, Lines, RECORDS, View};
use nicon_core::{Context, Error, Result, Status};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::args::Args;
use crate::current::Current;
use crate::picture;
use crate::run::{INPUT, PROGRAM};
use crate::screen;
use crate::terminal::OtherScreen;

/// For how long nothing comes before what came is drawn, the longest that it waits for that, and the shortest between pictures.
const QUIET: Duration = Duration::from_millis(50);
const LATEST: Duration = Duration::from_secs(1);
const BETWEEN: Duration = Duration::from_millis(250);

/// The most failures that are kept to be told once the terminal is as it was.
const KEPT: usize = 100;

/// Draws what the records on standard input add up to, until they end, the reader has left or a signal comes.
///
/// # Errors
/// A failure that ends the run. A record that cannot be drawn is only reported.
pub(crate) fn watch(args: &Args, interrupt: &Interrupt) -> Result<Status> {
    let mut answers: Answers = Answers::new(PROGRAM, View::Records)?;
    let mut lines = Lines::stdin_until(interrupt, INPUT)?;
    let resized = resizes()?;
    let mut drawing = Drawing::new(args)?;
    let mut current = Current::default();
    let mut due = Due::default();
    while interrupt.signal().is_none() {
        let input = stdin();
        let ready = interrupt.wait(&[input.as_fd(), resized.as_fd()], due.wait())?;
        let (has_input, is_resized) = (ready[0], ready[1]);
        if is_resized {
            while let Ok(Some(_)) = resized.read_signal() {}
            due.at_once();
        }
        if has_input {
            let batch = lines.batch()?;
            if batch.is_empty() {
                break;
            }
            for line in batch {
                let heard = line.record(RECORDS).and_then(|record| current.hear(record));
                drawing.failed.extend(heard.err().map(|error| error.prefix(format!("line {}", line.number))));
            }
            due.soon();
        }
        if due.is_now() {
            drawing.draw(&current, &mut answers)?;
            due.done();
        }
    }
    drawing.end(&current, &mut answers)?;
    answers.finish()
}

/// Becomes readable when the terminal's window has another size.
fn resizes() -> Result<SignalFd> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGWINCH);
    set.thread_block().context(|| "hold back signals")?;
    SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).context(|| "read signals")
}

/// When to draw.
#[derive(Default)]
struct Due {
    /// When the first and the last record came that is not drawn.
    came: Option<(Instant, Instant)>,
    drawn: Option<Instant>,
}

impl Due {
    fn soon(&mut self) {
        let now = Instant::now();
        self.came = Some((self.came.map_or(now, |(first, _)| first), now));
    }

    /// The window has another size, which needs no quiet moment.
    fn at_once(&mut self) {
        self.drawn = None;
        let long_ago = Instant::now().checked_sub(LATEST).unwrap_or_else(Instant::now);
        self.came = Some((long_ago, long_ago));
    }

    fn done(&mut self) {
        *self = Self { came: None, drawn: Some(Instant::now()) };
    }

    /// `None` if there is nothing to draw.
    fn wait(&self) -> Option<Duration> {
        let (first, last) = self.came?;
        let quiet = (last + QUIET).min(first + LATEST);
        let at = self.drawn.map_or(quiet, |drawn| quiet.max(drawn + BETWEEN));
        Some(at.saturating_duration_since(Instant::now()))
    }

    fn is_now(&self) -> bool {
        self.wait() == Some(Duration::ZERO)
    }
}

/// The pictures that were drawn.
struct Drawing<'a> {
    args: &'a Args,
    /// Where each takes the place of the last one.
    in_place: Option<OtherScreen>,
    last: Option<String>,
    /// What could not be drawn, and was not told yet.
    failed: Vec<Error>,
}

impl<'a> Drawing<'a> {
    fn new(args: &'a Args) -> Result<Self> {
        let is_picture = !args.dot && !args.svg && screen::terminal().is_some();
        let in_place = is_picture.then(OtherScreen::begin).transpose()?;
        Ok(Self { args, in_place, last: None, failed: Vec::new() })
    }

    fn draw(&mut self, current: &Current, answers: &mut Answers) -> Result<()> {
        let nest = current.nest()?;
        let is_nothing_yet = nest.nodes.is_empty() && self.last.is_none();
        let (picture, incomplete) = picture::draw(nest, self.args)?;
        if let Some(screen) = &mut self.in_place {
            self.failed.truncate(KEPT);
            let notice = (!self.failed.is_empty()).then_some("some lines could not be drawn: they are told in the end");
            screen.show(&picture, notice, screen::terminal().map_or(u16::MAX, |(_, rows)| rows))?;
        } else {
            answers.give_all(self.failed.drain(..).map(Err))?;
            if is_nothing_yet {
                return Ok(());
            }
            if self.last.as_ref() != Some(&picture) {
                answers.give_all(incomplete.map(Err))?;
                let separator = if self.last.is_some() { "\n" } else { "" };
                write_out(format!("{separator}{picture}"))?;
            }
        }
        self.last = Some(picture);
        Ok(())
    }

    /// Shows the terminal as it was, and the last picture on it.
    fn end(mut self, current: &Current, answers: &mut Answers) -> Result<()> {
        if self.in_place.take().is_some() {
            self.last = None;
        }
        self.draw(current, answers)
    }
}

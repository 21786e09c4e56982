//! The run: paths in, answers out, in the order in which they were asked.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use nicon_core::stream::{Answers, Line, Lines};
use nicon_core::{Doing, Error, Namespace, Record, Result, Status};

use crate::args::Args;
use crate::hop::Settings;
use crate::name;
use crate::output;
use crate::plan::{Plan, Plans};
use crate::socket::Places;
use crate::walk::Walk;

/// The program's name, as its messages begin.
pub(crate) const PROGRAM: &str = "nicon-resolve";

/// How many paths are followed at once. Each holds a connection to an engine, which has its own limits.
const CONCURRENT: usize = 32;

/// One question: the record that asks, and the line that it came from.
struct Question {
    line: Option<u64>,
    record: Result<Record>,
}

impl From<Line> for Question {
    fn from(Line { number, text }: Line) -> Self {
        Self { line: Some(number), record: text.and_then(|text| parse_line(&text)) }
    }
}

/// Answers what the command line or standard input asks.
///
/// # Errors
/// What ends the whole run; a path that cannot be found does not.
pub(crate) fn run(args: Args) -> Result<Status> {
    let answers = Answers::new(PROGRAM, output::view(&args))?;
    let settings = Settings {
        own: Places::own(std::env::var_os("DOCKER_HOST"))?,
        inside: Places::inside(&args.socket),
        method: args.translate.method(),
        pidns: Namespace::open("/proc/self/ns/pid".as_ref())?.id(),
        verbose: args.verbose,
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().doing(|| "start the event loop")?;
    let outcome = runtime.block_on(answer_all(args.paths, Arc::new(settings), args.timeout, answers));
    // A look into a container may still hang on a thread of its own. It ends with the process.
    runtime.shutdown_background();
    outcome
}

async fn answer_all(
    paths: Vec<String>,
    settings: Arc<Settings>,
    timeout: Duration,
    answers: Answers,
) -> Result<Status> {
    let mut answers = Plans::new(answers);
    if paths.is_empty() {
        let mut lines = Lines::stdin("name a container")?;
        loop {
            let batch: Vec<Question> = lines.batch()?.into_iter().map(Question::from).collect();
            if batch.is_empty() {
                break;
            }
            answer_batch(batch, &Walk::new(Arc::clone(&settings), timeout), &mut answers).await?;
        }
    } else {
        let batch = paths.iter().map(|path| Question { line: None, record: Ok(asking_for(path)) }).collect();
        answer_batch(batch, &Walk::new(settings, timeout), &mut answers).await?;
    }
    answers.finish()
}

async fn answer_batch(batch: Vec<Question>, walk: &Walk, answers: &mut Plans) -> Result<()> {
    let questions = futures_util::stream::iter(batch);
    let answering = questions.map(|Question { line, record }| async move {
        let plan = Plan::from(&record);
        (line, plan, answer(record, walk).await)
    });
    let mut found = answering.buffered(CONCURRENT);
    while let Some((line, plan, answer)) = found.next().await {
        answers.give(line, plan, answer)?;
    }
    Ok(())
}

async fn answer(record: Result<Record>, walk: &Walk) -> Result<Record> {
    let record = record?;
    let target = record.text("target")?.ok_or_else(|| Error::failed("the record has no \"target\""))?.to_owned();
    let hop = walk.find(&name::parse(&target)?).await.map_err(|error| error.within(&target))?;
    output::fill(record, &hop).map_err(|error| error.within(&target))
}

fn parse_line(line: &str) -> Result<Record> {
    match line.trim() {
        record if record.starts_with('{') => Record::parse(record),
        path => Ok(asking_for(path)),
    }
}

fn asking_for(path: &str) -> Record {
    let mut record = Record::default();
    record.set("target", path);
    record
}

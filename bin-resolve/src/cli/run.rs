//! The run: reads paths and patterns, and answers them in order.

use std::time::Instant;

use nicon_core::filter::stream::{Answers, Lines};
use nicon_core::filter::{open_files, worker_process};
use nicon_core::{Result, Status};
use nicon_resolve::Resolver;

use crate::cli::args::Args;
use crate::cli::groups::Groups;
use crate::cli::output;
use crate::cli::program::{PROGRAM, log};
use crate::cli::question::{Question, answer_all};
use crate::cli::{of, wait, watch};

/// Resolves the paths of the command line, or of standard input.
///
/// # Errors
/// If the whole run fails; a path that cannot be resolved does not end it.
pub(crate) fn run(args: &Args) -> Result<Status> {
    nicon_resolve::prepare_for_threads(|| worker_process::start(PROGRAM));
    if args.watch {
        return watch::run(args);
    }
    if !args.of.is_empty() {
        return of::run(args);
    }
    let answers = Groups::new(Answers::new(PROGRAM, output::view(args))?, args.pid, args.into());
    let resolver = Resolver::new(args.options(log))?;
    // Each container that was found keeps two descriptors open until its batch ends.
    open_files::allow_many()?;
    let outcome = answer_input(args, &resolver, answers);
    // The process is about to end, and all that the resolver holds with it.
    std::mem::forget(resolver);
    outcome
}

fn answer_input(args: &Args, resolver: &Resolver, mut answers: Groups) -> Result<Status> {
    let until = args.wait.map(|time| Instant::now() + time);
    let mut answer = |questions: Vec<Question>| {
        if let Some(until) = until {
            wait::until_found(&questions, resolver, until)?;
        }
        answer_all(questions, resolver, &mut answers)
    };
    if args.paths.is_empty() {
        let mut lines = Lines::stdin("name a container")?;
        loop {
            let batch: Vec<Question> = lines.batch()?.into_iter().map(Question::from).collect();
            if batch.is_empty() {
                break;
            }
            answer(batch)?;
        }
    } else {
        answer(args.paths.iter().map(|path| Question::from_operand(path)).collect())?;
    }
    answers.finish()
}

//! The run: reads paths and patterns, and answers them in order.

use nicon_core::stream::{Answers, Lines};
use nicon_core::{Doing, Result, Status, apart, text};
use nicon_resolve::Resolver;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::cli::args::Args;
use crate::cli::groups::Groups;
use crate::cli::output;
use crate::cli::question::{Question, answer_all};

/// The program's name, with which its messages begin.
pub(crate) const PROGRAM: &str = "nicon-resolve";

/// Resolves the paths of the command line, or of standard input.
///
/// # Errors
/// If the whole run fails; a path that cannot be resolved does not end it.
pub(crate) fn run(args: &Args) -> Result<Status> {
    nicon_resolve::prepare_for_threads(|| apart::part(PROGRAM));
    let answers = Groups::new(Answers::new(PROGRAM, output::view(args))?);
    let resolver = Resolver::new(args.options(log))?;
    allow_many_files()?;
    let outcome = answer_input(&args.paths, &resolver, answers);
    // The process is about to end, and all that the resolver holds with it.
    std::mem::forget(resolver);
    outcome
}

/// Reports a step on standard error.
fn log(name: &str, step: &str) {
    eprintln!("{PROGRAM}: {name}: {}", text::escape(step));
}

/// Each container that was found keeps two descriptors open until its batch ends. The usual limit of 1,024 exists for
/// programs that use select(2).
fn allow_many_files() -> Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).doing(|| "read the limit of open files")?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).doing(|| "raise the limit of open files")
}

fn answer_input(paths: &[String], resolver: &Resolver, mut answers: Groups) -> Result<Status> {
    if paths.is_empty() {
        let mut lines = Lines::stdin("name a container")?;
        loop {
            let batch: Vec<Question> = lines.batch()?.into_iter().map(Question::from).collect();
            if batch.is_empty() {
                break;
            }
            answer_all(batch, resolver, &mut answers)?;
        }
    } else {
        answer_all(paths.iter().map(|path| Question::from_operand(path)).collect(), resolver, &mut answers)?;
    }
    answers.finish()
}

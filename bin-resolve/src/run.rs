//! The run: reads paths and patterns, and answers them in order.

use std::sync::Arc;
use std::time::Duration;

use nicon_core::filter::open_files;
use nicon_core::filter::stream::{Answers, Lines};
use nicon_core::{Context, Namespace, Result, Status};
use nix::sys::stat::stat;
use nix::unistd::geteuid;

use crate::answer::{Question, answer_all};
use crate::args::Args;
use crate::hop::Settings;
use crate::output;
use crate::plan::Plans;
use crate::socket::Places;
use crate::walk::Walk;

/// The program's name, with which its messages begin.
pub const PROGRAM: &str = "nicon-resolve";

/// Resolves the paths of the command line, or of standard input.
///
/// # Errors
/// If the whole run fails; a path that cannot be resolved does not end it.
pub fn run(args: Args) -> Result<Status> {
    let answers = Answers::new(PROGRAM, output::view(&args))?;
    let settings = Settings {
        own: Places::own(args.engine.kind())?,
        inside: Places::inside(&args.socket),
        method: args.translate.method(),
        pidns: Namespace::open("/proc/self/ns/pid".as_ref())?,
        engine: args.engine.kind(),
        timeout: args.timeout,
        is_root: is_root()?,
        verbose: args.verbose,
    };
    // Each container that was found keeps two descriptors open until its batch ends.
    open_files::allow_many()?;
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    // The thread that could be started is kept: where threads are few, there may be none to be had later.
    let runtime = runtime.enable_all().thread_keep_alive(Duration::MAX).build().context(|| "start the event loop")?;
    let outcome = runtime.block_on(answer_input(args.paths, Arc::new(settings), answers));
    // An abandoned thread may never end, and the process is about to.
    std::mem::forget(runtime);
    outcome
}

/// Whether we are the machine's root. Root in a user namespace may be anybody outside of it, to whom the root directory does not
/// belong.
fn is_root() -> Result<bool> {
    let root = stat("/").context(|| "inspect /")?;
    Ok(geteuid().is_root() && root.st_uid == 0)
}

async fn answer_input(paths: Vec<String>, settings: Arc<Settings>, answers: Answers) -> Result<Status> {
    let mut answers = Plans::new(answers);
    if paths.is_empty() {
        let mut lines = Lines::stdin("name a container")?;
        loop {
            let batch: Vec<Question> = lines.batch()?.into_iter().map(Question::from).collect();
            if batch.is_empty() {
                break;
            }
            answer_all(batch, &Walk::new(Arc::clone(&settings)), &mut answers).await?;
        }
    } else {
        let batch = paths.iter().map(|path| Question::from_operand(path)).collect();
        answer_all(batch, &Walk::new(settings), &mut answers).await?;
    }
    answers.finish()
}

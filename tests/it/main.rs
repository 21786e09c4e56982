//! Integration tests of nicon against the real kernel and a real nest of daemons.
//!
//! One lab serves all tests of a run. A test that has no lab here is reported as ignored, with the reason; with
//! `NICON_MUST_RUN=1` it fails. What only some kernels have, `NICON_MUST_HAVE` demands by its name. `NICON_ONLY`, a list of
//! words, takes the tests that begin with one of them.

#![allow(clippy::unnecessary_wraps, reason = "all trials have one signature, also those that use no `?`")]

mod answered;
mod broken_files;
mod bundles;
mod by_id;
mod chosen;
mod denied;
mod docs;
mod engines;
mod expect;
mod headless;
mod holders;
mod hostile;
mod hostile_excess;
mod hostile_files;
mod hostile_links;
mod hostile_lists;
mod hostile_silence;
mod hostile_user;
mod kernel;
mod killed;
mod lab_itself;
mod labels;
mod liars;
mod linklist;
mod linkmv;
mod linkmv_again;
mod linkmv_batch;
mod linkmv_ends;
mod linkmv_killed;
mod linkmv_late;
mod linkmv_loss;
mod linkmv_wish;
mod links;
mod linkwatch;
mod manners;
mod mixed;
mod nsexec;
mod nsexec_attacks;
mod nsexec_fallbacks;
mod nsexec_keys;
mod nsexec_options;
mod nsexec_quick;
mod nsexec_records;
mod nsexec_signals;
mod nsexec_takeover;
mod nsfind;
mod nsid;
mod patterns;
mod pipes;
mod placed;
mod plan;
mod pods;
mod proved;
mod records;
mod records_undo;
mod resolve;
mod rights;
mod subject;
mod suite;
mod tidy;
mod tree;
mod undo;
mod user_namespaces;
mod veth;

use libtest_mimic::Arguments;
use std::process::ExitCode;
use suite::Suite;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some(lab_itself::PANIC) => return lab_itself::panic_with_a_lab(),
        Some(headless::BODY) => return headless::run(),
        _ => {}
    }
    let arguments = Arguments::from_args();
    let suite = if arguments.list { Suite::of_nothing() } else { Suite::prepare() };
    let mut trials = Vec::new();
    trials.extend(lab_itself::trials(&suite));
    trials.extend(resolve::trials(&suite));
    trials.extend(patterns::trials(&suite));
    trials.extend(hostile::trials(&suite));
    trials.extend(hostile_lists::trials(&suite));
    trials.extend(hostile_excess::trials(&suite));
    trials.extend(hostile_files::trials(&suite));
    trials.extend(hostile_links::trials(&suite));
    trials.extend(hostile_silence::trials(&suite));
    trials.extend(hostile_user::trials(&suite));
    trials.extend(engines::trials(&suite));
    trials.extend(answered::trials(&suite));
    trials.extend(placed::trials(&suite));
    trials.extend(broken_files::trials(&suite));
    trials.extend(bundles::trials(&suite));
    trials.extend(by_id::trials(&suite));
    trials.extend(chosen::trials(&suite));
    trials.extend(linkmv::trials(&suite));
    trials.extend(linkmv_ends::trials(&suite));
    trials.extend(linkmv_wish::trials(&suite));
    trials.extend(linkmv_loss::trials(&suite));
    trials.extend(linkmv_again::trials(&suite));
    trials.extend(linkmv_batch::trials(&suite));
    trials.extend(linkmv_killed::trials(&suite));
    trials.extend(linkmv_late::trials(&suite));
    trials.extend(nsid::trials(&suite));
    trials.extend(headless::trials(&suite));
    trials.extend(nsfind::trials(&suite));
    trials.extend(holders::trials(&suite));
    trials.extend(denied::trials(&suite));
    trials.extend(mixed::trials(&suite));
    trials.extend(pipes::trials(&suite));
    trials.extend(plan::trials(&suite));
    trials.extend(pods::trials(&suite));
    trials.extend(proved::trials(&suite));
    trials.extend(veth::trials(&suite));
    trials.extend(records::trials(&suite));
    trials.extend(records_undo::trials(&suite));
    trials.extend(linklist::trials(&suite));
    trials.extend(linkwatch::trials(&suite));
    trials.extend(tree::trials(&suite));
    trials.extend(undo::trials(&suite));
    trials.extend(manners::trials(&suite));
    trials.extend(rights::trials(&suite));
    trials.extend(user_namespaces::trials(&suite));
    trials.extend(nsexec::trials(&suite));
    trials.extend(nsexec_options::trials(&suite));
    trials.extend(nsexec_quick::trials(&suite));
    trials.extend(nsexec_fallbacks::trials(&suite));
    trials.extend(labels::trials(&suite));
    trials.extend(nsexec_records::trials(&suite));
    trials.extend(nsexec_signals::trials(&suite));
    trials.extend(nsexec_keys::trials(&suite));
    trials.extend(nsexec_attacks::trials(&suite));
    trials.extend(nsexec_takeover::trials(&suite));
    trials.extend(docs::trials(&suite));
    trials.extend(tidy::trials());
    // One word is libtest-mimic's to filter by; groups of tests are chosen here.
    let only = std::env::var("NICON_ONLY").unwrap_or_default();
    let only: Vec<&str> = only.split_whitespace().collect();
    trials.retain(|trial| only.is_empty() || only.iter().any(|group| trial.name().starts_with(group)));
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Tears the lab down before the verdict: whoever waits for this process finds nothing left.
    drop(suite);
    conclusion.exit_code()
}

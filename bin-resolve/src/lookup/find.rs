//! Finds one container by its name: every engine that is present is asked, and the answers decide.

use nicon_core::path::show;
use nicon_core::{Error, Result, Status};
use nix::libc;

use crate::engine::address::Address;
use crate::engine::container::{Filter, Fit, fit};
use crate::engine::state::disk::FileAnswer;
use crate::lookup::ask::{Answer, ask_near, ask_others};
use crate::lookup::engines::Whose;
use crate::lookup::list::list;
use crate::lookup::site::EngineSite;
use crate::lookup::suggest;
use crate::lookup::unusual::find_unusual;
use crate::proof::claim::Verified;
use crate::query::Qualifier;
use crate::query::path::spell;

/// Finds the container called `name`, by engines that are `of` those asked for.
///
/// # Errors
/// [`Status::No`] if no engine runs it; [`Status::Failed`] if several do, or one of them failed.
pub(crate) async fn find(site: &EngineSite<'_>, of: &Qualifier, name: &str) -> Result<Verified> {
    let (mut answers, mut running) = (ask_near(site, of, name).await?, Vec::new());
    // What an ordinary user may not ask hides nothing of their own.
    let is_denied = |answer: &Answer| match (&answer.claim, &answer.unread) {
        (Err(error), _) | (Ok(None), Some(error)) => site.is_denied(error),
        _ => false,
    };
    for whose in [Whose::Near, Whose::Users] {
        if whose == Whose::Users {
            // What root has is root's, even if it has ended.
            if !answers.iter().all(|answer| answer.is_nothing() || is_denied(answer)) {
                break;
            }
            answers.extend(ask_others(site, of, name).await?);
        }
        // What LXC or Incus has defined may run, which the monitors tell: then the name is not only another's.
        let defined: Vec<_> = answers.iter().filter_map(Answer::defined).collect();
        let is_nobodys = answers.iter().all(|answer| answer.is_no() || is_denied(answer));
        let is_hidden = answers.iter().any(is_denied);
        let of_engine = |engine| Qualifier { engine: Some(engine), ..of.clone() };
        let asked = if is_nobodys { vec![of.clone()] } else { defined.iter().copied().map(of_engine).collect() };
        for asked in asked {
            match find_unusual(site, whose, &asked, name).await {
                Ok(FileAnswer { found: Some(found), .. }) if is_nobodys => return Ok(found),
                Ok(FileAnswer { found: Some(found), .. }) => running.push(found),
                // That it is defined says only that it may run, and its monitor is all that tells.
                Ok(FileAnswer { found: None, unread: Some(error) }) if !defined.is_empty() && !is_hidden => {
                    let doubt = format!(" (so whether container \"{name}\" runs is unknown)");
                    answers.push(Answer::new(true, Err(error.suffix(&doubt))));
                }
                Ok(FileAnswer { found: None, unread }) => {
                    answers.push(Answer { unread, ..Answer::new(false, Ok(None)) });
                }
                Err(error) => answers.push(Answer::new(true, Err(error))),
            }
        }
        if !is_nobodys {
            break;
        }
    }
    settle(site, of, name, answers, running).await
}

/// Decides on one container, given all answers, and those `found` that are proved to run.
async fn settle(
    site: &EngineSite<'_>,
    of: &Qualifier,
    name: &str,
    answers: Vec<Answer>,
    mut found: Vec<Verified>,
) -> Result<Verified> {
    let (mut refusals, mut some_there) = (Vec::new(), false);
    let mut unread = None;
    for answer in answers {
        some_there |= answer.is_there;
        unread = unread.or(answer.unread);
        let claim = match answer.claim {
            // One engine runs it for the other: it is the same container.
            Ok(Some(claim)) if found.iter().any(|found| found.is(&claim.container)) => continue,
            Ok(Some(claim)) => claim,
            Ok(None) => continue,
            Err(error) => {
                refusals.push(error);
                continue;
            }
        };
        match site.prove(name, &claim).await {
            Ok((process, _)) if found.iter().any(|found| found.process.pid() == process.pid()) => {}
            Ok((process, proof)) => found.push(claim.by(process, proof)),
            Err(error) => refusals.push(error),
        }
    }
    let is_exact = |found: &Verified| fit(name, &found.container.id, &found.container.name) == Some(Fit::Exact);
    if found.iter().any(is_exact) {
        found.retain(is_exact);
    }
    refusals.retain(|error| match error.errno() {
        // The socket of an engine that has ended.
        Some(libc::ECONNREFUSED) => !some_there,
        // A permission for one engine is enough.
        Some(libc::EACCES | libc::EPERM) => found.is_empty(),
        _ => error.status() == Status::Failed || found.is_empty(),
    });
    let worst = refusals.iter().map(Error::status).max();
    let refusal = refusals.into_iter().find(|error| Some(error.status()) == worst);
    match (found.len(), refusal) {
        (0, None) => Err(match unread {
            Some(error) => error.suffix(&format!(" (so whether there is a container \"{name}\" is unknown)")),
            None => explain(site, of, name).await,
        }),
        (0, Some(refusal)) => Err(refusal),
        (1, None) => Ok(found.remove(0)),
        (1, Some(refusal)) => {
            let Verified { engine, .. } = &found[0];
            let way = show(&[format!("{}{name}", engine.qualifier())]);
            Err(refusal.suffix(&format!(" (it may know the name, too; to ask only {engine}, say {way})")))
        }
        _ => Err(ambiguous(of, name, &found)),
    }
}

/// Why nothing was found, if no engine gave a reason.
async fn explain(site: &EngineSite<'_>, of: &Qualifier, name: &str) -> Error {
    match list(site, of, Filter::Any).await {
        Ok(list) => suggest::explain(of, name, &list.containers),
        Err(error) => error,
    }
}

/// The error for several containers of the same name.
fn ambiguous(of: &Qualifier, name: &str, found: &[Verified]) -> Error {
    let engine = |found: &Verified| found.engine.within(found.container.namespace.as_ref());
    let engines: Vec<_> = found.iter().map(engine).collect();
    let way = |(engine, found): (&Address, &Verified)| {
        show(&[spell(&engine.shortest(&engines, of).unwrap_or_default(), name, &found.container.id)])
    };
    let ways = engines.iter().zip(found).map(way);
    let ways = ways.collect::<Vec<_>>().join(" or ");
    let engines = engines.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    Error::failed(format!("{engines} each run a container \"{name}\" (say {ways})"))
}
